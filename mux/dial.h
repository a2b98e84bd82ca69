/* dial: connections that the gateway opens itself, towards the core for instance.
 *
 * Floor 2. From the first moment it is a connection of the door like any other (conn.h): the same buffers,
 * deadlines and end of turn, the same TLS but as the client. The module's `opened` comes when the handshake
 * is done, `closed` in any case, also when it was never open. It is not counted against the limits of what
 * comes in. */
#pragma once
#include "mux/conn.h"
#include <openssl/ssl.h>

struct dial {
    const struct module *module;
    void *state; /* c->state, from the beginning */
    struct addr to;
    uint64_t patience; /* ms until it must be open */
    size_t out_max;    /* bytes that may wait to be sent; 0: door.out_max */
    uint8_t side;      /* c->side */
    SSL *tls;          /* with the name to ask for and the checks set; NULL: plain TCP */
};

/* NULL with -errno in *error when it fails at once (`closed` is not called then). how->tls is taken over
 * whatever happens. What is sent before it is open waits, up to its limit, and leaves then. */
struct conn *conn_dial(struct worker *w, const struct dial *how, int *error);

/* For `closed`. */
enum close_reason conn_why(const struct conn *c);
/* The same in plain words ("Connection refused", "certificate has expired"). */
const char *conn_end(const struct conn *c);
