/* transaction: RFC 3261 section 17, one layer for each entity on each worker.
 *
 * Modules. An entity creates one `struct sip_layer` a worker when it starts, hands every parsed message that
 * arrives to sip_layer_receive, and answers what on_request gives it: as a server (server_txn.h: respond,
 * refuse) or by forwarding it as a stateful proxy (proxy.h). Requests of its own go by client_txn.h.
 *
 * What happens to an incoming message:
 *  - response: its top Via branch names the client transaction; no such transaction, CSeq method is another,
 * or it comes from somebody else than the request went to: dropped and counted, never forwarded, 2xx neither
 * (RFC 6026 7.3).
 *  - request that matches a server transaction (17.2.3): a retransmission is absorbed and the last response
 * sent again; ACK for a non-2xx is absorbed.
 *  - ACK otherwise: on_ack, which forwards it statelessly (proxy_forward_ack) or drops it.
 *  - CANCEL: 200 in a transaction of its own when its INVITE's transaction is known, and the INVITE's owner
 * hears of it; else 481.
 *  - any other: a new server transaction, received/rport written into its top Via (RFC 3261 18.2.1, RFC
 * 3581), then on_request. When transactions or the memory of what waits (held.h) are at their limit: 503 with
 * Retry-After, statelessly; but the CANCEL of an INVITE that is here is always served, and so is what the
 * user calls urgent. Merged and malformed requests are the entity's own affair. RFC 4320 and 4321: no 408 to
 * a non-INVITE ever, no late response, 100 to a non-INVITE when the final one is slow. RFC 6026: Accepted
 * state on both sides of an INVITE.
 *
 * Who owns what: the layer owns the transactions, a transaction owns one copy of its request (until its final
 * response is sent) and of its last response. Nothing is freed inside a callback: what has ended is reaped at
 * the end of the turn, and its user is told then (`gone`), after which every pointer to it is dead. */
#pragma once
#include "appliance/base/slots.h"
#include "appliance/core/config.h"
#include "appliance/core/stats.h"
#include "modules/sip/entity.h"

struct sip_layer;
struct sip_msg;
struct server_txn;
struct client_txn;

/* Section `sip`. Times in ms. */
struct sip_config {
    int64_t t1;               /* RFC 3261 17.1.1.1: round-trip estimate, 500 ms */
    int64_t t2;               /* longest interval of retransmissions of a non-INVITE and of responses, 4 s */
    int64_t t4;               /* longest life of a message in the network, 5 s */
    int64_t timer_c;          /* RFC 3261 16.6 item 11: more than 3 minutes */
    int64_t max_transactions; /* of each entity on each worker, server and client ones each, that wait for
                                 their final response; and as many that have it and wait for their timers */
    int64_t max_pending;      /* bytes of requests of one phone that wait for their final response */
    int64_t retry_after;      /* seconds, in the 503 of a full table; spread by up to as much again */
};
extern const struct settings sip_settings;
extern const struct sip_config sip_config_defaults; /* what the presets of sip_settings say; for tests */

enum sip_stat {
    SIP_STAT_SERVER_CREATED,
    SIP_STAT_CLIENT_CREATED,
    SIP_STAT_SERVER_LIVE,       /* gauge */
    SIP_STAT_CLIENT_LIVE,       /* gauge */
    SIP_STAT_ABSORBED_REQUEST,  /* retransmissions that a server transaction answered by itself */
    SIP_STAT_ABSORBED_RESPONSE, /* retransmissions that a client transaction kept to itself */
    SIP_STAT_RETRANSMITTED_REQUEST,
    SIP_STAT_RETRANSMITTED_RESPONSE,
    SIP_STAT_STRAY_RESPONSE, /* no transaction: dropped */
    SIP_STAT_STRAY_ACK,
    SIP_STAT_STRAY_CANCEL, /* 481 */
    SIP_STAT_TIMEOUT_B,
    SIP_STAT_TIMEOUT_F,
    SIP_STAT_TIMEOUT_H,
    SIP_STAT_TIMER_C,
    SIP_STAT_TRANSPORT_ERROR,
    SIP_STAT_ENDED_EARLY,   /* finished ones, to make room */
    SIP_STAT_OVERLOAD,      /* refused with 503: table full */
    SIP_STAT_MEMORY,        /* an allocation failed */
    SIP_STAT_LOOPS,         /* 482 */
    SIP_STAT_TOO_MANY_HOPS, /* 483 */
    SIP_STAT_TOO_BROAD,     /* 440 */
    SIP_STAT_LETTER_LOST,   /* to another worker or entity: no memory, or too much is underway */
    SIP_STATS
};
extern const struct stat_table sip_stats;

/* What an entity does with what the layer has no answer for. */
struct sip_layer_user {
    /* A new request, neither ACK nor CANCEL. It must end in a final response, in proxy_run or in
     * server_txn_abandon; all may happen later. rq (also server_txn_request) is a parsed copy in the
     * transaction's memory, valid until the end of the turn in which the final response is sent. */
    void (*on_request)(struct sip_layer *l, struct server_txn *st, const struct sip_msg *rq);
    /* ACK to a 2xx, or to nothing we know (RFC 3261 16.10, 13.2.2.4): forward with proxy_forward_ack, or
     * drop. */
    void (*on_ack)(struct sip_layer *l, const struct sip_hop *from, const struct sip_msg *ack);
    /* May a response to what went to `to` come from `from`? NULL: from the same hop only. A branch is no
     * secret from those whom the request passed, and a response is believed as its side is. */
    bool (*may_answer)(struct sip_layer *l, const struct sip_hop *to, const struct sip_hop *from);
    /* Is there a phone behind it, so that max_pending counts? NULL: for nobody. */
    bool (*is_bounded)(struct sip_layer *l, const struct sip_hop *from);
    /* Is this new request to be refused with 503 at once, before it has a transaction, because there is more
     * to do than can be done? NULL: none is. */
    bool (*sheds)(struct sip_layer *l, const struct sip_hop *from, const struct sip_msg *rq);
    /* Is this request to be served though the limits are reached (an emergency, what ends a call)? Asked only
     * then, and obeyed up to twice max_transactions. NULL: none is. */
    bool (*is_urgent)(struct sip_layer *l, const struct sip_hop *from, const struct sip_msg *rq);
};

struct sip_layer_setup {
    struct worker *w;
    const struct sip_entity *entity;
    const struct sip_layer_user *user;
    const struct sip_config *config; /* copied; NULL: defaults */
    _Atomic uint64_t *stats;         /* stats_row of sip_stats; NULL: counts for itself */
    sip_send *send;                  /* NULL: sip_hop_send */
    void *state;                     /* yours: sip_layer_state */
};

/* NULL: out of memory. Adds its turn hook to the worker. */
struct sip_layer *sip_layer_create(const struct sip_layer_setup *setup);
/* Ends and frees all transactions without a word to anyone on the wire; `gone` is called for each. NULL is
 * fine. */
void sip_layer_destroy(struct sip_layer *l);
/* Counts for transactions that begin from now on. max_transactions of client transactions stays as it was
 * made. */
void sip_layer_reload(struct sip_layer *l, const struct sip_config *config);

struct worker *sip_layer_worker(const struct sip_layer *l);
const struct sip_entity *sip_layer_entity(const struct sip_layer *l);
const struct sip_config *sip_layer_config(const struct sip_layer *l);
void *sip_layer_state(const struct sip_layer *l);
void sip_layer_count(struct sip_layer *l, enum sip_stat what);

/* A parsed message, on its home worker (a response that sort sent here, a request from a phone's own
 * connection). msg and its bytes are the caller's. Never fails: what cannot be served is answered or counted.
 */
void sip_layer_receive(struct sip_layer *l, const struct sip_hop *from, const struct sip_msg *msg);

/* Does a request belong to a server transaction that is here already: a retransmission, its CANCEL or ACK? */
bool sip_layer_has(struct sip_layer *l, const struct sip_hop *from, const struct sip_msg *rq);

/* The connection is gone (module's `closed`): every client transaction that was sent on it and still waits
 * gets a transport error now, so that a call to a dead phone fails at once and not after 32 s (RFC
 * 5626 5.3.1). Server transactions stay: their responses go nowhere, and retransmissions must not look new
 * (RFC 6026 7.1). */
void sip_layer_flow_dead(struct sip_layer *l, struct ref conn);

/* Sends without a transaction (keep-alive answers, stateless refusals). As sip_hop_send. */
int sip_layer_send(struct sip_layer *l, const struct sip_hop *to, struct bytes msg);
/* Answers a request statelessly (RFC 3261 8.2.7): for what is too broken or too much for a transaction.
 * Copies what a response needs from rq. No-op for an ACK. 0 or -errno. */
int sip_layer_refuse(struct sip_layer *l, const struct sip_hop *from, const struct sip_msg *rq, int status);
/* The same with a reason phrase of your own; NULL: the usual one. */
int sip_layer_refuse_with(struct sip_layer *l, const struct sip_hop *from, const struct sip_msg *rq,
                          int status, const char *reason);
/* Where a response to this request goes (RFC 3261 18.2.2, RFC 3581 4): back on the connection; for UDP to the
 * source address, and to its port with rport, else to the port of the top Via's sent-by. */
struct sip_hop sip_reply_hop(const struct sip_hop *from, const struct sip_msg *rq);

/* Numbers for the operator's page. */
size_t sip_layer_servers(const struct sip_layer *l);
unsigned
sip_layer_load(const struct sip_layer *l); /* percent of max_transactions that wait, the fuller table */
size_t sip_layer_clients(const struct sip_layer *l);
