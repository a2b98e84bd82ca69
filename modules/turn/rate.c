#include "modules/turn/rate.h"

/* A bucket holds one second's worth; `spent` drains by per_second thousandths a millisecond. */
bool rate_take(struct rate *r, const struct hash_key *key, const struct addr *from, uint64_t now,
               uint32_t per_second)
{
    if (!per_second)
        return true;
    struct rate_bucket *b = &r->buckets[addr_ip_hash(key, from) % RATE_BUCKETS];
    uint64_t drained = (uint64_t)(uint32_t)((uint32_t)now - b->at) * per_second;
    b->at = (uint32_t)now;
    b->spent = drained >= b->spent ? 0 : b->spent - (uint32_t)drained;
    if (b->spent + 1000u > per_second * 1000u)
        return false;
    b->spent += 1000;
    return true;
}
