/* tls: what a load driver offers, the same to every server, so that their taste does not count. */
#pragma once
#include <openssl/ssl.h>
#include <stdbool.h>

SSL_CTX *tls_context(bool old); /* old: TLS 1.2 at most. Sessions are not kept. */
