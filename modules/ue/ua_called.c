/* The called side of ua_call.h, and what comes in within a dialog. */
#include "modules/ue/ua_call.h"
#include "modules/ue/ua_request.h"
#include <errno.h>

static bool is_of_call(const struct ua_call *c, const struct sip_msg *m)
{
    return c->call_id && bytes_eq(m->call_id, bytes_str(c->call_id)) &&
           (m->to_tag.n == 0 || bytes_eq(m->to_tag, bytes_str(c->tag))) &&
           (!c->peer_tag || bytes_eq(m->from_tag, bytes_str(c->peer_tag)));
}

static struct ua_call *find_call(struct sip_ua *ua, const struct sip_msg *m)
{
    list_each (it, &ua->calls) {
        struct ua_call *c = container_of(it, struct ua_call, link);
        if (is_of_call(c, m))
            return c;
    }
    return NULL;
}

static int answer_invite(struct ua_call *c, const struct ua_answer *a)
{
    struct sip_msg m;
    struct sip_fault fault;
    if (sip_msg_parse(&m, buf_bytes(&c->invite_text), SIP_STREAM, &fault) != 0)
        return -EBADMSG;
    return sip_ua_answer(c->ua, &m, a);
}

int ua_call_ring(struct ua_call *c)
{
    if (c->caller || c->state != UA_RINGING)
        return -EINVAL;
    return answer_invite(c, &(struct ua_answer){.status = 180, .to_tag = c->tag, .dialog = true});
}

static int send_ok(struct ua_call *c)
{
    struct ua_answer ok = {.status = 200, .to_tag = c->tag, .dialog = true, .sdp = buf_bytes(&c->again)};
    ok.headers = "Supported: outbound\r\n";
    return answer_invite(c, &ok);
}

/* The 200 goes again until its ACK comes, over TLS too: a hop behind the next may be UDP (RFC 3261 13.3.1.4).
 */
void ua_call_on_answer_timer(struct worker *w, struct timer *t)
{
    struct ua_call *c = container_of(t, struct ua_call, timer);
    if (c->ua->loop->now - c->again_since >= UA_TIMEOUT_MS) {
        ua_call_bye(c);
        return;
    }
    send_ok(c);
    c->again_ms = c->again_ms * 2 > UA_T2_MS ? UA_T2_MS : c->again_ms * 2;
    ue_loop_arm(c->ua->loop, &c->timer, c->again_ms);
}

int ua_call_answer(struct ua_call *c, struct bytes sdp)
{
    if (c->caller || c->state != UA_RINGING)
        return -EINVAL;
    buf_clear(&c->again);
    if (!buf_append(&c->again, sdp))
        return -ENOMEM;
    int rc = send_ok(c);
    if (rc != 0)
        return rc;
    c->again_ms = UA_T1_MS;
    c->again_since = c->ua->loop->now;
    c->timer.fire = ua_call_on_answer_timer;
    ue_loop_arm(c->ua->loop, &c->timer, c->again_ms);
    ua_call_set_state(c, UA_ANSWERED);
    return 0;
}

void ua_call_refuse(struct ua_call *c, unsigned status)
{
    if (c->caller || c->state != UA_RINGING)
        return;
    answer_invite(c, &(struct ua_answer){.status = status, .to_tag = c->tag});
    ua_call_over(c, status, sip_reason(status));
}

/* From and To change places (RFC 3261 12.1.1). */
static bool take_invite(struct ua_call *c, const struct sip_msg *m)
{
    struct buf local;
    buf_init(&local);
    buf_printf(&local, "%.*s;tag=%s", BYTES_FMT(m->to.text), c->tag);
    c->call_id = ua_call_text(m->call_id);
    c->local = local.failed ? NULL : ua_call_text(buf_bytes(&local));
    c->remote = ua_call_text(m->from.text);
    c->peer_cseq = c->invite_cseq = m->cseq.number;
    buf_fini(&local);
    return c->call_id && c->local && c->remote && buf_append(&c->invite_text, m->raw) &&
           ua_call_take_dialog(c, m);
}

static unsigned handle_invite(struct sip_ua *ua, const struct sip_msg *m)
{
    struct ua_call *c;
    if (!ua->on->incoming)
        return 480;
    if (!sip_msg_has(m, SIP_H_CONTACT))
        return 400;
    c = ua_call_create(ua);
    if (!c)
        return 500;
    c->state = UA_RINGING;
    if (!take_invite(c, m)) {
        ua_call_destroy(c);
        return 500;
    }
    sip_ua_answer(ua, m, &(struct ua_answer){.status = 100});
    ua->on->incoming(ua, c);
    return 0;
}

static void handle_ack(struct ua_call *c, const struct sip_msg *m)
{
    if (c->state != UA_ANSWERED || m->cseq.number != c->invite_cseq)
        return;
    ue_loop_disarm(c->ua->loop, &c->timer);
    if (c->end_wanted)
        ua_call_bye(c);
    else
        ua_call_set_state(c, UA_UP);
}

/* 200 to the CANCEL, 487 to its INVITE, if that has no answer yet (RFC 3261 9.2). */
static unsigned handle_cancel(struct ua_call *c, const struct sip_msg *m)
{
    if (c->caller || m->cseq.number != c->invite_cseq)
        return 481;
    sip_ua_answer(c->ua, m, &(struct ua_answer){.status = 200, .to_tag = c->tag});
    if (c->state != UA_RINGING)
        return 0;
    c->ended_by_peer = true;
    ua_call_refuse(c, 487);
    return 0;
}

static unsigned handle_bye(struct ua_call *c, const struct sip_msg *m)
{
    sip_ua_answer(c->ua, m, &(struct ua_answer){.status = 200, .to_tag = c->tag});
    /* An INVITE that is still open gets its final answer too (RFC 3261 15.1.2). */
    if (!c->caller && c->state == UA_RINGING)
        answer_invite(c, &(struct ua_answer){.status = 487, .to_tag = c->tag});
    c->ended_by_peer = true;
    ua_call_over(c, 200, "ended by the other side");
    return 0;
}

static unsigned handle_in_dialog(struct ua_call *c, const struct sip_msg *m)
{
    if (m->method == SIP_ACK) {
        handle_ack(c, m);
        return 0;
    }
    if (m->to_tag.n == 0) /* the same INVITE by another way (RFC 3261 8.2.2.2) */
        return 482;
    if (c->state == UA_ENDED)
        return 481;
    if (c->peer_cseq && m->cseq.number <= c->peer_cseq) /* 12.2.2 */
        return 500;
    c->peer_cseq = m->cseq.number;
    if (m->method == SIP_BYE)
        return handle_bye(c, m);
    return m->method == SIP_INVITE ? 488 : UA_CALL_NOT_MINE;
}

unsigned ua_call_request(struct sip_ua *ua, const struct sip_msg *m)
{
    struct ua_call *c = find_call(ua, m);
    if (m->method == SIP_CANCEL)
        return c ? handle_cancel(c, m) : 481;
    if (c)
        return handle_in_dialog(c, m);
    if (m->method == SIP_ACK)
        return 0;
    if (m->to_tag.n > 0) /* a dialog that we do not know (12.2.2) */
        return 481;
    if (m->method == SIP_INVITE)
        return handle_invite(ua, m);
    return m->method == SIP_BYE ? 481 : UA_CALL_NOT_MINE;
}
