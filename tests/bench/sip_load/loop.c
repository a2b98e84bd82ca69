/* Closed loops on open flows: as soon as a phone is answered it begins anew, `flight` of them at a time. */
#include "sip_load.h"

static void begin_register(struct phone *p)
{
    if (!p->swarm->stopping)
        ua_register(p);
}

/* Even numbers call the odd ones. */
static void begin_call(struct phone *p)
{
    if (!p->swarm->stopping)
        ua_call(p, p + 1);
}

static void on_end_of_register(struct phone *p, enum deed deed, int status)
{
    (void)deed, (void)status;
    begin_register(p);
}

static void on_end_of_call(struct phone *p, enum deed deed, int status)
{
    (void)status;
    if (deed == INVITING)
        begin_call(p);
    else if (p->index % 2 == 0 && p->index / 2 < p->swarm->options->flight)
        begin_call(p);
}

/* `step`: from one phone that begins to the next. */
static int loop(const struct options *o, const struct job *job, void (*begin)(struct phone *p), unsigned step)
{
    struct swarm s;
    struct window w;
    swarm_open(&s, o, job, o->phones);
    gather(&s);
    for (unsigned i = 0; i < o->flight && (i + 1) * step <= s.n; i++)
        begin(&s.phones[i * step]);
    swarm_run(&s, o->warmup);
    window_open(&w, &s);
    swarm_run(&s, o->seconds);
    window_report(&w, &s, step == 1 ? "register" : "call", step == 1 ? &s.requests : NULL);
    swarm_settle(&s, 3);
    swarm_close(&s);
    return 0;
}

/* The unit is a transaction: with the challenge there are two of them to a registration. */
int run_register(const struct options *o)
{
    static const struct job job = {.up = ua_register, .ended = on_end_of_register, .closed = phone_open};
    return loop(o, &job, begin_register, 1);
}

int run_call(const struct options *o)
{
    static const struct job job = {.up = ua_register, .ended = on_end_of_call, .closed = phone_open};
    return loop(o, &job, begin_call, 2);
}
