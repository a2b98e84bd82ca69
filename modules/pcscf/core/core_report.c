#include "modules/pcscf/core/core_report.h"
#include "modules/pcscf/core/next_hop.h"

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
