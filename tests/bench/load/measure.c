/* Clocks, costs, delays and the report. */
#include "measure.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
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

/* One file of a process of /proc, or "" when it is gone. */
static void read_proc(int pid, const char *name, char *text, size_t cap)
{
    char path[64];
    text[0] = 0;
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    FILE *f = fopen(path, "r");
    if (!f)
        return;
    text[fread(text, 1, cap - 1, f)] = 0;
    fclose(f);
}

/* proc(5): field 4, counted behind the name, which may hold anything but ends with the last ')'. */
static int parent_of(int pid)
{
    char text[1024];
    int parent = 0;
    read_proc(pid, "stat", text, sizeof text);
    const char *rest = strrchr(text, ')');
    return rest && sscanf(rest + 2, "%*c %d", &parent) == 1 ? parent : 0;
}

static bool is_below(int pid, int top)
{
    for (unsigned depth = 0; pid > 1 && depth < 16; depth++, pid = parent_of(pid))
        if (pid == top)
            return true;
    return false;
}

/* Sums `one` over the process and all below it. */
static double sum_over(int top, double (*one)(int pid))
{
    double sum = 0;
    DIR *all = opendir("/proc");
    for (struct dirent *d; all && (d = readdir(all));) {
        int pid = atoi(d->d_name);
        if (pid > 0 && is_below(pid, top))
            sum += one(pid);
    }
    if (all)
        closedir(all);
    return sum;
}

/* Fields 14 and 15. */
static double ticks_of(int pid, bool kernel)
{
    char text[1024];
    unsigned long ours, kernels;
    read_proc(pid, "stat", text, sizeof text);
    const char *rest = strrchr(text, ')');
    if (!rest ||
        sscanf(rest + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &ours, &kernels) != 2)
        return 0;
    return (double)(kernel ? kernels : ours) / (double)sysconf(_SC_CLK_TCK);
}

static double user_of(int pid)
{
    return ticks_of(pid, false);
}

static double system_of(int pid)
{
    return ticks_of(pid, true);
}

struct cost cost_of(int pid)
{
    return pid ? (struct cost){sum_over(pid, user_of), sum_over(pid, system_of)} : own_cost();
}

static double resident_of(int pid)
{
    char text[256];
    long size, resident;
    read_proc(pid, "statm", text, sizeof text);
    return sscanf(text, "%ld %ld", &size, &resident) == 2
               ? (double)(resident * (sysconf(_SC_PAGESIZE) / 1024))
               : 0;
}

static double proportional_of(int pid)
{
    char text[4096];
    read_proc(pid, "smaps_rollup", text, sizeof text);
    const char *line = strstr(text, "\nPss:");
    return line ? strtod(line + 5, NULL) : 0;
}

long memory_of(int pid)
{
    return (long)sum_over(pid, resident_of);
}

long share_of(int pid)
{
    return (long)sum_over(pid, proportional_of);
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
    fprintf(stderr, "%s: %s: %s%d\n", program_invocation_short_name, what, code > 0 ? "error " : "", code);
    exit(1);
}
