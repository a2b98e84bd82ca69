#include "modules/pcscf/call/record.h"
#include "modules/pcscf/call/dialog_within.h"
#include <string.h>

bool record_wanted(const struct sip_msg *rq)
{
    switch (rq->method) {
    case SIP_MESSAGE:
    case SIP_OPTIONS:
    case SIP_PUBLISH:
    case SIP_ACK:
        return false;
    case SIP_NOTIFY:
        return true;
    default:
        return rq->to_tag.n == 0; /* within a dialog the route set stands already (12.2) */
    }
}

int record_begin(struct passage *g, const struct sip_msg *rq)
{
    struct flow_token t = {.flow = g->flow,
                           .owner = g->owner,
                           .instance = g->instance,
                           .emergency = g->emergency,
                           .has_route = !g->from_phone};
    struct sip_route_set way;
    if (t.has_route) {
        if (!sip_route_set_read(rq, SIP_H_RECORD_ROUTE, 0, &way))
            return 400;
        if (!route_digest(&way, rq->call_id, rq->from_tag, t.route))
            return 400;
    }
    return flow_token_seal(g->p->w, &t, g->token) ? 0 : 500;
}

/* RFC 5658: the value of the side that the request leaves to stands above the other. */
void record_edit_request(const struct passage *g, struct sip_edit *e)
{
    char phone[ROUTE_URI_MAX], core[ROUTE_URI_MAX];
    if (!g->token[0])
        return;
    if (!route_for_phone(g->p, &g->flow, g->token, phone) || !route_for_core(g->p, g->token, false, core))
        return;
    struct bytes below = sip_edit_text(e, "%s", g->from_phone ? phone : core);
    struct bytes above = sip_edit_text(e, "%s", g->from_phone ? core : phone);
    sip_edit_push(e, SIP_H_RECORD_ROUTE, below);
    sip_edit_push(e, SIP_H_RECORD_ROUTE, above);
}

/* ---- responses to a calling phone ---- */

/* Our two values, and how many stand above them. */
struct own_values {
    struct bytes core, phone;
    unsigned above;
};

static bool is_own(const struct passage *g, struct bytes item)
{
    struct sip_nameaddr na;
    return sip_nameaddr_parse(item, &na) && bytes_eq(na.uri.user, bytes_str(g->token)) &&
           route_is_ours(g->p, &na.uri);
}

static bool find_own(const struct passage *g, const struct sip_msg *rs, struct own_values *out)
{
    struct sip_values it = sip_values(rs, SIP_H_RECORD_ROUTE);
    struct bytes item;
    for (out->above = 0; sip_values_next(&it, &item); out->above++) {
        if (!is_own(g, item))
            continue;
        out->core = item;
        return sip_values_next(&it, &out->phone) && is_own(g, out->phone);
    }
    return false;
}

bool record_way(const struct passage *g, const struct sip_msg *rs, struct sip_route_set *out)
{
    struct own_values own;
    return g->token[0] && find_own(g, rs, &own) && sip_route_set_read_above(rs, own.above, out);
}

void record_edit_response(const struct passage *g, const struct sip_msg *rs, struct sip_edit *e)
{
    struct flow_token t;
    struct sip_route_set way;
    struct own_values own;
    char token[TOKEN_TEXT_MAX], phone[ROUTE_URI_MAX], core[ROUTE_URI_MAX];
    if (!g->from_phone || !g->token[0] || rs->status < 101 || rs->status > 299 || !find_own(g, rs, &own))
        return;
    if (flow_token_open(g->p->w, bytes_str(g->token), &t) != FLOW_TOKEN_OK)
        return;
    t.has_route =
        sip_route_set_read_above(rs, own.above, &way) && route_digest(&way, rs->call_id, rs->to_tag, t.route);
    if (!t.has_route || !flow_token_seal(g->p->w, &t, token) ||
        !route_for_phone(g->p, &g->flow, token, phone) || !route_for_core(g->p, token, false, core))
        return;
    sip_edit_replace(e, own.core, sip_edit_text(e, "%s", core));
    sip_edit_replace(e, own.phone, sip_edit_text(e, "%s", phone));
}

/* ---- what the phone makes of it ---- */

static bool is_way_of(const struct flow_token *t, const struct sip_msg *rq, const struct route_top *top)
{
    struct sip_route_set way;
    uint8_t digest[ROUTE_DIGEST];
    return t->has_route && sip_route_set_read(rq, SIP_H_ROUTE, top->own, &way) &&
           route_digest(&way, rq->call_id, rq->to_tag, digest) &&
           memcmp(digest, t->route, sizeof(digest)) == 0;
}

/* A call for help outlives its registration. */
static bool is_for_help(const struct passage *g, const struct flow_token *t, const struct sip_msg *rq)
{
    const struct dialog *d = t->emergency ? NULL : dialog_of(g->p, true, rq);
    return t->emergency || (d && d->is.help && flow_eq(&d->flow, &g->flow));
}

/* Is it this phone's? */
static bool is_theirs(const struct passage *g, const struct phone *ph, const struct flow_token *t,
                      enum flow_token_verdict v, const struct sip_msg *rq)
{
    if (!ph)
        return v == FLOW_TOKEN_OK && flow_eq(&t->flow, &g->flow) && is_for_help(g, t, rq);
    return v != FLOW_TOKEN_FOREIGN && (flow_eq(&t->flow, &g->flow) || phone_owns(ph, t->owner));
}

/* TS 24.229 5.2.6.3: the edge may put in what is right instead, if the call is one of this phone's. */
static int mend(struct passage *g, const struct sip_msg *rq, enum pcscf_stat why, int status)
{
    const struct pcscf *p = g->p;
    const struct dialog *d = p->config->dialog_route == SERVICE_ROUTE_REPLACE ? dialog_of(p, true, rq) : NULL;
    if (!d || !flow_eq(&d->flow, &g->flow))
        return pcscf_refuse(g->p, why, status);
    g->cut_routes = true;
    g->route = d->is.text[DIALOG_ROUTE];
    return 0;
}

int record_check(struct passage *g, const struct phone *ph, const struct sip_msg *rq,
                 const struct route_top *top)
{
    struct flow_token t;
    if (!top->own || !top->token.n)
        return mend(g, rq, ph ? PCSCF_REFUSED_ROUTE : PCSCF_REFUSED_UNREGISTERED, 403);
    enum flow_token_verdict v = flow_token_open(g->p->w, top->token, &t);
    if (!is_theirs(g, ph, &t, v, rq))
        return pcscf_refuse(g->p, ph ? PCSCF_REFUSED_TOKEN : PCSCF_REFUSED_UNREGISTERED, 403);
    g->emergency = t.emergency;
    return is_way_of(&t, rq, top) ? 0 : mend(g, rq, PCSCF_REFUSED_ROUTE, 400);
}
