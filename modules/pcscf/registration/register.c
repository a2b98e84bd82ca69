#include "modules/pcscf/registration/register.h"
#include "modules/pcscf/core/core_forward.h"
#include "modules/pcscf/keepalive.h"
#include "modules/pcscf/passage.h"
#include "modules/pcscf/policy/backoff.h"
#include "modules/pcscf/refusal.h"
#include "modules/pcscf/registration/access_network.h"
#include "modules/pcscf/registration/charging.h"
#include "modules/pcscf/registration/contact.h"
#include "modules/pcscf/registration/contacts.h"
#include "modules/pcscf/registration/expiry.h"
#include "modules/pcscf/registration/lesson.h"
#include "modules/pcscf/registration/sec_agree.h"
#include "modules/pcscf/registration/session_keys.h"
#include "modules/pcscf/trust.h"
#include "modules/sip/server_txn.h"
#include <stdio.h>

/* One REGISTER on its way: proxy_data. */
struct registering {
    struct pcscf *p;
    struct flow flow;
    struct core_forward attempt;
    enum integrity integrity;
    enum sec_agree agreement;
    char path[ROUTE_URI_MAX];
};

/* ---- the request ---- */

/* A home network that is part of this gateway knows what it needs without being told. */
static bool tells_integrity(const struct pcscf *p)
{
    return p->config->integrity_protected && !p->core.embedded;
}

static void edit_identification(const struct pcscf *p, struct sip_edit *e)
{
    const char *network = p->config->visited_network;
    char icid[CHARGING_ICID];
    charging_icid_make(icid);
    sip_edit_add(e, SIP_H_P_VISITED_NETWORK_ID, sip_edit_text(e, "\"%s\"", network[0] ? network : p->host));
    charging_edit_request(p, icid, e);
    access_network_edit(p, e);
}

static int edit_request(struct proxy *proxy, const struct proxy_branch *b, const struct sip_msg *rq,
                        struct sip_edit *e)
{
    (void)b;
    const struct registering *g = proxy_data(proxy);
    sip_edit_remove(e,
                    SIP_H_ROUTE); /* the phone's outbound proxy is us; the way to the core is ours to know */
    trust_apply(rq, TRUST_FROM_PHONE, &g->p->config->trusted_headers, e);
    sec_agree_edit_request(rq, e);
    integrity_edit(rq, tells_integrity(g->p) ? g->integrity : INTEGRITY_NONE, e);
    expiry_edit(g->p->config, rq, e);
    sip_edit_push(e, SIP_H_PATH, bytes_str(g->path));
    sip_edit_add(e, SIP_H_REQUIRE, BYTES("path")); /* TS 24.229 5.2.2.1 */
    if (!sip_msg_has_token(rq, SIP_H_SUPPORTED, BYTES("path")))
        sip_edit_add(e, SIP_H_SUPPORTED,
                     BYTES("path")); /* strict registrars ask the phone's opinion (RFC 3327 5.2) */
    edit_identification(g->p, e);
    return 0;
}

/* ---- the response ---- */

static bool promises_outbound(const struct pcscf *p, const struct sip_msg *rs)
{
    return p->config->flow_timer && sip_msg_has_token(rs, SIP_H_REQUIRE, BYTES("outbound"));
}

static void on_success(const struct registering *g, const struct sip_msg *rq, const struct sip_msg *rs)
{
    const struct lesson l = {.p = g->p,
                             .flow = &g->flow,
                             .rq = rq,
                             .rs = rs,
                             .path = bytes_str(g->path),
                             .integrity = g->integrity,
                             .keeps_alive = promises_outbound(g->p, rs) || keepalive_is_offered(&rq->via)};
    pcscf_count(g->p, PCSCF_REGISTER_OK);
    if (g->flow.transport == TRANSPORT_UDP || flow_alive(g->p->w, &g->flow))
        lesson_learn(&l);
}

static int on_response(struct proxy *proxy, const struct proxy_branch *b, const struct sip_msg *rs)
{
    struct registering *g = proxy_data(proxy);
    const struct sip_msg *rq = proxy_request(proxy);
    int verdict = core_forward_response(&g->attempt, b, rs);
    if (verdict || rs->status < 200)
        return verdict;
    bool told = backoff_learn(g->p, &g->flow, rq, rs);
    if (rs->status < 300) {
        if (rq)
            on_success(g, rq, rs);
        return PROXY_GO_ON;
    }
    bool challenge = rs->status == 401 || rs->status == 407;
    pcscf_count(g->p, challenge ? PCSCF_REGISTER_CHALLENGED : PCSCF_REGISTER_FAILED);
    if (!challenge && !told)
        log_info(&g->p->w->log, "sip.register_refused", F_BYTES("call_id", rs->call_id),
                 F_BYTES("aor", rs->to.uri.text), F_ADDR("peer", &g->flow.peer), F_UINT("status", rs->status),
                 F_STR("by", "network"), F_BYTES("why", rs->reason));
    return PROXY_GO_ON;
}

static void say_failed(const struct registering *g, const struct sip_msg *rq, int status, int err)
{
    log_info(&g->p->w->log, "sip.register_failed", F_BYTES("call_id", rq ? rq->call_id : BYTES_NONE),
             F_BYTES("aor", rq ? rq->to.uri.text : BYTES_NONE), F_ADDR("peer", &g->flow.peer),
             F_INT("status", status), F_STR("because", core_attempt_because(status, err)));
}

static int on_failure(struct proxy *proxy, const struct proxy_branch *b, int status, int err)
{
    struct registering *g = proxy_data(proxy);
    int verdict = core_forward_failure(&g->attempt, b, status, err);
    if (verdict == PROXY_SWALLOW)
        return verdict;
    pcscf_count(g->p, PCSCF_REGISTER_FAILED);
    if (status == 503)
        pcscf_count(g->p, PCSCF_CORE_DOWN);
    say_failed(g, proxy_request(proxy), status, err);
    return verdict;
}

static void edit_response(struct proxy *proxy, const struct proxy_branch *b, const struct sip_msg *rs,
                          struct sip_edit *e)
{
    (void)b;
    const struct registering *g = proxy_data(proxy);
    hop_control_strip(rs, e);
    trust_apply(rs, TRUST_TO_PHONE, &g->p->config->trusted_headers, e);
    session_keys_cut(rs, e);
    sec_agree_edit_response(g->agreement, rs, e);
    if (rs->status / 100 != 2)
        return;
    keepalive_accept(g->p, proxy_request(proxy), rs, e);
    if (promises_outbound(g->p, rs)) /* RFC 5626 5.4 */
        sip_edit_set(e, SIP_H_FLOW_TIMER,
                     sip_edit_text(e, "%lld", (long long)(g->p->config->flow_timer / 1000)));
}

static void on_done(struct proxy *proxy)
{
    struct registering *g = proxy_data(proxy);
    core_forward_end(&g->attempt);
}

static struct sip_hop on_size(struct proxy *proxy, const struct proxy_branch *b, size_t n)
{
    struct registering *g = proxy_data(proxy);
    return core_forward_size(&g->attempt, b, n);
}

static const struct proxy_user register_proxy = {
    .on_size = on_size,
    .edit_request = edit_request,
    .on_response = on_response,
    .on_failure = on_failure,
    .edit_response = edit_response,
    .on_done = on_done,
};

/* ---- what is refused here ---- */

/* Does this contact add to what its flow has? */
static bool is_new(const struct phone *ph, const struct sip_msg *rq, struct bytes aor,
                   const struct sip_contact *c)
{
    char key[SIP_CONTACT_KEY_MAX];
    size_t n = !c->na.star && contact_expires(rq, c) ? contact_binding(c, key) : 0;
    return n && !phone_has(ph, aor, bytes_of(key, n));
}

/* Said before the home network hears of it: once it has bound a contact, the phone must be reachable by it.
 */
static bool too_many(struct pcscf *p, const struct phone *ph, const struct sip_msg *rq, struct bytes aor,
                     const struct contacts *asked)
{
    unsigned had = ph ? ph->n : 0, n = had;
    struct sip_values it = sip_values(rq, SIP_H_CONTACT);
    struct sip_contact c;
    if (had + asked->n <= phone_room(p, false))
        return false; /* which is nearly always so */
    while (contact_next(&it, &c))
        n += is_new(ph, rq, aor, &c);
    return n > had && n > phone_room(p, asked->sos);
}

static bool refuse_interval(struct pcscf *p, struct server_txn *st, const struct contacts *asked)
{
    char line[48];
    if (!expiry_is_too_brief(p->config, asked))
        return false;
    refusal_say(p, server_txn_from(st), server_txn_request(st), pcscf_refuse(p, PCSCF_REFUSED_INTERVAL, 423),
                NULL);
    snprintf(line, sizeof(line), "Min-Expires: %lld\r\n", (long long)(p->config->min_expires / 1000));
    server_txn_refuse_with(st, 423, bytes_str(line));
    return true;
}

/* 0, or the status to refuse with. */
static int begin(struct pcscf *p, const struct flow *f, const struct sip_msg *rq,
                 const struct contacts *asked, struct registering *g)
{
    char token[TOKEN_TEXT_MAX], aor[SIP_AOR_MAX];
    const struct phone *ph = phone_find(p, f);
    *g = (struct registering){.p = p, .flow = *f};
    g->integrity = integrity_of(ph, f, rq);
    g->agreement = sec_agree_of(rq, f->transport == TRANSPORT_TLS);
    size_t n = sip_aor(&rq->to.uri, aor, sizeof(aor));
    if (too_many(p, ph, rq, bytes_of(aor, n), asked))
        return 403;
    const struct flow_token t = {
        .flow = *f, .owner = flow_owner(bytes_of(aor, n)), .instance = asked->instance};
    /* RFC 5626 5.1: "ob" says that nobody stands between us and the phone */
    bool first = sip_values_count(rq, SIP_H_VIA) == 1;
    return flow_token_seal(p->w, &t, token) && route_for_core(p, token, first, g->path) ? 0 : 500;
}

static void forward(struct server_txn *st, const struct registering *g, const struct sip_hop *core)
{
    struct proxy *proxy = proxy_create(st, &register_proxy, sizeof(*g));
    if (!proxy)
        return;
    struct registering *own = proxy_data(proxy);
    *own = *g;
    const struct proxy_target target = {.hop = *core};
    if (core_forward_begin(&own->attempt, g->p, proxy, &target) < 0)
        proxy_end(proxy, 500, BYTES_NONE);
    else
        proxy_run(proxy);
}

void register_handle(struct pcscf *p, struct server_txn *st, const struct sip_msg *rq)
{
    pcscf_count(p, PCSCF_REQUESTS_PHONE);
    if (backoff_refuses(p, st, rq))
        return;
    struct registering g;
    const struct contacts asked = contacts_read(rq);
    struct sip_hop core = core_link_hop_by(p, rq->call_id);
    if (refuse_interval(p, st, &asked))
        return;
    if (hop_control_drops(p, &core, asked.sos)) {
        refusal_say(p, server_txn_from(st), rq, 503, HOP_CONTROL_BECAUSE);
        server_txn_refuse_with(st, 503, BYTES_NONE); /* RFC 7339 5.10: without Retry-After */
        return;
    }
    if (core.kind == HOP_NONE) {
        refusal_say(p, server_txn_from(st), rq, pcscf_refuse(p, PCSCF_CORE_DOWN, 503), NULL);
        server_txn_refuse(st, 503);
        return;
    }
    int status = begin(p, &server_txn_from(st)->flow, rq, &asked, &g);
    if (!status) {
        forward(st, &g, &core);
        return;
    }
    refusal_say(p, server_txn_from(st), rq, status,
                status == 403 ? "pcscf.max_registrations are registered on this connection"
                              : "no Path can be made: out of memory, or the store's keys cannot be read");
    server_txn_refuse(st, status);
}
