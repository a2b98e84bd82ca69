#include "modules/pcscf/call/dialog_watch.h"
#include "modules/pcscf/call/absence.h"
#include "modules/pcscf/call/dialog_within.h"
#include "modules/pcscf/call/record.h"
#include "modules/pcscf/call/session.h"
#include "modules/pcscf/refusal.h"

static const struct registration *registration_of(const struct phone *ph, uint64_t owner)
{
    list_each (it, &ph->registrations) {
        const struct registration *r = container_of(it, struct registration, link);
        if (r->where.owner == owner)
            return r;
    }
    return NULL;
}

static enum dialog_help help_of(const struct passage *g)
{
    if (g->emergency)
        return DIALOG_EMERGENCY;
    return g->callback ? DIALOG_CALLBACK : DIALOG_ORDINARY;
}

/* ---- an INVITE that makes dialogs ---- */

static const struct dialog *sibling(const struct passage *g)
{
    return list_empty(&g->forks) ? NULL : container_of(g->forks.next, struct dialog, fork);
}

/* What a response says, and for what only the request says the request, or a dialog that it made before. */
static void read_ends(const struct passage *g, const struct sip_msg *rq, const struct sip_msg *rs,
                      struct bytes text[static DIALOG_TEXTS])
{
    const struct dialog *old = sibling(g);
    unsigned caller = g->from_phone ? DIALOG_PHONE_TARGET : DIALOG_FAR_TARGET;
    unsigned called = g->from_phone ? DIALOG_FAR_TARGET : DIALOG_PHONE_TARGET;
    text[DIALOG_CALL_ID] = rs->call_id;
    text[DIALOG_PHONE] = sip_msg_value(rs, g->from_phone ? SIP_H_FROM : SIP_H_TO);
    text[DIALOG_FAR] = sip_msg_value(rs, g->from_phone ? SIP_H_TO : SIP_H_FROM);
    text[DIALOG_PHONE_TAG] = g->from_phone ? rs->from_tag : rs->to_tag;
    text[DIALOG_FAR_TAG] = g->from_phone ? rs->to_tag : rs->from_tag;
    text[called] = dialog_contact(rs);
    text[caller] = dialog_contact(rq);
    if (!rq && old)
        text[caller] = old->is.text[caller];
}

/* Who pays: of a calling phone as we began it, of a called one as the network did; the other side's name in
 * the accounts comes with the answers. */
static void read_accounts(const struct passage *g, const struct sip_msg *rq, const struct sip_msg *rs,
                          struct bytes text[static DIALOG_TEXTS])
{
    struct bytes own = bytes_str(charging_ioi(g->p));
    const struct charging_vector v = charging_read(g->from_phone ? rs : rq);
    const struct dialog *old = sibling(g);
    text[DIALOG_ICID] = g->from_phone ? bytes_str(g->icid) : v.icid;
    text[DIALOG_ORIG_IOI] = g->from_phone ? own : v.orig_ioi;
    text[DIALOG_TERM_IOI] = g->from_phone ? v.term_ioi : own;
    if (!rq && !g->from_phone && old)
        memcpy(&text[DIALOG_ICID], &old->is.text[DIALOG_ICID], 3 * sizeof(text[0]));
}

/* The way behind us: of a calling phone's responses, or of the request to a called one. */
static bool read_way(const struct passage *g, const struct sip_msg *rq, const struct sip_msg *rs,
                     struct sip_route_set *way)
{
    if (g->from_phone)
        return record_way(g, rs, way);
    return rq && sip_route_set_read(rq, SIP_H_RECORD_ROUTE, 0, way);
}

static void write_way(const struct sip_route_set *way, struct buf *out)
{
    for (unsigned i = 0; i < way->n; i++) {
        if (i)
            buf_str(out, ", ");
        buf_append(out, way->items[i]);
    }
}

/* False: not enough is known of it, or memory is short. */
static bool read_facts(struct passage *g, const struct sip_msg *rq, const struct sip_msg *rs,
                       struct dialog_facts *f, struct buf *way_text)
{
    struct sip_route_set way;
    const struct dialog *old = sibling(g);
    read_ends(g, rq, rs, f->text);
    if (read_way(g, rq, rs, &way))
        write_way(&way, way_text);
    f->text[DIALOG_ROUTE] = buf_bytes(way_text);
    read_accounts(g, rq, rs, f->text);
    if (!rq && !g->from_phone && old)
        f->text[DIALOG_ROUTE] = old->is.text[DIALOG_ROUTE];
    f->from_phone = g->from_phone;
    f->help = help_of(g);
    f->owner = g->owner;
    f->instance = g->instance;
    *(g->from_phone ? &f->phone_cseq : &f->far_cseq) = rs->cseq.number;
    return !way_text->failed && (rq || old);
}

static struct dialog *make(struct passage *g, const struct dialog_facts *facts)
{
    struct phone *ph = phone_find(g->p, &g->flow);
    const struct registration *r = ph ? registration_of(ph, g->owner) : NULL;
    struct dialog_facts f = *facts;
    if (r)
        f.text[DIALOG_AOR] = r->aor;
    struct dialog *d = dialog_create(g->p, &g->flow, &f);
    if (!d)
        return NULL;
    d->invite = g;
    d->began = g->began;
    list_push_back(&g->forks, &d->fork);
    return d;
}

/* While it rang the phone may have gone to another flow; confirmed, the call can go there too. */
static void follow(struct dialog *d)
{
    struct flow now;
    if (absence_leads(d, &now))
        dialog_move(d, &now);
}

static void fork_response(struct passage *g, const struct sip_msg *rq, const struct sip_msg *rs)
{
    struct dialog_facts f = {0};
    struct buf way;
    struct dialog *d = dialog_of(g->p, g->from_phone, rs);
    if (rs->status < 101 || rs->status > 299 || !rs->to_tag.n)
        return;
    buf_init(&way);
    if (read_facts(g, rq, rs, &f, &way)) {
        if (d && d->invite == g)
            dialog_correct(d, f.text);
        else if (!d)
            d = make(g, &f);
    }
    buf_fini(&way);
    if (!d || rs->status < 200)
        return;
    session_agree(d, &g->session, rs);
    dialog_confirm(d);
    follow(d);
}

void watch_request(struct passage *g, const struct sip_msg *rq)
{
    list_init(&g->forks);
    g->began = g->p->w->now;
    if (!g->initial)
        within_request(g, rq);
}

void watch_response(struct passage *g, const struct sip_msg *rq, const struct sip_msg *rs)
{
    bool invite = rs->cseq.method == SIP_INVITE;
    if (g->from_phone && g->owner && !flow_reaches(g->p, &g->flow)) /* the answer goes where it is now */
        absence_home(g->p, &g->flow, g->owner, g->instance);
    g->heard = rs->status;
    if (invite && rs->status > 100 && !g->rang)
        g->rang = g->p->w->now;
    if (invite && g->initial)
        fork_response(g, rq, rs);
    else if (rq && rs->status / 100 == 2 && (invite || rs->cseq.method == SIP_UPDATE))
        within_done(g, rq, rs);
}

/* ---- the ends ---- */

static void end_early(struct passage *g)
{
    list_each_safe (it, &g->forks) {
        struct dialog *d = container_of(it, struct dialog, fork);
        if (!d->confirmed)
            dialog_end(d, DIALOG_UNANSWERED, BYTES_NONE);
    }
}

/* The forks first: what the proxy says next may end the transaction. */
void watch_give_up(struct passage *g, struct bytes reason)
{
    end_early(g);
    if (g->from_phone || flow_reaches(g->p, &g->flow))
        proxy_end(g->proxy, 480, reason);
    else
        proxy_fail(g->proxy, proxy_branch_at(g->proxy, 0), 480);
}

static const char *who_refused(const struct passage *g, int status)
{
    if (g->cancelled)
        return g->from_phone ? "phone" : "network";
    if (g->heard != status)
        return "edge";
    return g->from_phone ? "network" : "phone";
}

static const char *why_refused(const struct passage *g, int status)
{
    if (g->cancelled)
        return "cancelled";
    return g->heard != status && g->because ? g->because : sip_reason((unsigned)status);
}

static void say_refused(const struct passage *g, const struct sip_msg *rq, int status)
{
    struct pcscf *p = g->p;
    const struct phone *ph = phone_find(p, &g->flow);
    const struct registration *r = ph ? registration_of(ph, g->owner) : NULL;
    enum dialog_help help = help_of(g);
    log_info(&p->w->log, "sip.call_failed", F_BYTES("call_id", rq->call_id),
             F_BYTES("aor", r ? r->aor : BYTES_NONE), F_STR("side", dialog_side(g->from_phone)),
             F_ADDR("peer", &g->flow.peer), F_BYTES("uri", rq->ruri_text), F_INT("status", status),
             F_STR("by", who_refused(g, status)), F_STR("why", why_refused(g, status)),
             F_UINT("after_ms", p->w->now - g->began),
             F_UINT(g->rang ? "rang_ms" : NULL, p->w->now - g->rang),
             F_STR(help ? "kind" : NULL, dialog_kind(help)));
    pcscf_count(p, g->cancelled ? PCSCF_CALLS_CANCELLED : PCSCF_CALLS_REFUSED);
}

/* What neither begins a call nor ends one: a MESSAGE, a re-INVITE, a SUBSCRIBE. Phones ask with OPTIONS all
 * the time. */
static void say_failed(const struct passage *g, const struct sip_msg *rq, int status)
{
    enum log_level level = rq->method == SIP_OPTIONS ? LOG_DEBUG : LOG_INFO;
    log_at(&g->p->w->log, level, "sip.request_failed", F_BYTES("call_id", rq->call_id),
           F_BYTES("method", rq->method_name), F_STR("side", dialog_side(g->from_phone)),
           F_ADDR("peer", &g->flow.peer), F_BYTES("uri", rq->ruri_text), F_INT("status", status),
           F_STR("by", who_refused(g, status)), F_STR("why", why_refused(g, status)));
}

static bool is_challenge(int status)
{
    return status == 401 || status == 407;
}

void watch_final(struct passage *g, const struct sip_msg *rq, int status)
{
    if (!rq)
        return;
    if (rq->method == SIP_BYE && !is_challenge(status))
        within_done(g, rq, NULL);
    if (status < 300 || is_challenge(status)) {
        if (rq->method == SIP_INVITE && g->initial && status >= 300)
            end_early(g);
        return;
    }
    if (rq->method != SIP_INVITE || !g->initial) {
        say_failed(g, rq, status);
        return;
    }
    end_early(g);
    if (g->emergency)
        phone_helped(g->p, &g->flow);
    say_refused(g, rq, status);
}

void watch_done(struct passage *g)
{
    if (!g->forks.next)
        return;
    end_early(g);
    list_each_safe (it, &g->forks) {
        container_of(it, struct dialog, fork)->invite = NULL;
        list_remove(it);
    }
}

bool watch_refused(struct pcscf *p, const struct sip_hop *from, const struct sip_msg *rq, int status)
{
    if (rq->method != SIP_INVITE || rq->to_tag.n)
        return false;
    if (!core_link_is_from(p, from) && !phone_in_use(p, &from->flow)) /* anybody can knock */
        return false;
    const char *because = refusal_because(p->refused);
    log_info(&p->w->log, "sip.call_failed", F_BYTES("call_id", rq->call_id),
             F_STR("side", dialog_side(!core_link_is_from(p, from))), F_ADDR("peer", &from->flow.peer),
             F_BYTES("uri", rq->ruri_text), F_INT("status", status), F_STR("by", "edge"),
             F_STR("why", because[0] ? because : sip_reason((unsigned)status)));
    pcscf_count(p, PCSCF_CALLS_REFUSED);
    return true;
}
