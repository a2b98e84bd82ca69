/* report: what the steps of a run came to, as a table for people or as JSON.
 *
 * Room modules/ue, floor 3. Values and text only. */
#pragma once
#include "appliance/base/buf.h"

#define REPORT_STEPS  24
#define REPORT_NAME   34 /* width of the first column */
#define REPORT_DETAIL 200

struct report_step {
    char name[64];
    bool ok;
    double ms;
    bool has_voice;
    double loss; /* 0 to 1 */
    uint32_t sent, received;
    bool has_rtt;
    uint32_t rtt_p50, rtt_p99; /* us */
    double jitter_ms;
    char detail[REPORT_DETAIL]; /* well: a fact; failed: what went wrong */
    const char *advice;         /* failed: what to do; a literal, or NULL */
};

struct report {
    struct report_step steps[REPORT_STEPS];
    unsigned n;
    bool failed;
};

/* The next step, zeroed; the last one again when there are too many. */
struct report_step *report_add(struct report *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Sets the detail. What strangers sent is in it, so that only printable ASCII gets through to a terminal. */
void report_say(struct report_step *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Lines of the table, each with its newline. fancy: lines and colours, for a terminal. */
void report_head(bool fancy, struct buf *out);
void report_row(const struct report_step *s, bool fancy, struct buf *out);
void report_foot(const struct report *r, bool fancy, struct buf *out);
/* One JSON object and a newline; false: out of memory. */
bool report_json(const struct report *r, struct buf *out);
