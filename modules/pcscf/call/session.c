#include "modules/pcscf/call/session.h"

static uint32_t expires_of(const struct sip_msg *m)
{
    struct sip_delta delta;
    return sip_delta_parse(sip_msg_value(m, SIP_H_SESSION_EXPIRES), &delta) ? delta.seconds : 0;
}

static bool is_refresh(enum sip_method m)
{
    return m == SIP_INVITE || m == SIP_UPDATE;
}

#define SESSION_LEAST 90 /* seconds, RFC 4028 4 */

/* Not below what the caller can bear (8.1). */
static uint32_t own_wish(const struct pcscf *p, const struct sip_msg *rq)
{
    struct sip_delta least;
    uint32_t wish = (uint32_t)(p->config->session_expires / 1000);
    if (wish < SESSION_LEAST)
        wish = SESSION_LEAST;
    bool bound = sip_delta_parse(sip_msg_value(rq, SIP_H_MIN_SE), &least) && least.seconds > wish;
    return bound ? least.seconds : wish;
}

/* An UPDATE before the answer is no place to begin with a timer (RFC 4028 7.4). */
static bool may_ask(const struct pcscf *p, const struct sip_msg *rq)
{
    return rq->method == SIP_INVITE && p->config->session_expires && !sip_msg_has(rq, SIP_H_SESSION_EXPIRES);
}

struct session_offer session_read_offer(const struct pcscf *p, const struct sip_msg *rq)
{
    struct session_offer o = {0};
    if (!is_refresh(rq->method))
        return o;
    o.caller_knows = sip_msg_has_token(rq, SIP_H_SUPPORTED, BYTES("timer"));
    o.seconds = may_ask(p, rq) ? own_wish(p, rq) : expires_of(rq);
    return o;
}

void session_edit_request(const struct session_offer *o, const struct sip_msg *rq, struct sip_edit *e)
{
    if (o->seconds && is_refresh(rq->method) && !sip_msg_has(rq, SIP_H_SESSION_EXPIRES))
        sip_edit_add(e, SIP_H_SESSION_EXPIRES, sip_edit_text(e, "%u", o->seconds));
}

static bool caller_refreshes(const struct session_offer *o, const struct sip_msg *rs)
{
    return o->seconds && o->caller_knows && rs->status / 100 == 2 && is_refresh(rs->cseq.method) &&
           !sip_msg_has(rs, SIP_H_SESSION_EXPIRES);
}

void session_edit_response(const struct session_offer *o, const struct sip_msg *rs, struct sip_edit *e)
{
    if (!caller_refreshes(o, rs))
        return;
    sip_edit_add(e, SIP_H_SESSION_EXPIRES, sip_edit_text(e, "%u;refresher=uac", o->seconds));
    if (!sip_msg_has_token(rs, SIP_H_REQUIRE, BYTES("timer")))
        sip_edit_add(e, SIP_H_REQUIRE, BYTES("timer"));
}

void session_agree(struct dialog *d, const struct session_offer *o, const struct sip_msg *rs)
{
    struct worker *w = d->room->w;
    d->session_seconds = caller_refreshes(o, rs) ? o->seconds : expires_of(rs);
    if (d->session_seconds)
        timer_set(&w->timers, &d->session, w->now + (uint64_t)d->session_seconds * 1000 + SESSION_SLACK);
    else
        timer_stop(&w->timers, &d->session);
}
