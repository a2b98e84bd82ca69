#include "modules/turn/rate.h"

/* A bucket holds one second's worth. */
bool rate_take(struct rate *r, const struct hash_key *key, const struct addr *from, uint64_t now,
               uint32_t per_second)
{
    struct bucket_rate rate = bucket_rate(per_second, 1000, per_second);
    return bucket_take(&r->buckets[addr_ip_hash(key, from) % RATE_BUCKETS], rate, now);
}
