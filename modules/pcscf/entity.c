/* The edge as an entity of SIP: whose a message is, and what becomes of it. */
#include "modules/pcscf/answer.h"
#include "modules/pcscf/route.h"
#include "modules/pcscf/strict.h"
#include "modules/sip/branch.h"
#include <stdio.h>

static enum sip_carrier carrier_of(const struct sip_hop *from)
{
    return from->kind == HOP_FLOW && from->flow.transport == TRANSPORT_UDP ? SIP_DATAGRAM : SIP_STREAM;
}

/* Who moves to another worker's flow answers there what came by the old one; and what comes for him by an old
 * token is that worker's affair, where his calls are now, unless its transaction is here already. */
static uint16_t home_of(struct pcscf *p, const struct sip_hop *from, const struct sip_msg *m)
{
    if (!m->request)
        return sip_sort_response(m->raw, p->w->id);
    if (!core_link_is_from(p, from))
        return p->w->id;
    uint16_t home = route_home(p, m);
    return home == p->w->id || sip_layer_has(p->layer, from, m) ? p->w->id : home;
}

/* In the usual form it may belong to another worker. */
static bool take_strict(struct pcscf *p, const struct sip_hop *from, const struct sip_msg *m)
{
    struct buf text;
    bool good = true;
    buf_init(&text);
    if (strict_loosen(m, &text) < 0)
        sip_layer_refuse(p->layer, from, m, 500);
    else if (core_link_is_from(p, from))
        sip_entity_deliver(p->w, &pcscf_entity, from, buf_bytes(&text));
    else
        good = pcscf_take(p, from, buf_bytes(&text));
    buf_fini(&text);
    return good;
}

bool pcscf_take(struct pcscf *p, const struct sip_hop *from, struct bytes msg)
{
    struct sip_msg m;
    struct sip_fault fault;
    if (sip_msg_parse(&m, msg, carrier_of(from), &fault) < 0)
        return answer_fault(p, from, &m, &fault);
    if (strict_is_from_one(p, &m))
        return take_strict(p, from, &m);
    uint16_t home = home_of(p, from, &m);
    if (home != p->w->id && sip_entity_post_to(p->w, home, &pcscf_entity, from, msg) == 0)
        return true;
    enum gate_verdict gate = gate_ask(p, from, &m);
    if (gate == GATE_OPEN && !m.request)
        hop_control_hear(p, from, &m);
    if (gate == GATE_OPEN)
        sip_layer_receive(p->layer, from, &m);
    return gate != GATE_CLOSED;
}

static void receive(struct worker *w, const struct sip_hop *from, struct bytes msg)
{
    struct pcscf *p = pcscf_of(w);
    if (p)
        pcscf_take(p, from, msg);
}

static uint16_t sort(struct worker *w, const struct sip_hop *from, struct bytes msg)
{
    (void)from;
    if (bytes_istarts(msg, BYTES("SIP/2.0 ")))
        return sip_sort_response(msg, w->id);
    return route_sort(w, msg);
}

static bool sent_by(struct worker *w, const struct sip_hop *to, struct sip_sent_by *out)
{
    const struct pcscf *p = pcscf_of(w);
    if (!p)
        return false;
    if (core_link_is_from(p, to)) {
        out->transport = to->kind == HOP_LOCAL ? "TCP" : transport_name(to->flow.transport);
        out->overload_control = p->config->overload_control && to->kind == HOP_FLOW;
        out->alias = to->kind == HOP_FLOW && to->flow.transport != TRANSPORT_UDP; /* RFC 5923 */
        return (size_t)snprintf(out->sent_by, sizeof(out->sent_by), "%s", p->core.host) <
               sizeof(out->sent_by);
    }
    out->transport = transport_name(to->flow.transport);
    return route_phone_host(p, &to->flow, out->sent_by, sizeof(out->sent_by));
}

const struct sip_entity pcscf_entity = {
    .name = "pcscf", .sort = sort, .receive = receive, .sent_by = sent_by};
