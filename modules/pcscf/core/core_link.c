#include "modules/pcscf/core/core_link.h"
#include "modules/pcscf/core/core_place.h"
#include "modules/pcscf/core/core_setup.h"
#include "modules/pcscf/core/core_stats.h"
#include "modules/pcscf/core/core_tls.h"
#include "modules/sip/home.h"

#define SWEEP    60000   /* ms */
#define HOP_STAY 600000  /* ms: a hop that nobody names is still the core's */
#define IDLE     3600000 /* ms: a learnt place that nobody asked for */

/* ---- the table of hops ---- */

static bool is_target(const struct next_hop *h, const struct core_target *t, const char *name)
{
    return h->transport == t->transport && addr_eq(&h->addr, &t->addr) &&
           (t->transport != TRANSPORT_TLS || strcmp(h->name, name) == 0);
}

static struct next_hop *find_target(struct core_link *l, const struct core_target *t, const char *name,
                                    unsigned *free_one)
{
    *free_one = CORE_HOPS_MAX;
    for (unsigned i = CORE_HOPS_MAX; i-- > 0;) {
        if (l->hops[i] && is_target(l->hops[i], t, name))
            return l->hops[i];
        if (!l->hops[i])
            *free_one = i;
    }
    return NULL;
}

struct next_hop *core_link_enter(struct pcscf *p, const struct core_target *t, const char *name)
{
    struct core_link *l = &p->core;
    unsigned i;
    struct next_hop *h = find_target(l, t, name, &i);
    if (!h && i == CORE_HOPS_MAX) {
        log_warn(&p->w->log, "sip.too_many_next_hops", F_UINT("max", CORE_HOPS_MAX), F_STR("left_out", name));
        return NULL;
    }
    if (!h)
        h = l->hops[i] = next_hop_create(p, i, t, name);
    if (!h)
        return NULL;
    l->n_hops = h->index < l->n_hops ? l->n_hops : h->index + 1;
    if (h->places++ == 0) {
        hop_probe_start(h);
        core_stats_up(p, h->index, hop_health_usable(&h->health));
    }
    return h;
}

void core_link_leave(struct next_hop *h)
{
    if (!h || --h->places > 0)
        return;
    h->left_at = h->p->w->now;
    hop_probe_stop(h);
    core_stats_up(h->p, h->index, false);
    core_link_leave(h->twin);
    h->twin = NULL;
}

static struct sip_hop way_to_twin(struct next_hop *h)
{
    const struct core_target t = {.transport = TRANSPORT_TCP, .addr = h->addr};
    if (h->transport != TRANSPORT_UDP)
        return SIP_HOP_NONE;
    if (!h->twin)
        h->twin = core_link_enter(h->p, &t, h->name);
    return h->twin && hop_health_usable(&h->twin->health) ? next_hop_way(h->twin) : SIP_HOP_NONE;
}

struct sip_hop core_link_by_size(struct pcscf *p, const struct sip_hop *way, size_t n)
{
    const int64_t max = p->config->core_udp_max;
    struct next_hop *h = max && n > (size_t)max ? core_link_find(p, way) : NULL;
    struct sip_hop better = h ? way_to_twin(h) : SIP_HOP_NONE;
    return better.kind == HOP_NONE ? *way : better;
}

struct next_hop *core_link_find(const struct pcscf *p, const struct sip_hop *way)
{
    for (unsigned i = 0; i < p->core.n_hops; i++)
        if (p->core.hops[i] && next_hop_is(p->core.hops[i], way))
            return p->core.hops[i];
    return NULL;
}

struct core_place *core_link_place_of(const struct pcscf *p, const struct next_hop *h)
{
    const struct core_link *l = &p->core;
    if (l->home && core_place_has(l->home, h))
        return l->home;
    for (struct list *it = l->places.next; it != &l->places; it = it->next) {
        struct core_place *place = container_of(it, struct core_place, link);
        if (core_place_has(place, h))
            return place;
    }
    return NULL;
}

/* ---- choosing ---- */

uint64_t core_link_seed(const struct pcscf *p, struct bytes call_id)
{
    uint64_t seed;
    if (call_id.n)
        return bytes_hash(&p->w->hash_key, call_id);
    random_fill(&seed, sizeof(seed));
    return seed;
}

struct sip_hop core_link_choose(struct core_place *place, uint64_t seed, uint64_t *tried)
{
    struct next_hop *h;
    while (place && (h = core_place_choose(place, seed, *tried))) {
        *tried |= UINT64_C(1) << h->index;
        struct sip_hop way = next_hop_way(h);
        if (way.kind != HOP_NONE)
            return way;
    }
    return SIP_HOP_NONE;
}

/* Nothing is up: 503 to all until a probe is answered would be worse than to let some find out. */
static struct sip_hop last_resort(struct core_place *place)
{
    struct next_hop *h = place ? core_place_least_bad(place) : NULL;
    if (!h || !hop_health_may_try(&h->health, h->p->w->now))
        return SIP_HOP_NONE;
    core_count(h->p, CORE_LAST_RESORT);
    return next_hop_way(h);
}

static struct sip_hop home_way(const struct pcscf *p)
{
    const struct sip_entity *home = sip_home(p->w);
    return home ? sip_hop_local(home) : SIP_HOP_NONE;
}

struct sip_hop core_link_hop_by(struct pcscf *p, struct bytes call_id)
{
    uint64_t tried = 0;
    if (p->core.embedded)
        return home_way(p);
    struct sip_hop way = core_link_choose(p->core.home, core_link_seed(p, call_id), &tried);
    return way.kind == HOP_NONE ? last_resort(p->core.home) : way;
}

struct sip_hop core_link_hop(struct pcscf *p)
{
    return core_link_hop_by(p, BYTES_NONE);
}

/* ---- life ---- */

static void sweep_places(struct core_link *l, uint64_t now)
{
    for (struct list *it = l->places.next, *next; it != &l->places; it = next) {
        struct core_place *place = container_of(it, struct core_place, link);
        next = it->next;
        if (place->learnt && now - place->used_at > IDLE)
            core_place_destroy(place);
    }
}

/* A hop goes a turn after its connection, which knows it. */
static void sweep_hops(struct core_link *l, uint64_t now)
{
    for (unsigned i = 0; i < l->n_hops; i++) {
        struct next_hop *h = l->hops[i];
        if (!h || h->places || now - h->left_at < HOP_STAY)
            continue;
        if (ref_is_none(h->conn)) {
            next_hop_destroy(h);
            l->hops[i] = NULL;
        } else {
            hop_stream_close(h);
        }
    }
}

static void on_sweep(struct worker *w, struct timer *t)
{
    struct core_link *l = container_of(t, struct core_link, sweep);
    sweep_places(l, w->now);
    sweep_hops(l, w->now);
    timer_set(&w->timers, &l->sweep, w->now + SWEEP);
}

int core_link_init(struct core_link *l, struct pcscf *p)
{
    *l = (struct core_link){.stats = stats_row(p->w->gw->stats, &core_stats, p->w->id)};
    list_init(&l->places);
    l->sweep.fire = on_sweep;
    int rc = core_setup(l, p);
    if (rc == 0 && !l->embedded)
        timer_set(&p->w->timers, &l->sweep, p->w->now + SWEEP);
    return rc;
}

void core_link_reload(struct pcscf *p)
{
    for (unsigned i = 0; i < p->core.n_hops; i++) {
        if (p->core.hops[i])
            hop_probe_due(p->core.hops[i]);
    }
}

void core_link_fini(struct core_link *l, struct pcscf *p)
{
    timer_stop(&p->w->timers, &l->sweep);
    while (l->places.next && !list_empty(&l->places))
        core_place_destroy(container_of(l->places.next, struct core_place, link));
    for (unsigned i = 0; i < l->n_hops; i++)
        next_hop_destroy(l->hops[i]);
    memset(l->hops, 0, sizeof(l->hops));
    if (l->resolver)
        l->resolver->destroy(l->resolver);
    core_tls_destroy(l->tls);
    l->resolver = NULL;
    l->tls = NULL;
    l->home = NULL;
}
