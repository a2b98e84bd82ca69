/* tls: one SSL_CTX of one worker, and what its callbacks need.
 *
 * Floor 2, one thread (OpenSSL 3.0 serialises threads that share a context). Counted: the door holds the
 * newest, each connection holds the one it began with, so that a reload leaves standing connections alone.
 * TLS 1.2 and 1.3 (RFC 5246, 8446), stateless tickets (RFC 5077, 8446 4.6.1) under keys that all workers
 * share, ALPN (RFC 7301) as a hint. It reads and writes no socket: see conn_tls.c. */
#pragma once
#include "appliance/base/buf.h"
#include "appliance/core/keyring.h"
#include "mux/door_config.h"
#include "mux/module.h"
#include <openssl/ssl.h>

#define TLS_ALPN_MAX 128

struct tls {
    unsigned holders;
    SSL_CTX *ctx;
    bool has_ticket_keys, has_previous;
    struct ticket_key current, previous;
    uint8_t alpn[TLS_ALPN_MAX]; /* what the modules speak, best first, as on the wire */
    size_t alpn_len;
};

/* NULL with one line a problem in `why` (which may be NULL): no file, no key that fits, bad cipher list. */
struct tls *tls_create(const struct tls_config *c, const struct module *const *modules, struct buf *why);
struct tls *tls_hold(struct tls *t);
void tls_drop(struct tls *t); /* NULL is fine */

/* Tickets are sealed with these from now on; NULL leaves OpenSSL's own. */
void tls_set_ticket_keys(struct tls *t, const struct keyring *k);
