#include "modules/ue/ua_request.h"
#include "appliance/base/random.h"
#include <errno.h>
#include <stdlib.h>

#define TRIES_MAX 3

/* What does not change from one try to the next. */
static void write_rest(const struct ua_ask *a, struct buf *out)
{
    buf_str(out, "Max-Forwards: 70\r\n");
    if (a->route && a->route[0])
        buf_printf(out, "Route: %s\r\n", a->route);
    buf_printf(out, "From: %s\r\n", a->from);
    buf_printf(out, "To: %s\r\n", a->to);
    buf_printf(out, "Call-ID: %s\r\n", a->call_id);
    buf_str(out, a->headers ? a->headers : "");
    buf_str(out, "User-Agent: sallyport-ue/" SALLYPORT_VERSION "\r\n");
    if (a->body.n > 0)
        buf_printf(out, "Content-Type: %s\r\n", a->content_type);
    buf_printf(out, "Content-Length: %zu\r\n\r\n", a->body.n);
    buf_append(out, a->body);
}

static void write_start(struct sip_ua *ua, const char *method, const char *ruri, const char *branch,
                        struct buf *out)
{
    buf_printf(out, "%s %s SIP/2.0\r\n", method, ruri);
    buf_printf(out, "Via: SIP/2.0/TLS %s;branch=%s;rport\r\n", ua->sent_by, branch);
}

static void new_branch(char dst[static 40])
{
    memcpy(dst, "z9hG4bK", 7);
    random_text(dst + 7, 24);
}

static int compose(struct ua_request *rq)
{
    const char *method = sip_method_name(rq->method);
    struct ua_auth *auth = &rq->ua->auth;
    buf_clear(&rq->sent);
    new_branch(rq->branch);
    rq->number = ++*rq->cseq;
    write_start(rq->ua, method, rq->ruri, rq->branch, &rq->sent);
    buf_printf(&rq->sent, "CSeq: %u %s\r\n", rq->number, method);
    rq->authorized = rq->authorize && auth->have;
    if (rq->authorized) {
        int rc =
            ua_auth_write(auth, rq->ua->account->user, bytes_str(method), bytes_str(rq->ruri), &rq->sent);
        if (rc != 0)
            return rc;
    }
    buf_append(&rq->sent, buf_bytes(&rq->rest));
    return rq->sent.failed ? -ENOMEM : 0;
}

static int transmit(struct ua_request *rq)
{
    int rc = compose(rq);
    if (rc != 0)
        return rc;
    rq->tries++;
    ue_loop_arm(rq->ua->loop, &rq->timer, UA_TIMEOUT_MS);
    return tls_link_send(&rq->ua->link, buf_bytes(&rq->sent));
}

static void drop(struct ua_request *rq)
{
    ue_loop_disarm(rq->ua->loop, &rq->timer);
    list_remove(&rq->link);
    buf_fini(&rq->rest);
    buf_fini(&rq->sent);
    free(rq->ruri);
    free(rq);
}

/* Out of the list before its owner is told, so that the owner may do as it likes. */
static void finish(struct ua_request *rq, const struct sip_msg *m, unsigned status)
{
    list_remove(&rq->link);
    ue_loop_disarm(rq->ua->loop, &rq->timer);
    if (rq->answered)
        rq->answered(rq, m, status);
    drop(rq);
}

static void on_timer(struct worker *w, struct timer *t)
{
    finish(container_of(t, struct ua_request, timer), NULL, 408);
}

struct ua_request *ua_request_start(struct sip_ua *ua, const struct ua_ask *ask)
{
    struct ua_request *rq = calloc(1, sizeof *rq);
    if (!rq)
        return NULL;
    rq->ua = ua;
    rq->method = ask->method;
    rq->answered = ask->answered;
    rq->owner = ask->owner;
    rq->cseq = ask->cseq;
    rq->timer.fire = on_timer;
    /* A re-registration answers the last nonce without being asked (RFC 3261 22.2). */
    rq->authorize = ask->method == SIP_REGISTER;
    rq->ruri = strdup(ask->ruri);
    write_rest(ask, &rq->rest);
    rq->body_len = ask->body.n;
    list_push_back(&ua->requests, &rq->link);
    if (!rq->ruri || rq->rest.failed || transmit(rq) != 0) {
        drop(rq);
        return NULL;
    }
    return rq;
}

/* ACK of a refusal and CANCEL are made of the request that was sent: same Request-URI, top Via, Route, From,
 * Call-ID and CSeq number (RFC 3261 17.1.1.3, 9.1). The To is that of the response, or of the request. */
static void send_like(struct ua_request *rq, const char *method, struct bytes to)
{
    struct sip_msg m;
    struct sip_fault fault;
    struct buf out;
    if (sip_msg_parse(&m, buf_bytes(&rq->sent), SIP_STREAM, &fault) != 0)
        return;
    buf_init(&out);
    write_start(rq->ua, method, rq->ruri, rq->branch, &out);
    for (const struct sip_header *h = sip_msg_first(&m, SIP_H_ROUTE); h; h = sip_msg_next(&m, h))
        buf_append(&out, h->line);
    buf_printf(&out, "Max-Forwards: 70\r\nFrom: %.*s\r\n", BYTES_FMT(m.from.text));
    buf_printf(&out, "To: %.*s\r\nCall-ID: %.*s\r\n", BYTES_FMT(to.n ? to : m.to.text), BYTES_FMT(m.call_id));
    buf_printf(&out, "CSeq: %u %s\r\nContent-Length: 0\r\n\r\n", rq->number, method);
    if (!out.failed)
        tls_link_send(&rq->ua->link, buf_bytes(&out));
    buf_fini(&out);
}

static void send_cancel(struct ua_request *rq)
{
    rq->cancelled = true;
    send_like(rq, "CANCEL", BYTES_NONE);
    ue_loop_arm(rq->ua->loop, &rq->timer, UA_TIMEOUT_MS); /* 9.1: then it counts as cancelled anyhow */
}

void ua_request_cancel(struct ua_request *rq)
{
    rq->cancel_wanted = true;
    if (rq->provisional && !rq->cancelled)
        send_cancel(rq);
}

void ua_request_disown(struct sip_ua *ua, const void *owner)
{
    list_each_safe (it, &ua->requests) {
        struct ua_request *rq = container_of(it, struct ua_request, link);
        if (!owner || rq->owner == owner)
            drop(rq);
    }
}

static void handle_provisional(struct ua_request *rq, const struct sip_msg *m)
{
    rq->provisional = true;
    if (rq->method == SIP_INVITE && !rq->cancelled)
        ue_loop_disarm(rq->ua->loop, &rq->timer); /* from here on the caller's patience counts */
    if (rq->cancel_wanted && !rq->cancelled)
        send_cancel(rq);
    if (m->status > 100 && rq->answered)
        rq->answered(rq, m, m->status);
}

/* True: the challenge is being answered. */
static bool answer_challenge(struct ua_request *rq, const struct sip_msg *m)
{
    const struct sip_account *who = rq->ua->account;
    if ((m->status != 401 && m->status != 407) || rq->tries >= TRIES_MAX || rq->cancel_wanted)
        return false;
    if (ua_auth_take(&rq->ua->auth, m, rq->authorized, who->user, who->password) != 0)
        return false;
    rq->authorize = true;
    rq->provisional = false;
    return transmit(rq) == 0;
}

static void handle_final(struct ua_request *rq, const struct sip_msg *m)
{
    if (rq->method == SIP_INVITE && m->status >= 300)
        send_like(rq, "ACK", m->to.text);
    if (!answer_challenge(rq, m))
        finish(rq, m, m->status);
}

bool ua_request_response(struct sip_ua *ua, const struct sip_msg *m)
{
    list_each_safe (it, &ua->requests) {
        struct ua_request *rq = container_of(it, struct ua_request, link);
        if (rq->method != m->cseq.method || !bytes_eq(m->via.branch, bytes_str(rq->branch)))
            continue;
        if (m->status < 200)
            handle_provisional(rq, m);
        else
            handle_final(rq, m);
        return true;
    }
    return false;
}

void ua_request_fail_all(struct sip_ua *ua, unsigned status)
{
    while (!list_empty(&ua->requests))
        finish(container_of(ua->requests.next, struct ua_request, link), NULL, status);
}

bool ua_request_write_ack(struct sip_ua *ua, const struct ua_ask *ask, uint32_t number, struct buf *out)
{
    char branch[40];
    new_branch(branch);
    write_start(ua, "ACK", ask->ruri, branch, out);
    buf_printf(out, "CSeq: %u ACK\r\n", number);
    write_rest(ask, out);
    return !out->failed;
}
