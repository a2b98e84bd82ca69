/* server_rules: the state machines of the server transaction, as tables.
 *
 * Modules, private to the transaction layer: server_txn.c (birth, matching, the user's calls) and
 * server_rules.c (states, events, actions). RFC 3261 figures 7 and 8, RFC 6026, RFC 4320. */
#pragma once
#include "modules/sip/held.h"
#include "modules/sip/layer.h"

enum server_state {
    SERVER_NONE, /* as a rule's next: the event has no place in this state */
    SERVER_TRYING,
    SERVER_PROCEEDING,
    SERVER_COMPLETED,
    SERVER_CONFIRMED,
    SERVER_ACCEPTED, /* RFC 6026 */
    SERVER_TERMINATED,
    SERVER_STATES
};

enum server_event {
    SERVER_ON_REQUEST, /* the same request again */
    SERVER_ON_ACK,
    SERVER_SAYS_1XX,
    SERVER_SAYS_2XX,
    SERVER_SAYS_NO, /* 300-699 */
    SERVER_ON_STEP, /* timer G, or the one that says 100 */
    SERVER_ON_LIFE, /* timers H, I, J, L, and the end of a request that nobody answers */
    SERVER_EVENTS
};

struct server_txn {
    struct map_node node; /* in l->servers until it is terminated */
    struct list link;     /* in l->done_servers once answered, in l->dead_servers once terminated */
    struct list trim;     /* in l->trim: its request is done with */
    struct sip_layer *l;
    struct sip_hop from, to;
    const struct server_user *user;
    void *arg;
    struct timer step, life;
    uint64_t interval;  /* of timer G */
    struct sip_msg *rq; /* parsed over rq_bytes */
    uint8_t *rq_bytes;
    struct held held; /* for the request */
    uint8_t *last;    /* response to send again */
    size_t last_n;
    int status; /* last one sent */
    enum server_state state;
    bool invite, finished;
    char tag[SIP_TAG_LEN + 1];
    size_t key_n;
    uint8_t key[];
};

/* The event's rule in the present state: 0, or -EINVAL when it has no place there. response: what the user
 * says. */
int server_do(struct server_txn *st, enum server_event ev, struct bytes response);
void server_step_fire(struct worker *w, struct timer *t);
void server_life_fire(struct worker *w, struct timer *t);
/* Off the tables, to be reaped at the end of the turn. Twice is fine. */
void server_terminate(struct server_txn *st);
bool server_reliable(const struct server_txn *st);
void server_set(struct server_txn *st, struct timer *t, int64_t ms); /* from now */
