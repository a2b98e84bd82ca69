/* log: one line an event: time, level, name, fields; as text or as JSON.
 *
 * Floor 0. A `struct log` belongs to one thread; several may share a descriptor (one write(2) a line).
 * An event name is stable ("door.listening"), the facts are fields; nothing is printed into the name.
 * Each event name may come `burst` times a second, then it is held back and counted; the count is said
 * with the next line of that name. Secrets have no field type: do not log them. */
#pragma once
#include "appliance/base/addr.h"
#include "appliance/base/bytes.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

enum log_field_kind { LOG_F_STR, LOG_F_BYTES, LOG_F_INT, LOG_F_UINT, LOG_F_ADDR, LOG_F_ERRNO };

struct log_field {
    const char *key;
    enum log_field_kind kind;
    union {
        const char *str;
        struct bytes bytes;
        int64_t i;
        uint64_t u;
        const struct addr *addr;
        int err;
    };
};

#define F_STR(k, v)   ((struct log_field){.key = (k), .kind = LOG_F_STR, .str = (v)})
#define F_BYTES(k, v) ((struct log_field){.key = (k), .kind = LOG_F_BYTES, .bytes = (v)})
#define F_INT(k, v)   ((struct log_field){.key = (k), .kind = LOG_F_INT, .i = (v)})
#define F_UINT(k, v)  ((struct log_field){.key = (k), .kind = LOG_F_UINT, .u = (v)})
#define F_ADDR(k, v)  ((struct log_field){.key = (k), .kind = LOG_F_ADDR, .addr = (v)})
#define F_ERRNO(e)                                                                                           \
    ((struct log_field){.key = "error", .kind = LOG_F_ERRNO, .err = (e)}) /* 0 or -errno or errno */

#define LOG_RATE_SLOTS 64
#define LOG_BURST      50   /* what log_init sets */
#define LOG_LINE_MAX   2048 /* with its newline: under PIPE_BUF, so that lines of several threads never mix */
#define LOG_VALUE_MAX  512  /* one value; what is longer ends in "..." and the line says cut */

struct log {
    int fd;
    enum log_level level;
    enum log_format format;
    unsigned burst; /* lines a second for each event name; 0 = no limit */
    const char *thread;
    struct log_rate {
        const char *event;
        int64_t second;
        unsigned count, held;
    } rate[LOG_RATE_SLOTS];
    uint64_t dropped; /* held back, or refused by the descriptor, in all */
};

/* burst becomes LOG_BURST; set another afterwards. */
void log_init(struct log *log, int fd, enum log_level level, enum log_format format, const char *thread);
/* Traffic must not wait for who reads the log: writing to fd fails from now on where it would have to wait (a
 * pipe that nobody empties, a stopped terminal), and the line is lost. For fd 2, at the start of main. */
void log_never_blocks(int fd);
/* event must be a string literal or live as long as the log. */
void log_event(struct log *log, enum log_level level, const char *event, const struct log_field *fields,
               size_t n);

/* One line of the text after another, each as an event of its own with the line under that key; empty ones
 * are left out. */
void log_lines(struct log *log, enum log_level level, const char *event, const char *key, struct bytes text);

#define log_at(log, lvl, event, ...)                                                                         \
    do {                                                                                                     \
        if ((lvl) >= (log)->level)                                                                           \
            log_event((log), (lvl), (event), (const struct log_field[]){F_STR(NULL, NULL), ##__VA_ARGS__},   \
                      sizeof((const struct log_field[]){F_STR(NULL, NULL), ##__VA_ARGS__}) /                 \
                          sizeof(struct log_field));                                                         \
    } while (0)
/* Fields whose key is NULL are skipped, which is how the macros allow "no field". */
#define log_debug(log, event, ...) log_at(log, LOG_DEBUG, event, ##__VA_ARGS__)
#define log_info(log, event, ...)  log_at(log, LOG_INFO, event, ##__VA_ARGS__)
#define log_warn(log, event, ...)  log_at(log, LOG_WARN, event, ##__VA_ARGS__)
#define log_error(log, event, ...) log_at(log, LOG_ERROR, event, ##__VA_ARGS__)

/* "debug", "info", "warn", "error", in any case. */
bool log_level_parse(const char *text, enum log_level *out);
