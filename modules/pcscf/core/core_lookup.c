#include "modules/pcscf/core/core_lookup.h"
#include "appliance/base/list.h"
#include <stdio.h>

/* Ranks: which NAPTR or which transport, then the priority of its SRV. */
#define RANK_OF(choice, priority) ((uint32_t)(choice) << 16 | (priority))

static const struct {
    const char *service, *srv; /* RFC 3263 4.1, RFC 3261 26.2.2 */
    uint8_t transport;
} services[] = {
    {"SIP+D2U", "_sip._udp.", TRANSPORT_UDP},
    {"SIP+D2T", "_sip._tcp.", TRANSPORT_TCP},
    {"SIPS+D2T", "_sips._tcp.", TRANSPORT_TLS},
};
#define SERVICES (sizeof(services) / sizeof(services[0]))

static bool speaks(const struct core_lookup *l, uint8_t transport)
{
    bool wanted = !l->uri->transport || l->uri->transport == transport;
    return wanted && (l->transports & 1u << transport);
}

/* ---- steps ---- */

static void add_step(struct core_lookup *l, const struct lookup_step *s)
{
    if (l->n < LOOKUP_STEPS_MAX && s->name[0])
        l->steps[l->n++] = *s;
}

static void add_addresses(struct core_lookup *l, const struct lookup_step *from)
{
    struct lookup_step s = *from;
    s.type = l->v4_first ? DNS_A : DNS_AAAA;
    add_step(l, &s);
    s.type = l->v4_first ? DNS_AAAA : DNS_A;
    add_step(l, &s);
}

/* No NAPTR: SRV for each transport that we speak, in the order of the table. */
static void add_services(struct core_lookup *l)
{
    for (unsigned i = 0; i < SERVICES; i++) {
        struct lookup_step s = {.type = DNS_SRV, .transport = services[i].transport, .rank = RANK_OF(i, 0)};
        int n = snprintf(s.name, sizeof(s.name), "%s%s", services[i].srv, l->uri->name);
        if (speaks(l, s.transport) && n > 0 && (size_t)n < sizeof(s.name))
            add_step(l, &s);
    }
}

static uint8_t last_transport(const struct core_lookup *l)
{
    if (l->uri->transport)
        return l->uri->transport;
    return l->transports & 1u << TRANSPORT_UDP ? TRANSPORT_UDP : TRANSPORT_TCP;
}

/* Neither NAPTR nor SRV, or a port that was written: the name itself is the host. */
static void add_host(struct core_lookup *l)
{
    struct lookup_step s = {.transport = last_transport(l), .port = l->uri->port};
    if (!speaks(l, s.transport))
        return;
    if (!s.port)
        s.port = core_default_port(s.transport);
    snprintf(s.name, sizeof(s.name), "%s", l->uri->name);
    add_addresses(l, &s);
}

/* ---- answers ---- */

static void take_naptr(struct core_lookup *l, const struct dns_record *r, unsigned choice)
{
    for (unsigned i = 0; i < SERVICES; i++) {
        struct lookup_step s = {
            .type = DNS_SRV, .transport = services[i].transport, .rank = RANK_OF(choice, 0)};
        if (!bytes_ieq(bytes_str(r->service), bytes_str(services[i].service)) || !speaks(l, s.transport))
            continue;
        snprintf(s.name, sizeof(s.name), "%s", r->target);
        l->naptr = true;
        add_step(l, &s);
    }
}

/* By order, then preference (RFC 3403 4.1); `last` is what was taken before. */
static const struct dns_record *next_naptr(const struct dns_answer *a, const struct dns_record *last)
{
    const struct dns_record *best = NULL;
    for (unsigned i = 0; i < a->n; i++) {
        const struct dns_record *r = &a->records[i];
        uint64_t at = (uint64_t)r->priority << 32 | (uint32_t)r->weight << 8 | i;
        uint64_t floor = last ? (uint64_t)last->priority << 32 | (uint32_t)last->weight << 8 |
                                    (unsigned)(last - a->records)
                              : 0;
        if (last && at <= floor)
            continue;
        if (!best || at < ((uint64_t)best->priority << 32 | (uint32_t)best->weight << 8 |
                           (unsigned)(best - a->records)))
            best = r;
    }
    return best;
}

static void take_naptrs(struct core_lookup *l, const struct dns_answer *a)
{
    unsigned choice = 0;
    for (const struct dns_record *r = NULL; (r = next_naptr(a, r));) {
        if (bytes_ieq(bytes_str(r->flags), BYTES("s")))
            take_naptr(l, r, choice++);
    }
}

static void take_srv(struct core_lookup *l, const struct lookup_step *step, const struct dns_record *r)
{
    struct lookup_step s = *step;
    if (!r->target[0] || !r->port) /* ".": decidedly not here (RFC 2782) */
        return;
    s.port = r->port;
    s.weight = r->weight;
    s.rank = step->rank + r->priority;
    snprintf(s.name, sizeof(s.name), "%s", r->target);
    l->srv = true;
    add_addresses(l, &s);
}

static void take_address(struct core_lookup *l, const struct lookup_step *step, const struct addr *a)
{
    struct core_target t = {
        .transport = step->transport, .addr = *a, .rank = step->rank, .weight = step->weight};
    t.addr.port = step->port;
    if (addr_is_any(a) || l->targets.n == CORE_TARGETS_MAX)
        return;
    for (unsigned i = 0; i < l->targets.n; i++) {
        const struct core_target *o = &l->targets.items[i];
        if (o->transport == t.transport && addr_eq(&o->addr, &t.addr))
            return;
    }
    l->targets.items[l->targets.n++] = t;
}

/* The addresses of one host are asked for in two steps, one behind the other. */
static bool has_weight_already(const struct core_lookup *l, const struct lookup_step *step)
{
    const struct lookup_step *other = step - 1;
    return step > l->steps && other->found && other->type != step->type && other->rank == step->rank &&
           other->port == step->port && strcmp(other->name, step->name) == 0;
}

/* Only the first address of a host has its weight, so that one with several does not count more than once. */
static void take_addresses(struct core_lookup *l, const struct lookup_step *step, const struct dns_answer *a)
{
    struct lookup_step s = *step;
    if (has_weight_already(l, step))
        s.weight = 0;
    for (unsigned i = 0; i < a->n; i++) {
        take_address(l, &s, &a->records[i].addr);
        s.weight = 0;
    }
}

static void take(struct core_lookup *l, struct lookup_step *step, const struct dns_answer *a)
{
    step->found = a->n > 0;
    if (step->type == DNS_NAPTR)
        take_naptrs(l, a);
    else if (step->type != DNS_SRV)
        take_addresses(l, step, a);
    for (unsigned i = 0; step->type == DNS_SRV && i < a->n; i++)
        take_srv(l, step, &a->records[i]);
}

/* ---- going on ---- */

static bool before(const struct core_target *a, const struct core_target *b)
{
    if (a->rank != b->rank)
        return a->rank < b->rank;
    if (a->transport != b->transport)
        return a->transport < b->transport;
    int order = memcmp(a->addr.ip, b->addr.ip, sizeof(a->addr.ip));
    return order ? order < 0 : a->addr.port < b->addr.port;
}

/* DNS turns its answers round, and each worker asks for itself: sorted, they number their hops alike. */
static void sort_targets(struct core_targets *t)
{
    for (unsigned i = 1; i < t->n; i++) {
        const struct core_target moved = t->items[i];
        unsigned at = i;
        for (; at && before(&moved, &t->items[at - 1]); at--)
            t->items[at] = t->items[at - 1];
        t->items[at] = moved;
    }
}

static void finish(struct core_lookup *l, enum dns_verdict verdict)
{
    l->running = false;
    sort_targets(&l->targets);
    if (verdict != DNS_OK)
        l->targets.n = 0;
    l->done(l, verdict);
}

/* What to ask when there is nothing left to ask: the next weaker way to the same end. False: none. */
static bool fall_back(struct core_lookup *l)
{
    if (l->targets.n || l->srv)
        return false;
    const struct lookup_step *last = &l->steps[l->n - 1];
    unsigned before = l->n;
    if (last->type == DNS_NAPTR && !l->naptr)
        add_services(l);
    if (l->n == before && last->type != DNS_A && last->type != DNS_AAAA)
        add_host(l);
    return l->n > before;
}

static void go_on(struct core_lookup *l)
{
    if (l->next == l->n && (l->n == 0 || !fall_back(l))) {
        finish(l, l->targets.n ? DNS_OK : l->partial ? DNS_FAILED : DNS_EMPTY);
        return;
    }
    const struct lookup_step *s = &l->steps[l->next];
    if (l->resolver->ask(l->resolver, s->name, s->type, &l->question) == 0)
        return;
    l->at = s->name;
    l->why = "it could not be asked for";
    finish(l, DNS_FAILED);
}

/* There are servers that know nothing of AAAA and say so badly: the others may do. */
static bool is_address(enum dns_type type)
{
    return type == DNS_A || type == DNS_AAAA;
}

static void on_answer(struct dns_question *q, const struct dns_answer *a)
{
    struct core_lookup *l =
        (struct core_lookup *)(void *)((char *)q - offsetof(struct core_lookup, question));
    struct lookup_step *step = &l->steps[l->next++];
    l->at = step->name;
    if (a->verdict == DNS_FAILED) {
        l->why = a->why;
        if (!is_address(step->type)) {
            finish(l, DNS_FAILED);
            return;
        }
        l->partial = true;
    }
    if (a->verdict == DNS_OK && a->ttl < l->ttl)
        l->ttl = a->ttl;
    take(l, step, a);
    go_on(l);
}

/* RFC 3263 4.1 and 4.2: what is asked first. */
static void first_step(struct core_lookup *l)
{
    struct lookup_step s = {.type = DNS_NAPTR};
    snprintf(s.name, sizeof(s.name), "%s", l->uri->name);
    if (l->uri->port)
        add_host(l);
    else if (l->uri->transport && !l->uri->secure)
        add_services(l);
    else
        add_step(l, &s);
}

void core_lookup_start(struct core_lookup *l)
{
    l->question.answered = on_answer;
    l->targets.n = l->n = l->next = 0;
    l->naptr = l->srv = l->partial = false;
    l->ttl = UINT32_MAX;
    l->at = l->uri->name;
    l->why = NULL;
    l->running = true;
    if (l->uri->addr.family != ADDR_NONE) {
        const struct core_target t = {.transport = l->uri->transport, .addr = l->uri->addr};
        if (speaks(l, t.transport))
            l->targets.items[l->targets.n++] = t;
        finish(l, l->targets.n ? DNS_OK : DNS_EMPTY);
        return;
    }
    if (!l->resolver) {
        l->why = "there is no resolver";
        finish(l, DNS_FAILED);
        return;
    }
    first_step(l);
    go_on(l);
}

void core_lookup_stop(struct core_lookup *l)
{
    if (l->running && l->resolver)
        l->resolver->drop(l->resolver, &l->question);
    l->running = false;
}
