#include "modules/pcscf/call/dialog_within.h"
#include <stdlib.h>

struct dialog *dialog_of(const struct pcscf *p, bool from_phone, const struct sip_msg *m)
{
    return dialog_find(p, m->call_id, from_phone ? m->from_tag : m->to_tag,
                       from_phone ? m->to_tag : m->from_tag);
}

struct bytes dialog_contact(const struct sip_msg *m)
{
    struct sip_nameaddr na;
    return m && sip_msg_nameaddr(m, SIP_H_CONTACT, &na) && !na.star ? na.uri.text : BYTES_NONE;
}

void dialog_correct(struct dialog *d, const struct bytes text[static DIALOG_TEXTS])
{
    struct bytes now[DIALOG_TEXTS];
    bool differs = false;
    memcpy(now, d->is.text, sizeof(now));
    for (unsigned i = DIALOG_PHONE_TARGET; i <= DIALOG_TERM_IOI; i++) {
        if (!text[i].n || bytes_eq(now[i], text[i]))
            continue;
        now[i] = text[i];
        differs = true;
    }
    if (differs)
        dialog_change(d, now);
}

struct charging_vector dialog_accounts(const struct dialog *d)
{
    return (struct charging_vector){.icid = d->is.text[DIALOG_ICID],
                                    .orig_ioi = d->is.text[DIALOG_ORIG_IOI],
                                    .term_ioi = d->is.text[DIALOG_TERM_IOI]};
}

bool within_edit_accounts(const struct passage *g, const struct sip_msg *m, struct sip_edit *e)
{
    const struct dialog *d = dialog_of(g->p, g->from_phone, m);
    if (!d || !d->is.text[DIALOG_ICID].n)
        return false;
    const struct charging_vector v = dialog_accounts(d);
    charging_edit_vector(&v, e);
    return true;
}

void within_request(const struct passage *g, const struct sip_msg *rq)
{
    struct dialog *d = dialog_of(g->p, g->from_phone, rq);
    if (!d)
        return;
    uint32_t *cseq = g->from_phone ? &d->is.phone_cseq : &d->is.far_cseq;
    if (rq->cseq.number > *cseq)
        *cseq = rq->cseq.number;
}

/* ---- outcomes ---- */

/* A target refresh (RFC 3261 12.2.1.2, RFC 3311 5). */
static void refresh(struct dialog *d, bool from_phone, const struct session_offer *offer,
                    const struct sip_msg *rq, const struct sip_msg *rs)
{
    struct bytes text[DIALOG_TEXTS] = {0};
    text[from_phone ? DIALOG_PHONE_TARGET : DIALOG_FAR_TARGET] = dialog_contact(rq);
    text[from_phone ? DIALOG_FAR_TARGET : DIALOG_PHONE_TARGET] = dialog_contact(rs);
    dialog_correct(d, text);
    session_agree(d, offer, rs);
    dialog_row_put(d);
}

/* RFC 3261 15.1: whatever the answer to a BYE, who says it has left. */
static void conclude(struct dialog *d, bool from_phone, const struct session_offer *offer,
                     const struct sip_msg *rq, const struct sip_msg *rs)
{
    if (rs)
        refresh(d, from_phone, offer, rq, rs);
    else
        dialog_end(d, from_phone ? DIALOG_HUNG_UP_PHONE : DIALOG_HUNG_UP_FAR,
                   sip_msg_value(rq, SIP_H_REASON));
}

/* ---- on another worker ---- */

struct outcome {
    struct letter letter;
    bool from_phone;
    struct session_offer offer;
    size_t rq, rs; /* lengths of the messages in bytes; rs 0: none */
    uint8_t bytes[];
};

static void conclude_here(struct pcscf *p, const struct outcome *o)
{
    struct sip_msg rq, rs;
    struct sip_fault fault;
    if (sip_msg_parse(&rq, bytes_of(o->bytes, o->rq), SIP_DATAGRAM, &fault) < 0)
        return;
    if (o->rs && sip_msg_parse(&rs, bytes_of(o->bytes + o->rq, o->rs), SIP_DATAGRAM, &fault) < 0)
        return;
    struct dialog *d = dialog_of(p, o->from_phone, &rq);
    if (d)
        conclude(d, o->from_phone, &o->offer, &rq, o->rs ? &rs : NULL);
    else if (!o->rs)
        hang_up_note(p, o->from_phone, &rq);
}

static void on_outcome(struct worker *w, struct letter *l)
{
    struct outcome *o = container_of(l, struct outcome, letter);
    struct pcscf *p = w->ended ? NULL : pcscf_of(w);
    if (p)
        conclude_here(p, o);
    free(o);
}

/* Without memory the call stays in mind until its phone or its session timer ends it. */
static void tell(struct worker *home, const struct passage *g, struct bytes rq, struct bytes rs)
{
    struct outcome *o = malloc(sizeof(*o) + rq.n + rs.n);
    if (!o)
        return;
    *o = (struct outcome){
        .letter.open = on_outcome, .from_phone = g->from_phone, .offer = g->session, .rq = rq.n, .rs = rs.n};
    memcpy(o->bytes, rq.p, rq.n);
    if (rs.n)
        memcpy(o->bytes + rq.n, rs.p, rs.n);
    worker_post(home, &o->letter);
}

/* The worker on which the phone is now, or was when the request went its way. */
static uint16_t home_of(const struct passage *g)
{
    struct flow now;
    return whereabouts_find(g->p->whereabouts, g->owner, g->instance, &now) ? now.conn.worker
                                                                            : g->flow.conn.worker;
}

void within_done(const struct passage *g, const struct sip_msg *rq, const struct sip_msg *rs)
{
    struct worker *w = g->p->w;
    struct dialog *d = dialog_of(g->p, g->from_phone, rq);
    if (d) {
        conclude(d, g->from_phone, &g->session, rq, rs);
        return;
    }
    struct worker *home = gateway_worker(w->gw, home_of(g));
    if (home && home != w)
        tell(home, g, rq->raw, rs ? rs->raw : BYTES_NONE);
    else if (!rs)
        hang_up_note(g->p, g->from_phone, rq);
}
