/* layer: what transaction.c, server_txn.c, client_txn.c, uac.c and proxy*.c share; nobody else includes it.
 *
 * Modules, private to the transaction layer of modules/sip. One worker. */
#pragma once
#include "appliance/base/buf.h"
#include "appliance/base/map.h"
#include "modules/sip/client_txn.h"
#include "modules/sip/msg.h"
#include "modules/sip/server_txn.h"
#include "modules/sip/transaction.h"

#define SIP_TAG_LEN 17 /* "s" and 16 hex: 64 bits are twice what RFC 3261 19.3 asks for */

/* Transactions with their final response, the oldest first: they only wait for their timers to end. They do
 * not count as load, and there are never more of them than max_transactions: then the oldest ends early. */
struct finished {
    struct list all;
    size_t n;
};

struct sip_layer {
    struct worker *w;
    const struct sip_entity *entity;
    const struct sip_layer_user *user;
    struct sip_config config;
    _Atomic uint64_t *stats;
    _Atomic uint64_t own_stats[SIP_STATS]; /* when nobody gave us a row */
    sip_send *send;
    void *state;
    struct turn_hook hook;

    struct map servers; /* struct server_txn by key */
    struct map sources; /* struct held_source by flow: who has requests waiting */
    size_t held;        /* bytes of requests that wait */
    struct list trim;   /* server transactions whose request is no longer needed */
    struct slots clients;
    struct map flows;                       /* struct client_flow by connection: who waits on it */
    struct list dead_servers, dead_clients; /* terminated in this turn */
    struct list told_clients;               /* answered in this turn: their users have no more to learn */
    struct finished done_servers, done_clients;

    /* Where messages are written before they are sent: from layer_out() to the send no hook of a user runs,
     * so one is enough and most messages cost no allocation. */
    struct buf out;
};

/* The empty writing buffer. Its content is dead with the next call. */
struct buf *layer_out(struct sip_layer *l);
/* l->send, with the count of errors. A datagram that the kernel dropped is one lost on the way: 0. */
int layer_send(struct sip_layer *l, const struct sip_hop *to, struct bytes msg);
void finished_init(struct finished *f);
/* The one that has to end early for it, or NULL. */
struct list *finished_add(struct sip_layer *l, struct finished *f, struct list *link);
void finished_remove(struct finished *f, struct list *link);
/* "Retry-After: n\r\n" with the spread that keeps refused clients from coming back together. */
size_t layer_retry_after(const struct sip_layer *l, char *dst, size_t cap);

/* Is this the ACK of what sip_layer_refuse said? */
bool layer_ack_is_stateless(const struct sip_layer *l, const struct sip_msg *ack);

void server_receive(struct sip_layer *l, const struct sip_hop *from, const struct sip_msg *rq);
void server_receive_ack(struct sip_layer *l, const struct sip_hop *from, const struct sip_msg *ack);
void server_receive_cancel(struct sip_layer *l, const struct sip_hop *from, const struct sip_msg *cancel);
void server_reap(struct sip_layer *l);    /* what ended, and requests that are done with */
void server_end_all(struct sip_layer *l); /* to be reaped then */

size_t client_txn_size(void); /* of a slot */
void client_receive(struct sip_layer *l, const struct sip_hop *from, const struct sip_msg *rs);
void client_flow_dead(struct sip_layer *l, struct ref conn);
void client_reap(struct sip_layer *l);
void client_end_all(struct sip_layer *l);

/* client_request.c: requests made from the one that was sent (RFC 3261 17.1.1.3, 9.1). 0 or -errno. */
int client_write_ack(struct bytes invite, const struct sip_msg *rs, struct buf *out);
int client_write_cancel(struct bytes invite, struct bytes reason, struct buf *out);

/* proxy_loop.c: the loop part of our branch for this request (RFC 3261 16.6 item 8, RFC 5393 4.2). */
uint32_t proxy_loop_hash(const struct sip_layer *l, const struct sip_hop *from, const struct sip_msg *rq);
/* RFC 3261 16.3, RFC 5393 5: 0, 483, 482 or 440. */
int proxy_verdict(const struct sip_layer *l, const struct sip_hop *from, const struct sip_msg *rq);
