/* settings: the roof's own sections, and the list of every room's tables.
 *
 * Floor 4, const. The daemon, the operator's tool and the man page all read the same list. */
#pragma once
#include "appliance/core/config.h"
#include "appliance/core/stats.h"

struct process_config {
    int64_t threads; /* 0: one for each core */
    int64_t node;
    const char *user;
};
struct log_config {
    int64_t level;  /* enum log_level */
    int64_t format; /* enum log_format */
    int64_t burst;
};
struct store_config {
    const char *path;
    int64_t key_rotation; /* ms */
};
struct control_config {
    const char *socket;
};

extern const struct settings process_settings;
extern const struct settings log_settings;
extern const struct settings store_settings;
extern const struct settings control_settings;

/* Every room's settings and counters, in the order in which the file and the pages show them. What a config
 * or stats needs of it, it copies. */
struct room_tables {
    const struct settings *settings[CONFIG_TABLES_MAX + 1];
    const struct stat_table *stats[STAT_TABLES_MAX + 1];
};
void room_tables_fill(struct room_tables *t);
