#include "modules/pcscf/core/next_hop.h"
#include "modules/pcscf/core/core_place.h"
#include "modules/pcscf/core/core_stats.h"
#include "mux/conn.h"
#include <stdio.h>
#include <stdlib.h>

#define REST_MAX 60 /* s: how long a hop's own Retry-After is honoured */

static struct sip_hop way_by(const struct next_hop *h, struct ref r)
{
    struct conn *c = conn_get(h->p->w, r);
    struct flow f;
    if (!c)
        return SIP_HOP_NONE;
    f = conn_flow(c);
    return sip_hop_flow(&f);
}

struct sip_hop next_hop_way(struct next_hop *h)
{
    if (h->transport == TRANSPORT_UDP)
        return sip_hop_flow(&h->flow);
    struct sip_hop way = way_by(h, h->conn);
    if (way.kind == HOP_NONE)
        way = way_by(h, h->alias);
    /* One that is closing has its end told before the next is dialled. */
    if (way.kind == HOP_NONE && ref_is_none(h->conn) && hop_stream_dial(h) == 0)
        way = way_by(h, h->conn);
    return way;
}

bool next_hop_is(const struct next_hop *h, const struct sip_hop *way)
{
    if (way->kind != HOP_FLOW || way->flow.transport != h->transport)
        return false;
    if (h->transport == TRANSPORT_UDP)
        return addr_eq(&way->flow.peer, &h->addr);
    return ref_eq(way->flow.conn, h->conn) || ref_eq(way->flow.conn, h->alias);
}

/* One worker speaks for all; the others' lines would say the same. */
static void say_changed(const struct next_hop *h, uint64_t before)
{
    struct worker *w = h->p->w;
    bool down = h->health.state == HOP_DOWN;
    enum log_level level = w->id != 0 ? LOG_DEBUG : down ? LOG_WARN : LOG_INFO;
    log_at(&w->log, level, down ? "sip.next_hop_down" : "sip.next_hop_up", F_UINT("hop", h->index),
           F_STR("transport", transport_name(h->transport)), F_ADDR("address", &h->addr),
           F_STR("name", h->name), F_STR(down ? "why" : NULL, h->why),
           F_UINT(before ? "after_s" : NULL, before ? (w->now - before) / 1000 : 0));
}

static void note_state(const struct next_hop *h)
{
    core_stats_up(h->p, h->index, hop_health_usable(&h->health) && h->places);
}

/* Nothing else is there for what it is there for. */
static bool is_alone(const struct next_hop *h)
{
    const struct core_place *place = core_link_place_of(h->p, h);
    return place && core_place_least_bad(place);
}

void next_hop_heard(struct next_hop *h)
{
    uint64_t before = h->health.since;
    bool alone = h->health.state == HOP_DOWN && is_alone(h);
    h->heard_at = h->p->w->now;
    if (!hop_health_good(&h->health, alone, h->p->w->now))
        return;
    note_state(h);
    say_changed(h, before);
}

void next_hop_failed(struct next_hop *h, bool certain, const char *why)
{
    uint64_t before = h->health.state == HOP_UP ? h->health.since : 0;
    h->failures++;
    snprintf(h->why, sizeof(h->why), "%s", why);
    if (hop_health_bad(&h->health, certain, h->p->w->now)) {
        h->alias = REF_NONE; /* its other end may be gone without a word: from here we dial */
        note_state(h);
        say_changed(h, before);
    }
    hop_probe_due(h); /* find out soon, not at the next turn of the probe */
}

void next_hop_reached(struct next_hop *h)
{
    if (!hop_health_usable(&h->health)) {
        hop_health_forget(&h->health, h->p->w->now);
        note_state(h);
    }
    if (h->probed && h->places && ref_is_none(h->probe))
        hop_probe_start(h);
}

void next_hop_rest(struct next_hop *h, uint32_t seconds)
{
    h->health.rests = h->p->w->now + (seconds < REST_MAX ? seconds : REST_MAX) * UINT64_C(1000);
}

static bool find_listener(struct next_hop *h)
{
    const struct udp_port *u = core_link_listener(h->p, &h->addr);
    if (!u)
        return false;
    h->flow = (struct flow){
        .transport = TRANSPORT_UDP, .udp_index = u->index, .conn = {.worker = h->p->w->id}, .peer = h->addr};
    return true;
}

struct next_hop *next_hop_create(struct pcscf *p, unsigned index, const struct core_target *t,
                                 const char *name)
{
    struct next_hop *h = calloc(1, sizeof(*h));
    if (!h)
        return NULL;
    h->p = p;
    h->index = index;
    h->transport = t->transport;
    h->addr = t->addr;
    h->health.since = p->w->now;
    snprintf(h->name, sizeof(h->name), "%s", name);
    if (h->transport == TRANSPORT_UDP && !find_listener(h)) {
        free(h);
        return NULL;
    }
    h->probed = true;
    hop_probe_start(h);
    return h;
}

void next_hop_destroy(struct next_hop *h)
{
    if (!h)
        return;
    hop_probe_stop(h);
    core_stats_up(h->p, h->index, false);
    free(h);
}
