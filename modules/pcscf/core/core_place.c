#include "modules/pcscf/core/core_place.h"
#include "modules/pcscf/core/core_stats.h"
#include "modules/pcscf/core/weighted_order.h"
#include <stdlib.h>

#define REFRESH_MIN    1000     /* ms: a TTL of 0 is not asked for more often */
#define REFRESH_MAX    86400000 /* ms */
#define RETRY_FIRST    2000u    /* ms, after a failed look-up */
#define RETRY_LAST     60000
#define FAILURES_BORNE 3

/* ---- choices ---- */

static void clear_choices(struct core_place *place)
{
    for (unsigned i = 0; i < place->n_choices; i++)
        core_link_leave(place->choices[i].hop);
    place->n_choices = 0;
}

static void add_choice(struct core_place *place, unsigned source, const struct core_target *t)
{
    struct next_hop *h = core_link_enter(place->p, t, place->sources[source].uri.name);
    if (!h || place->n_choices == PLACE_HOPS_MAX || core_place_has(place, h)) {
        core_link_leave(h);
        return;
    }
    struct place_choice c = {.hop = h, .rank = (uint64_t)source << 32 | t->rank, .weight = t->weight};
    unsigned at = place->n_choices++;
    for (; at && place->choices[at - 1].rank > c.rank; at--)
        place->choices[at] = place->choices[at - 1];
    place->choices[at] = c;
}

/* The new hops come before the old ones go, so that those in both stay. */
static void choose_anew(struct core_place *place)
{
    struct place_choice old[PLACE_HOPS_MAX];
    unsigned n = place->n_choices;
    memcpy(old, place->choices, n * sizeof(old[0]));
    place->n_choices = 0;
    for (unsigned s = 0; s < place->n_sources; s++)
        for (unsigned i = 0; i < place->sources[s].targets.n; i++)
            add_choice(place, s, &place->sources[s].targets.items[i]);
    for (unsigned i = 0; i < n; i++)
        core_link_leave(old[i].hop);
}

bool core_place_has(const struct core_place *place, const struct next_hop *h)
{
    for (unsigned i = 0; i < place->n_choices; i++)
        if (place->choices[i].hop == h)
            return true;
    return false;
}

/* splitmix64: what comes of a seed is the same each time, and even enough to share out load. */
static uint32_t draw(void *arg, uint32_t limit)
{
    uint64_t *state = arg;
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)(((z ^ z >> 31) >> 32) * limit >> 32);
}

static bool serves(const struct next_hop *h, uint64_t tried, bool resting)
{
    if (tried & UINT64_C(1) << h->index)
        return false;
    return resting ? hop_health_usable(&h->health) : hop_health_willing(&h->health, h->p->w->now);
}

/* The first that serves of the choices [from, to), which are of one rank. */
static struct next_hop *choose_within(const struct core_place *place, unsigned from, unsigned to,
                                      uint64_t *seed, const struct next_hop *const *fit)
{
    uint16_t weights[PLACE_HOPS_MAX];
    uint8_t order[PLACE_HOPS_MAX];
    uint32_t sum = 0;
    for (unsigned i = from; i < to; i++)
        sum += place->choices[i].weight;
    for (unsigned i = from; i < to; i++) /* where nobody has a weight, each has the same chance */
        weights[i - from] = sum ? place->choices[i].weight : 1;
    weighted_order(weights, to - from, draw, seed, order);
    for (unsigned i = 0; i < to - from; i++)
        if (fit[from + order[i]])
            return place->choices[from + order[i]].hop;
    return NULL;
}

static struct next_hop *choose(const struct core_place *place, uint64_t seed, uint64_t tried, bool resting)
{
    const struct next_hop *fit[PLACE_HOPS_MAX];
    struct next_hop *found = NULL;
    for (unsigned i = 0; i < place->n_choices; i++)
        fit[i] = serves(place->choices[i].hop, tried, resting) ? place->choices[i].hop : NULL;
    for (unsigned from = 0, to; from < place->n_choices && !found; from = to) {
        to = from + 1;
        while (to < place->n_choices && place->choices[to].rank == place->choices[from].rank)
            to++;
        found = choose_within(place, from, to, &seed, fit);
    }
    return found;
}

struct next_hop *core_place_choose(struct core_place *place, uint64_t seed, uint64_t tried)
{
    place->used_at = place->p->w->now;
    struct next_hop *h = choose(place, seed, tried, false);
    return h ? h : choose(place, seed, tried, true);
}

static bool is_worse(const struct next_hop *a, const struct next_hop *b)
{
    if (a->health.refused != b->health.refused)
        return a->health.refused;
    return a->heard_at < b->heard_at;
}

struct next_hop *core_place_least_bad(const struct core_place *place)
{
    struct next_hop *best = NULL;
    for (unsigned i = 0; i < place->n_choices; i++) {
        struct next_hop *h = place->choices[i].hop;
        if (hop_health_usable(&h->health))
            return NULL;
        if (!best || is_worse(best, h))
            best = h;
    }
    return best;
}

/* ---- look-ups ---- */

static uint64_t refresh_after(uint32_t ttl)
{
    uint64_t ms = (uint64_t)ttl * 900; /* before it ends */
    return ms < REFRESH_MIN ? REFRESH_MIN : ms > REFRESH_MAX ? REFRESH_MAX : ms;
}

static void arm(struct place_source *s, uint64_t ms)
{
    struct worker *w = s->place->p->w;
    timer_set(&w->timers, &s->refresh, w->now + ms);
}

/* Once for each outage, by one worker for all. */
static void say_failed(const struct place_source *s, enum dns_verdict verdict)
{
    struct worker *w = s->place->p->w;
    enum log_level level = s->failures > 1 || w->id != 0 ? LOG_DEBUG : LOG_WARN;
    log_at(&w->log, level, "sip.core_lookup_failed", F_STR("name", s->uri.name), F_STR("asked", s->lookup.at),
           F_STR("why", verdict == DNS_EMPTY
                            ? "there is no such name, or it has no addresses that can be used"
                            : s->lookup.why),
           F_STR("now", s->targets.n ? "the last answer stays in use" : "it cannot be reached"));
}

static void on_failure(struct place_source *s, enum dns_verdict verdict)
{
    struct pcscf *p = s->place->p;
    uint64_t wait = (uint64_t)RETRY_FIRST << (s->failures < 5 ? s->failures : 5);
    s->failures++;
    core_count(p, verdict == DNS_EMPTY ? CORE_LOOKUPS_EMPTY : CORE_LOOKUPS_FAILED);
    say_failed(s, verdict);
    arm(s, wait > RETRY_LAST ? RETRY_LAST : wait);
}

/* An answer with holes is better than none, but not than a whole one, unless it stays so. */
static bool is_poorer(const struct place_source *s, const struct core_lookup *l)
{
    return l->partial && !s->partial && s->targets.n > l->targets.n && s->failures < FAILURES_BORNE;
}

static void on_done(struct core_lookup *l, enum dns_verdict verdict)
{
    struct place_source *s = container_of(l, struct place_source, lookup);
    struct worker *w = s->place->p->w;
    if (verdict != DNS_OK || is_poorer(s, l)) {
        on_failure(s, verdict == DNS_OK ? DNS_FAILED : verdict);
        return;
    }
    if (s->failures && w->id == 0)
        log_info(&w->log, "sip.core_lookup_works", F_STR("name", s->uri.name));
    s->failures = 0;
    s->partial = l->partial;
    s->targets = l->targets;
    choose_anew(s->place);
    if (l->ttl == UINT32_MAX) /* nothing was looked up */
        return;
    core_count(s->place->p, CORE_LOOKUPS_OK);
    arm(s, l->partial ? RETRY_LAST : refresh_after(l->ttl));
}

static void on_refresh(struct worker *w, struct timer *t)
{
    struct place_source *s = container_of(t, struct place_source, refresh);
    (void)w;
    core_lookup_start(&s->lookup);
}

/* ---- life ---- */

static bool next_word(struct bytes *rest, struct bytes *word)
{
    *rest = bytes_trim(*rest);
    return rest->n && bytes_split(rest, ' ', word);
}

static unsigned count_words(const char *text)
{
    struct bytes rest = bytes_str(text), word;
    unsigned n = 0;
    while (next_word(&rest, &word))
        n++;
    return n;
}

static bool init_source(struct core_place *place, struct bytes word)
{
    struct place_source *s = &place->sources[place->n_sources];
    if (!core_uri_parse(word, &s->uri, NULL))
        return false;
    place->n_sources++;
    s->place = place;
    s->refresh.fire = on_refresh;
    s->lookup.uri = &s->uri;
    s->lookup.resolver = place->p->core.resolver;
    s->lookup.transports = place->p->core.transports;
    s->lookup.v4_first = place->p->core.reach.family != ADDR_V6;
    s->lookup.done = on_done;
    return true;
}

static bool init(struct core_place *place, const char *text)
{
    struct bytes rest = bytes_str(text), word;
    place->text = strdup(text);
    while (place->text && next_word(&rest, &word))
        if (!init_source(place, word))
            return false;
    return place->text;
}

struct core_place *core_place_create(struct pcscf *p, const char *text)
{
    unsigned n = count_words(text);
    struct core_place *place =
        n <= PLACE_URIS_MAX ? calloc(1, sizeof(*place) + n * sizeof(struct place_source)) : NULL;
    if (!place)
        return NULL;
    place->p = p;
    place->used_at = p->w->now;
    list_init(&place->link);
    if (!init(place, text)) {
        core_place_destroy(place);
        return NULL;
    }
    for (unsigned i = 0; i < place->n_sources; i++)
        core_lookup_start(&place->sources[i].lookup);
    return place;
}

void core_place_destroy(struct core_place *place)
{
    if (!place)
        return;
    for (unsigned i = 0; i < place->n_sources; i++) {
        core_lookup_stop(&place->sources[i].lookup);
        timer_stop(&place->p->w->timers, &place->sources[i].refresh);
    }
    clear_choices(place);
    list_remove(&place->link);
    free(place->text);
    free(place);
}

bool core_link_check_place(const char *text, const char **why)
{
    struct bytes rest = bytes_str(text), word;
    struct core_uri uri;
    *why = "too many next hops";
    if (count_words(text) > PLACE_URIS_MAX)
        return false;
    while (next_word(&rest, &word)) {
        if (!core_uri_parse(word, &uri, why))
            return false;
    }
    return true;
}
