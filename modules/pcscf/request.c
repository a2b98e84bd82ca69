#include "modules/pcscf/request.h"
#include "modules/pcscf/call/absence.h"
#include "modules/pcscf/call/dialog_watch.h"
#include "modules/pcscf/emergency.h"
#include "modules/pcscf/passage.h"
#include "modules/pcscf/refusal.h"
#include "modules/pcscf/registration/register.h"
#include "modules/pcscf/registration/sec_agree.h"
#include "modules/sip/option_tag.h"
#include "modules/sip/server_txn.h"

/* RFC 3261 16.3 item 5. sec-agree is answered by us; privacy is what the trust table does (RFC 3323 4.2). */
static bool refuse_bad_extension(const struct pcscf *p, struct server_txn *st, const struct sip_msg *rq)
{
    static const char *const known[] = {"sec-agree", "privacy", "path", "outbound", NULL};
    struct buf line;
    buf_init(&line);
    bool bad = option_tags_unsupported(rq, SIP_H_PROXY_REQUIRE, known, &line);
    if (bad) {
        refusal_say(p, server_txn_from(st), rq, 420,
                    "Proxy-Require names an extension that is not supported here");
        server_txn_refuse_with(st, 420, buf_bytes(&line));
    }
    buf_fini(&line);
    return bad;
}

static const char *hops_because(int status)
{
    switch (status) {
    case 482:
        return "it has been here before: a routing loop beyond this edge";
    case 483:
        return "Max-Forwards is used up: too many proxies, or a loop";
    default:
        return "Max-Breadth is used up (RFC 5393): too many branches at once";
    }
}

/* RFC 3261 16.3 items 3 and 4. */
static bool refuse_hops(const struct pcscf *p, struct server_txn *st, const struct sip_msg *rq)
{
    int status = proxy_check(st);
    if (status)
        refusal_say(p, server_txn_from(st), rq, status, hops_because(status));
    return status != 0;
}

/* RFC 3261 16.3 item 2. */
static bool refuse_scheme(const struct pcscf *p, struct server_txn *st, const struct sip_msg *rq)
{
    if (rq->ruri.scheme != SIP_URI_OTHER)
        return false;
    refusal_say(p, server_txn_from(st), rq, 416,
                "the Request-URI is neither sip, sips, tel nor an emergency URN");
    server_txn_refuse(st, 416);
    return true;
}

static bool refuse_agreement(struct pcscf *p, struct server_txn *st, const struct sip_msg *rq)
{
    const struct sip_hop *from = server_txn_from(st);
    bool tls = from->kind == HOP_FLOW && from->flow.transport == TRANSPORT_TLS;
    if (core_link_is_from(p, from) || sec_agree_of(rq, tls) != SEC_AGREE_REFUSED)
        return false;
    refusal_say(p, from, rq, pcscf_refuse(p, PCSCF_REFUSED_AGREEMENT, 494), NULL);
    server_txn_refuse_with(st, 494, sec_agree_line());
    return true;
}

/* The core asks whether we are alive: OPTIONS to ourselves, not through us (RFC 3261 11.2). */
static bool answer_options(struct pcscf *p, struct server_txn *st, const struct sip_msg *rq)
{
    struct route_top top;
    if (rq->method != SIP_OPTIONS || !route_is_ours(p, &rq->ruri) || rq->ruri.user.n)
        return false;
    if (!route_read(p, rq, &top) || top.token.n || top.has_next)
        return false;
    server_txn_refuse_with(
        st, 200,
        BYTES("Allow: INVITE, ACK, BYE, CANCEL, REGISTER, OPTIONS, MESSAGE, SUBSCRIBE, "
              "NOTIFY, PUBLISH, INFO, UPDATE, PRACK, REFER\r\nSupported: path, outbound\r\n"));
    return true;
}

static int prepare(struct pcscf *p, const struct sip_hop *from, const struct sip_msg *rq, struct passage *g)
{
    if (core_link_is_from(p, from)) {
        pcscf_count(p, PCSCF_REQUESTS_CORE);
        return passage_from_core(p, rq, g);
    }
    pcscf_count(p, PCSCF_REQUESTS_PHONE);
    int status = passage_from_phone(p, &from->flow, rq, g);
    return status ? status : gate_reroute(p, g);
}

static void forward(struct server_txn *st, const struct sip_msg *rq, const struct passage *g)
{
    struct proxy *proxy = proxy_create(st, &passage_proxy, sizeof(*g));
    if (!proxy)
        return;
    struct passage *own = proxy_data(proxy);
    *own = *g;
    own->proxy = proxy;
    own->session = session_read_offer(g->p, rq);
    watch_request(own, rq);
    const struct proxy_target target = {
        .hop = g->to, .uri = g->uri, .route = g->route, .urgent = g->emergency};
    if (core_forward_begin(&own->attempt, g->p, proxy, &target) < 0)
        proxy_end(proxy, 500, BYTES_NONE);
    else
        proxy_run(proxy);
}

static void on_request(struct sip_layer *l, struct server_txn *st, const struct sip_msg *rq)
{
    struct pcscf *p = sip_layer_state(l);
    const struct sip_hop *from = server_txn_from(st);
    struct passage g;
    if (rq->via.has_alias && core_link_is_from(p, from))
        core_link_alias(p, from, rq->via.by.port);
    if (refuse_hops(p, st, rq) || refuse_bad_extension(p, st, rq) || refuse_scheme(p, st, rq) ||
        refuse_agreement(p, st, rq))
        return;
    if (core_link_is_from(p, from) && (answer_options(p, st, rq) || reg_event_notify(p, st, rq)))
        return;
    if (rq->method == SIP_REGISTER && !core_link_is_from(p, from)) {
        register_handle(p, st, rq);
        return;
    }
    p->refused = PCSCF_STATS; /* nobody has said why yet */
    int status = prepare(p, from, rq, &g);
    if (!status && g.from_phone && hop_control_drops(p, &g.to, !g.initial || g.emergency)) {
        refusal_say(p, from, rq, 503, HOP_CONTROL_BECAUSE);
        server_txn_refuse_with(st, 503, BYTES_NONE); /* RFC 7339 5.10: without Retry-After */
        return;
    }
    if (!status) {
        forward(st, rq, &g);
        return;
    }
    if (status == 380) {
        emergency_refuse(p, st, emergency_because(p, &g.to));
        return;
    }
    if (!watch_refused(p, from, rq, status))
        refusal_say(p, from, rq, status, NULL);
    server_txn_refuse(st, status);
}

static int edit_ack(void *arg, const struct sip_msg *rq, struct sip_edit *e)
{
    passage_edit_request(arg, rq, e);
    return 0;
}

static struct sip_hop size_ack(void *arg, const struct sip_hop *to, size_t n)
{
    const struct passage *g = arg;
    return core_link_by_size(g->p, to, n);
}

/* ACK of a 2xx: it has a way of its own, and no answer (RFC 3261 16.10, 13.2.2.4): what may not pass is
 * dropped. */
static void on_ack(struct sip_layer *l, const struct sip_hop *from, const struct sip_msg *ack)
{
    struct passage g;
    if (prepare(sip_layer_state(l), from, ack, &g))
        return;
    const struct proxy_ack how = {.from = *from,
                                  .to = g.to,
                                  .uri = g.uri,
                                  .route = g.route,
                                  .edit = edit_ack,
                                  .size = size_ack,
                                  .arg = &g};
    proxy_forward_ack(l, ack, &how);
}

static bool has_moved(const struct pcscf *p, const struct flow *old, const struct flow *now)
{
    struct flow known;
    return absence_follow(p, old, &known) && flow_eq(&known, now);
}

/* Each side answers for itself: what a phone says is not believed as the core's word is. A phone that has
 * moved to a new connection may answer there. */
static bool may_answer(struct sip_layer *l, const struct sip_hop *to, const struct sip_hop *from)
{
    const struct pcscf *p = sip_layer_state(l);
    bool core = core_link_is_from(p, to);
    if (core != core_link_is_from(p, from))
        return false;
    return core || sip_hop_eq(to, from) || phones_share_user(p, &to->flow, &from->flow) ||
           has_moved(p, &to->flow, &from->flow);
}

static bool is_bounded(struct sip_layer *l, const struct sip_hop *from)
{
    return !core_link_is_from(sip_layer_state(l), from);
}

/* What belongs to a call that stands frees more than it takes; an emergency goes before everything. */
static bool is_urgent(struct sip_layer *l, const struct sip_hop *from, const struct sip_msg *rq)
{
    return rq->to_tag.n || emergency_is(sip_layer_state(l), from, rq);
}

const struct sip_layer_user pcscf_requests = {
    .on_request = on_request,
    .on_ack = on_ack,
    .may_answer = may_answer,
    .is_bounded = is_bounded,
    .sheds = overload_sheds,
    .is_urgent = is_urgent,
};
