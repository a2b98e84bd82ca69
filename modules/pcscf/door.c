/* The edge as a module of the door: connections and datagrams, cut into messages (RFC 3261 18.3). */
#include "modules/pcscf/answer.h"
#include "modules/pcscf/core/core_setup.h"
#include "modules/pcscf/keepalive.h"
#include "modules/sip/frame.h"
#include "mux/conn.h"
#include "mux/sniff.h"
#include <errno.h>
#include <stdlib.h>

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
    pcscf_reload(pcscf_of(w));
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
