/* The connection of a worker to a next hop over TCP or TLS: dialled when it is needed, and again when it is
 * lost. What the core sends on it is the core's (RFC 5923: we offer it for both ways by Via's alias). */
#include "modules/pcscf/core/core_stats.h"
#include "modules/pcscf/core/core_tls.h"
#include "modules/pcscf/core/next_hop.h"
#include "mux/dial.h"
#include <errno.h>
#include <stdio.h>

#define PATIENCE    5000              /* ms, until it must be open */
#define UNSENT_MAX  (4 * 1024 * 1024) /* all phones of a worker write to it */
#define SHORT_LIVED 2000              /* ms: one that ends so soon was refused, whatever it looks like */

static SSL *client_for(struct next_hop *h)
{
    return h->p->core.tls ? core_tls_client(h->p->core.tls, h->name, &h->wrong_name) : NULL;
}

int hop_stream_dial(struct next_hop *h)
{
    struct pcscf *p = h->p;
    SSL *tls = h->transport == TRANSPORT_TLS ? client_for(h) : NULL;
    const struct dial how = {.module = &core_module,
                             .state = h,
                             .to = h->addr,
                             .patience = PATIENCE,
                             .out_max = UNSENT_MAX,
                             .side = SIDE_CORE,
                             .tls = tls};
    int error = -ENOMEM;
    h->open = h->wrong_name = false;
    h->framer = (struct sip_framer){0};
    bool ready = h->transport != TRANSPORT_TLS || tls;
    struct conn *c = ready ? conn_dial(p->w, &how, &error) : NULL;
    if (c) {
        h->conn = conn_ref(c);
        return 0;
    }
    next_hop_failed(h, true, strerrordesc_np(-error));
    return error;
}

void hop_stream_close(struct next_hop *h)
{
    struct conn *c = conn_get(h->p->w, h->conn);
    if (c)
        conn_close(c, CLOSE_MODULE);
}

static void opened(struct conn *c)
{
    struct next_hop *h = c->state;
    h->open = true;
    h->opened_at = c->w->now;
    if (!h->p->config->core_probe) { /* nothing else will ever say that it is back */
        if (!hop_health_usable(&h->health))
            hop_health_forget(&h->health, c->w->now);
        next_hop_heard(h);
    } else if (h->probed && ref_is_none(h->probe)) {
        hop_probe_start(h);
    }
}

static const char *end_of(const struct next_hop *h, const struct conn *c, char *text, size_t cap)
{
    if (!h->wrong_name)
        return conn_end(c);
    snprintf(text, cap, "its certificate does not speak for %s", h->name);
    return text;
}

/* One that stood and was lost is dialled again at once: only when that fails is the hop down. */
static void closed(struct conn *c)
{
    struct next_hop *h = c->state;
    struct ref gone = conn_ref(c);
    char text[sizeof(h->why)];
    bool stood = h->open && c->w->now - h->opened_at >= SHORT_LIVED;
    h->conn = REF_NONE;
    h->open = false;
    core_count(h->p, CORE_CONNECTIONS_LOST);
    sip_layer_flow_dead(h->p->layer, gone);
    const char *why = end_of(h, c, text, sizeof(text));
    if (!h->places || conn_why(c) == CLOSE_SHUTDOWN)
        return;
    bool aliased = conn_get(c->w, h->alias) != NULL; /* that will do as well (RFC 5923) */
    if (!stood && !aliased) {
        next_hop_failed(h, true, why);
        return;
    }
    snprintf(h->why, sizeof(h->why), "%s", why);
    if (!aliased)
        hop_stream_dial(h);
}

static struct sip_frame_limits limits_of(const struct next_hop *h)
{
    const size_t half = (size_t)h->p->config->max_message / 2;
    return (struct sip_frame_limits){.head = half, .body = half};
}

static size_t data(struct conn *c, struct bytes in)
{
    struct next_hop *h = c->state;
    const struct flow flow = conn_flow(c);
    const struct sip_hop from = sip_hop_flow(&flow);
    const struct sip_frame_limits limits = limits_of(h);
    size_t eaten = 0;
    for (;;) {
        struct bytes rest = bytes_skip(in, eaten);
        struct sip_frame f = sip_frame_next(&h->framer, &limits, rest);
        if (f.kind == SIP_FRAME_MORE)
            return eaten;
        if (f.kind == SIP_FRAME_TOO_BIG || f.kind == SIP_FRAME_BAD) {
            conn_close(c, f.kind == SIP_FRAME_TOO_BIG ? CLOSE_TOO_BIG : CLOSE_PROTOCOL);
            return in.n;
        }
        if (f.kind == SIP_FRAME_PING) /* RFC 5626 4.4.1 */
            conn_send(c, BYTES("\r\n"));
        if (f.kind == SIP_FRAME_MESSAGE)
            sip_entity_deliver(c->w, &pcscf_entity, &from, bytes_first(rest, f.len));
        eaten += f.len;
    }
}

const struct module core_module = {.name = "core", .opened = opened, .data = data, .closed = closed};
