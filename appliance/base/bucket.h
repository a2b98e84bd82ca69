/* bucket: a token bucket in one word, by the generic cell rate algorithm (ITU-T I.371 annex A).
 *
 * Floor 0. Lock-free: any threads may take from one bucket. Zeroed memory is a full bucket; time is worker
 * ms. The word is the time, in microseconds, at which the bucket would be full again. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct bucket {
    _Atomic uint64_t full_at;
};

struct bucket_rate {
    uint64_t each;  /* microseconds in which one token grows again; 0: there is no limit */
    uint64_t burst; /* tokens of a full bucket, at least 1 */
};

/* `n` in each `ms` milliseconds on the average, `burst` at once. n 0: no limit. */
static inline struct bucket_rate bucket_rate(uint64_t n, uint64_t ms, uint64_t burst)
{
    uint64_t each = n ? ms * 1000 / n : 0;
    return (struct bucket_rate){n && !each ? 1 : each, burst ? burst : 1};
}

/* One token, if there is one. */
static inline bool bucket_take(struct bucket *b, struct bucket_rate r, uint64_t now)
{
    uint64_t us = now * 1000, old = atomic_load_explicit(&b->full_at, memory_order_relaxed), next;
    do {
        next = (old > us ? old : us) + r.each;
        if (r.each && next - us > r.each * r.burst)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&b->full_at, &old, next, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}
