#include "modules/pcscf/register.h"
#include "modules/pcscf/core_attempt.h"
#include "modules/pcscf/integrity.h"
#include "modules/pcscf/passage.h"
#include "modules/pcscf/trust.h"
#include "modules/sip/contact_key.h"
#include "modules/sip/digest.h"
#include "modules/sip/server_txn.h"
#include <errno.h>

/* One REGISTER on its way: proxy_data. */
struct registering {
    struct pcscf *p;
    struct flow flow;
    struct core_attempt attempt;
    char path[ROUTE_URI_MAX];
};

/* ---- the request ---- */

static int edit_request(struct proxy *proxy, const struct proxy_branch *b, const struct sip_msg *rq,
                        struct sip_edit *e)
{
    (void)b;
    const struct registering *g = proxy_data(proxy);
    sip_edit_remove(e,
                    SIP_H_ROUTE); /* the phone's outbound proxy is us; the way to the core is ours to know */
    trust_apply(rq, TRUST_FROM_PHONE, &g->p->config->trusted_headers, e);
    passage_edit_sec_agree(rq, e);
    integrity_cut(rq, e);
    sip_edit_push(e, SIP_H_PATH, bytes_str(g->path));
    sip_edit_add(e, SIP_H_REQUIRE, BYTES("path")); /* TS 24.229 5.2.2.1 */
    if (!sip_msg_has_token(rq, SIP_H_SUPPORTED, BYTES("path")))
        sip_edit_add(e, SIP_H_SUPPORTED,
                     BYTES("path")); /* strict registrars ask the phone's opinion (RFC 3327 5.2) */
    const char *network = g->p->config->visited_network;
    sip_edit_add(e, SIP_H_P_VISITED_NETWORK_ID,
                 sip_edit_text(e, "\"%s\"", network[0] ? network : g->p->host));
    passage_edit_charging(g->p, e);
    return 0;
}

/* ---- what a 200 teaches ---- */

struct lesson {
    const struct registering *g;
    const struct sip_msg *rq, *rs;
    struct registration_facts facts;
    struct buf service_route, identities;
    char aor[SIP_AOR_MAX];
    char key[SIP_CONTACT_KEY_MAX];
};

static void join_values(const struct sip_msg *m, enum sip_header_id id, struct buf *out)
{
    struct sip_values it = sip_values(m, id);
    struct bytes item;
    while (sip_values_next(&it, &item)) {
        if (buf_len(out))
            buf_str(out, ", ");
        buf_append(out, item);
    }
}

static bool same_binding(const struct sip_contact *a, const struct sip_contact *b)
{
    char ka[SIP_CONTACT_KEY_MAX], kb[SIP_CONTACT_KEY_MAX];
    size_t na = sip_contact_key(a, true, ka), nb = sip_contact_key(b, true, kb);
    if (na && nb && bytes_eq(bytes_of(ka, na), bytes_of(kb, nb)))
        return true;
    return !a->na.star && !b->na.star && sip_uri_eq(&a->na.uri, &b->na.uri);
}

/* RFC 3261 10.2.4 and 10.3 step 8: the expires of the contact, else the header field. 0: it is not bound. */
static uint32_t granted(const struct sip_msg *rs, const struct sip_contact *asked)
{
    struct sip_values it = sip_values(rs, SIP_H_CONTACT);
    struct bytes item;
    while (sip_values_next(&it, &item)) {
        struct sip_contact c;
        if (!sip_contact_parse(item, &c) || c.na.star || !same_binding(&c, asked))
            continue;
        if (c.has_expires)
            return c.expires;
        return sip_msg_has(rs, SIP_H_EXPIRES) ? sip_expires_value(sip_msg_value(rs, SIP_H_EXPIRES)) : 3600;
    }
    return 0;
}

static void learn_contact(struct lesson *l, const struct sip_contact *asked)
{
    struct pcscf *p = l->g->p;
    size_t n = sip_contact_key(asked, true, l->key);
    if (!n)
        return;
    l->facts.key = bytes_of(l->key, n);
    l->facts.contact = asked->na.uri.text;
    l->facts.instance = flow_instance(asked->instance);
    l->facts.expires = granted(l->rs, asked);
    if (!l->facts.expires) {
        phone_unregister(p, &l->g->flow, l->facts.aor, l->facts.key);
        return;
    }
    int rc = phone_register(p, &l->g->flow, &l->facts);
    if (rc < 0)
        log_warn(&p->w->log, "sip.registration_lost", F_BYTES("aor", l->facts.aor), F_ERRNO(rc));
}

static void learn_contacts(struct lesson *l)
{
    struct sip_values it = sip_values(l->rq, SIP_H_CONTACT);
    struct bytes item;
    while (sip_values_next(&it, &item)) {
        struct sip_contact c;
        if (!sip_contact_parse(item, &c))
            continue;
        if (c.na.star)
            phone_unregister_all(l->g->p, &l->g->flow, l->facts.aor);
        else
            learn_contact(l, &c);
    }
}

static struct bytes private_id(const struct sip_msg *rq)
{
    struct digest_credentials c;
    struct bytes value = sip_msg_value(rq, SIP_H_AUTHORIZATION);
    return value.n && digest_credentials_parse(value, &c) == 0 ? c.username : BYTES_NONE;
}

/* Known by the time a request takes it. */
static void learn_way(struct pcscf *p, struct bytes service_route)
{
    struct bytes first;
    struct sip_nameaddr na;
    if (sip_list_next(&service_route, &first) == 1 && sip_nameaddr_parse(first, &na))
        core_link_learn(p, &na.uri);
}

static void learn(const struct registering *g, const struct sip_msg *rq, const struct sip_msg *rs)
{
    struct lesson l = {.g = g, .rq = rq, .rs = rs};
    size_t n = sip_aor(&rq->to.uri, l.aor, sizeof(l.aor));
    if (!n)
        return;
    buf_init(&l.service_route);
    buf_init(&l.identities);
    join_values(rs, SIP_H_SERVICE_ROUTE, &l.service_route);
    join_values(rs, SIP_H_P_ASSOCIATED_URI, &l.identities);
    l.facts.aor = bytes_of(l.aor, n);
    l.facts.private_id = private_id(rq);
    l.facts.service_route = buf_bytes(&l.service_route);
    learn_way(g->p, l.facts.service_route);
    l.facts.identities = buf_bytes(&l.identities);
    l.facts.path = bytes_str(g->path);
    l.facts.outbound = sip_msg_has_token(rs, SIP_H_REQUIRE, BYTES("outbound"));
    if (!l.service_route.failed && !l.identities.failed)
        learn_contacts(&l);
    buf_fini(&l.service_route);
    buf_fini(&l.identities);
}

/* ---- the response ---- */

static int on_response(struct proxy *proxy, const struct proxy_branch *b, const struct sip_msg *rs)
{
    struct registering *g = proxy_data(proxy);
    const struct sip_msg *rq = proxy_request(proxy);
    int verdict = core_attempt_response(&g->attempt, b, rs);
    if (verdict || rs->status < 200)
        return verdict;
    if (rs->status < 300) {
        pcscf_count(g->p, PCSCF_REGISTER_OK);
        if (rq && (g->flow.transport == TRANSPORT_UDP || flow_alive(g->p->w, &g->flow)))
            learn(g, rq, rs);
        return PROXY_GO_ON;
    }
    bool challenge = rs->status == 401 || rs->status == 407;
    pcscf_count(g->p, challenge ? PCSCF_REGISTER_CHALLENGED : PCSCF_REGISTER_FAILED);
    if (!challenge)
        log_debug(&g->p->w->log, "sip.register_refused", F_UINT("status", rs->status),
                  F_ADDR("peer", &g->flow.peer));
    return PROXY_GO_ON;
}

static int on_failure(struct proxy *proxy, const struct proxy_branch *b, int status, int err)
{
    struct registering *g = proxy_data(proxy);
    int verdict = core_attempt_failure(&g->attempt, b, status, err);
    if (verdict == PROXY_SWALLOW)
        return verdict;
    pcscf_count(g->p, PCSCF_REGISTER_FAILED);
    if (status == 503)
        pcscf_count(g->p, PCSCF_CORE_DOWN);
    log_debug(&g->p->w->log, "sip.register_failed", F_INT("status", status), F_ERRNO(err));
    return verdict;
}

static void edit_response(struct proxy *proxy, const struct proxy_branch *b, const struct sip_msg *rs,
                          struct sip_edit *e)
{
    (void)b;
    const struct registering *g = proxy_data(proxy);
    trust_apply(rs, TRUST_TO_PHONE, &g->p->config->trusted_headers, e);
    if (rs->status / 100 != 2 || !g->p->config->flow_timer)
        return;
    if (sip_msg_has_token(rs, SIP_H_REQUIRE, BYTES("outbound"))) /* RFC 5626 5.4 */
        sip_edit_set(e, SIP_H_FLOW_TIMER,
                     sip_edit_text(e, "%lld", (long long)(g->p->config->flow_timer / 1000)));
}

static void on_done(struct proxy *proxy)
{
    struct registering *g = proxy_data(proxy);
    core_attempt_end(&g->attempt);
}

static const struct proxy_user register_proxy = {
    .edit_request = edit_request,
    .on_response = on_response,
    .on_failure = on_failure,
    .edit_response = edit_response,
    .on_done = on_done,
};

/* Does this contact add to what its flow has? */
static bool is_new(const struct phone *ph, const struct sip_msg *rq, struct bytes aor,
                   const struct sip_contact *c)
{
    char key[SIP_CONTACT_KEY_MAX];
    uint32_t expires = c->expires;
    if (!c->has_expires && sip_msg_has(rq, SIP_H_EXPIRES))
        expires = sip_expires_value(sip_msg_value(rq, SIP_H_EXPIRES));
    else if (!c->has_expires)
        expires = 1;
    size_t n = expires && !c->na.star ? sip_contact_key(c, true, key) : 0;
    return n && !phone_has(ph, aor, bytes_of(key, n));
}

/* Said before the home network hears of it: once it has bound a contact, the phone must be reachable by it.
 */
static bool too_many(struct pcscf *p, const struct flow *f, const struct sip_msg *rq, struct bytes aor)
{
    const struct phone *ph = phone_find(p, f);
    uint64_t n = ph ? ph->n : 0;
    struct sip_values it = sip_values(rq, SIP_H_CONTACT);
    struct bytes item;
    struct sip_contact c;
    while (sip_values_next(&it, &item))
        n += sip_contact_parse(item, &c) && is_new(ph, rq, aor, &c);
    return n > (ph ? ph->n : 0) && n > (uint64_t)p->config->max_registrations;
}

/* Of the first contact that names one: a phone speaks for itself alone. */
static uint64_t instance_of(const struct sip_msg *rq)
{
    struct sip_values it = sip_values(rq, SIP_H_CONTACT);
    struct bytes item;
    struct sip_contact c;
    while (sip_values_next(&it, &item)) {
        if (sip_contact_parse(item, &c) && c.instance.n)
            return flow_instance(c.instance);
    }
    return 0;
}

/* 0, or the status to refuse with. */
static int begin(struct pcscf *p, const struct flow *f, const struct sip_msg *rq, struct registering *g)
{
    char token[TOKEN_TEXT_MAX], aor[SIP_AOR_MAX];
    *g = (struct registering){.p = p, .flow = *f};
    size_t n = sip_aor(&rq->to.uri, aor, sizeof(aor));
    if (too_many(p, f, rq, bytes_of(aor, n)))
        return 403;
    const struct flow_token t = {
        .flow = *f, .owner = flow_owner(bytes_of(aor, n)), .instance = instance_of(rq)};
    return flow_token_seal(p->w, &t, token) && route_for_core(p, token, true, g->path) ? 0 : 500;
}

void register_handle(struct pcscf *p, struct server_txn *st, const struct sip_msg *rq)
{
    pcscf_count(p, PCSCF_REQUESTS_PHONE);
    struct registering g;
    struct sip_hop core = core_link_hop_by(p, rq->call_id);
    if (core.kind == HOP_NONE) {
        pcscf_count(p, PCSCF_CORE_DOWN);
        server_txn_refuse(st, 503);
        return;
    }
    int status = begin(p, &server_txn_from(st)->flow, rq, &g);
    if (status) {
        server_txn_refuse(st, status);
        return;
    }
    struct proxy *proxy = proxy_create(st, &register_proxy, sizeof(g));
    if (!proxy)
        return;
    struct registering *own = proxy_data(proxy);
    *own = g;
    const struct proxy_target target = {.hop = core};
    if (core_attempt_begin(&own->attempt, p, proxy, &target) < 0)
        proxy_end(proxy, 500, BYTES_NONE);
    else
        proxy_run(proxy);
}
