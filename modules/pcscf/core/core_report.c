#include "modules/pcscf/core/core_report.h"
#include "modules/pcscf/core/cert_name.h"
#include "modules/pcscf/core/next_hop.h"
#include "mux/conn.h"
#include "mux/door.h"

void core_report(struct worker *w, void (*each)(const struct core_hop_view *h, void *arg), void *arg)
{
    const struct pcscf *p = pcscf_of(w);
    for (unsigned i = 0; p && i < p->core.n_hops; i++) {
        const struct next_hop *h = p->core.hops[i];
        char address[ADDR_TEXT];
        if (!h)
            continue;
        addr_format(&h->addr, address);
        const struct core_hop_view view = {
            .hop = i,
            .transport = transport_name(h->transport),
            .address = address,
            .name = h->name,
            .state = h->places ? hop_state_name(h->health.state) : "left",
            .since = w->now - (h->places ? h->health.since : h->left_at),
            .rtt = h->rtt,
            .requests = h->requests,
            .failures = h->failures,
            .why = h->why,
        };
        each(&view, arg);
    }
}

/* ---- connections ---- */

#define NAMES_MAX 256

struct client_listing {
    const struct pcscf *p;
    void (*each)(const struct core_client_view *c, void *arg);
    void *arg;
};

static int hop_by(const struct pcscf *p, struct ref conn)
{
    for (unsigned i = 0; i < p->core.n_hops; i++)
        if (p->core.hops[i] && ref_eq(p->core.hops[i]->alias, conn))
            return (int)i;
    return -1;
}

static void report_client(struct conn *c, void *arg)
{
    const struct client_listing *l = arg;
    char address[ADDR_TEXT], names[NAMES_MAX] = "";
    if (c->module != &pcscf_module || c->side != SIDE_CORE)
        return;
    X509 *cert = conn_tls_certificate(c);
    addr_format(&c->peer, address);
    if (cert)
        cert_names(cert, names, sizeof(names));
    const struct core_client_view view = {.transport = transport_name(c->transport),
                                          .address = address,
                                          .names = names,
                                          .state = cert ? "verified" : "address",
                                          .why = "",
                                          .hop = hop_by(l->p, conn_ref(c)),
                                          .since = c->w->now - c->opened_at};
    l->each(&view, l->arg);
}

static void report_refused(const struct client_listing *l, uint64_t now)
{
    const struct core_refusal *r = &l->p->core.refused;
    char address[ADDR_TEXT];
    addr_format(&r->peer, address);
    const struct core_client_view view = {.transport = transport_name(TRANSPORT_TLS),
                                          .address = address,
                                          .names = r->names,
                                          .state = "refused",
                                          .why = r->why,
                                          .hop = -1,
                                          .since = now - r->at};
    if (r->at)
        l->each(&view, l->arg);
}

void core_report_clients(struct worker *w, void (*each)(const struct core_client_view *c, void *arg),
                         void *arg)
{
    struct client_listing l = {.p = pcscf_of(w), .each = each, .arg = arg};
    if (!l.p)
        return;
    door_each(w, report_client, &l);
    report_refused(&l, w->now);
}
