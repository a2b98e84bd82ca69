#include "appliance/core/store_stats.h"
#include "appliance/core/store.h"

enum { HEALTHY, WAITING, WRITES, COMMITS, ERRORS, LOST, STATS };

static const struct stat_def defs[STATS] = {
    [HEALTHY] = {"store_healthy", NULL,
                 "1: what changes is written; 0: the disk is full, read-only or broken", STAT_GAUGE},
    [WAITING] = {"store_waiting", NULL, "Writes that are not done yet", STAT_GAUGE},
    [WRITES] = {"store_writes_total", NULL, "Writes done", STAT_COUNTER},
    [COMMITS] = {"store_commits_total", NULL, "Transactions that these took", STAT_COUNTER},
    [ERRORS] = {"store_errors_total", NULL, "Statements and transactions that failed", STAT_COUNTER},
    [LOST] = {"store_lost_total", NULL, "Writes given up, and said so to who asked", STAT_COUNTER},
};

const struct stat_table store_stats = {"store", defs, STATS};

static void set(_Atomic uint64_t *n, uint64_t to)
{
    atomic_store_explicit(n, to, memory_order_relaxed);
}

void store_stats_fill(const struct store *s, _Atomic uint64_t *row)
{
    const struct store_numbers n = store_numbers(s);
    set(&row[HEALTHY], store_healthy(s));
    set(&row[WAITING], n.waiting);
    set(&row[WRITES], n.writes);
    set(&row[COMMITS], n.commits);
    set(&row[ERRORS], n.errors);
    set(&row[LOST], n.lost);
}
