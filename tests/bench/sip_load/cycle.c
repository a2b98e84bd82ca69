/* Phones that come and go, `flight` at a time: connect, TLS, REGISTER with its challenge, close; or without
 * REGISTER. With --resume they come back with the ticket of their last connection, and only those that could
 * count. */
#include "sip_load.h"

static void come_back(struct phone *p)
{
    struct swarm *s = p->swarm;
    uint64_t *resumed = s->arg;
    *resumed += p->link == LINK_UP && SSL_session_reused(p->ssl);
    phone_close(p);
    if (s->stopping)
        return;
    if (!s->options->resume)
        p->id = s->options->base + (p->id - s->options->base + s->options->flight) % s->options->phones;
    phone_open(p);
}

static void on_end(struct phone *p, enum deed deed, int status)
{
    (void)deed, (void)status;
    come_back(p);
}

static void on_up(struct phone *p)
{
    p->swarm->done++;
    come_back(p);
}

static void on_loss(struct phone *p)
{
    if (!p->swarm->stopping)
        phone_open(p);
}

static int run(const struct options *o, const struct job *job, const char *mode)
{
    struct swarm s;
    struct window w;
    uint64_t resumed = 0;
    swarm_open(&s, o, job, o->flight);
    s.arg = &resumed;
    for (unsigned i = 0; i < s.n; i++)
        phone_open(&s.phones[i]);
    swarm_run(&s, o->warmup);
    window_open(&w, &s);
    resumed = 0;
    swarm_run(&s, o->seconds);
    window_report(&w, &s, mode, NULL);
    if (o->resume && resumed + s.n < s.done)
        fprintf(stderr, "sip_load: only %lu of %lu connections were resumed\n", (unsigned long)resumed,
                (unsigned long)s.done);
    swarm_settle(&s, 3);
    swarm_close(&s);
    return 0;
}

int run_cycle(const struct options *o)
{
    static const struct job job = {.up = ua_register, .ended = on_end, .closed = on_loss};
    return run(o, &job, "cycle");
}

int run_handshake(const struct options *o)
{
    static const struct job job = {.up = on_up, .closed = on_loss};
    return run(o, &job, "handshake");
}
