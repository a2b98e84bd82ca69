/* rate: how many answers a stranger gets: a token bucket per source network in a table of fixed size.
 *
 * Floor 3, one worker. Before authentication nothing is kept per peer, so that a flood with false sources
 * costs no memory: sources share a bucket when their (keyed) hashes do. */
#pragma once
#include "appliance/base/addr.h"
#include "appliance/base/bucket.h"

#define RATE_BUCKETS 4096u

struct rate {
    struct bucket buckets[RATE_BUCKETS];
};

/* May that source have an answer now? per_second 0 = always. Takes it when yes. */
bool rate_take(struct rate *r, const struct hash_key *key, const struct addr *from, uint64_t now,
               uint32_t per_second);
