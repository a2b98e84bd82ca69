/* core_tls: TLS towards the core, as the client (RFC 3261 26.3.1, RFC 5922 7.3). Floor 3; one worker.
 *
 * The far end's certificate is always verified, and must speak for the name that was configured, not for what
 * DNS made of it. TLS 1.2 at least. */
#pragma once
#include "modules/pcscf/pcscf.h"
#include <openssl/ssl.h>

struct core_tls;
/* Reads the files of the settings. NULL with a text in `why`. */
struct core_tls *core_tls_create(const struct pcscf_config *c, struct buf *why);
void core_tls_destroy(struct core_tls *t); /* NULL is fine */
/* A client that is to meet `name`, which must outlive it. *wrong is set when the certificate is good, but
 * somebody else's. NULL: out of memory. */
SSL *core_tls_client(struct core_tls *t, const char *name, bool *wrong);
