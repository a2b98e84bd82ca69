#include "modules/ue/ua_call.h"
#include "appliance/base/random.h"
#include "modules/sip/route_set.h"
#include "modules/ue/ua_request.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

char *ua_call_text(struct bytes b)
{
    return b.n ? strndup((const char *)b.p, b.n) : strdup("");
}

struct ua_call *ua_call_create(struct sip_ua *ua)
{
    struct ua_call *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->ua = ua;
    c->owner = ua->owner;
    random_text(c->tag, UA_TAG);
    list_push_back(&ua->calls, &c->link);
    return c;
}

void ua_call_destroy(struct ua_call *c)
{
    if (!c)
        return;
    ua_request_disown(c->ua, c);
    ue_loop_disarm(c->ua->loop, &c->timer);
    list_remove(&c->link);
    buf_fini(&c->sdp);
    buf_fini(&c->invite_text);
    buf_fini(&c->again);
    free(c->call_id);
    free(c->peer_tag);
    free(c->local);
    free(c->remote);
    free(c->target);
    free(c->route);
    free(c);
}

void ua_call_destroy_all(struct sip_ua *ua)
{
    while (!list_empty(&ua->calls))
        ua_call_destroy(container_of(ua->calls.next, struct ua_call, link));
}

void ua_call_set_state(struct ua_call *c, enum ua_call_state s)
{
    if (c->state == s)
        return;
    c->state = s;
    c->ua->on->changed(c->ua, c);
}

static void on_forget(struct worker *w, struct timer *t)
{
    ua_call_destroy(container_of(t, struct ua_call, timer));
}

void ua_call_over(struct ua_call *c, unsigned status, const char *reason)
{
    if (c->state == UA_ENDED)
        return;
    c->status = status;
    snprintf(c->reason, sizeof c->reason, "%s", reason);
    c->timer.fire = on_forget;
    ue_loop_arm(c->ua->loop, &c->timer, UA_TIMEOUT_MS);
    ua_call_set_state(c, UA_ENDED);
}

void ua_call_fail_all(struct sip_ua *ua)
{
    list_each_safe (it, &ua->calls)
        ua_call_over(container_of(it, struct ua_call, link), 503, "the connection is gone");
}

/* Record-Route as a Route: in the order of the message for the called, the other way round for the caller
 * (12.1). */
static char *read_route(const struct sip_msg *m, bool reverse)
{
    struct buf out;
    buf_init(&out);
    char *text = sip_route_set_write(m, reverse, &out) ? ua_call_text(buf_bytes(&out)) : NULL;
    buf_fini(&out);
    return text;
}

bool ua_call_take_dialog(struct ua_call *c, const struct sip_msg *m)
{
    struct sip_nameaddr contact;
    if (!sip_msg_nameaddr(m, SIP_H_CONTACT, &contact) || contact.star)
        return false;
    free(c->target);
    free(c->route);
    free(c->peer_tag);
    c->target = ua_call_text(contact.uri.text);
    c->route = read_route(m, c->caller);
    c->peer_tag = ua_call_text(c->caller ? m->to_tag : m->from_tag);
    buf_clear(&c->sdp);
    buf_append(&c->sdp, m->body);
    return c->target && c->route && c->peer_tag && !c->sdp.failed;
}

static struct ua_ask dialog_ask(struct ua_call *c, enum sip_method method)
{
    return (struct ua_ask){.method = method,
                           .ruri = c->target,
                           .from = c->local,
                           .to = c->remote,
                           .call_id = c->call_id,
                           .route = c->route,
                           .cseq = &c->cseq,
                           .owner = c};
}

static void on_bye_answer(struct ua_request *rq, const struct sip_msg *m, unsigned status)
{
    struct ua_call *c = rq->owner;
    if (status < 200)
        return;
    /* 481 and 408 end the dialog as well as 200 does (RFC 3261 15.1.1), but it is worth telling them apart.
     */
    ua_call_over(c, status, m ? sip_reason(status) : "no answer to BYE");
}

void ua_call_bye(struct ua_call *c)
{
    struct ua_ask ask = dialog_ask(c, SIP_BYE);
    ask.answered = on_bye_answer;
    ue_loop_disarm(c->ua->loop, &c->timer);
    if (ua_request_start(c->ua, &ask))
        ua_call_set_state(c, UA_ENDING);
    else
        ua_call_over(c, 503, "BYE could not be sent");
}

/* The ACK of a 2xx is the UA's own, end to end (RFC 3261 13.2.2.4); kept, for a 2xx that comes again. */
static bool acknowledge(struct ua_call *c)
{
    struct ua_ask ask = dialog_ask(c, SIP_ACK);
    buf_clear(&c->again);
    return ua_request_write_ack(c->ua, &ask, c->invite_cseq, &c->again) &&
           tls_link_send(&c->ua->link, buf_bytes(&c->again)) == 0;
}

static void handle_accepted(struct ua_call *c, const struct sip_msg *m)
{
    char *remote = ua_call_text(m->to.text);
    free(c->remote);
    c->remote = remote;
    c->invite_cseq = m->cseq.number;
    if (!remote || !m->to_tag.n || !ua_call_take_dialog(c, m)) {
        ua_call_over(c, 500, "the 200 makes no dialog");
        return;
    }
    if (!acknowledge(c))
        ua_call_over(c, 503, "ACK could not be sent");
    else if (c->end_wanted) /* the 200 crossed our CANCEL (RFC 3261 9.1) */
        ua_call_bye(c);
    else
        ua_call_set_state(c, UA_UP);
}

static void on_invite_answer(struct ua_request *rq, const struct sip_msg *m, unsigned status)
{
    struct ua_call *c = rq->owner;
    char reason[UA_REASON_MAX];
    if (status < 200) {
        if (!c->end_wanted)
            ua_call_set_state(c, UA_RINGING);
        return;
    }
    c->invite = NULL;
    if (status < 300) {
        handle_accepted(c, m);
        return;
    }
    if (!m || !bytes_to_str(bytes_first(m->reason, sizeof reason - 1), reason, sizeof reason))
        snprintf(reason, sizeof reason, "%s", status == 408 ? "no answer" : sip_reason(status));
    ua_call_over(c, status, reason);
}

static bool make_identity(struct ua_call *c, const char *to)
{
    struct buf out;
    char id[33];
    random_text(id, 32);
    buf_init(&out);
    buf_printf(&out, "<%s>;tag=%s", c->ua->aor, c->tag);
    c->call_id = strdup(id);
    c->local = out.failed ? NULL : ua_call_text(buf_bytes(&out));
    buf_clear(&out);
    buf_printf(&out, "<%s>", to);
    c->remote = out.failed ? NULL : ua_call_text(buf_bytes(&out));
    buf_fini(&out);
    return c->call_id && c->local && c->remote;
}

struct ua_call *ua_call_place(struct sip_ua *ua, const char *to, struct bytes sdp)
{
    char headers[1024];
    struct ua_call *c = ua_call_create(ua);
    if (!c)
        return NULL;
    c->caller = true;
    snprintf(headers, sizeof headers,
             "Contact: %s\r\nSupported: outbound\r\nAllow: INVITE, ACK, CANCEL, BYE, MESSAGE, OPTIONS\r\n",
             ua->contact);
    if (make_identity(c, to)) {
        struct ua_ask ask = dialog_ask(c, SIP_INVITE);
        ask.ruri = to;
        ask.route = ua->reg.service_route;
        ask.headers = headers;
        ask.content_type = "application/sdp";
        ask.body = sdp;
        ask.answered = on_invite_answer;
        c->invite = ua_request_start(ua, &ask);
    }
    if (c->invite)
        return c;
    ua_call_destroy(c);
    return NULL;
}

/* A 200 that comes again: its ACK was lost beyond our connection. */
void ua_call_stray(struct sip_ua *ua, const struct sip_msg *m)
{
    if (m->cseq.method != SIP_INVITE || m->status < 200 || m->status > 299)
        return;
    list_each (it, &ua->calls) {
        struct ua_call *c = container_of(it, struct ua_call, link);
        if (c->caller && c->peer_tag && buf_len(&c->again) && m->cseq.number == c->invite_cseq &&
            bytes_eq(m->call_id, bytes_str(c->call_id)) && bytes_eq(m->to_tag, bytes_str(c->peer_tag)))
            tls_link_send(&ua->link, buf_bytes(&c->again));
    }
}

static void end_caller(struct ua_call *c)
{
    c->end_wanted = true;
    if (!c->invite)
        return;
    ua_request_cancel(c->invite);
    ua_call_set_state(c, UA_ENDING);
}

void ua_call_end(struct ua_call *c)
{
    switch (c->state) {
    case UA_CALLING:
    case UA_RINGING:
        if (c->caller)
            end_caller(c);
        else
            ua_call_refuse(c, 480);
        break;
    case UA_ANSWERED:
        c->end_wanted = true; /* BYE waits for the ACK (RFC 3261 15) */
        break;
    case UA_UP:
        ua_call_bye(c);
        break;
    case UA_ENDING:
    case UA_ENDED:
        break;
    }
}

const char *ua_call_state_name(enum ua_call_state s)
{
    static const char *const names[] = {"calling", "ringing", "answered", "up", "ending", "ended"};
    return names[s];
}
