/* proxy_context: the response context of RFC 3261 16.6 and its branches; proxy*.c only.
 *
 * Modules, private. One worker. A context lives as long as its server transaction or one of its branches'
 * client transactions does. */
#pragma once
#include "modules/sip/client_txn.h"
#include "modules/sip/edit.h"
#include "modules/sip/proxy.h"
#include "modules/sip/server_txn.h"

struct branch {
    struct proxy_branch pub;
    struct proxy *p;
    struct client_txn *ct; /* NULL: not sent, or ended */
    struct timer timer_c;
    const struct sip_msg *heard; /* its final response, as long as it is in hand */
    uint8_t *kept;               /* and as a candidate (16.7 item 4) */
    size_t kept_n;

    unsigned breadth; /* its share of p->breadth, from when it started until it is done */

    bool started; /* left the target set */
    bool done;    /* has its result */
    bool counts;  /* the result is a candidate */
    bool given_up;
    bool overdue; /* timer C has cancelled it */
    bool certain; /* its 503 is meant for the caller: our table is full, or the user says so */
    char texts[]; /* uri and route of the target */
};

struct proxy {
    struct sip_layer *l;
    struct server_txn *st; /* NULL: ended */
    const struct proxy_user *user;
    struct branch *branches[PROXY_TARGETS_MAX];
    unsigned n;
    unsigned live;    /* branches with a client transaction */
    unsigned group;   /* targets up to here may be sent */
    unsigned breadth; /* breadth.h: of all that are under way */
    uint32_t loop;
    int end_status; /* proxy_end: what is to be said upstream */
    bool invite;
    bool running;   /* proxy_run was called */
    bool closed;    /* 2xx or 6xx had, cancelled, ended: no new branch (16.7 item 5) */
    bool decided;   /* a 2xx or 6xx was had: on_best has no say */
    bool cancelled; /* by upstream */
    bool advancing;
    max_align_t data[];
};

/* proxy_best.c: the best of what the branches had (16.7 item 6), NULL when there is no candidate. */
struct branch *proxy_best(const struct proxy *p);
/* Adds to `e` the challenges of all other 401 and 407 (16.7 item 7); e is an edit of chosen's response. */
void proxy_gather_challenges(const struct proxy *p, const struct branch *chosen, struct sip_edit *e);
/* A final response is due upstream and no branch is pending: sends it, or finds out from on_best that more is
 * to be tried (false). */
bool proxy_finish(struct proxy *p);

/* proxy_response.c: this response upstream (16.7 items 3, 7, 9). 0 or -errno. */
int proxy_pass(struct proxy *p, struct branch *b, const struct sip_msg *rs);
/* CANCEL for every branch that waits; not_me may be NULL (16.7 item 10). */
void proxy_cancel_branches(struct proxy *p, const struct branch *not_me, struct bytes reason);

/* proxy_forward.c: sends the branch's request (16.6). What fails is reported as its result. */
void proxy_send(struct proxy *p, struct branch *b);
extern const struct client_user proxy_client_user; /* proxy_response.c */

/* proxy.c: sends what may be sent, finishes when nothing is pending. Called after every event. */
void proxy_advance(struct proxy *p);
/* The branch has its result; status 0: it counts for nothing. */
void proxy_branch_done(struct branch *b, int status);
/* No response came: the user's say, then its result. */
void proxy_branch_failed(struct branch *b, int status, int err);
void proxy_unref(struct proxy *p);
