/* Where a Route leads: the places that were configured or learnt, found by what a URI says. */
#include "modules/pcscf/core/core_place.h"
#include "modules/sip/uri.h"
#include <stdio.h>

static struct core_place *find_place(const struct core_link *l, const char *text)
{
    for (struct list *it = l->places.next; it != &l->places; it = it->next) {
        struct core_place *place = container_of(it, struct core_place, link);
        if (strcmp(place->text, text) == 0)
            return place;
    }
    return NULL;
}

static unsigned count_places(const struct core_link *l)
{
    unsigned n = 0;
    for (const struct list *it = l->places.next; it != &l->places; it = it->next)
        n++;
    return n;
}

static struct core_place *ensure_place(struct pcscf *p, const char *text)
{
    struct core_link *l = &p->core;
    struct core_place *place = find_place(l, text);
    if (place || count_places(l) >= CORE_PLACES_MAX)
        return place;
    place = core_place_create(p, text);
    if (place)
        list_push_back(&l->places, &place->link);
    return place;
}

struct sip_hop core_link_hop_to(struct pcscf *p, const char *text)
{
    uint64_t tried = 0;
    struct core_place *place = text[0] ? ensure_place(p, text) : NULL;
    return core_link_choose(place, core_link_seed(p, BYTES_NONE), &tried);
}

/* A Route's URI without what does not tell where it leads, as a place writes it. False: no such place. */
static bool route_text(const struct sip_uri *u, char *dst, size_t cap)
{
    struct bytes transport;
    if (!sip_uri_is_sip(u) || u->host.kind == SIP_HOST_NONE)
        return false;
    bool said = sip_uri_param(u, BYTES("transport"), &transport);
    char port[8] = "";
    if (u->host.port)
        snprintf(port, sizeof(port), ":%u", u->host.port);
    int n = snprintf(dst, cap, "%s:%.*s%s%s%.*s", u->scheme == SIP_URI_SIPS ? "sips" : "sip",
                     BYTES_FMT(u->host.text), port, said ? ";transport=" : "", said ? (int)transport.n : 0,
                     said ? (const char *)transport.p : "");
    return n > 0 && (size_t)n < cap;
}

#define ROUTE_TEXT_MAX (CORE_NAME_MAX + 40)

/* By address, whatever the name it was found by. Cores that speak TCP or TLS often write their URIs without
 * saying so: what is known there is meant. */
static struct next_hop *find_literal(const struct pcscf *p, const struct sip_uri *u)
{
    struct core_uri uri;
    char text[ROUTE_TEXT_MAX];
    bool said = sip_uri_param(u, BYTES("transport"), NULL) || u->scheme == SIP_URI_SIPS;
    if (u->host.kind == SIP_HOST_NAME || !route_text(u, text, sizeof(text)) ||
        !core_uri_parse(bytes_str(text), &uri, NULL))
        return NULL;
    struct next_hop *near = NULL;
    for (unsigned i = 0; i < p->core.n_hops; i++) {
        struct next_hop *h = p->core.hops[i];
        if (!h || !h->places || !addr_eq(&h->addr, &uri.addr))
            continue;
        if (h->transport == uri.transport)
            return h;
        near = said || near ? near : h;
    }
    return near;
}

static struct core_place *known_place(const struct pcscf *p, const struct sip_uri *route, const char *text)
{
    const struct next_hop *h = find_literal(p, route);
    return h ? core_link_place_of(p, h) : find_place(&p->core, text);
}

void core_link_learn(struct pcscf *p, const struct sip_uri *route)
{
    char text[ROUTE_TEXT_MAX];
    if (p->core.embedded || !route_text(route, text, sizeof(text)))
        return;
    struct core_place *place = known_place(p, route, text);
    if (place) {
        place->used_at = p->w->now;
        return;
    }
    place = ensure_place(p, text);
    if (place)
        place->learnt = true;
}

struct sip_hop core_link_hop_named(struct pcscf *p, const struct sip_uri *route, struct bytes call_id)
{
    char text[ROUTE_TEXT_MAX];
    uint64_t tried = 0;
    struct sip_hop way = SIP_HOP_NONE;
    if (!route_text(route, text, sizeof(text)))
        return way;
    struct next_hop *h = find_literal(p, route);
    struct core_place *place = known_place(p, route, text);
    if (place)
        place->used_at = p->w->now;
    if (h && hop_health_usable(&h->health))
        way = next_hop_way(h);
    else if (!h && place)
        way = core_link_choose(place, core_link_seed(p, call_id), &tried);
    return way;
}

struct sip_hop core_link_hop_for_by(struct pcscf *p, const struct sip_uri *route, struct bytes call_id)
{
    struct sip_hop way = p->core.embedded ? SIP_HOP_NONE : core_link_hop_named(p, route, call_id);
    return way.kind == HOP_NONE ? core_link_hop_by(p, call_id) : way;
}

struct sip_hop core_link_hop_for(struct pcscf *p, const struct sip_uri *route)
{
    return core_link_hop_for_by(p, route, BYTES_NONE);
}
