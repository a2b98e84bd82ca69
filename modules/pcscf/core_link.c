#include "modules/pcscf/core_link.h"
#include "modules/pcscf/core_tcp.h"
#include "modules/pcscf/room.h"
#include "modules/sip/home.h"
#include <errno.h>
#include <stdio.h>

bool core_name_parse(struct bytes text, struct core_name *out)
{
    *out = (struct core_name){0};
    if (bytes_istarts(text, BYTES("udp:")))
        out->transport = TRANSPORT_UDP;
    else if (bytes_istarts(text, BYTES("tcp:")))
        out->transport = TRANSPORT_TCP;
    else
        return false;
    return addr_parse(bytes_skip(text, 4), 5060, &out->addr) && out->addr.port && !addr_is_any(&out->addr);
}

/* ---- our side ---- */

#define LISTENERS_MAX 64

/* The UDP listener of ours that the core is spoken to from: the one of core_address, else the first of its
 * family. */
static const struct udp_port *find_listener(struct pcscf *p, const struct addr *reach)
{
    const struct udp_port *first = NULL;
    for (uint16_t i = 0; i < LISTENERS_MAX; i++) {
        const struct udp_port *u = udp_port_get(p->w, i);
        if (!u || u->module != &pcscf_module || u->local.family != p->core.name.addr.family)
            continue;
        if (addr_eq(&u->local, reach))
            return u;
        if (!first)
            first = u;
    }
    return first;
}

static int explain(struct pcscf *p, const char *what)
{
    log_error(&p->w->log, "pcscf.core", F_STR("problem", what), F_STR("core", p->config->core));
    return -EINVAL;
}

static int init_udp(struct core_link *l, struct pcscf *p)
{
    const struct udp_port *u = find_listener(p, &l->reach);
    if (!u)
        return explain(
            p, "a core over UDP needs a listener for it: add \"sip+udp://ADDRESS:PORT\" to door.listen");
    if (l->reach.family == ADDR_NONE)
        l->reach = u->local;
    l->flow = (struct flow){.transport = TRANSPORT_UDP,
                            .udp_index = u->index,
                            .conn = {.worker = p->w->id},
                            .peer = l->name.addr};
    return 0;
}

static int init_tcp(struct core_link *l, struct pcscf *p)
{
    l->tcp = core_tcp_create(p->w, &pcscf_entity, &l->name.addr, (size_t)p->config->max_message);
    return l->tcp ? 0 : -ENOMEM;
}

static int check_reach(struct core_link *l, struct pcscf *p)
{
    if (l->reach.family == ADDR_NONE || addr_is_any(&l->reach) || !l->reach.port)
        return explain(p,
                       "set pcscf.core_address: the address and port at which the core reaches this gateway");
    addr_format(&l->reach, l->host);
    return 0;
}

int core_link_init(struct core_link *l, struct pcscf *p)
{
    *l = (struct core_link){.reach = p->config->core_address};
    if (!p->config->core[0]) {
        l->reach = (struct addr){0};
        snprintf(l->host, sizeof(l->host), "%s", p->host);
        return 0;
    }
    if (!core_name_parse(bytes_str(p->config->core), &l->name))
        return explain(p, "cannot be read: write udp:ADDRESS:PORT or tcp:ADDRESS:PORT");
    int rc = l->name.transport == TRANSPORT_UDP ? init_udp(l, p) : init_tcp(l, p);
    return rc < 0 ? rc : check_reach(l, p);
}

void core_link_fini(struct core_link *l)
{
    core_tcp_destroy(l->tcp);
    l->tcp = NULL;
}

/* ---- the core's side ---- */

struct sip_hop core_link_hop(const struct pcscf *p)
{
    const struct core_link *l = &p->core;
    const struct sip_entity *home = sip_home(p->w);
    switch (l->name.transport) {
    case TRANSPORT_UDP:
        return sip_hop_flow(&l->flow);
    case TRANSPORT_TCP:
        return core_tcp_up(l->tcp) ? sip_hop_local(&core_tcp_entity) : SIP_HOP_NONE;
    default:
        return home ? sip_hop_local(home) : SIP_HOP_NONE;
    }
}

struct sip_hop core_link_hop_for(struct pcscf *p, const struct sip_uri *route)
{
    (void)route;
    return core_link_hop(p);
}

struct sip_hop core_link_hop_to(struct pcscf *p, const char *place)
{
    struct core_name name;
    if (!place[0] || !core_name_parse(bytes_str(place), &name) || name.transport != TRANSPORT_UDP)
        return SIP_HOP_NONE;
    const struct udp_port *u = udp_port_of(p->w, &pcscf_module, &name.addr);
    const struct flow f = {.transport = TRANSPORT_UDP,
                           .udp_index = u ? u->index : 0,
                           .conn = {.worker = p->w->id},
                           .peer = name.addr};
    return u ? sip_hop_flow(&f) : SIP_HOP_NONE;
}

bool core_link_check_place(const char *text, const char **why)
{
    struct core_name core;
    if (!text[0] || core_name_parse(bytes_str(text), &core))
        return true;
    *why = "write udp:ADDRESS:PORT or tcp:ADDRESS:PORT, or \"\" for none";
    return false;
}

bool core_link_is_peer(const struct pcscf *p, uint8_t transport, const struct addr *peer)
{
    const struct core_name *core = &p->core.name;
    if (core->transport == TRANSPORT_NONE || transport == TRANSPORT_TLS)
        return false;
    /* A connection comes from any port; a datagram from the port that we send to. */
    if (transport == TRANSPORT_UDP ? addr_eq(peer, &core->addr) : addr_ip_eq(peer, &core->addr))
        return true;
    return p->config->core_networks.n && cidr_set_match(&p->config->core_networks, peer) != NULL;
}

/* Anybody can write the core's address into a datagram, so it counts only where the core is spoken to: phones
 * that have a UDP listener of their own cannot reach that one, if the operator's network is in order. */
static bool is_wrong_listener(const struct pcscf *p, const struct flow *f)
{
    return f->transport == TRANSPORT_UDP && p->core.name.transport == TRANSPORT_UDP &&
           !p->config->core_networks.n && f->udp_index != p->core.flow.udp_index;
}

bool core_link_is_from(const struct pcscf *p, const struct sip_hop *from)
{
    if (from->kind == HOP_LOCAL)
        return true;
    return !is_wrong_listener(p, &from->flow) && core_link_is_peer(p, from->flow.transport, &from->flow.peer);
}
