#include "modules/sip/hop.h"
#include "modules/sip/entity.h"
#include <errno.h>

struct sip_hop sip_hop_flow(const struct flow *f)
{
    return (struct sip_hop){.kind = HOP_FLOW, .flow = *f};
}

struct sip_hop sip_hop_local(const struct sip_entity *e)
{
    return (struct sip_hop){.kind = HOP_LOCAL, .entity = e};
}

bool sip_hop_eq(const struct sip_hop *a, const struct sip_hop *b)
{
    if (a->kind != b->kind)
        return false;
    if (a->kind == HOP_FLOW)
        return flow_eq(&a->flow, &b->flow);
    return a->kind == HOP_NONE || a->entity == b->entity;
}

bool sip_hop_reliable(const struct sip_hop *h)
{
    return h->kind != HOP_FLOW || h->flow.transport != TRANSPORT_UDP;
}

bool sip_hop_secure(const struct sip_hop *h)
{
    return h->kind == HOP_LOCAL || (h->kind == HOP_FLOW && h->flow.transport == TRANSPORT_TLS);
}

bool sip_hop_dead(const struct worker *w, const struct sip_hop *h)
{
    return h->kind == HOP_FLOW && h->flow.conn.worker == w->id && !flow_alive(w, &h->flow);
}

int sip_hop_send(struct worker *w, const struct sip_entity *self, const struct sip_hop *to, struct bytes msg)
{
    struct sip_hop from;

    switch (to->kind) {
    case HOP_FLOW:
        return flow_send(w, &to->flow, msg);
    case HOP_LOCAL:
        from = sip_hop_local(self);
        return sip_entity_post(w, to->entity, &from, msg);
    case HOP_NONE:
        break;
    }
    return -ENOTCONN;
}
