/* buckets: token buckets for any number of keys in memory of a fixed size.
 *
 * Floor 0. Lock-free; any thread. A key has two buckets, found by its (keyed) hash, and is refused only when both
 * are empty: so a flood from many addresses seldom takes an honest one along (two of two must be shared). */
#pragma once
#include "appliance/base/bucket.h"

#define BUCKETS 8192u /* a power of two; 64 KiB */

struct buckets {
    struct bucket rows[BUCKETS];
};

static inline bool buckets_take(struct buckets *b, uint64_t hash, struct bucket_rate r, uint64_t now)
{
    bool one = bucket_take(&b->rows[hash % BUCKETS], r, now);
    bool two = bucket_take(&b->rows[(hash >> 32) % BUCKETS], r, now);
    return one || two;
}
