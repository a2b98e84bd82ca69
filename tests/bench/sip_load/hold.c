/* Memory: of registered phones that stand idle, and of what a storm of REGISTERs leaves behind. */
#include "sip_load.h"

int run_hold(const struct options *o)
{
    static const struct job job = {.up = NULL};
    struct swarm s;
    swarm_open(&s, o, &job, o->phones);
    long before = share_of(o->server_pid);
    gather(&s);
    swarm_run(&s, 0.5);
    long held = share_of(o->server_pid);
    struct cost idle = cost_of(o->server_pid);
    swarm_run(&s, o->seconds);
    struct cost idle_after = cost_of(o->server_pid);
    long later = share_of(o->server_pid);
    report_begin("hold");
    report_number("phones", s.up);
    report_number("failed", (double)(s.n - s.up));
    report_number("kib_before", (double)before);
    report_number("kib_held", (double)held);
    report_number("kib_later", (double)later);
    report_number("cost", (double)(later - before) / s.n);
    report_number("idle_seconds", o->seconds);
    report_number("idle_cpu", cost_between(idle, idle_after));
    report_end();
    swarm_close(&s);
    return 0;
}

/* The next one that is there and idle. */
static void register_next(struct swarm *s)
{
    unsigned *next = s->arg;
    for (unsigned i = 0; i < s->n && !s->stopping; i++) {
        struct phone *p = &s->phones[(*next)++ % s->n];
        if (p->link != LINK_UP || p->deed != IDLE)
            continue;
        ua_register(p);
        return;
    }
}

static void on_end(struct phone *p, enum deed deed, int status)
{
    (void)deed, (void)status;
    register_next(p->swarm);
}

/* Phones register without a pause for so long, `flight` of them at a time, a different one each time; then
 * all are quiet, and the memory is looked at until it is back at a tenth above what it was, or `warmup` has
 * passed. The phones stay. */
int run_storm(const struct options *o)
{
    static const struct job job = {.up = ua_register, .ended = on_end, .closed = phone_open};
    struct swarm s;
    unsigned next = 0;
    swarm_open(&s, o, &job, o->phones);
    s.arg = &next;
    gather(&s);
    swarm_run(&s, 2);
    long before = share_of(o->server_pid), peak = before;
    for (unsigned i = 0; i < o->flight; i++)
        register_next(&s);
    for (uint64_t until = time_now() + time_seconds(o->seconds); time_now() < until;) {
        swarm_run(&s, 0.5);
        long n = share_of(o->server_pid);
        peak = n > peak ? n : peak;
    }
    swarm_settle(&s, 15);
    uint64_t quiet = time_now(), until = quiet + time_seconds(o->warmup);
    long after = share_of(o->server_pid);
    while ((double)after > 1.1 * (double)before && time_now() < until) {
        swarm_run(&s, 0.5);
        after = share_of(o->server_pid);
    }
    report_begin("storm");
    report_number("done", (double)s.done);
    report_number("failed", (double)s.failed);
    report_number("kib_before", (double)before);
    report_number("kib_peak", (double)peak);
    report_number("kib_after", (double)after);
    report_number("quiet_seconds", (double)(time_now() - quiet) / (double)SECOND);
    report_number("cost", (double)after / (double)before);
    report_end();
    swarm_close(&s);
    return 0;
}
