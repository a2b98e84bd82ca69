/* What phones do in a day, in little time: each, at a random moment, registers, calls, writes, pings, goes
 * away with or without a word, and comes back, now and then with a ticket. `rate` deeds a second over all of
 * them. */
#include "sip_load.h"
#include <stdlib.h>

static void come_back(struct phone *p)
{
    if (p->link == LINK_CLOSED && !p->swarm->stopping)
        phone_open(p);
}

static void on_up(struct phone *p)
{
    ua_register(p);
}

/* Somebody who is there, or NULL. */
static struct phone *other(const struct phone *p)
{
    struct swarm *s = p->swarm;
    struct phone *q = &s->phones[(unsigned)random() % s->n];
    return q != p && q->registered && q->link == LINK_UP ? q : NULL;
}

static void act(struct phone *p)
{
    unsigned what = (unsigned)random() % 100;
    struct phone *q = other(p);
    if (p->deed != IDLE)
        return;
    if (p->link == LINK_CLOSED)
        come_back(p);
    else if (!p->registered || what < 25)
        ua_register(p);
    else if (what < 50)
        ua_ping(p);
    else if (what < 85 && q)
        what < 70 ? ua_call(p, q) : ua_write(p, q);
    else if (what >= 85)
        phone_close(p);
}

int run_life(const struct options *o)
{
    static const struct job job = {.up = on_up};
    struct swarm s;
    struct window w;
    swarm_open(&s, o, &job, o->phones);
    gather(&s);
    window_open(&w, &s);
    uint64_t now, until = w.began + time_seconds(o->seconds), sent = 0;
    while ((now = time_now()) < until) {
        for (; sent < (now - w.began) * o->rate / SECOND; sent++)
            act(&s.phones[(unsigned)random() % s.n]);
        swarm_turn(&s, now + MILLISECOND);
    }
    swarm_settle(&s, 15);
    window_report(&w, &s, "life", NULL);
    swarm_close(&s);
    return 0;
}
