/* Clocks, costs, delays and the report. */
#include "turn_load.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

uint64_t time_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

void time_sleep_until(uint64_t at)
{
    struct timespec t = {.tv_sec = (time_t)(at / SECOND), .tv_nsec = (long)(at % SECOND)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
        ;
}

static struct cost own_cost(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (struct cost){(double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec * 1e-6,
                         (double)u.ru_stime.tv_sec + (double)u.ru_stime.tv_usec * 1e-6};
}

/* proc(5): fields 14 and 15, counted behind the name, which may hold anything but ends with the last ')'. */
struct cost cost_of(int pid)
{
    char path[64], text[1024];
    struct cost c = {0, 0};
    unsigned long user, kernel;
    if (!pid)
        return own_cost();
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "r");
    if (!f)
        return c;
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = 0;
    const char *rest = strrchr(text, ')');
    double tick = (double)sysconf(_SC_CLK_TCK);
    if (rest && sscanf(rest + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel) == 2)
        c = (struct cost){(double)user / tick, (double)kernel / tick};
    return c;
}

long memory_of(int pid)
{
    char path[64];
    long size = 0, resident = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", pid);
    FILE *f = fopen(path, "r");
    if (!f)
        return 0;
    if (fscanf(f, "%ld %ld", &size, &resident) != 2)
        resident = 0;
    fclose(f);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Below DELAY_STEPS each value has its own count; above, each power of two has DELAY_STEPS of them. */
static unsigned delay_index(uint64_t ns)
{
    if (ns < DELAY_STEPS)
        return (unsigned)ns;
    unsigned shift = 63u - (unsigned)__builtin_clzll(ns) - 6u;
    return shift * DELAY_STEPS + (unsigned)(ns >> shift);
}

static uint64_t delay_value(unsigned index)
{
    if (index < 2 * DELAY_STEPS)
        return index;
    unsigned shift = index / DELAY_STEPS - 1;
    return (uint64_t)(index - shift * DELAY_STEPS) << shift;
}

void delays_add(struct delays *d, uint64_t ns)
{
    d->n++;
    d->counts[delay_index(ns)]++;
}

void delays_merge(struct delays *into, const struct delays *from)
{
    into->n += from->n;
    for (size_t i = 0; i < 64 * DELAY_STEPS; i++)
        into->counts[i] += from->counts[i];
}

double delays_us(const struct delays *d, double share)
{
    uint64_t wanted = (uint64_t)((double)d->n * share), seen = 0;
    for (unsigned i = 0; d->n && i < 64 * DELAY_STEPS; i++) {
        seen += d->counts[i];
        if (seen > wanted || seen == d->n)
            return (double)delay_value(i) / 1000;
    }
    return 0;
}

void report_begin(const char *mode)
{
    printf("{\"mode\": \"%s\"", mode);
}

void report_number(const char *name, double value)
{
    printf(", \"%s\": %.9g", name, value);
}

/* Texts are our own words and OpenSSL's names: nothing in them needs escaping. */
void report_text(const char *name, const char *value)
{
    printf(", \"%s\": \"%s\"", name, value);
}

void report_delays(const char *prefix, const struct delays *d)
{
    if (!d->n)
        return;
    printf(", \"%s_p50_us\": %.1f, \"%s_p99_us\": %.1f, \"%s_p999_us\": %.1f", prefix, delays_us(d, 0.5),
           prefix, delays_us(d, 0.99), prefix, delays_us(d, 0.999));
}

void report_end(void)
{
    printf("}\n");
    fflush(stdout);
}

void give_up(const char *what, int code)
{
    fprintf(stderr, "turn_load: %s: %s%d\n", what, code > 0 ? "STUN error " : "", code);
    exit(1);
}
