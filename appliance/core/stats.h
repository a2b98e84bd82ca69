/* stats: counters and gauges that cost one plain add.
 *
 * Floor 1. A room declares a const table; each worker has its own row of numbers, written by that worker
 * alone (relaxed atomics), read and summed by anyone. Names follow Prometheus: sallyport_ prefix,
 * _total, _seconds, _bytes; labels come from closed sets written in the table, never from traffic. */
#pragma once
#include "appliance/base/buf.h"
#include "appliance/core/worker.h"
#include <stdatomic.h>

enum stat_kind { STAT_COUNTER, STAT_GAUGE };

struct stat_def {
    const char *name;   /* "turn_allocations" : printed with the prefix sallyport_ */
    const char *labels; /* "reason=\"garbage\"" or NULL */
    const char *help;   /* the first of a name speaks for all */
    enum stat_kind kind;
};

struct stat_table {
    const char *room;
    const struct stat_def *defs;
    unsigned n;
};

#define STAT_TABLES_MAX 24

struct stats;
/* tables is NULL-terminated and must outlive the stats. rows: how many workers. NULL: out of memory. */
struct stats *stats_create(const struct stat_table *const *tables, unsigned rows);
void stats_destroy(struct stats *s);
/* One worker's numbers of one table; index with the room's enum. Aborts if the table is not registered. */
_Atomic uint64_t *stats_row(struct stats *s, const struct stat_table *table, unsigned row);
_Atomic uint64_t *stats_worker(struct stats *s,
                               unsigned row); /* all tables of one worker, for worker_create */
uint64_t stats_sum(const struct stats *s, const struct stat_table *table, unsigned index); /* any thread */

static inline void stat_add(_Atomic uint64_t *n, uint64_t by)
{
    atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + by, memory_order_relaxed);
}
static inline void stat_inc(_Atomic uint64_t *n)
{
    stat_add(n, 1);
}
static inline void stat_dec(_Atomic uint64_t *n)
{
    stat_add(n, UINT64_MAX);
}

bool stats_prometheus(const struct stats *s, struct buf *out); /* text format 0.0.4; any thread */
bool stats_json(const struct stats *s, struct buf *out);       /* {"turn_allocations":3,...} */
