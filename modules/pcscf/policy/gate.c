#include "modules/pcscf/policy/gate.h"
#include "modules/pcscf/emergency.h"
#include "modules/pcscf/identity.h"
#include "modules/pcscf/passage.h"
#include "modules/pcscf/refusal.h"
#include "mux/conn.h"
#include <errno.h>
#include <stdlib.h>

/* ---- the room */

/* The first question only starts the look-up of a name. */
static void ask_for_places(struct pcscf *p, const struct policy *rules)
{
    for (size_t i = 0; rules && i < rules->n; i++)
        if (rules->rules[i].deed.action == POLICY_ROUTE)
            core_link_hop_to(p, rules->rules[i].route);
}

static void take_limits(struct pcscf *p)
{
    struct gate *g = &p->gate;
    const struct abuse_config *c = g->limits = config_of(p->w->config, &abuse_settings);
    g->policy = ((const struct policy_config *)config_of(p->w->config, &policy_settings))->policy;
    ask_for_places(p, g->policy);
    g->unregistered = bucket_rate((uint64_t)c->flow_rate, 1000, (uint64_t)c->flow_burst);
    g->registered = bucket_rate((uint64_t)c->registered_rate, 1000, (uint64_t)c->registered_burst);
    g->address = bucket_rate((uint64_t)c->address_rate, 1000, (uint64_t)c->address_burst);
}

int gate_init(struct pcscf *p)
{
    struct gate *g = &p->gate;
    take_limits(p);
    g->stats = stats_row(p->w->gw->stats, &policy_stats, p->w->id);
    g->scratch = policy_scratch_create();
    g->datagrams = calloc(1, sizeof(*g->datagrams));
    return g->scratch && g->datagrams ? 0 : -ENOMEM; /* gate_fini frees what is there */
}

void gate_fini(struct pcscf *p)
{
    policy_scratch_destroy(p->gate.scratch);
    free(p->gate.datagrams);
    p->gate = (struct gate){0};
}

void gate_reload(struct pcscf *p)
{
    take_limits(p);
}

/* ---- who asks */

struct visitor {
    struct pcscf *p;
    const struct sip_hop *from;
    const struct sip_msg *rq;
    bool core;
    const struct phone *phone; /* somebody is registered there */
    struct conn *conn;         /* NULL: datagrams */
};

static const struct addr *source(const struct visitor *v)
{
    return &v->from->flow.peer;
}

static struct gate_pass *pass_of(const struct visitor *v)
{
    return v->conn ? v->conn->state : NULL;
}

static bool is_datagram(const struct visitor *v)
{
    return v->from->kind == HOP_FLOW && v->from->flow.transport == TRANSPORT_UDP;
}

static enum gate_verdict close_it(const struct visitor *v, enum close_reason why)
{
    if (!v->conn)
        return GATE_SHUT;
    conn_close(v->conn, why);
    return GATE_CLOSED;
}

/* A call for help is refused for nothing that others have done, nor by a rule; only its own connection's rate
 * holds. Asked only before something is refused. */
static bool is_urgent(const struct visitor *v)
{
    return !v->core && emergency_is(v->p, v->from, v->rq);
}

/* ---- rates */

static bool within_flow_rate(const struct visitor *v)
{
    struct gate *g = &v->p->gate;
    struct bucket_rate rate = v->phone ? g->registered : g->unregistered;
    uint64_t now = v->p->w->now;
    if (pass_of(v))
        return bucket_take(&pass_of(v)->bucket, rate, now);
    return buckets_take(g->datagrams, addr_hash(&v->p->w->hash_key, source(v)), rate, now);
}

/* What belongs to a call of a registered phone is not refused for what others at its address do. Anybody else
 * can write a To tag. */
static bool is_exempt(const struct visitor *v)
{
    const struct sip_msg *rq = v->rq;
    return v->phone && (rq->to_tag.n || rq->method == SIP_ACK || rq->method == SIP_CANCEL);
}

static bool within_address_rate(const struct visitor *v)
{
    return is_exempt(v) || abuse_take(v->p->w, source(v), v->p->gate.address) || is_urgent(v);
}

/* Who is told to wait and does not, as often again as he may come at once, is no phone. */
static enum gate_verdict turn_away(const struct visitor *v, const char *because)
{
    struct worker *w = v->p->w;
    if (is_datagram(v))
        return GATE_SHUT;
    refusal_say(v->p, v->from, v->rq, 503, because);
    sip_layer_refuse(v->p->layer, v->from, v->rq, 503);
    struct gate_pass *pass = pass_of(v);
    uint64_t most = v->phone ? v->p->gate.registered.burst : v->p->gate.unregistered.burst;
    if (!pass || ++pass->refused < most)
        return GATE_SHUT;
    abuse_count(w, ABUSE_FLOOD_CLOSED);
    log_info(&w->log, "sip.flood", F_ADDR("peer", source(v)), F_STR("registered", v->phone ? "yes" : "no"));
    if (!v->phone)
        abuse_failed(w, source(v), BYTES_NONE, BAN_FLOOD);
    return close_it(v, CLOSE_FLOOD);
}

static enum gate_verdict ask_rates(const struct visitor *v)
{
    struct worker *w = v->p->w;
    if (!v->phone && abuse_is_banned(w, source(v)) && !is_urgent(v))
        return close_it(v, CLOSE_BANNED);
    if (cidr_set_match(&v->p->gate.limits->exempt, source(v)))
        return GATE_OPEN;
    bool flow = within_flow_rate(v);
    if (flow && within_address_rate(v)) {
        struct gate_pass *pass = pass_of(v);
        if (pass && pass->refused)
            pass->refused--;
        return GATE_OPEN;
    }
    abuse_count(w, flow ? ABUSE_FLOOD_ADDRESS : ABUSE_FLOOD_FLOW);
    return turn_away(v, flow       ? "more requests of one address than abuse.address_rate"
                        : v->phone ? "more requests of a phone than abuse.registered_rate"
                                   : "more requests of a connection than abuse.flow_rate");
}

/* ---- rules */

/* Of a phone: what it would be asserted as. From the core: what is asserted. "<uri>" to uri. */
static struct bytes identity_of(const struct visitor *v, char dst[static PASSAGE_IDENTITY_MAX])
{
    struct sip_nameaddr na;
    if (v->core)
        return sip_msg_nameaddr(v->rq, SIP_H_P_ASSERTED_IDENTITY, &na) ? na.uri.text : BYTES_NONE;
    if (!v->phone || !identity_choose(v->phone, v->rq, dst, PASSAGE_IDENTITY_MAX) || !dst[0])
        return BYTES_NONE;
    struct bytes id = bytes_skip(bytes_str(dst), 1);
    return bytes_first(id, id.n - 1);
}

static void note_verdict(const struct visitor *v, const struct policy_verdict *d)
{
    struct gate *g = &v->p->gate;
    const struct policy_rule *r = d->rule;
    stat_inc(&g->stats[POLICY_DONE + (unsigned)r->deed.action]);
    if (d->deed == &r->beyond)
        stat_inc(&g->stats[POLICY_LIMITED]);
    if (r->tag)
        stat_inc(&g->stats[POLICY_TAGGED + (unsigned)r->tag - 1]);
    enum log_level level = d->deed || r->tag ? LOG_INFO : LOG_DEBUG;
    log_at(&v->p->w->log, level, "sip.policy", F_STR("rule", r->name),
           F_STR("action", policy_action_name(d->deed ? d->deed->action : POLICY_ALLOW)),
           F_STR("tag", policy_tag_name(r->tag)), F_BYTES("method", v->rq->method_name),
           F_BYTES("call_id", v->rq->call_id), F_ADDR("peer", source(v)));
}

static void note_overruns(const struct visitor *v, const struct policy_verdict *d)
{
    if (!d->overruns)
        return;
    stat_add(&v->p->gate.stats[POLICY_OVERRUNS], d->overruns);
    if (d->first_overrun) /* of that rule, since the configuration was loaded */
        log_warn(&v->p->w->log, "sip.policy_overrun", F_STR("rule", d->first_overrun->name),
                 F_STR("hint",
                       "its pattern takes too long and counts as not met: write it without nested repeats"));
}

static enum gate_verdict refuse(const struct visitor *v, const struct policy_verdict *d)
{
    /* A retransmission of what was let in before: its transaction has the answer. */
    if (is_datagram(v) && sip_layer_has(v->p->layer, v->from, v->rq))
        return GATE_OPEN;
    if (d->deed->action == POLICY_REJECT)
        sip_layer_refuse_with(v->p->layer, v->from, v->rq, d->deed->code,
                              d->deed->phrase[0] ? d->deed->phrase : NULL);
    return GATE_SHUT;
}

/* Anybody can write a source into a datagram: nobody is banned for one. */
static enum gate_verdict ban(const struct visitor *v, const struct policy_rule *r)
{
    if (!v->core && !is_datagram(v))
        abuse_ban(v->p->w, source(v), BAN_POLICY, r->name);
    return close_it(v, CLOSE_BANNED);
}

static enum gate_verdict ask_rules(const struct visitor *v)
{
    struct gate *g = &v->p->gate;
    char identity[PASSAGE_IDENTITY_MAX];
    struct policy_request rq = {.msg = v->rq,
                                .source = source(v),
                                .transport = v->from->flow.transport,
                                .from_phone = !v->core,
                                .registered = v->phone && v->phone->n};
    if (!g->policy || !g->policy->n)
        return GATE_OPEN;
    if (g->policy->asks_who)
        rq.identity = identity_of(v, identity);
    struct policy_verdict d = policy_decide(g->policy, g->scratch, &rq, v->p->w->now);
    note_overruns(v, &d);
    if (!d.rule || (d.deed && is_urgent(v)))
        return GATE_OPEN;
    note_verdict(v, &d);
    if (!d.deed)
        return GATE_OPEN;
    if (d.deed->action == POLICY_BAN)
        return ban(v, d.rule);
    if (d.deed->action != POLICY_ROUTE)
        return refuse(v, &d);
    g->route = d.rule->route;
    return GATE_OPEN;
}

enum gate_verdict gate_ask(struct pcscf *p, const struct sip_hop *from, const struct sip_msg *m)
{
    p->gate.route = NULL;
    if (!m->request)
        return GATE_OPEN;
    struct visitor v = {.p = p, .from = from, .rq = m, .core = core_link_is_from(p, from)};
    if (!v.core) {
        v.phone = phone_in_use(p, &from->flow);
        v.conn = is_datagram(&v) ? NULL : conn_get(p->w, from->flow.conn);
    }
    enum gate_verdict verdict = v.core ? GATE_OPEN : ask_rates(&v);
    return verdict == GATE_OPEN ? ask_rules(&v) : verdict;
}

/* ---- another way */

int gate_reroute(struct pcscf *p, struct passage *g)
{
    const char *route = p->gate.route;
    if (!route || !g->from_phone || !g->initial)
        return 0;
    g->to = core_link_hop_to(p, route);
    if (g->to.kind != HOP_NONE)
        return 0;
    pcscf_count(p, PCSCF_CORE_DOWN);
    log_warn(&p->w->log, "sip.policy_route", F_STR("to", route), F_STR("problem", "cannot be reached now"),
             F_STR("hint", "see sallyportctl core"));
    return 503;
}
