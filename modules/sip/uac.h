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

/* ---- one that may take another way when a way fails (RFC 3263 4.3) ----
 *
 * It keeps the request, and sends it in one transaction after the other, each with a branch of its own. It
 * frees itself at the end of the turn in which it has its final response, has failed, or was dropped. */
struct sip_uac;

struct sip_uac_user {
    /* Written so, it has n bytes: by which hop it is to go (RFC 3261 18.1.1). Optional. */
    struct sip_hop (*on_size)(struct sip_uac *u, const struct sip_hop *to, size_t n);
    /* As client_user has them; of the last way that it has taken. Both may call sip_uac_try. */
    void (*on_response)(struct sip_uac *u, const struct sip_msg *rs);
    void (*on_failure)(struct sip_uac *u, int status, int err);
    void (*on_end)(struct sip_uac *u); /* the last call, also after a drop. Optional */
};

/* Copies the texts of r, but for its method. data: zeroed, yours. NULL: out of memory. Try or drop it. */
struct sip_uac *sip_uac_create(struct sip_layer *l, const struct sip_uac_request *r,
                               const struct sip_uac_user *user, size_t data_size);
void *sip_uac_data(const struct sip_uac *u);
/* Sends it that way; what was on its way before is not heard any more. 0; -EBUSY, -ENOMEM, -ENOTCONN: it is
 * not sent, and what was before goes on. */
int sip_uac_try(struct sip_uac *u, const struct sip_hop *to);
bool sip_uac_silent(const struct sip_uac *u); /* nothing has come back yet, not even 100 */
void sip_uac_drop(struct sip_uac *u);         /* nobody waits for it any more. NULL is fine */
