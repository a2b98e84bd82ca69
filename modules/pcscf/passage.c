#include "modules/pcscf/passage.h"
#include "modules/pcscf/call/absence.h"
#include "modules/pcscf/call/dialog_within.h"
#include "modules/pcscf/call/record.h"
#include "modules/pcscf/emergency.h"
#include "modules/pcscf/identity.h"
#include "modules/pcscf/registration/access_network.h"
#include "modules/pcscf/registration/sec_agree.h"
#include "modules/pcscf/strict.h"
#include "modules/pcscf/trust.h"
#include <stdio.h>

/* ---- from a phone ---- */

static int record(struct passage *g, const struct sip_msg *rq)
{
    return record_wanted(rq) ? record_begin(g, rq) : 0;
}

/* The first Route that is left (RFC 3261 16.6 item 6). NULL: none. na: room for it. */
static const struct sip_uri *next_route(const struct passage *g, const struct route_top *top,
                                        struct sip_nameaddr *na)
{
    if (g->initial || g->cut_routes)
        return route_first(g->route, na) ? &na->uri : NULL;
    return top->has_next ? &top->next : NULL;
}

static int in_dialog(const struct phone *ph, const struct sip_msg *rq, const struct route_top *top,
                     struct passage *g)
{
    struct sip_nameaddr na;
    int status = record_check(g, ph, rq, top);
    if (status)
        return status;
    g->pop = top->own;
    if (g->emergency)
        g->to = emergency_hop_by(g->p, next_route(g, top, &na), rq->call_id);
    else if (g->cut_routes
                 ? route_leads_back(g->p, g->route)
                 : top->next_is_ours) /* the core did not record itself: the other phone is ours too */
        g->to = sip_hop_local(&pcscf_entity);
    return record(g, rq);
}

/* TS 24.229 5.2.6.3: the Service-Route of its registration is what counts; what the phone has put in gives
 * way to it, or, where the operator wants that, is an error. */
static int outside_dialog(const struct registration *r, const struct sip_msg *rq, struct passage *g)
{
    struct pcscf *p = g->p;
    if (p->config->service_route == SERVICE_ROUTE_REJECT && !route_follows(p, rq, r->service_route))
        return pcscf_refuse(p, PCSCF_REFUSED_ROUTE, 400);
    g->cut_routes = sip_msg_has(rq, SIP_H_ROUTE);
    g->route = r->service_route;
    charging_icid_make(g->icid);
    return record(g, rq);
}

static struct sip_hop way_to_core(const struct passage *g, const struct sip_msg *rq,
                                  const struct route_top *top)
{
    struct sip_nameaddr na;
    const struct sip_uri *next = next_route(g, top, &na);
    return next ? core_link_hop_for_by(g->p, next, rq->call_id) : core_link_hop_by(g->p, rq->call_id);
}

/* TS 24.229 5.2.10. */
static int emergency(const struct registration *r, const struct sip_msg *rq, struct passage *g)
{
    g->emergency = true;
    g->cut_routes = sip_msg_has(rq, SIP_H_ROUTE);
    g->uri = emergency_urn(&rq->ruri);
    g->route = bytes_str(g->p->ecscf_route);
    g->to = emergency_hop(g->p);
    if (g->to.kind == HOP_NONE || (!r && !g->p->emergency->unregistered))
        return 380;
    if (r)
        identity_add_number(r, g->identity, sizeof(g->identity));
    charging_icid_make(g->icid);
    emergency_begins(g->p, &g->flow, rq, r != NULL);
    return record(g, rq);
}

int passage_from_phone(struct pcscf *p, const struct flow *from, const struct sip_msg *rq, struct passage *g)
{
    *g = (struct passage){.p = p, .flow = *from, .from_phone = true, .initial = rq->to_tag.n == 0};
    const struct phone *ph = phone_find(p, from);
    struct route_top top;
    if (!route_read(p, rq, &top))
        return pcscf_refuse(p, PCSCF_REFUSED_MALFORMED, 400);
    const struct registration *r = ph ? identity_choose(ph, rq, g->identity, sizeof(g->identity)) : NULL;
    g->owner = r ? r->where.owner : 0; /* none: an emergency call of somebody unregistered */
    g->instance = r ? r->where.instance : 0;
    if (g->initial && emergency_is_called(p, &rq->ruri))
        return emergency(r, rq, g);
    if (g->initial && (!r || emergency_is_all(ph)))
        return pcscf_refuse(p, PCSCF_REFUSED_UNREGISTERED, 403);
    int status = g->initial ? outside_dialog(r, rq, g) : in_dialog(r ? ph : NULL, rq, &top, g);
    if (status)
        return status;
    if (g->to.kind == HOP_NONE && !g->emergency)
        g->to = way_to_core(g, rq, &top);
    strict_mind_next(g, &top);
    return g->to.kind == HOP_NONE ? pcscf_refuse(p, PCSCF_CORE_DOWN, 503) : 0;
}

/* ---- from the core ---- */

/* The flow that the token names, as long as its user is there, or calls for help there; else the one where
 * the same phone is now. A connection on which nobody is registered any more still carries what it began. A
 * phone that is away is waited for, not as long for what is new: the core may have another flow to try for
 * that (RFC 5626 5.3.1). */
static bool find_phone(struct pcscf *p, const struct flow_token *t, bool ours, struct passage *g)
{
    const struct phone *ph = ours ? phone_find(p, &t->flow) : NULL;
    g->flow = t->flow;
    if (ph && phone_carries(ph, t->owner))
        return true;
    if (whereabouts_find(p->whereabouts, t->owner, t->instance, &g->flow))
        return true;
    if (!ours)
        return false;
    if (flow_reaches(p, &t->flow) || (t->emergency && t->flow.transport == TRANSPORT_UDP))
        return true;
    g->late = g->initial;
    return absence_is(g);
}

static int find_flow(struct pcscf *p, struct bytes token, struct passage *g)
{
    struct flow_token t;
    enum flow_token_verdict v = flow_token_open(p->w, token, &t);
    if (v == FLOW_TOKEN_FOREIGN)
        return pcscf_refuse(p, PCSCF_REFUSED_TOKEN, 403); /* RFC 5626 5.3.1 */
    g->owner = t.owner;
    g->instance = t.instance;
    g->emergency = t.emergency;
    return find_phone(p, &t, v == FLOW_TOKEN_OK, g) ? 0 : pcscf_refuse(p, PCSCF_FLOW_FAILED, 430);
}

int passage_from_core(struct pcscf *p, const struct sip_msg *rq, struct passage *g)
{
    *g = (struct passage){.p = p, .initial = rq->to_tag.n == 0, .callback = emergency_is_callback(rq)};
    struct route_top top;
    if (!route_read(p, rq, &top))
        return pcscf_refuse(p, PCSCF_REFUSED_MALFORMED, 400);
    if (!top.token.n) /* nothing says for whom: we look nobody up */
        return pcscf_refuse(p, PCSCF_REFUSED_ROUTE, 404);
    int status = find_flow(p, top.token, g);
    if (status)
        return status;
    g->pop = top.own;
    g->to = sip_hop_flow(&g->flow);
    strict_mind_next(g, &top);
    const struct phone *ph = phone_find(p, &g->flow);
    if (ph && g->initial)
        identity_called(ph, rq, g->identity, sizeof(g->identity));
    return record(g, rq);
}

/* ---- changes ---- */

void passage_edit_request(const struct passage *g, const struct sip_msg *rq, struct sip_edit *e)
{
    if (g->cut_routes)
        sip_edit_remove(e, SIP_H_ROUTE);
    else if (g->pop)
        sip_edit_pop(e, SIP_H_ROUTE, g->pop);
    if (g->strict)
        sip_edit_add(e, SIP_H_ROUTE, sip_edit_text(e, "<%.*s>", BYTES_FMT(rq->ruri_text)));
    record_edit_request(g, e);
    session_edit_request(&g->session, rq, e);
    trust_apply(rq, g->from_phone ? TRUST_FROM_PHONE : TRUST_TO_PHONE, &g->p->config->trusted_headers, e);
    if (!g->from_phone)
        return;
    sec_agree_edit_request(rq, e);
    if (rq->method != SIP_ACK)
        access_network_edit(g->p, e);
    if (g->initial && g->identity[0])
        sip_edit_add(e, SIP_H_P_ASSERTED_IDENTITY, bytes_str(g->identity));
    if (rq->method == SIP_ACK)
        return;
    if (g->initial)
        charging_edit_request(g->p, g->icid, e);
    else
        within_edit_accounts(g, rq, e);
}
