/* abuse_internal: what the files of abuse share; nobody else includes it.
 *
 * Floor 1. abuse.c: the room, failures and waits; abuse_bans.c: bans, their rows, and what the operator does.
 */
#pragma once
#include "appliance/core/abuse.h"
#include "appliance/core/suspects.h"
#include <pthread.h>
#include <stdatomic.h>

#define ABUSE_KNOWN   8192u
#define ABUSE_DOUBLES 20u /* a wait or a ban is doubled at most so often */

struct abuse {
    struct bans *bans;
    struct suspects *suspects;
    struct buckets *rates; /* by address */
    struct hash_key hash;
    struct store *store;
    int64_t tended;       /* wall seconds; of the worker that tends */
    pthread_mutex_t lock; /* of limits and exempt */
    struct abuse_config limits;
    struct cidr_set exempt;
    _Atomic uint64_t known[ABUSE_KNOWN]; /* who has proved himself from where: the last ones */
};

/* NULL: in tests, nobody is suspected. */
static inline struct abuse *abuse_of(const struct worker *w)
{
    return w->gw ? w->gw->abuse : NULL;
}

bool abuse_exempts(struct abuse *a, const struct addr *from);
struct abuse_config abuse_limits(struct abuse *a);
uint64_t abuse_key(const struct abuse *a, const struct addr *from); /* of an address, for suspects */
/* value, doubled so many times, but at most `most`. */
int64_t abuse_doubled(int64_t value, uint32_t times, int64_t most);
/* As abuse_ban. Each ban of an address is twice as long as the one before it, while that is remembered. */
bool abuse_ban_now(struct worker *w, struct abuse *a, const struct addr *from, enum ban_reason why,
                   const char *note);
