/* core_attempt: a request on its way to the core, which goes to another next hop when one fails (RFC
 * 3263 4.3).
 *
 * Floor 3. Lies zeroed with whoever carries the request: a proxy (core_forward.h) or a request of our own
 * (core_request.h). What goes on: a connection that breaks or cannot be made, a 503, and no word within
 * pcscf.core_timeout (408 of timers B and F too). A request that goes elsewhere passes through unwatched. */
#pragma once
#include "modules/pcscf/room.h"

struct core_attempt;

/* Each sending has a number, from 0. */
struct core_carrier {
    /* To that hop as well; a->sending becomes its number before it is. 0 or -errno: nobody waits for an
     * answer any more, or it cannot be; then a->sending is what it was. */
    int (*send)(struct core_attempt *a, const struct sip_hop *to);
    bool (*silent)(struct core_attempt *a, unsigned sending); /* not even 100 has come */
    void (*give_up)(struct core_attempt *a, unsigned sending);
};

struct core_attempt {
    struct pcscf *p; /* NULL: nothing to watch */
    const struct core_carrier *by;
    struct timer patience;
    uint64_t seed, tried, sent_at;
    unsigned hop;     /* index of the present one */
    unsigned sending; /* to it */
    unsigned n;       /* hops tried */
    bool grown;       /* too large for UDP: the present hop is over TCP, and `small` is what it was */
    bool kept_small;  /* TCP was tried: UDP it is */
    unsigned small;
};

/* The first sending leaves by that way now: watched from then on, if it goes to the core. `by` is set. */
void core_attempt_watch(struct core_attempt *a, struct pcscf *p, const struct sip_hop *to,
                        struct bytes call_id);
/* What came of that sending. True: another hop has the request now, and that was nothing. */
bool core_attempt_answered(struct core_attempt *a, unsigned sending, const struct sip_msg *rs);
bool core_attempt_failed(struct core_attempt *a, unsigned sending, int status, int err);
/* Is that failure the hop's, and none of ours (the table is full, or memory is)? */
bool core_attempt_is_hops(const struct core_attempt *a, unsigned sending, int status, int err);
/* Written so, it has n bytes: the way it takes then (RFC 3261 18.1.1). */
struct sip_hop core_attempt_size(struct core_attempt *a, unsigned sending, const struct sip_hop *way,
                                 size_t n);
/* In words: what came of the last hop when it failed with that status and error. */
const char *core_attempt_because(int status, int err);
void core_attempt_end(struct core_attempt *a);
