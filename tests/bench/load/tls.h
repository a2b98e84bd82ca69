/* tls: what a load driver offers, the same to every server, so that their taste does not count. */
#pragma once
#include <openssl/ssl.h>

#define TLS_CHOICE "1.2|1.3"
enum tls_version { TLS_1_2, TLS_1_3 };

SSL_CTX *tls_context(enum tls_version newest); /* sessions are not kept */
