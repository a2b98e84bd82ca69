#include "modules/pcscf/pcscf.h"
#include "appliance/core/store.h"
#include "modules/pcscf/answer.h"
#include "modules/pcscf/call/absence.h"
#include "modules/pcscf/core/core_setup.h"
#include "modules/pcscf/emergency.h"
#include "modules/pcscf/keepalive.h"
#include "modules/pcscf/registration/phone.h"
#include "modules/pcscf/request.h"
#include "modules/pcscf/route.h"
#include "modules/pcscf/strict.h"
#include "modules/sip/branch.h"
#include "modules/sip/frame.h"
#include "modules/sip/msg.h"
#include "mux/conn.h"
#include "mux/sniff.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the room ---- */

struct pcscf *pcscf_of(const struct worker *w)
{
    return worker_room(w, &pcscf_module);
}

static bool find_host(struct pcscf *p)
{
    const char *set = p->config->host;
    struct sip_host host;
    if (set[0] && (size_t)snprintf(p->host, sizeof(p->host), "%s", set) >= sizeof(p->host))
        return false;
    if (!set[0] && gethostname(p->host, sizeof(p->host) - 1) < 0)
        return false;
    return p->host[0] && sip_host_parse(bytes_str(p->host), false, &host) == strlen(p->host) && !host.port;
}

static const struct store_stmt delete_expired[] = {
    {STORE_SOFT, "DELETE FROM registration WHERE expires <= ?1"},
    {STORE_SOFT, "DELETE FROM dialog WHERE expires <= ?1"},
};

/* Rows of phones that never came back after an earlier end; one worker is enough to ask. */
static void clean_rows(struct pcscf *p)
{
    if (p->w->id != 0 || !p->w->gw->store)
        return;
    for (size_t i = 0; i < sizeof(delete_expired) / sizeof(delete_expired[0]); i++)
        store_exec(p->w->gw->store, &delete_expired[i], (const struct store_value[]){V_INT(p->w->wall)}, 1);
}

/* What goes to a phone goes to where it is now: a response to a request that it made before it moved, an ACK,
 * a CANCEL (RFC 3261 18.2.2 would have a new connection opened to it, which no firewall lets in). */
static int follow_send(struct worker *w, const struct sip_entity *self, const struct sip_hop *to,
                       struct bytes msg)
{
    const struct pcscf *p = pcscf_of(w);
    struct sip_hop now = *to;
    if (to->kind == HOP_FLOW && p->absences.count && !flow_reaches(p, &to->flow) &&
        !absence_follow(p, &to->flow, &now.flow) && absence_is_lost(p, &to->flow))
        return -ENOTCONN;
    return p->send(w, self, &now, msg);
}

static int init(struct pcscf *p, sip_send *send)
{
    const struct sip_layer_setup setup = {
        .w = p->w,
        .entity = &pcscf_entity,
        .user = &pcscf_requests,
        .config = config_of(p->w->config, &sip_settings),
        .stats = stats_row(p->w->gw->stats, &sip_stats, p->w->id),
        .send = follow_send,
        .state = p,
    };
    if (!find_host(p)) {
        log_error(&p->w->log, "pcscf.host",
                  F_STR("problem", "set pcscf.host: the name by which phones reach this gateway"));
        return -EINVAL;
    }
    int rc = map_init(&p->phones, 64);
    if (rc == 0)
        rc = map_init(&p->registered, 64);
    if (rc == 0)
        rc = map_init(&p->dialogs, 64);
    if (rc == 0)
        rc = map_init(&p->absences, 64);
    if (rc == 0)
        rc = core_link_init(&p->core, p);
    if (rc == 0)
        rc = emergency_init(p);
    if (rc == 0)
        rc = gate_init(p);
    if (rc < 0)
        return rc;
    p->send = send ? send : sip_hop_send;
    p->whereabouts = whereabouts_join(p->w->gw);
    if (!p->whereabouts)
        return -ENOMEM;
    clean_rows(p);
    rc = reg_events_init(&p->reg_events, p);
    p->layer = rc < 0 ? NULL : sip_layer_create(&setup);
    if (p->layer)
        overload_start(p);
    return p->layer ? 0 : -ENOMEM;
}

struct pcscf *pcscf_create(struct worker *w, sip_send *send)
{
    struct pcscf *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->w = w;
    p->config = config_of(w->config, &pcscf_settings);
    p->emergency = config_of(w->config, &emergency_settings);
    p->stats = stats_row(w->gw->stats, &pcscf_stats, w->id);
    if (init(p, send) < 0 || worker_set_room(w, &pcscf_module, p) < 0) {
        pcscf_destroy(p);
        return NULL;
    }
    return p;
}

void pcscf_destroy(struct pcscf *p)
{
    if (!p)
        return;
    if (pcscf_of(p->w) == p)
        worker_set_room(p->w, &pcscf_module, NULL);
    reg_events_fini(&p->reg_events);
    overload_stop(p);
    sip_layer_destroy(p->layer);
    p->layer = NULL;
    core_link_fini(&p->core, p);
    gate_fini(p);
    dialogs_clear(p);
    absences_clear(p);
    phones_clear(p);
    whereabouts_part(p->w->gw, p->whereabouts);
    map_fini(&p->absences);
    map_fini(&p->dialogs);
    map_fini(&p->phones);
    map_fini(&p->registered);
    free(p);
}

void pcscf_flow_closed(struct pcscf *p, const struct flow *f)
{
    if (f->side == SIDE_CORE)
        core_link_alias_lost(p, f->conn);
    else
        phone_lost(p, f);
    sip_layer_flow_dead(p->layer, f->conn);
}

/* ---- messages ---- */

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

/* ---- the door's side ---- */

static enum sniff sniff(struct bytes first)
{
    return sniff_text(first, SNIFF_SIP);
}

static int start(struct worker *w)
{
    return pcscf_create(w, NULL) ? 0 : -EINVAL;
}

static void stop(struct worker *w)
{
    pcscf_destroy(pcscf_of(w));
}

static void reload(struct worker *w, const struct config *old)
{
    (void)old;
    struct pcscf *p = pcscf_of(w);
    p->config = config_of(w->config, &pcscf_settings);
    p->emergency = config_of(w->config, &emergency_settings);
    gate_reload(p);
    sip_layer_reload(p->layer, config_of(w->config, &sip_settings));
    core_link_reload(p);
}

/* What a connection has, registered or not. */
struct phone_conn {
    struct gate_pass pass; /* first: the gate knows no more of it */
    struct sip_framer framer;
};

static bool shakes(struct conn *c, struct ssl_st *ssl)
{
    return core_link_ask(pcscf_of(c->w), c, ssl);
}

static void shaken_off(struct conn *c, struct ssl_st *ssl)
{
    core_link_refused(pcscf_of(c->w), c, ssl);
}

static void opened(struct conn *c)
{
    struct pcscf *p = pcscf_of(c->w);
    struct phone_conn *f = calloc(1, sizeof(*f));
    if (!f) {
        conn_close(c, CLOSE_MEMORY);
        return;
    }
    c->state = f;
    c->side = core_link_side(p, c);
    if (c->side == SIDE_PHONE)
        conn_idle_timeout(c, (uint64_t)p->config->unregistered_idle);
}

static bool take_frame(struct pcscf *p, const struct sip_hop *from, struct bytes msg)
{
    if (!core_link_is_from(p, from))
        return pcscf_take(p, from, msg);
    sip_entity_deliver(p->w, &pcscf_entity, from, msg);
    return true;
}

static void refuse_frame(struct conn *c, const struct sip_hop *from, const struct sip_frame *f,
                         struct bytes in)
{
    answer_bad_frame(pcscf_of(c->w), from, bytes_first(in, f->head_len), f->status, f->reason);
    conn_close(c, f->kind == SIP_FRAME_TOO_BIG ? CLOSE_TOO_BIG : CLOSE_PROTOCOL);
}

static size_t data(struct conn *c, struct bytes in)
{
    struct pcscf *p = pcscf_of(c->w);
    const struct flow flow = conn_flow(c);
    const struct sip_hop from = sip_hop_flow(&flow);
    /* The door keeps at most door.frame_max of an incomplete message: head and body together must fit into
     * it. */
    const size_t half = (size_t)p->config->max_message / 2;
    const struct sip_frame_limits limits = {.head = half, .body = half};
    struct phone_conn *state = c->state;
    size_t eaten = 0;
    for (;;) {
        struct bytes rest = bytes_skip(in, eaten);
        struct sip_frame f = sip_frame_next(&state->framer, &limits, rest);
        switch (f.kind) {
        case SIP_FRAME_MORE:
            return eaten;
        case SIP_FRAME_PING:
            keepalive_pong(p, c);
            break;
        case SIP_FRAME_CRLF:
            break;
        case SIP_FRAME_MESSAGE:
            if (take_frame(p, &from, bytes_first(rest, f.len)))
                break;
            conn_close(c, CLOSE_PROTOCOL);
            return in.n;
        case SIP_FRAME_TOO_BIG:
        case SIP_FRAME_BAD:
            refuse_frame(c, &from, &f, rest);
            return in.n;
        }
        eaten += f.len;
    }
}

static void closed(struct conn *c)
{
    struct pcscf *p = pcscf_of(c->w);
    const struct flow flow = conn_flow(c);
    if (p)
        pcscf_flow_closed(p, &flow);
    free(c->state);
    c->state = NULL;
}

static void datagram(struct udp_port *u, const struct addr *from, struct bytes in)
{
    struct pcscf *p = pcscf_of(u->w);
    if (keepalive_datagram(p, u, from, in))
        return;
    const struct flow flow = {
        .transport = TRANSPORT_UDP, .udp_index = u->index, .conn = {.worker = u->w->id}, .peer = *from};
    const struct sip_hop hop = sip_hop_flow(&flow);
    take_frame(p, &hop, in);
}

static const char *const alpn[] = {"sip/2", NULL};

const struct module pcscf_module = {
    .name = "sip",
    .alpn = alpn,
    .settings = &pcscf_settings,
    .stats = &pcscf_stats,
    .sniff = sniff,
    .check = core_check,
    .start = start,
    .stop = stop,
    .reload = reload,
    .shakes = shakes,
    .shaken_off = shaken_off,
    .opened = opened,
    .data = data,
    .closed = closed,
    .datagram = datagram,
};
