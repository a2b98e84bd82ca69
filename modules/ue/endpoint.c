#include "modules/ue/endpoint.h"
#include "appliance/base/random.h"
#include "modules/ue/ua_request.h"
#include <errno.h>
#include <stdio.h>

static void set(struct outcome *o, int code, const char *what, const char *text)
{
    if (o->done)
        return;
    *o = (struct outcome){.done = true, .code = code, .what = what};
    snprintf(o->text, sizeof o->text, "%s", text);
}

static struct endpoint *of_ua(struct sip_ua *ua)
{
    return container_of(ua, struct endpoint, ua);
}

static struct endpoint *of_turn(struct turn_client *t)
{
    return container_of(t, struct endpoint, turn);
}

/* --- voice --- */

static void send_voice(struct media *m, struct bytes packet)
{
    struct endpoint *e = container_of(m, struct endpoint, media);
    turn_client_send(&e->turn, ENDPOINT_CHANNEL, packet);
}

static void on_media_ended(struct media *m)
{
    struct endpoint *e = container_of(m, struct endpoint, media);
    bool well = m->end == MEDIA_DONE;
    set(&e->media_end, well ? 0 : -EIO, "RTP", media_end_text(m->end));
}

static void start_media(struct endpoint *e)
{
    e->media.loop = e->loop;
    e->media.send = send_voice;
    e->media.ended = on_media_ended;
    media_start(&e->media, e->call && e->call->caller ? e->talk_ms : 0);
}

/* --- the relay --- */

static bool write_sdp(struct endpoint *e, struct buf *out)
{
    struct sdp s;
    sdp_make(&s, &e->turn.relay, random_u32());
    return sdp_write(&s, &e->turn.mapped, out);
}

static void answer_call(struct endpoint *e)
{
    struct buf sdp;
    buf_init(&sdp);
    if (e->call && (!write_sdp(e, &sdp) || ua_call_answer(e->call, buf_bytes(&sdp)) != 0))
        ua_call_refuse(e->call, 500);
    buf_fini(&sdp);
}

static void joined(struct endpoint *e)
{
    set(&e->joined, 0, "ChannelBind", "");
    if (!e->call)
        return;
    if (e->call->caller)
        start_media(e);
    else
        answer_call(e);
}

static void not_joined(struct endpoint *e, int code, const char *what, const char *why)
{
    set(&e->joined, code, what, why);
    if (e->call && !e->call->caller)
        ua_call_refuse(e->call, 480);
}

/* A permission first and then the channel, though the channel would bring one: so a refusal of the address is
 * told apart from trouble with channels. */
static void join(struct endpoint *e, struct bytes text)
{
    struct sdp s;
    if (sdp_parse(text, &s) != 0) {
        not_joined(e, -EBADMSG, "SDP", "the other side's SDP has no audio that we can send to");
        return;
    }
    e->peer = sdp_destination(&s);
    int rc = turn_client_permit(&e->turn, &e->peer);
    if (rc != 0)
        not_joined(e, rc, "CreatePermission", strerror(-rc));
}

static void on_permitted(struct endpoint *e, const struct turn_fate *f)
{
    int rc = f->code ? f->code : turn_client_bind(&e->turn, &e->peer, ENDPOINT_CHANNEL);
    if (rc != 0)
        not_joined(e, rc, f->code ? "CreatePermission" : "ChannelBind", f->code ? f->reason : strerror(-rc));
}

static void on_relay_answered(struct turn_client *t, const struct turn_fate *f)
{
    struct endpoint *e = of_turn(t);
    if (f->again)
        return;
    if (f->method == STUN_ALLOCATE)
        set(&e->relay, f->code, "Allocate", f->reason);
    else if (f->method == STUN_REFRESH)
        set(&e->freed, f->code, "Refresh", f->reason);
    else if (f->method == STUN_CREATE_PERMISSION)
        on_permitted(e, f);
    else if (f->code != 0)
        not_joined(e, f->code, "ChannelBind", f->reason);
    else
        joined(e);
}

static void on_relay_data(struct turn_client *t, const struct addr *peer, struct bytes data)
{
    struct endpoint *e = of_turn(t);
    if (addr_eq(peer, &e->peer))
        media_packet(&e->media, data);
}

static void on_relay_closed(struct turn_client *t)
{
    struct endpoint *e = of_turn(t);
    media_stop(&e->media);
    set(&e->relay, -ENOTCONN, "TLS", t->link.why);
    set(&e->joined, -ENOTCONN, "TURN", t->link.why);
    set(&e->media_end, -ENOTCONN, "TURN", t->link.why);
}

/* --- SIP --- */

static void on_opened(struct sip_ua *ua)
{
    char cipher[120];
    tls_link_describe(&ua->link, cipher, sizeof cipher);
    set(&of_ua(ua)->link, 0, "TLS", cipher);
}

static void on_closed(struct sip_ua *ua)
{
    struct endpoint *e = of_ua(ua);
    set(&e->link, -ENOTCONN, "TLS", ua->link.why);
    set(&e->registration, -ENOTCONN, "SIP", ua->link.why);
    set(&e->text, -ENOTCONN, "SIP", ua->link.why);
    set(&e->up, -ENOTCONN, "SIP", ua->link.why);
}

static void on_registered(struct sip_ua *ua)
{
    bool well = ua->reg.status / 100 == 2;
    set(&of_ua(ua)->registration, well ? 0 : (int)ua->reg.status, "REGISTER", ua->reg.reason);
}

static void describe_caller(struct endpoint *e, const char *from)
{
    struct sip_nameaddr na;
    if (!sip_nameaddr_parse(bytes_str(from), &na) ||
        !bytes_to_str(na.uri.text, e->caller_text, sizeof e->caller_text))
        snprintf(e->caller_text, sizeof e->caller_text, "somebody");
}

static void on_incoming(struct sip_ua *ua, struct ua_call *c)
{
    struct endpoint *e = of_ua(ua);
    if (!e->answers || e->called || e->turn.lifetime == 0) {
        ua_call_refuse(c, 486);
        return;
    }
    e->call = c;
    e->called = true;
    describe_caller(e, c->remote);
    ua_call_ring(c);
    join(e, buf_bytes(&c->sdp));
}

static void on_ended(struct endpoint *e, struct ua_call *c)
{
    /* 487 is what a CANCEL of ours wants. */
    bool well = c->status / 100 == 2 || (c->caller && c->end_wanted && c->status == 487);
    e->call = NULL;
    set(&e->up, well ? -ECANCELED : (int)c->status, "INVITE", c->reason);
    set(&e->joined, -ECANCELED, "call", "it ended first");
    set(&e->over, well ? 0 : (int)c->status, "BYE", c->reason);
    media_stop(&e->media);
    set(&e->media_end, -ECANCELED, "call", "it ended first");
}

static void on_changed(struct sip_ua *ua, struct ua_call *c)
{
    struct endpoint *e = of_ua(ua);
    if (c != e->call)
        return;
    if (c->state == UA_ENDED) {
        on_ended(e, c);
    } else if (c->state == UA_UP) {
        set(&e->up, 0, "INVITE", "");
        if (c->caller)
            join(e, buf_bytes(&c->sdp));
        else
            start_media(e);
    }
}

static void on_message(struct sip_ua *ua, const struct sip_msg *m)
{
    of_ua(ua)->texts++;
}

static const struct sip_ua_handler ua_handler = {.opened = on_opened,
                                                 .closed = on_closed,
                                                 .registered = on_registered,
                                                 .incoming = on_incoming,
                                                 .changed = on_changed,
                                                 .message = on_message};
static const struct turn_client_handler turn_handler = {
    .answered = on_relay_answered, .data = on_relay_data, .closed = on_relay_closed};

/* --- what a party does --- */

static void start(struct outcome *o, int rc, const char *what)
{
    if (rc != 0)
        set(o, rc, what, strerror(-rc));
}

void endpoint_open(struct endpoint *e)
{
    e->link = (struct outcome){0};
    start(&e->link, sip_ua_open(&e->ua, e->loop, e->target, &e->account, &ua_handler), "TLS");
}

void endpoint_register(struct endpoint *e, uint32_t seconds)
{
    e->registration = (struct outcome){0};
    start(&e->registration, sip_ua_register(&e->ua, seconds), "REGISTER");
}

void endpoint_allocate(struct endpoint *e)
{
    e->relay = (struct outcome){0};
    int rc = turn_client_open(&e->turn, e->loop, e->target, &e->turn_account, &turn_handler);
    if (rc == 0)
        rc = turn_client_allocate(&e->turn);
    start(&e->relay, rc, "Allocate");
}

static void on_text_answer(struct ua_request *rq, const struct sip_msg *m, unsigned status)
{
    struct endpoint *e = rq->owner;
    if (status >= 200)
        set(&e->text, status < 300 ? 0 : (int)status, "MESSAGE", m ? sip_reason(status) : "no answer");
}

void endpoint_text(struct endpoint *e, const char *to, const char *text)
{
    char id[33], tag[UA_TAG + 1], from[SIP_AOR_MAX + 48], remote[SIP_AOR_MAX + 16];
    e->text = (struct outcome){0};
    e->text_cseq = 0;
    random_text(id, 32);
    random_text(tag, UA_TAG);
    snprintf(from, sizeof from, "<%s>;tag=%s", e->ua.aor, tag);
    snprintf(remote, sizeof remote, "<%s>", to);
    struct ua_ask ask = {.method = SIP_MESSAGE,
                         .ruri = to,
                         .from = from,
                         .to = remote,
                         .call_id = id,
                         .route = e->ua.reg.service_route,
                         .cseq = &e->text_cseq,
                         .content_type = "text/plain",
                         .body = bytes_str(text),
                         .answered = on_text_answer,
                         .owner = e};
    if (!ua_request_start(&e->ua, &ask))
        start(&e->text, -ENOTCONN, "MESSAGE");
}

void endpoint_call(struct endpoint *e, const char *to)
{
    struct buf sdp;
    buf_init(&sdp);
    e->called = true;
    if (write_sdp(e, &sdp))
        e->call = ua_call_place(&e->ua, to, buf_bytes(&sdp));
    buf_fini(&sdp);
    if (!e->call)
        start(&e->up, -ENOTCONN, "INVITE");
}

void endpoint_hang_up(struct endpoint *e)
{
    if (e->call)
        ua_call_end(e->call);
    else
        set(&e->over, 0, "BYE", "");
}

void endpoint_free(struct endpoint *e)
{
    e->freed = (struct outcome){0};
    start(&e->freed, e->turn.loop ? turn_client_free(&e->turn) : -ENOTCONN, "Refresh");
}

void endpoint_fini(struct endpoint *e)
{
    media_stop(&e->media);
    turn_client_fini(&e->turn);
    sip_ua_fini(&e->ua);
}
