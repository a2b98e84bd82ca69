/* proxy: the stateful proxy of RFC 3261 section 16: one response context for a server transaction.
 *
 * Modules. The user (P-CSCF, registrar) decides where a request goes and what is changed in it; this room
 * does the rest: Max-Forwards, Max-Breadth, Via, loop part, forks in parallel and in groups, 100, provisional
 * and 2xx forwarding, best final response, challenges gathered, CANCEL, timer C, RFC 4320 and 6026. A typical
 * on_request:
 *
 *     if (proxy_check(st))                        // 483, 482 or 440 was sent
 *         return;
 *     struct proxy *p = proxy_create(st, &my_user, sizeof(struct my_call)); // proxy_data(p) is zeroed
 *     if (!p || proxy_add(p, &(struct proxy_target){.hop = hop, .uri = contact, .route = path}))
 *         ...                                     // no p: answered 500 already; else proxy_end(p, 500, ...)
 *     proxy_run(p);
 *
 * Ownership: the context belongs to its server transaction and to its branches, and is freed at the end of
 * the turn in which the last of them ends; on_done comes first. Server transaction and branches are valid as
 * long as it is.
 *
 * All hooks are optional and run on the layer's worker; none of them may free anything, all may call anything
 * here. Once a final response has gone upstream they are called for further 2xx of an INVITE only, and
 * proxy_request is NULL from the next turn on.
 */
#pragma once
#include "modules/sip/transaction.h"

struct proxy;
struct sip_edit;

#define PROXY_TARGETS_MAX 32

/* Where to. Texts are copied. */
struct proxy_target {
    struct sip_hop hop;
    struct bytes uri; /* replaces the Request-URI; empty: as received */
    struct bytes
        route;      /* value(s) of a Route header put before all others, e.g. a Path: "<sip:t@h;lr>, <...>" */
    unsigned group; /* lower ones are tried first; the same group at once (16.6: q values) */
    uint64_t tag;   /* yours */
    bool urgent;    /* goes out above the limits (client_txn_create_urgent) */
};

/* One target, and what came of it. */
struct proxy_branch {
    struct proxy_target target; /* uri and route point into the branch's own memory */
    unsigned index;             /* in order of proxy_add */
    int status; /* 0 not sent yet, 100-199 waits, else its final (or what on_response made of it) */
};

/* What on_response and on_failure say, besides another final status (300..699: the branch counts as having
 * answered that). PROXY_SWALLOW: the branch counts for nothing: its 1xx is not forwarded, its final is no
 * candidate. A 2xx can be changed by neither: to an INVITE there is a dialog now. (For other methods a 2xx
 * may be swallowed.) */
#define PROXY_GO_ON   0
#define PROXY_SWALLOW (-1)

struct proxy_user {
    /* Our copy for this branch: Request-URI, Route of the target, Via and Max-Forwards are edited already;
     * yours to do is the rest (pop own Route, Record-Route, P- headers). rq is the request as received. 0, or
     * a status (300..699): do not send, the branch has failed with it. */
    int (*edit_request)(struct proxy *p, const struct proxy_branch *b, const struct sip_msg *rq,
                        struct sip_edit *e);
    /* Written so, the request has n bytes: by which hop it is to go. b->target.hop: as it was meant; with
     * another one it is written anew for that (RFC 3261 18.1.1). */
    struct sip_hop (*on_size)(struct proxy *p, const struct proxy_branch *b, size_t n);
    /* A response came (not 100). May add targets (proxy_add; a later group, or the present one: sent at
     * once). */
    int (*on_response)(struct proxy *p, const struct proxy_branch *b, const struct sip_msg *rs);
    /* No response: status is 408 (timeout, timer C) or 503 (transport; err -ENOTCONN: the flow is dead) or
     * 500 (memory). The P-CSCF makes 430 of a dead flow (RFC 5626 5.3.1). May add targets. */
    int (*on_failure)(struct proxy *p, const struct proxy_branch *b, int status, int err);
    /* The way to the branch's target is gone before its response came. True: the branch waits for proxy_move
     * or proxy_fail, as client_txn's on_lost does. */
    bool (*on_lost)(struct proxy *p, const struct proxy_branch *b, int err);
    /* A response is about to go upstream: our Via is cut already; yours are the other headers. */
    void (*edit_response)(struct proxy *p, const struct proxy_branch *b, const struct sip_msg *rs,
                          struct sip_edit *e);
    /* All branches of all groups have failed, `status` would be sent. Return it, or another one (300..699:
     * our own response is made), or PROXY_SWALLOW after proxy_add: go on. Not called when a 2xx or 6xx was
     * had, or after CANCEL. */
    int (*on_best)(struct proxy *p, int status);
    void (*on_cancel)(struct proxy *p);            /* upstream gave up; branches are being cancelled */
    void (*on_final)(struct proxy *p, int status); /* a final response went upstream (each 2xx; else once).
                                                      408 of a non-INVITE: it ended without one */
    void (*on_done)(struct proxy *p);              /* the last call: let go of what proxy_data holds */
};

/* RFC 3261 16.3 (3, 4): Max-Forwards 0 -> 483, a loop -> 482, Max-Breadth 0 -> 440 (RFC 5393 5): answered,
 * and the status is returned. 0: go on.
 */
int proxy_check(struct server_txn *st);

/* Takes the server transaction (server_txn_own) and sends 100 for an INVITE. NULL: out of memory, 500 was
 * sent. */
struct proxy *proxy_create(struct server_txn *st, const struct proxy_user *user, size_t data_size);
/* 0, -ENOMEM, -ENOSPC (PROXY_TARGETS_MAX), -ESHUTDOWN (2xx or 6xx had, cancelled, or answered: 16.7 item 5).
 */
int proxy_add(struct proxy *p, const struct proxy_target *t);
/* Sends to the lowest group. With no target at all: 480. Call it once; later targets start by themselves. */
void proxy_run(struct proxy *p);
/* Has nothing come on that branch yet, not even 100? */
bool proxy_branch_silent(const struct proxy *p, unsigned index);
/* Waits no longer for that branch: it counts for nothing, an INVITE is cancelled once it is heard of. A 2xx
 * that comes all the same goes upstream. Targets added before are sent. */
void proxy_give_up(struct proxy *p, unsigned index);
/* Cancels what is pending and answers `status` upstream once the branches are done (at once if none is
 * pending). reason as in client_txn_cancel. */
void proxy_end(struct proxy *p, int status, struct bytes reason);

/* A branch that waits: its request once more, to where its receiver is now (client_txn_move). 0 or -errno. */
int proxy_move(struct proxy *p, const struct proxy_branch *b, const struct sip_hop *to);
/* A branch that waits: it has failed with that status (300..699). */
void proxy_fail(struct proxy *p, const struct proxy_branch *b, int status);

void *proxy_data(const struct proxy *p);
struct server_txn *proxy_server(const struct proxy *p); /* NULL when it has ended already */
struct sip_layer *proxy_layer(const struct proxy *p);
const struct sip_msg *proxy_request(const struct proxy *p); /* as received; NULL after the final's turn */
bool proxy_cancelled(const struct proxy *p);
size_t proxy_branches(const struct proxy *p);
const struct proxy_branch *proxy_branch_at(const struct proxy *p, size_t i);

/* For on_ack: sends the ACK of a 2xx on without a transaction (RFC 3261 16.11): Max-Forwards, loop check, Via
 * with a stateless branch, received/rport; `edit` as edit_request (may be NULL; nonzero: not sent). 0 or
 * -errno; -ELOOP when hops are used up or it loops. */
typedef int proxy_edit(void *arg, const struct sip_msg *rq, struct sip_edit *e);
struct proxy_ack {
    struct sip_hop from, to;
    struct bytes uri, route; /* as in proxy_target */
    proxy_edit *edit;
    /* As proxy_user's on_size; optional. */
    struct sip_hop (*size)(void *arg, const struct sip_hop *to, size_t n);
    void *arg;
};
int proxy_forward_ack(struct sip_layer *l, const struct sip_msg *ack, const struct proxy_ack *how);
