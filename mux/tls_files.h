/* tls_files: certificates and their keys from PEM files into an SSL_CTX. Floor 2; blocks on the disk. */
#pragma once
#include "appliance/base/buf.h"
#include "mux/door_config.h"
#include <openssl/ssl.h>

/* False with one line a problem in `why`. Each certificate gets the key that fits it, wherever it stands. */
bool tls_files_load(SSL_CTX *ctx, const struct tls_config *c, struct buf *why);
/* A line for each certificate that is out of date or soon will be. */
void tls_files_warn(const struct tls_config *c, struct buf *out);
