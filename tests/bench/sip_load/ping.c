/* Pings (RFC 5626 3.5.1) at a rate, one phone after the other, each at its own moment: an open loop. */
#include "sip_load.h"

static void ping_for(struct swarm *s, double seconds)
{
    uint64_t began = time_now(), now = began, until = began + time_seconds(seconds), sent = 0;
    unsigned next = 0;
    while ((now = time_now()) < until) {
        for (; sent < (now - began) * s->options->rate / SECOND; sent++, next = (next + 1) % s->n) {
            if (s->phones[next].deed == IDLE && s->phones[next].link == LINK_UP)
                ua_ping(&s->phones[next]);
            else
                s->failed++; /* the last one is not answered yet */
        }
        swarm_turn(s, began + (sent + 1) * SECOND / s->options->rate);
    }
}

int run_ping(const struct options *o)
{
    static const struct job job = {.up = NULL};
    struct swarm s;
    struct window w;
    swarm_open(&s, o, &job, o->phones);
    gather(&s);
    ping_for(&s, o->warmup);
    window_open(&w, &s);
    ping_for(&s, o->seconds);
    window_report(&w, &s, "ping", NULL);
    swarm_settle(&s, 3);
    swarm_close(&s);
    return 0;
}
