/* store_stats: how the store is, as numbers for who watches the gateway.
 *
 * Floor 1. The store's thread counts for itself; management copies that into its own row when it is asked. */
#pragma once
#include "appliance/core/stats.h"

struct store;

extern const struct stat_table store_stats;

/* row: of management, in store_stats. */
void store_stats_fill(const struct store *s, _Atomic uint64_t *row);
