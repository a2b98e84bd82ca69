#include "modules/ue/report.h"
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct report_step *report_add(struct report *r, const char *fmt, ...)
{
    va_list ap;
    struct report_step *s = &r->steps[r->n < REPORT_STEPS ? r->n++ : REPORT_STEPS - 1];
    *s = (struct report_step){0};
    va_start(ap, fmt);
    vsnprintf(s->name, sizeof s->name, fmt, ap);
    va_end(ap);
    return s;
}

void report_say(struct report_step *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(s->detail, sizeof s->detail, fmt, ap);
    va_end(ap);
    for (char *p = s->detail; *p; p++)
        if (*p < 0x20 || *p > 0x7e)
            *p = '?';
}

static void rule(struct buf *out)
{
    static const int widths[] = {REPORT_NAME, 8, 11, 8, 19};
    for (unsigned i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        buf_str(out, i ? "┼" : "");
        for (int k = 0; k < widths[i]; k++)
            buf_str(out, "─");
    }
    buf_str(out, "\n");
}

/* Plain columns are parted by a blank, fancy ones by a line in the same place. */
static void columns(struct buf *out, bool fancy, const char *const cell[5], const char *detail)
{
    const char *bar = fancy ? "│" : " ";
    buf_printf(out, "%-*s%s %-6s %s%10s %s%7s %s%18s ", REPORT_NAME, cell[0], bar, cell[1], bar, cell[2], bar,
               cell[3], bar, cell[4]);
    buf_printf(out, " %s", detail);
    struct bytes b = buf_bytes(out);
    while (b.n > 0 && b.p[b.n - 1] == ' ')
        b.n--;
    out->tail = out->head + b.n; /* no blanks at the end of a line */
    buf_str(out, "\n");
}

void report_head(bool fancy, struct buf *out)
{
    static const char *const names[5] = {"step", "result", "time", "loss", "round trip p50/p99"};
    if (fancy)
        buf_str(out, "\033[1m");
    columns(out, fancy, names, "");
    if (fancy) {
        buf_str(out, "\033[0m");
        rule(out);
    }
}

static void trouble(const struct report_step *s, bool fancy, struct buf *out)
{
    const char *on = fancy ? "\033[31m" : "", *off = fancy ? "\033[0m" : "";
    buf_printf(out, "  %swhat:%s %s\n", on, off, s->detail);
    if (s->advice)
        buf_printf(out, "  %sto do:%s %s\n", on, off, s->advice);
}

void report_row(const struct report_step *s, bool fancy, struct buf *out)
{
    char ms[24], loss[16] = "-", rtt[40] = "-";
    snprintf(ms, sizeof ms, "%.1f ms", s->ms);
    if (s->has_voice)
        snprintf(loss, sizeof loss, "%.2f %%", s->loss * 100.);
    if (s->has_rtt)
        snprintf(rtt, sizeof rtt, "%.2f/%.2f ms", s->rtt_p50 / 1000., s->rtt_p99 / 1000.);
    const char *cells[5] = {s->name, s->ok ? "ok" : "FAILED", ms, loss, rtt};
    if (fancy)
        buf_str(out, s->ok ? "\033[32m" : "\033[31m");
    columns(out, fancy, cells, s->ok ? s->detail : "");
    if (fancy)
        buf_str(out, "\033[0m");
    if (!s->ok)
        trouble(s, fancy, out);
}

void report_foot(const struct report *r, bool fancy, struct buf *out)
{
    const char *colour = r->failed ? "\033[1;31m" : "\033[1;32m";
    buf_printf(out, "%s%s%s\n", fancy ? colour : "",
               r->failed ? "FAILED: see the step above." : "All steps passed.", fancy ? "\033[0m" : "");
}

static json_t *step_json(const struct report_step *s)
{
    json_t *o = json_pack("{s:s, s:b, s:f, s:s}", "step", s->name, "ok", (int)s->ok, "ms", s->ms, "detail",
                          s->detail);
    if (o && s->advice)
        json_object_set_new(o, "advice", json_string(s->advice));
    if (o && s->has_voice) {
        json_object_set_new(o, "loss", json_real(s->loss));
        json_object_set_new(o, "sent", json_integer(s->sent));
        json_object_set_new(o, "received", json_integer(s->received));
        json_object_set_new(o, "jitter_ms", json_real(s->jitter_ms));
    }
    if (o && s->has_rtt) {
        json_object_set_new(o, "rtt_p50_ms", json_real(s->rtt_p50 / 1000.));
        json_object_set_new(o, "rtt_p99_ms", json_real(s->rtt_p99 / 1000.));
    }
    return o;
}

bool report_json(const struct report *r, struct buf *out)
{
    json_t *steps = json_array();
    for (unsigned i = 0; steps && i < r->n; i++)
        json_array_append_new(steps, step_json(&r->steps[i]));
    json_t *o = json_pack("{s:b, s:o}", "ok", (int)!r->failed, "steps", steps);
    char *text = o ? json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) : NULL;
    bool ok = text && buf_str(out, text) && buf_str(out, "\n");
    free(text);
    json_decref(o);
    return ok;
}
