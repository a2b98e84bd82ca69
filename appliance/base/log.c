#include "appliance/base/log.h"
#include "appliance/base/line.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Kept free at the end of a line for what must never be cut: held, thread, cut, brace, newline. */
#define TAIL_ROOM  160
#define THREAD_MAX 48
#define EVENT_MAX  128
#define PROBES     8

_Static_assert(LOG_LINE_MAX == LINE_CAP, "a log line is one line");

static const char *const level_names[] = {"DEBUG", "INFO", "WARN", "ERROR"};
static const char *const level_words[] = {"debug", "info", "warn", "error"};

void log_init(struct log *log, int fd, enum log_level level, enum log_format format, const char *thread)
{
    *log = (struct log){
        .fd = fd, .level = level, .format = format, .burst = LOG_BURST, .thread = thread ? thread : ""};
}

bool log_level_parse(const char *text, enum log_level *out)
{
    for (int i = LOG_DEBUG; text && i <= LOG_ERROR; i++) {
        if (strcasecmp(text, level_words[i]) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

/* By content, not by pointer: the same name in two files may be two literals. */
static unsigned home_of(const char *event)
{
    unsigned h = 2166136261u; /* FNV-1a; the names are our own */
    for (; *event; event++)
        h = (h ^ (uint8_t)*event) * 16777619u;
    return h;
}

static bool same_event(const struct log_rate *r, const char *event)
{
    return r->event == event || (r->event && strcmp(r->event, event) == 0);
}

/* The row of that name, else a row for it: a free one, or the one that was silent longest. */
static struct log_rate *rate_row(struct log *log, const char *event)
{
    unsigned home = home_of(event);
    struct log_rate *oldest = &log->rate[home % LOG_RATE_SLOTS];
    for (unsigned i = 0; i < PROBES; i++) {
        struct log_rate *r = &log->rate[(home + i) % LOG_RATE_SLOTS];
        if (same_event(r, event))
            return r;
        if (!r->event) {
            oldest = r;
            break;
        }
        if (r->second < oldest->second)
            oldest = r;
    }
    *oldest = (struct log_rate){.event = event};
    return oldest;
}

/* True: say it, with *held lines of that name swallowed before. */
static bool may_say(struct log *log, const char *event, unsigned *held)
{
    *held = 0;
    if (log->burst == 0)
        return true;
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    struct log_rate *r = rate_row(log, event);
    if (r->second != now.tv_sec) {
        r->second = now.tv_sec;
        r->count = 0;
    }
    if (r->count >= log->burst) {
        r->held++;
        log->dropped++;
        return false;
    }
    r->count++;
    *held = r->held;
    r->held = 0;
    return true;
}

/* RFC 3339 in UTC, milliseconds. */
static void put_time(struct line *l)
{
    struct timespec now;
    struct tm tm;
    char text[40];
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (!gmtime_r(&now.tv_sec, &tm))
        tm = (struct tm){.tm_year = 70, .tm_mday = 1};
    int n =
        snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
                 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(now.tv_nsec / 1000000));
    line_put(l, text, n > 0 && (size_t)n < sizeof text ? (size_t)n : 0);
}

static void put_head(struct line *l, enum log_level level, const char *event)
{
    line_str(l, l->json ? "{\"time\":\"" : "");
    put_time(l);
    line_str(l, l->json ? "\",\"level\":\"" : " ");
    line_str(l, l->json ? level_words[level] : level_names[level]);
    if (l->json) {
        line_str(l, "\",\"event\":");
        line_quoted(l, bytes_str(event), EVENT_MAX);
    } else {
        line_str(l, " ");
        line_value(l, bytes_str(event), EVENT_MAX);
    }
}

static void put_key(struct line *l, const char *key)
{
    line_str(l, l->json ? "," : " ");
    if (l->json)
        line_quoted(l, bytes_str(key), EVENT_MAX);
    else
        line_value(l, bytes_str(key), EVENT_MAX);
    line_str(l, l->json ? ":" : "=");
}

static void put_text(struct line *l, struct bytes b, size_t max)
{
    if (l->json)
        line_quoted(l, b, max);
    else
        line_value(l, b, max);
}

static void put_addr(struct line *l, const struct addr *a)
{
    static const struct addr none;
    char text[ADDR_TEXT];
    size_t n = addr_format(a ? a : &none, text);
    put_text(l, bytes_of(text, n), LOG_VALUE_MAX);
}

static void put_errno(struct line *l, int err)
{
    char text[128];
    /* The GNU one: may or may not use text, and is never NULL. err is ours, so its minus is defined. */
    put_text(l, bytes_str(strerror_r(err < 0 ? -err : err, text, sizeof text)), LOG_VALUE_MAX);
}

static void put_field_value(struct line *l, const struct log_field *f)
{
    switch (f->kind) {
    case LOG_F_STR:
        put_text(l, bytes_str(f->str), LOG_VALUE_MAX);
        break;
    case LOG_F_BYTES:
        put_text(l, f->bytes, LOG_VALUE_MAX);
        break;
    case LOG_F_INT:
        line_i64(l, f->i);
        break;
    case LOG_F_UINT:
        line_u64(l, f->u);
        break;
    case LOG_F_ADDR:
        put_addr(l, f->addr);
        break;
    case LOG_F_ERRNO:
        put_errno(l, f->err);
        break;
    }
}

/* False: there was no room for it, and no trace of it is left. */
static bool put_field(struct line *l, const struct log_field *f)
{
    size_t before = l->n;
    bool was_cut = l->cut;
    l->cut = false;
    put_key(l, f->key);
    if (!l->cut) { /* a key that was cut would be another key */
        put_field_value(l, f);
        if (!l->cut || l->text[l->n - 1] == '"') { /* a cut value still is whole to a parser */
            l->cut = l->cut || was_cut;
            return true;
        }
    }
    l->n = before;
    l->cut = true;
    return false;
}

static void put_tail(struct line *l, const struct log *log, unsigned held)
{
    bool cut = l->cut;
    l->limit = LINE_CAP;
    if (cut)
        line_str(l, l->json ? ",\"cut\":true" : " cut=true");
    if (held > 0) {
        put_key(l, "held");
        line_u64(l, held);
    }
    if (log->thread && *log->thread) {
        put_key(l, "thread");
        put_text(l, bytes_str(log->thread), THREAD_MAX);
    }
    line_str(l, l->json ? "}\n" : "\n");
}

void log_never_blocks(int fd)
{
    struct stat is;
    char path[32];
    if (fstat(fd, &is) < 0 || S_ISREG(is.st_mode))
        return;
    if (S_ISSOCK(is.st_mode)) { /* journald's: nobody else writes with this flag on */
        (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        return;
    }
    /* The flag belongs to the open file, which a terminal or a pipe may share with others: so it is opened
     * anew. */
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int own = open(path, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (own < 0)
        return;
    (void)dup2(own, fd);
    close(own);
}

/* One write a line. A descriptor that takes nothing (a full pipe, a full disk) must not stop traffic. */
static void put_out(struct log *log, const struct line *l)
{
    ssize_t n;
    do {
        n = write(log->fd, l->text, l->n);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        log->dropped++;
}

void log_event(struct log *log, enum log_level level, const char *event, const struct log_field *fields,
               size_t n)
{
    int saved = errno; /* who logs an error still wants to return it */
    unsigned held;
    if (level < log->level || level > LOG_ERROR || !may_say(log, event, &held))
        return;
    struct line l;
    l.n = 0;
    l.limit = LINE_CAP - TAIL_ROOM;
    l.cut = false;
    l.json = log->format == LOG_JSON;
    put_head(&l, level, event);
    for (size_t i = 0; i < n; i++) {
        if (fields[i].key && !put_field(&l, &fields[i]))
            break;
    }
    put_tail(&l, log, held);
    put_out(log, &l);
    errno = saved;
}

void log_lines(struct log *log, enum log_level level, const char *event, const char *key, struct bytes text)
{
    struct bytes line;
    while (bytes_split(&text, '\n', &line))
        if (line.n)
            log_at(log, level, event, F_BYTES(key, line));
}
