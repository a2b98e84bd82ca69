/* Connections that the core has opened, used for our requests too (RFC 5923 8.2): each on the worker that has
 * it, as it uses its own. */
#include "modules/pcscf/core/cert_name.h"
#include "modules/pcscf/core/core_stats.h"
#include "modules/pcscf/core/next_hop.h"
#include "mux/conn.h"
#include <stdlib.h>

static bool is_at(const struct next_hop *h, uint8_t transport, const struct addr *a)
{
    return h && h->transport == transport && addr_eq(&h->addr, a);
}

/* RFC 5923 9.2, 8.2 item 2: over TLS only who has proved to be the one whom the request is for. */
static bool may_stand_for(const struct conn *c, const struct next_hop *h)
{
    X509 *cert = c->transport == TRANSPORT_TLS ? conn_tls_certificate(c) : NULL;
    return c->transport == TRANSPORT_TCP || (cert && cert_name_matches(cert, h->name));
}

static void take(struct next_hop *h, const struct conn *c)
{
    struct worker *w = c->w;
    if (ref_eq(h->alias, conn_ref(c)) || ref_eq(h->conn, conn_ref(c)) || !may_stand_for(c, h))
        return;
    h->alias = conn_ref(c);
    core_count(h->p, CORE_ALIASES);
    log_debug(&w->log, "sip.core_alias", F_UINT("hop", h->index), F_ADDR("peer", &c->peer));
    next_hop_reached(h);
}

static void take_all(struct pcscf *p, const struct flow *f, const struct addr *a)
{
    const struct conn *c = conn_get(p->w, f->conn);
    for (unsigned i = 0; c && i < p->core.n_hops; i++)
        if (is_at(p->core.hops[i], f->transport, a))
            take(p->core.hops[i], c);
}

/* ---- of another worker ---- */

struct alias_letter {
    struct letter letter;
    struct flow flow;
    struct addr advertised;
};

static void on_letter(struct worker *w, struct letter *l)
{
    struct alias_letter *al = container_of(l, struct alias_letter, letter);
    struct pcscf *p = w->ended ? NULL : pcscf_of(w);
    if (p)
        take_all(p, &al->flow, &al->advertised);
    free(al);
}

/* A request is carried out where its phone is. Once for each connection; without memory the next one says it
 * again. */
static void tell_home(struct pcscf *p, const struct flow *f, const struct addr *a)
{
    struct next_hop *h = NULL;
    for (unsigned i = 0; i < p->core.n_hops && !h; i++)
        h = is_at(p->core.hops[i], f->transport, a) ? p->core.hops[i] : NULL;
    struct worker *home = gateway_worker(p->w->gw, f->conn.worker);
    if (!h || !home || ref_eq(h->told, f->conn))
        return;
    struct alias_letter *al = malloc(sizeof(*al));
    if (!al)
        return;
    *al = (struct alias_letter){.letter = {.open = on_letter}, .flow = *f, .advertised = *a};
    h->told = f->conn;
    worker_post(home, &al->letter);
}

/* ---- what the edge calls ---- */

void core_link_alias(struct pcscf *p, const struct sip_hop *from, uint16_t port)
{
    if (from->kind != HOP_FLOW || from->flow.transport == TRANSPORT_UDP)
        return;
    struct addr a = from->flow.peer;
    a.port = port ? port : core_default_port(from->flow.transport);
    if (from->flow.conn.worker == p->w->id)
        take_all(p, &from->flow, &a);
    else
        tell_home(p, &from->flow, &a);
}

void core_link_alias_lost(struct pcscf *p, struct ref conn)
{
    for (unsigned i = 0; i < p->core.n_hops; i++) {
        struct next_hop *h = p->core.hops[i];
        if (!h || !ref_eq(h->alias, conn))
            continue;
        h->alias = REF_NONE;
        if (h->probed && h->places && ref_is_none(h->conn) && ref_is_none(h->probe))
            hop_probe_start(h); /* dials */
    }
}
