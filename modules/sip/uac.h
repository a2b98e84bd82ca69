/* uac: a request of our own: how it is written, and how it leaves as a client transaction (RFC 3261 8.1.1).
 *
 * Modules. What reply.h is to a response that we make, this is to a request: views over texts of the
 * caller's, needed during the call only. dialog.h remembers what the requests of one dialog have in common;
 * whoever knows it in another way (a proxy that ends a call which it has seen begin) fills in the struct
 * itself. */
#pragma once
#include "modules/sip/client_txn.h"

struct sip_uac_request {
    const char *method;
    struct bytes target;   /* URI without <>: the remote target, or whom an initial request is for */
    struct bytes route;    /* Route values, first hop first: "<sip:a;lr>, <sip:b;lr>"; empty: none */
    struct bytes from, to; /* whole values, with their tags */
    struct bytes call_id;
    uint32_t cseq;
    struct bytes headers; /* further header lines, each with its CRLF */
    struct bytes content_type, body;
};

/* Appends the whole request with the Via of that transaction. A first Route without lr is a strict router
 * (RFC 3261 12.2.1.1). 0; -EBADMSG: a Route that is none; -ENOTCONN: no way there; -ENOMEM. */
int sip_uac_write(const struct sip_uac_request *r, const struct client_txn *ct, struct buf *out);

/* Creates the transaction, writes and sends. NULL: nothing was sent, and of `user` only `gone` may still be
 * called. `to` is where the message goes, which Route and target do not decide here. */
struct client_txn *sip_uac_send(struct sip_layer *l, const struct sip_hop *to,
                                const struct sip_uac_request *r, const struct client_user *user, void *arg);
