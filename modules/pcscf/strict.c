#include "modules/pcscf/strict.h"
#include <errno.h>

static bool is_loose(const struct sip_uri *uri)
{
    return !sip_uri_is_sip(uri) || sip_uri_param(uri, BYTES("lr"), NULL);
}

/* ---- in front of us ---- */

/* The last Route value: in which line, and which of that line's. */
struct last_route {
    const struct sip_header *h;
    unsigned index;
    struct sip_nameaddr na;
};

static bool find_last(const struct sip_msg *rq, struct last_route *out)
{
    struct sip_values it = sip_values(rq, SIP_H_ROUTE);
    struct bytes item, last = BYTES_NONE;
    *out = (struct last_route){0};
    while (sip_values_next(&it, &item)) {
        out->index = it.h == out->h ? out->index + 1 : 0;
        out->h = it.h;
        last = item;
    }
    return !it.bad && out->h && out->index < 64 && sip_nameaddr_parse(last, &out->na);
}

/* One that would lead back to us is left as it is: it would be told apart again and again. */
bool strict_is_from_one(const struct pcscf *p, const struct sip_msg *rq)
{
    struct flow_token t;
    struct last_route last;
    return rq->request && sip_msg_has(rq, SIP_H_ROUTE) && rq->ruri.user.n && route_is_ours(p, &rq->ruri) &&
           flow_token_open(p->w, rq->ruri.user, &t) != FLOW_TOKEN_FOREIGN && find_last(rq, &last) &&
           !route_is_ours(p, &last.na.uri);
}

int strict_loosen(const struct sip_msg *rq, struct buf *out)
{
    struct last_route last;
    struct sip_edit e;
    sip_edit_init(&e, rq);
    if (!find_last(rq, &last))
        return -EBADMSG;
    sip_edit_ruri(&e, last.na.uri.text);
    sip_edit_remove_values(&e, last.h, UINT64_C(1) << last.index);
    sip_edit_push(&e, SIP_H_ROUTE, sip_edit_text(&e, "<%.*s>", BYTES_FMT(rq->ruri_text)));
    return sip_edit_apply(&e, out);
}

/* ---- behind us ---- */

static void mind_list(struct passage *g)
{
    struct bytes rest = g->route;
    struct sip_nameaddr na;
    if (!route_take_first(&rest, &na) || is_loose(&na.uri))
        return;
    g->strict = true;
    g->uri = na.uri.text;
    g->route = bytes_trim(rest);
}

void strict_mind_next(struct passage *g, const struct route_top *top)
{
    if (g->route.n) {
        mind_list(g);
    } else if (!g->cut_routes && top->has_next && !is_loose(&top->next)) {
        g->strict = true;
        g->uri = top->next.text;
        g->pop++;
    }
}
