/* config: one table of settings per room, and the parser, checker, writer and man page that come from it.
 *
 * Floor 1. A room declares `const struct settings` and a plain struct; a loaded `struct config` holds one
 * filled struct per room: config_of(w->config, &turn_settings) -> const struct turn_config *. A config never
 * changes after it is loaded; reload makes a new one and each worker swaps its pointer between turns.
 * The file is libconfuse syntax: sections of `key = value`. Strict: an unknown key, a bad value, a value out
 * of range are errors with file, line and, where one is near, a "did you mean". A section may be opened more
 * than once, its parts are one; a key set twice is an error. "${NAME:-text}" takes a variable of the
 * environment. Any thread may load. */
#pragma once
#include "appliance/base/addr.h"
#include "appliance/base/buf.h"

enum setting_type {
    SETTING_BOOL,     /* bool */
    SETTING_INT,      /* int64_t */
    SETTING_DURATION, /* int64_t, ms; written 500ms, 30s, 10m, 1h, 1d */
    SETTING_SIZE,     /* int64_t, bytes; written 512, 64k, 10m, 1g */
    SETTING_STRING,   /* const char *, never NULL */
    SETTING_SECRET,   /* as STRING; the writer and logs show ******** */
    SETTING_PATH,     /* as STRING; a relative one is taken from the config file's folder */
    SETTING_ENUM,     /* int64_t, index into choices */
    SETTING_ADDR,     /* struct addr; "" is family ADDR_NONE */
    SETTING_PORTS,    /* struct port_range; written 49152-65535 */
    SETTING_CIDRS,    /* struct cidr_set; a list */
    SETTING_STRINGS,  /* struct string_list; a list */
    SETTING_PATHS,    /* as STRINGS; each as PATH */
    SETTING_SECRETS,  /* as STRINGS; each as SECRET */
};

static inline bool setting_is_secret(enum setting_type type)
{
    return type == SETTING_SECRET || type == SETTING_SECRETS;
}

enum setting_reload {
    RELOAD_LIVE,    /* counts at once, also for what stands */
    RELOAD_NEW,     /* counts for new connections, calls, allocations */
    RELOAD_RESTART, /* needs a restart; config check says so */
};

struct port_range {
    uint16_t first, last;
};
struct string_list {
    const char **items;
    size_t n;
};

struct config_report;

struct setting {
    const char *key;
    enum setting_type type;
    size_t offset;              /* into the room's struct */
    const char *preset;         /* default, as written in the file; lists: items separated by commas, or
                                   by line feeds where an item holds commas or blanks */
    int64_t min, max;           /* for INT, DURATION, SIZE; 0,0 = no range */
    const char *const *choices; /* ENUM: NULL-terminated */
    const char *help;           /* one line, no full stop */
    enum setting_reload reload;
    /* Optional further check of the written text; false with *why set refuses it. */
    bool (*check)(const char *text, const char **why);
    /* Optional: called once a load, when every value of the file is good, to make what the room wants made
     * only once (compiled patterns) and keep it in its struct, beside the settings: `values` is that struct.
     * What is reported by config_report refuses the file. release frees it; also when finish was never
     * called. */
    void (*finish)(void *values, struct config_report *report);
    void (*release)(void *values);
};

struct settings {
    const char *section; /* "turn" */
    const char *help;
    size_t size; /* of the room's struct */
    const struct setting *items;
    size_t n;
};

/* A mistake in item `at` of the list `key` of the room (0 for what is no list): file and line are found. */
void config_report(struct config_report *r, const char *key, size_t at, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#define CONFIG_TABLES_MAX 24

struct config_problem {
    struct config_problem *next;
    const char *file;
    int line; /* 0 = the whole file */
    bool warning;
    char text[256];
};

struct config;

/* Reads the file (NULL: defaults only). Problems are listed in order of line; the config is NULL if any is
 * an error. tables is NULL-terminated and must outlive the config. */
struct config *config_load(const char *path, const struct settings *const *tables,
                           struct config_problem **problems);
struct config *config_load_text(const char *text, const char *name, const struct settings *const *tables,
                                struct config_problem **problems);
/* One line each: "file:line: error: text"; line 0, the whole file, is left out. */
void config_problems_write(const struct config_problem *p, struct buf *out);
void config_problems_free(struct config_problem *p);
struct config *config_hold(const struct config *c); /* refcounted; any thread */
void config_drop(const struct config *c);           /* NULL is fine */

/* The filled struct of that room; aborts if the table was not given to config_load. */
const void *config_of(const struct config *c, const struct settings *table);

/* The canonical file: every section and key in table order, defaults as comments, secrets masked unless told.
 */
bool config_write(const struct config *c, struct buf *out, bool with_secrets);
/* One line a difference: "turn.realm: "a" -> "b" (new connections)". Returns how many. */
size_t config_diff(const struct config *a, const struct config *b, struct buf *out);
/* troff: the sections of sallyport.conf(5) that list every key. */
bool config_man(const struct settings *const *tables, struct buf *out);
