/* OPTIONS to a next hop, to know whether it is alive before a phone's request finds out (RFC 3261 11). Any
 * answer will do: what counts is that there is one. */
#include "appliance/base/random.h"
#include "modules/pcscf/core/core_stats.h"
#include "modules/pcscf/core/next_hop.h"
#include "modules/sip/msg.h"
#include "modules/sip/uac.h"
#include <stdio.h>

#define PATIENCE   3000 /* ms: for the answer; less when probes come more often than that */
#define FIRST      200  /* ms: so that not all workers ask in one moment */
#define CONNECTING 6000 /* ms: longer than a connection may take to be open */

static uint64_t interval(const struct next_hop *h)
{
    return (uint64_t)h->p->config->core_probe;
}

static void arm(struct next_hop *h, uint64_t delay)
{
    timer_set(&h->p->w->timers, &h->timer, h->p->w->now + delay);
}

/* Not later than it is due already: who fails often does not put it off. */
void hop_probe_due(struct next_hop *h)
{
    uint64_t now = h->p->w->now;
    if (!h->probed || !h->places || !ref_is_none(h->probe) ||
        (!interval(h) &&
         hop_health_usable(&h->health))) /* without probes only what is down is looked after */
        return;
    uint64_t due = now + hop_health_next(&h->health, interval(h));
    if (!timer_armed(&h->timer) || due < h->timer.due)
        timer_set(&h->p->w->timers, &h->timer, due);
}

static void answered(struct client_txn *ct, const struct sip_msg *rs)
{
    struct next_hop *h = client_txn_arg(ct);
    if (rs->status < 200)
        return;
    h->probe = REF_NONE;
    h->rtt = h->p->w->now - h->asked_at;
    core_count(h->p, CORE_PROBES_ANSWERED);
    next_hop_heard(h);
    timer_stop(&h->p->w->timers, &h->timer);
    hop_probe_due(h);
}

static void unanswered(struct next_hop *h, bool certain, const char *why)
{
    h->probe = REF_NONE;
    core_count(h->p, CORE_PROBES_FAILED);
    next_hop_failed(h, certain, why);
}

static void failed(struct client_txn *ct, int status, int err)
{
    struct next_hop *h = client_txn_arg(ct);
    h->probe = REF_NONE;
    timer_stop(&h->p->w->timers, &h->timer);
    if (h->transport != TRANSPORT_UDP && status == 503) /* the connection's end is told by itself */
        hop_probe_due(h);
    else
        unanswered(h, false, status == 503 ? strerrordesc_np(err < 0 ? -err : err) : "no answer to OPTIONS");
}

static const struct client_user probe_user = {.on_response = answered, .on_failure = failed};

static const char *uri_param(uint8_t transport)
{
    return transport == TRANSPORT_TCP ? ";transport=tcp" : transport == TRANSPORT_TLS ? ";transport=tls" : "";
}

static bool ask(struct next_hop *h, const struct sip_hop *way)
{
    struct pcscf *p = h->p;
    char addr[ADDR_TEXT], target[ADDR_TEXT + 32], from[CORE_HOST_MAX + 64], to[ADDR_TEXT + 40], tag[17],
        id[33];
    addr_format(&h->addr, addr);
    random_text(tag, 16);
    random_text(id, 32);
    snprintf(target, sizeof(target), "sip:%s%s", addr, uri_param(h->transport));
    snprintf(to, sizeof(to), "<%s>", target);
    snprintf(from, sizeof(from), "<sip:%s>;tag=%s", p->core.host, tag);
    const struct sip_uac_request rq = {.method = "OPTIONS",
                                       .target = bytes_str(target),
                                       .from = bytes_str(from),
                                       .to = bytes_str(to),
                                       .call_id = bytes_str(id),
                                       .cseq = 1};
    struct client_txn *ct = sip_uac_send(p->layer, way, &rq, &probe_user, h);
    h->asked_at = p->w->now;
    h->probe = ct ? client_txn_ref(ct) : REF_NONE;
    return ct;
}

static void probe(struct next_hop *h)
{
    uint64_t patience = interval(h) && interval(h) < PATIENCE ? interval(h) : PATIENCE;
    if (h->transport == TRANSPORT_UDP && !interval(h)) {
        hop_health_forget(&h->health, h->p->w->now); /* let a request find out */
        return;
    }
    struct sip_hop way = next_hop_way(h);
    if (way.kind == HOP_NONE || (ref_eq(way.flow.conn, h->conn) && !ref_is_none(h->conn) && !h->open)) {
        arm(h, CONNECTING); /* `opened` asks sooner, `closed` counts */
        return;
    }
    if (!interval(h))
        return;
    if (ask(h, &way))
        arm(h, patience);
    else
        arm(h, interval(h));
}

static void on_time(struct worker *w, struct timer *t)
{
    struct next_hop *h = container_of(t, struct next_hop, timer);
    struct client_txn *ct = client_txn_get(h->p->layer, h->probe);
    if (!h->places)
        return;
    if (!ct) {
        probe(h);
        return;
    }
    client_txn_drop(ct);
    unanswered(h, false, "no answer to OPTIONS");
}

void hop_probe_start(struct next_hop *h)
{
    h->timer.fire = on_time;
    arm(h, random_below(FIRST));
}

void hop_probe_stop(struct next_hop *h)
{
    struct client_txn *ct = h->p->layer ? client_txn_get(h->p->layer, h->probe) : NULL;
    if (ct)
        client_txn_drop(ct);
    h->probe = REF_NONE;
    timer_stop(&h->p->w->timers, &h->timer);
}
