/* What the workloads have in common: phones that are all there, a timed window, the report. */
#include "sip_load.h"
#include <stdlib.h>

static void open_next(struct swarm *s)
{
    unsigned *next = s->arg;
    if (*next < s->n)
        phone_open(&s->phones[(*next)++]);
}

static void on_failure(struct phone *p)
{
    give_up("a phone was lost while all were gathered, number", (int)p->id);
}

static void on_end(struct phone *p, enum deed deed, int status)
{
    (void)deed;
    if (status != 200)
        give_up("REGISTER was refused", status);
    open_next(p->swarm);
}

void gather(struct swarm *s)
{
    static const struct job gathering = {.up = ua_register, .closed = on_failure, .ended = on_end};
    const struct job *job = s->job;
    void *arg = s->arg;
    unsigned next = 0;
    s->job = &gathering;
    s->arg = &next;
    for (unsigned i = 0; i < s->options->flight; i++)
        open_next(s);
    while (s->busy)
        swarm_turn(s, time_now() + SECOND);
    s->job = job;
    s->arg = arg;
}

void window_open(struct window *w, struct swarm *s)
{
    swarm_mark(s);
    w->began = time_now();
    w->server = cost_of(s->options->server_pid);
    w->own = cost_of(0);
}

void window_report(const struct window *w, const struct swarm *s, const char *mode, const uint64_t *units)
{
    struct cost server = cost_of(s->options->server_pid), own = cost_of(0);
    double seconds = (double)(time_now() - w->began) / (double)SECOND, n = (double)(units ? *units : s->done);
    report_begin(mode);
    report_number("seconds", seconds);
    report_number("done", (double)s->done);
    report_number("failed", (double)s->failed);
    report_number("units", n);
    report_number("units_per_second", n / seconds);
    report_number("server_cpu", cost_between(w->server, server));
    report_number("driver_cpu", cost_between(w->own, own));
    report_number("cost", n > 0 ? cost_between(w->server, server) * 1e3 / n : 0);
    report_delays("delay", &s->delays);
    report_end();
}
