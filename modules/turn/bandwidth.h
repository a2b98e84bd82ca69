/* bandwidth: how many bytes a second a user, and all users, may relay, each way by itself.
 *
 * Floor 3. A token bucket for each user and one for all stand in the quota, for all workers, under its lock.
 * A packet does not come there: an allocation draws a share of some 20 ms at a time, and packets are paid
 * from that; a share that is a second old is void, so what idle allocations have drawn cannot be saved up.
 * Without limits the share is endless and looked at anew once a second. A user's bucket outlives his last
 * allocation until it is full again: to allocate anew does not fill it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct allocation;

#define BANDWIDTH_WAYS 2
enum way { TO_PEER, TO_CLIENT };

struct bandwidth {
    uint64_t left[BANDWIDTH_WAYS];  /* of the share, in bytes */
    uint64_t until[BANDWIDTH_WAYS]; /* worker ms: void from then on */
    uint64_t again[BANDWIDTH_WAYS]; /* nothing was to be had: not asked for before */
};

bool bandwidth_draw(struct allocation *a, unsigned way, size_t n);

static inline bool bandwidth_take(struct bandwidth *b, struct allocation *a, uint64_t now, unsigned way,
                                  size_t n)
{
    if (b->left[way] < n || now >= b->until[way])
        return bandwidth_draw(a, way, n);
    b->left[way] -= n;
    return true;
}
