/* client_rules: the state machines of the client transaction, as tables.
 *
 * Modules, private to the transaction layer: client_txn.c (birth, matching, the user's calls) and
 * client_rules.c (states, events, actions). RFC 3261 figures 5 and 6, RFC 6026. */
#pragma once
#include "modules/sip/client_flow.h"
#include "modules/sip/held.h"
#include "modules/sip/layer.h"

enum client_state {
    CLIENT_NONE,    /* as a rule's next: the event has no place in this state */
    CLIENT_NEW,     /* has a branch, was not sent */
    CLIENT_CALLING, /* and Trying */
    CLIENT_PROCEEDING,
    CLIENT_COMPLETED,
    CLIENT_ACCEPTED, /* RFC 6026 */
    CLIENT_TERMINATED,
    CLIENT_STATES
};

enum client_event {
    CLIENT_GETS_1XX,
    CLIENT_GETS_2XX,
    CLIENT_GETS_NO, /* 300-699 */
    CLIENT_ON_STEP, /* timers A, E */
    CLIENT_ON_LIFE, /* timers B, F, D, K, M, and the one after a CANCEL */
    CLIENT_ON_ERROR,
    CLIENT_EVENTS
};

struct client_txn {
    struct list link;        /* in l->done_clients once answered, in l->dead_clients once terminated */
    struct list told;        /* in l->told_clients */
    struct client_wait wait; /* on its connection, as long as no final response came */
    struct sip_layer *l;
    struct sip_hop to;
    const struct client_user *user;
    void *arg;
    struct timer step, life;
    uint64_t interval; /* of timers A, E */
    uint8_t *request;  /* as sent; NULL when it cannot be needed again */
    size_t request_n;
    struct held held; /* for the copy */
    uint8_t *reason;  /* header line for a CANCEL that has to wait */
    size_t reason_n;
    struct ref cancel; /* an INVITE's CANCEL, which has the same branch */
    enum client_state state;
    enum sip_method method;
    int error; /* a transport error that timer `life` is to report */
    bool provisional, answered, cancel_wanted, cancelled, finished;
    bool urgent; /* not held to the limits */
    char branch[SIP_BRANCH_MAX];
};

/* Does what the present state has for the event; rs is the response that came, NULL for timers and errors. */
void client_do(struct client_txn *ct, enum client_event ev, const struct sip_msg *rs);
void client_step_fire(struct worker *w, struct timer *t);
void client_life_fire(struct worker *w, struct timer *t);
/* Off the tables, to be reaped at the end of the turn. Twice is fine. */
void client_terminate(struct client_txn *ct);
/* An error is told from the timer, never from inside the call that sent. */
void client_transmit(struct client_txn *ct, struct bytes msg);
bool client_reliable(const struct client_txn *ct);
void client_set(struct client_txn *ct, struct timer *t, int64_t ms); /* from now */
void client_send_cancel(struct client_txn *ct);                      /* client_txn.c */
