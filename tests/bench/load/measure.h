/* measure: what every load driver needs: clocks, the server's costs from /proc, delays, the report.
 *
 * A server may be several processes: its costs are those of the process named and of all below it. Times are
 * nanoseconds of the monotonic clock. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECOND      1000000000ull
#define MILLISECOND 1000000ull

uint64_t time_now(void);
void time_sleep_until(uint64_t at);
static inline uint64_t time_seconds(double s)
{
    return (uint64_t)(s * (double)SECOND);
}

struct cost {
    double user, system; /* seconds of CPU since each process began */
};
struct cost cost_of(int pid); /* 0: our own */
static inline double cost_between(struct cost a, struct cost b)
{
    return b.user - a.user + b.system - a.system;
}
long memory_of(int pid); /* resident, in KiB; what processes share counts in each */
long share_of(int pid);  /* proportional (PSS), in KiB: what processes share counts once */

#define DELAY_STEPS 64u /* to a power of two: 1.6 % wide */
struct delays {
    uint64_t n;
    uint64_t counts[64 * DELAY_STEPS];
};
void delays_add(struct delays *d, uint64_t ns);
void delays_merge(struct delays *into, const struct delays *from);
double delays_us(const struct delays *d, double share); /* 0.5: the median */

/* One JSON object on standard output. */
void report_begin(const char *mode);
void report_number(const char *name, double value);
void report_text(const char *name, const char *value);
void report_delays(const char *prefix, const struct delays *d); /* PREFIX_p50_us, PREFIX_p99_us */
void report_end(void);
_Noreturn void give_up(const char *what, int code); /* code above 0: the server's word; below: errno's */
