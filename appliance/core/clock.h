/* clock: the monotonic clock, for the two threads that may look at it. Everybody else takes w->now.
 *
 * Floor 1. */
#pragma once
#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}
