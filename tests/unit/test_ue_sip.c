#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "modules/sip/reply.h"
#include "modules/ue/ua_call.h"
#include "modules/ue/ua_request.h"
#include <stdio.h>

/* A UA whose connection never comes to be: what it sends lies in link.out, what "comes" is handed to it. */
struct bench {
    struct ue_loop loop;
    struct tls_target target;
    struct sip_account account;
    struct sip_ua ua;
    struct ua_call *call;
    enum ua_call_state state; /* as told */
    unsigned registered, ended, incoming, messages, closed;
    unsigned ended_status;
    char seen[8192]; /* of the last message out */
    struct sip_msg m;
};

static struct bench *of(struct sip_ua *ua)
{
    return ua->owner;
}

static void on_opened(struct sip_ua *ua) {}

static void on_closed(struct sip_ua *ua)
{
    of(ua)->closed++;
}

static void on_registered(struct sip_ua *ua)
{
    of(ua)->registered++;
}

static void on_incoming(struct sip_ua *ua, struct ua_call *c)
{
    of(ua)->incoming++;
    of(ua)->call = c;
}

static void on_changed(struct sip_ua *ua, struct ua_call *c)
{
    of(ua)->state = c->state;
    if (c->state == UA_ENDED) {
        of(ua)->ended++;
        of(ua)->ended_status = c->status;
    }
}

static void on_message(struct sip_ua *ua, const struct sip_msg *m)
{
    of(ua)->messages++;
}

static const struct sip_ua_handler handler = {on_opened,   on_closed,  on_registered,
                                              on_incoming, on_changed, on_message};

static int set_up(void **state)
{
    struct bench *b = test_calloc(1, sizeof *b);
    struct addr local;
    b->loop.now = 1000;
    timers_init(&b->loop.timers, b->loop.now);
    b->target.n_addrs = 1;
    b->account = (struct sip_account){"alice", "ims.test", "secret"};
    b->ua.owner = b;
    assert_int_equal(sip_ua_open(&b->ua, &b->loop, &b->target, &b->account, &handler), 0);
    timer_stop(&b->loop.timers, &b->ua.link.timer); /* it would dial */
    assert_true(addr_parse(BYTES("192.0.2.1:4000"), 0, &local));
    sip_ua_set_address(&b->ua, &local);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    sip_ua_fini(&b->ua);
    test_free(b);
    return 0;
}

static void sleep_ms(struct bench *b, uint64_t ms)
{
    for (uint64_t end = b->loop.now + ms; b->loop.now < end;)
        timers_run(&b->loop.timers, NULL, ++b->loop.now);
}

/* The next message that went out. */
static const struct sip_msg *sent(struct bench *b)
{
    static const struct sip_frame_limits limits = {.head = 8192, .body = 8192};
    struct sip_framer framer = {0};
    struct sip_fault fault;
    struct sip_frame f = sip_frame_next(&framer, &limits, buf_bytes(&b->ua.link.out));
    assert_int_equal(f.kind, SIP_FRAME_MESSAGE);
    assert_true(f.len < sizeof b->seen);
    memcpy(b->seen, buf_bytes(&b->ua.link.out).p, f.len);
    buf_consume(&b->ua.link.out, f.len);
    assert_int_equal(sip_msg_parse(&b->m, bytes_of(b->seen, f.len), SIP_STREAM, &fault), 0);
    return &b->m;
}

static void assert_silent(struct bench *b)
{
    assert_int_equal(buf_len(&b->ua.link.out), 0);
}

static void come(struct bench *b, struct bytes message)
{
    /* Heap memory of its exact size, so that reading beyond is seen. */
    uint8_t *copy = test_malloc(message.n);
    memcpy(copy, message.p, message.n);
    sip_ua_receive(&b->ua, bytes_of(copy, message.n));
    test_free(copy);
}

/* The response to the request that sent() gave last. */
static void respond(struct bench *b, unsigned status, const char *tag, const char *headers)
{
    struct buf out;
    struct sip_reply r = {.request = &b->m,
                          .status = (uint16_t)status,
                          .to_tag = bytes_str(tag),
                          .headers = bytes_str(headers)};
    buf_init(&out);
    assert_int_equal(sip_reply_write(&r, &out), 0);
    come(b, buf_bytes(&out));
    buf_fini(&out);
}

static void assert_value(struct bytes have, const char *want)
{
    if (!bytes_eq(have, bytes_str(want)))
        fail_msg("have \"%.*s\", want \"%s\"", BYTES_FMT(have), want);
}

static bool has(struct bytes text, const char *part)
{
    return bytes_find(text, bytes_str(part)) != BYTES_NOT_FOUND;
}

/* --- REGISTER --- */

#define MD5_CHALLENGE                                                                                        \
    "WWW-Authenticate: Digest realm=\"ims.test\", nonce=\"n1\", qop=\"auth\", algorithm=MD5\r\n"
#define SHA_CHALLENGE                                                                                        \
    "WWW-Authenticate: Digest realm=\"ims.test\", nonce=\"n2\", qop=\"auth\", algorithm=SHA-256\r\n"

static void register_binds_one_flow(void **state)
{
    struct bench *b = *state;
    struct sip_contact c;
    assert_int_equal(sip_ua_register(&b->ua, 600), 0);
    const struct sip_msg *m = sent(b);
    assert_int_equal(m->method, SIP_REGISTER);
    assert_value(m->ruri_text, "sip:ims.test");
    assert_true(sip_via_is_3261(&m->via));
    assert_value(m->via.transport_name, "TLS");
    assert_true(sip_contact_parse(sip_msg_value(m, SIP_H_CONTACT), &c));
    assert_value(c.na.uri.text, "sip:alice@192.0.2.1:4000;transport=tls;ob");
    assert_int_equal(c.reg_id, 1);
    assert_int_equal(c.expires, 600);
    assert_int_equal(c.instance.n, sizeof "<urn:uuid:00000000-0000-0000-0000-000000000000>" - 1);
    assert_true(sip_msg_has_token(m, SIP_H_SUPPORTED, BYTES("outbound")));
    assert_true(sip_msg_has_token(m, SIP_H_SUPPORTED, BYTES("path")));
    assert_false(sip_msg_has(m, SIP_H_AUTHORIZATION));
}

static void strongest_challenge_is_answered_whatever_its_place(void **state)
{
    struct bench *b = *state;
    struct digest_credentials c;
    struct user_key key;
    sip_ua_register(&b->ua, 600);
    uint32_t first = sent(b)->cseq.number;
    char branch[64];
    assert_true(bytes_to_str(b->m.via.branch, branch, sizeof branch));
    respond(b, 401, "t", MD5_CHALLENGE SHA_CHALLENGE);
    const struct sip_msg *m = sent(b);
    assert_int_equal(m->cseq.number, first + 1);
    assert_false(bytes_eq(m->via.branch, bytes_str(branch)));
    assert_int_equal(digest_credentials_parse(sip_msg_value(m, SIP_H_AUTHORIZATION), &c), 0);
    assert_int_equal(c.algorithm, DIGEST_SHA256);
    assert_value(c.nonce, "n2");
    assert_int_equal(c.nc, 1);
    assert_int_equal(user_key_derive(BYTES("ims.test"), BYTES("alice"), BYTES("secret"), &key), 0);
    assert_int_equal(digest_verify(&c, &key, BYTES("REGISTER")), DIGEST_OK);
    assert_int_equal(b->registered, 0);
}

static void second_challenge_without_stale_means_a_wrong_password(void **state)
{
    struct bench *b = *state;
    sip_ua_register(&b->ua, 600);
    sent(b);
    respond(b, 401, "t", SHA_CHALLENGE);
    sent(b);
    respond(b, 401, "t", SHA_CHALLENGE);
    assert_silent(b);
    assert_int_equal(b->registered, 1);
    assert_int_equal(b->ua.reg.status, 401);
    assert_int_equal(b->ua.reg.expires, 0);
}

static void stale_nonce_is_answered_anew(void **state)
{
    struct bench *b = *state;
    struct digest_credentials c;
    sip_ua_register(&b->ua, 600);
    sent(b);
    respond(b, 401, "t", SHA_CHALLENGE);
    sent(b);
    respond(b, 401, "t",
            "WWW-Authenticate: Digest realm=\"ims.test\", nonce=\"n3\", stale=true, qop=\"auth\", "
            "algorithm=SHA-256\r\n");
    assert_int_equal(digest_credentials_parse(sip_msg_value(sent(b), SIP_H_AUTHORIZATION), &c), 0);
    assert_value(c.nonce, "n3");
    assert_int_equal(c.nc, 1);
}

static void challenge_we_cannot_compute_ends_it(void **state)
{
    struct bench *b = *state;
    sip_ua_register(&b->ua, 600);
    sent(b);
    respond(
        b, 401, "t",
        "WWW-Authenticate: Digest realm=\"ims.test\", nonce=\"n\", algorithm=AKAv1-MD5, qop=\"auth\"\r\n");
    assert_silent(b);
    assert_int_equal(b->ua.reg.status, 401);
}

#define REGISTERED                                                                                           \
    "Contact: <sip:alice@192.0.2.9:1;transport=tls;ob>;expires=3000, "                                       \
    "<sip:alice@192.0.2.1:4000;transport=tls;ob>;expires=100\r\n"                                            \
    "Require: outbound\r\nService-Route: <sip:p@gw.test;lr>\r\nService-Route: <sip:orig@s.test;lr>\r\n"      \
    "Flow-Timer: 50\r\n"

static void do_register(struct bench *b)
{
    sip_ua_register(&b->ua, 600);
    sent(b);
    respond(b, 401, "t", SHA_CHALLENGE);
    sent(b);
    respond(b, 200, "t", REGISTERED);
}

/* A server that takes a nonce only once may say so without "stale". */
static void nonce_of_an_earlier_request_is_answered_anew(void **state)
{
    struct bench *b = *state;
    struct digest_credentials c;
    do_register(b);
    sip_ua_register(&b->ua, 0);
    assert_int_equal(digest_credentials_parse(sip_msg_value(sent(b), SIP_H_AUTHORIZATION), &c), 0);
    assert_int_equal(c.nc, 2);
    respond(b, 401, "t", SHA_CHALLENGE);
    assert_int_equal(digest_credentials_parse(sip_msg_value(sent(b), SIP_H_AUTHORIZATION), &c), 0);
    assert_int_equal(c.nc, 1);
    respond(b, 401, "t", SHA_CHALLENGE); /* twice is wrong */
    assert_silent(b);
    assert_int_equal(b->ua.reg.status, 401);
}

static void our_contact_says_how_long(void **state)
{
    struct bench *b = *state;
    do_register(b);
    assert_int_equal(b->registered, 1);
    assert_int_equal(b->ua.reg.status, 200);
    assert_int_equal(b->ua.reg.expires, 100);
    assert_true(b->ua.reg.outbound);
    assert_string_equal(b->ua.reg.service_route, "<sip:p@gw.test;lr>, <sip:orig@s.test;lr>");
    assert_int_equal(b->ua.reg.flow_timer, 50);
}

static void registration_without_our_contact_is_none(void **state)
{
    struct bench *b = *state;
    sip_ua_register(&b->ua, 600);
    sent(b);
    respond(b, 200, "t", "Contact: <sip:alice@192.0.2.9:1>;expires=3000\r\n");
    assert_int_equal(b->ua.reg.expires, 0);
    assert_int_equal(b->ua.reg.status, 500);
}

static void refresh_comes_in_time_with_the_known_nonce(void **state)
{
    struct bench *b = *state;
    struct digest_credentials c;
    do_register(b);
    char id[64];
    assert_true(bytes_to_str(b->m.call_id, id, sizeof id));
    timer_stop(&b->loop.timers, &b->ua.ping);
    sleep_ms(b, 50000);
    assert_silent(b);
    sleep_ms(b, 2000);
    const struct sip_msg *m = sent(b);
    assert_value(m->call_id, id); /* RFC 3261 10.2.4 */
    assert_int_equal(digest_credentials_parse(sip_msg_value(m, SIP_H_AUTHORIZATION), &c), 0);
    assert_int_equal(c.nc, 2);
}

static void too_brief_an_interval_is_asked_for_longer(void **state)
{
    struct bench *b = *state;
    struct sip_contact c;
    sip_ua_register(&b->ua, 60);
    sent(b);
    respond(b, 423, "t", "Min-Expires: 300\r\n");
    assert_true(sip_contact_parse(sip_msg_value(sent(b), SIP_H_CONTACT), &c));
    assert_int_equal(c.expires, 300);
    assert_int_equal(b->registered, 0);
}

static void silence_is_408_after_timer_f(void **state)
{
    struct bench *b = *state;
    sip_ua_register(&b->ua, 600);
    sent(b);
    sleep_ms(b, 31999);
    assert_int_equal(b->registered, 0);
    sleep_ms(b, 1);
    assert_int_equal(b->ua.reg.status, 408);
    assert_silent(b); /* nothing is sent twice over TLS */
}

static void response_of_another_branch_is_nobodys(void **state)
{
    struct bench *b = *state;
    sip_ua_register(&b->ua, 600);
    sent(b);
    b->m.via.text = BYTES("SIP/2.0/TLS x;branch=z9hG4bKother");
    struct buf t;
    buf_init(&t);
    buf_printf(
        &t,
        "SIP/2.0 200 OK\r\nVia: %.*s\r\nFrom: %.*s\r\nTo: %.*s;tag=1\r\nCall-ID: %.*s\r\nCSeq: 1 REGISTER\r\n"
        "Content-Length: 0\r\n\r\n",
        BYTES_FMT(b->m.via.text), BYTES_FMT(b->m.from.text), BYTES_FMT(b->m.to.text),
        BYTES_FMT(b->m.call_id));
    come(b, buf_bytes(&t));
    buf_fini(&t);
    assert_int_equal(b->registered, 0);
}

/* RFC 5626 4.4.1: within 80 to 100 percent of Flow-Timer; no pong in 10 s and the flow is dead. */
static void keepalive_that_is_not_answered_closes(void **state)
{
    struct bench *b = *state;
    do_register(b);
    timer_stop(&b->loop.timers, &b->ua.reg.again);
    sleep_ms(b, 39999);
    assert_silent(b);
    sleep_ms(b, 10001);
    assert_value(buf_bytes(&b->ua.link.out), "\r\n\r\n");
    sleep_ms(b, 10000);
    assert_int_equal(b->closed, 1);
}

static void pong_keeps_the_connection(void **state)
{
    struct bench *b = *state;
    do_register(b);
    timer_stop(&b->loop.timers, &b->ua.reg.again);
    sleep_ms(b, 50000);
    assert_int_equal(b->ua.link.on->data(&b->ua.link, BYTES("\r\n")), 2);
    timer_stop(&b->loop.timers, &b->ua.ping);
    sleep_ms(b, 20000);
    assert_int_equal(b->closed, 0);
}

/* --- a call that we make --- */

static void place(struct bench *b)
{
    b->call = ua_call_place(&b->ua, "sip:bob@ims.test", BYTES("v=0\r\n"));
    assert_non_null(b->call);
    sent(b);
}

#define ACCEPTED "Record-Route: <sip:r1.test;lr>, <sip:r2.test;lr>\r\nContact: <sip:bob@10.0.0.9:5;ob>\r\n"

static void invite_goes_by_service_route(void **state)
{
    struct bench *b = *state;
    do_register(b);
    place(b);
    assert_value(b->m.ruri_text, "sip:bob@ims.test");
    assert_value(sip_msg_value(&b->m, SIP_H_ROUTE), "<sip:p@gw.test;lr>, <sip:orig@s.test;lr>");
    assert_value(b->m.body, "v=0\r\n");
    assert_value(sip_msg_value(&b->m, SIP_H_CONTENT_TYPE), "application/sdp");
    assert_int_equal(b->m.to_tag.n, 0);
}

static void ack_and_bye_go_by_record_route_backwards(void **state)
{
    struct bench *b = *state;
    place(b);
    uint32_t cseq = b->m.cseq.number;
    respond(b, 180, "bt", "");
    assert_int_equal(b->state, UA_RINGING);
    respond(b, 200, "bt", ACCEPTED);
    assert_int_equal(b->state, UA_UP);
    const struct sip_msg *m = sent(b);
    assert_int_equal(m->method, SIP_ACK);
    assert_int_equal(m->cseq.number, cseq);
    assert_value(m->ruri_text, "sip:bob@10.0.0.9:5;ob");
    assert_value(sip_msg_value(m, SIP_H_ROUTE), "<sip:r2.test;lr>, <sip:r1.test;lr>");
    assert_value(m->to_tag, "bt");
    ua_call_end(b->call);
    m = sent(b);
    assert_int_equal(m->method, SIP_BYE);
    assert_int_equal(m->cseq.number, cseq + 1);
    assert_value(sip_msg_value(m, SIP_H_ROUTE), "<sip:r2.test;lr>, <sip:r1.test;lr>");
    respond(b, 200, "bt", "");
    assert_int_equal(b->state, UA_ENDED);
    assert_int_equal(b->ended_status, 200);
}

static void accepted_twice_is_acknowledged_twice(void **state)
{
    struct bench *b = *state;
    char ack[4096];
    place(b);
    struct sip_msg invite = b->m;
    char text[8192];
    memcpy(text, b->seen, sizeof text);
    respond(b, 200, "bt", ACCEPTED);
    size_t n = sent(b)->raw.n;
    memcpy(ack, b->seen, n);
    /* The INVITE once more as it was: the views of the copy are into `seen`, so it is put back there. */
    memcpy(b->seen, text, sizeof text);
    b->m = invite;
    respond(b, 200, "bt", ACCEPTED);
    assert_int_equal(sent(b)->raw.n, n);
    assert_memory_equal(ack, b->seen, n);
}

static void refusal_is_acknowledged_hop_by_hop(void **state)
{
    struct bench *b = *state;
    char branch[64];
    place(b);
    assert_true(bytes_to_str(b->m.via.branch, branch, sizeof branch));
    uint32_t cseq = b->m.cseq.number;
    respond(b, 486, "bt", "");
    const struct sip_msg *m = sent(b);
    assert_int_equal(m->method, SIP_ACK);
    assert_value(m->via.branch, branch); /* RFC 3261 17.1.1.3 */
    assert_int_equal(m->cseq.number, cseq);
    assert_value(m->to_tag, "bt");
    assert_value(m->ruri_text, "sip:bob@ims.test");
    assert_int_equal(b->ended_status, 486);
}

static void invite_that_is_challenged_is_sent_again(void **state)
{
    struct bench *b = *state;
    place(b);
    respond(b, 407, "x",
            "Proxy-Authenticate: Digest realm=\"ims.test\", nonce=\"p\", qop=\"auth\", algorithm=MD5\r\n");
    assert_int_equal(sent(b)->method, SIP_ACK);
    const struct sip_msg *m = sent(b);
    assert_int_equal(m->method, SIP_INVITE);
    assert_true(sip_msg_has(m, SIP_H_PROXY_AUTHORIZATION));
    assert_value(m->body, "v=0\r\n");
    assert_int_equal(b->ended, 0);
}

static void cancel_waits_for_a_provisional_response(void **state)
{
    struct bench *b = *state;
    char branch[64];
    place(b);
    assert_true(bytes_to_str(b->m.via.branch, branch, sizeof branch));
    ua_call_end(b->call);
    assert_silent(b); /* RFC 3261 9.1 */
    struct sip_msg invite = b->m;
    respond(b, 100, NULL, "");
    uint32_t number = invite.cseq.number;
    char text[8192];
    memcpy(text, b->seen, sizeof text);
    const struct sip_msg *m = sent(b);
    assert_int_equal(m->method, SIP_CANCEL);
    assert_value(m->via.branch, branch);
    assert_int_equal(m->cseq.number, number);
    respond(b, 200, "x", ""); /* of the CANCEL: nothing follows from it */
    assert_int_equal(b->ended, 0);
    memcpy(b->seen, text, sizeof text);
    b->m = invite;
    respond(b, 487, "bt", "");
    assert_int_equal(sent(b)->method, SIP_ACK);
    assert_int_equal(b->ended_status, 487);
}

static void accepted_though_cancelled_is_hung_up(void **state)
{
    struct bench *b = *state;
    place(b);
    struct sip_msg invite = b->m;
    char text[8192];
    respond(b, 180, "bt", "");
    memcpy(text, b->seen, sizeof text);
    ua_call_end(b->call);
    assert_int_equal(sent(b)->method, SIP_CANCEL);
    memcpy(b->seen, text, sizeof text);
    b->m = invite;
    respond(b, 200, "bt", ACCEPTED);
    assert_int_equal(sent(b)->method, SIP_ACK);
    assert_int_equal(sent(b)->method, SIP_BYE);
}

static void ringing_may_last(void **state)
{
    struct bench *b = *state;
    place(b);
    respond(b, 180, "bt", "");
    sleep_ms(b, 100000);
    assert_int_equal(b->ended, 0);
}

static void connection_that_breaks_ends_everything(void **state)
{
    struct bench *b = *state;
    place(b);
    tls_link_abort(&b->ua.link, TLS_FAULT_PEER, "gone");
    assert_int_equal(b->closed, 1);
    assert_int_equal(b->ended, 1);
    assert_int_equal(b->ended_status, 503);
    assert_null(ua_call_place(&b->ua, "sip:bob@ims.test", BYTES("v=0\r\n")));
}

static void ended_call_is_forgotten(void **state)
{
    struct bench *b = *state;
    place(b);
    respond(b, 486, "bt", "");
    assert_false(list_empty(&b->ua.calls));
    sleep_ms(b, UA_TIMEOUT_MS + 1);
    assert_true(list_empty(&b->ua.calls));
}

/* --- a call that comes --- */

static void request(struct bench *b, const char *method, unsigned cseq, const char *to_tag,
                    const char *headers)
{
    struct buf t;
    buf_init(&t);
    buf_printf(&t,
               "%s sip:alice@192.0.2.1:4000;transport=tls;ob SIP/2.0\r\n"
               "Via: SIP/2.0/TLS gw.test;branch=z9hG4bK%s%u\r\n"
               "Via: SIP/2.0/TLS 10.0.0.9;branch=z9hG4bKb\r\nMax-Forwards: 68\r\n"
               "From: \"B\" <sip:bob@ims.test>;tag=bt\r\nTo: <sip:alice@ims.test>%s%s\r\n"
               "Call-ID: c1@x\r\nCSeq: %u %s\r\n%sContent-Length: 5\r\n\r\nv=0\r\n",
               method, method, cseq, to_tag ? ";tag=" : "", to_tag ? to_tag : "", cseq, method, headers);
    come(b, buf_bytes(&t));
    buf_fini(&t);
}

#define FROM_BOB "Record-Route: <sip:r1.test;lr>, <sip:r2.test;lr>\r\nContact: <sip:bob@10.0.0.9:5;ob>\r\n"

static void be_called(struct bench *b)
{
    request(b, "INVITE", 7, NULL, FROM_BOB);
    assert_int_equal(b->incoming, 1);
    assert_int_equal(sent(b)->status, 100);
}

static void answered_call_goes_up_with_its_ack(void **state)
{
    struct bench *b = *state;
    be_called(b);
    assert_int_equal(ua_call_ring(b->call), 0);
    const struct sip_msg *m = sent(b);
    assert_int_equal(m->status, 180);
    assert_value(m->to_tag, b->call->tag);
    assert_int_equal(sip_values_count(m, SIP_H_VIA), 2);
    assert_int_equal(sip_values_count(m, SIP_H_RECORD_ROUTE), 2);
    assert_int_equal(ua_call_answer(b->call, BYTES("v=0\r\na")), 0);
    m = sent(b);
    assert_int_equal(m->status, 200);
    assert_value(m->body, "v=0\r\na");
    assert_value(sip_msg_value(m, SIP_H_CONTACT), "<sip:alice@192.0.2.1:4000;transport=tls;ob>");
    assert_int_equal(b->state, UA_ANSWERED);
    request(b, "ACK", 7, b->call->tag, "");
    assert_int_equal(b->state, UA_UP);
    sleep_ms(b, 20000);
    assert_silent(b);
}

/* RFC 3261 13.3.1.4: T1, doubling up to T2; BYE after 64*T1. */
static void accepted_is_said_again_until_its_ack(void **state)
{
    struct bench *b = *state;
    be_called(b);
    ua_call_answer(b->call, BYTES("v=0\r\n"));
    sent(b);
    static const unsigned waits[] = {500, 1000, 2000, 4000, 4000};
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        sleep_ms(b, waits[i] - 1);
        assert_silent(b);
        sleep_ms(b, 1);
        assert_int_equal(sent(b)->status, 200);
    }
    sleep_ms(b, 24500);
    const struct sip_msg *m;
    do
        m = sent(b);
    while (!m->request);
    assert_int_equal(m->method, SIP_BYE);
}

static void bye_of_the_called_goes_by_record_route_forwards(void **state)
{
    struct bench *b = *state;
    be_called(b);
    ua_call_answer(b->call, BYTES("v=0\r\n"));
    sent(b);
    ua_call_end(b->call);
    assert_silent(b); /* RFC 3261 15: not before the ACK */
    request(b, "ACK", 7, b->call->tag, "");
    const struct sip_msg *m = sent(b);
    assert_int_equal(m->method, SIP_BYE);
    assert_value(m->ruri_text, "sip:bob@10.0.0.9:5;ob");
    assert_value(sip_msg_value(m, SIP_H_ROUTE), "<sip:r1.test;lr>, <sip:r2.test;lr>");
    assert_value(m->from_tag, b->call->tag);
    assert_value(m->to_tag, "bt");
    assert_value(m->to.uri.text, "sip:bob@ims.test");
}

static void bye_of_the_other_side_ends_the_call(void **state)
{
    struct bench *b = *state;
    be_called(b);
    ua_call_answer(b->call, BYTES("v=0\r\n"));
    sent(b);
    request(b, "ACK", 7, b->call->tag, "");
    request(b, "BYE", 8, b->call->tag, "");
    assert_int_equal(sent(b)->status, 200);
    assert_int_equal(b->state, UA_ENDED);
    request(b, "BYE", 9, b->call->tag, "");
    assert_int_equal(sent(b)->status, 481);
}

static void cancel_of_the_other_side_gets_two_answers(void **state)
{
    struct bench *b = *state;
    be_called(b);
    request(b, "CANCEL", 7, NULL, "");
    const struct sip_msg *m = sent(b);
    assert_int_equal(m->status, 200);
    assert_int_equal(m->cseq.method, SIP_CANCEL);
    m = sent(b);
    assert_int_equal(m->status, 487);
    assert_int_equal(m->cseq.method, SIP_INVITE);
    assert_int_equal(b->ended_status, 487);
}

static void cancel_that_comes_too_late_changes_nothing(void **state)
{
    struct bench *b = *state;
    be_called(b);
    ua_call_answer(b->call, BYTES("v=0\r\n"));
    sent(b);
    request(b, "CANCEL", 7, NULL, "");
    assert_int_equal(sent(b)->status, 200);
    assert_silent(b);
    assert_int_equal(b->ended, 0);
}

static void invite_by_two_ways_is_merged(void **state)
{
    struct bench *b = *state;
    be_called(b);
    request(b, "INVITE", 7, NULL, FROM_BOB);
    assert_int_equal(sent(b)->status, 482); /* RFC 3261 8.2.2.2 */
    assert_int_equal(b->incoming, 1);
}

static void requests_within_the_call_are_checked(void **state)
{
    struct bench *b = *state;
    be_called(b);
    ua_call_answer(b->call, BYTES("v=0\r\n"));
    sent(b);
    request(b, "ACK", 7, b->call->tag, "");
    request(b, "INVITE", 8, b->call->tag, FROM_BOB);
    assert_int_equal(sent(b)->status, 488);
    request(b, "BYE", 8, b->call->tag, ""); /* CSeq did not go up: RFC 3261 12.2.2 */
    assert_int_equal(sent(b)->status, 500);
    request(b, "BYE", 9, "othertag", "");
    assert_int_equal(sent(b)->status, 481);
    assert_int_equal(b->state, UA_UP);
}

/* --- other requests --- */

static void requests_outside_of_calls_are_answered(void **state)
{
    struct bench *b = *state;
    request(b, "OPTIONS", 1, NULL, "");
    assert_int_equal(sent(b)->status, 200);
    request(b, "MESSAGE", 1, NULL, "Content-Type: text/plain\r\n");
    assert_int_equal(sent(b)->status, 200);
    assert_int_equal(b->messages, 1);
    request(b, "PUBLISH", 1, NULL, "");
    assert_int_equal(sent(b)->status, 405);
    assert_true(has(sip_msg_value(&b->m, SIP_H_ALLOW), "MESSAGE"));
    request(b, "BYE", 1, NULL, "");
    assert_int_equal(sent(b)->status, 481);
    request(b, "CANCEL", 1, NULL, "");
    assert_int_equal(sent(b)->status, 481);
    request(b, "ACK", 1, NULL, "");
    assert_silent(b);
}

static void extension_we_lack_is_named(void **state)
{
    struct bench *b = *state;
    request(b, "INVITE", 1, NULL, FROM_BOB "Require: outbound, 100rel\r\n");
    assert_int_equal(sent(b)->status, 420);
    assert_value(sip_msg_value(&b->m, sip_header_of(BYTES("Unsupported"))), "100rel");
    assert_int_equal(b->incoming, 0);
}

static void broken_request_gets_400(void **state)
{
    struct bench *b = *state;
    come(b, BYTES("OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TLS x;branch=z9hG4bKq\r\nFrom: <sip:b@b>;tag=1\r\n"
                  "To: <sip:a@b>\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"));
    struct bytes out = buf_bytes(&b->ua.link.out);
    assert_true(bytes_starts(out, BYTES("SIP/2.0 400 ")));
}

static void bytes_that_are_not_sip_close(void **state)
{
    struct bench *b = *state;
    static char big[40000];
    memset(big, 'x', sizeof big);
    b->ua.link.on->data(&b->ua.link, bytes_of(big, sizeof big));
    assert_int_equal(b->closed, 1);
}

int main(void)
{
#define ON_BENCH(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ON_BENCH(register_binds_one_flow),
        ON_BENCH(strongest_challenge_is_answered_whatever_its_place),
        ON_BENCH(second_challenge_without_stale_means_a_wrong_password),
        ON_BENCH(stale_nonce_is_answered_anew),
        ON_BENCH(nonce_of_an_earlier_request_is_answered_anew),
        ON_BENCH(challenge_we_cannot_compute_ends_it),
        ON_BENCH(our_contact_says_how_long),
        ON_BENCH(registration_without_our_contact_is_none),
        ON_BENCH(refresh_comes_in_time_with_the_known_nonce),
        ON_BENCH(too_brief_an_interval_is_asked_for_longer),
        ON_BENCH(silence_is_408_after_timer_f),
        ON_BENCH(response_of_another_branch_is_nobodys),
        ON_BENCH(keepalive_that_is_not_answered_closes),
        ON_BENCH(pong_keeps_the_connection),
        ON_BENCH(invite_goes_by_service_route),
        ON_BENCH(ack_and_bye_go_by_record_route_backwards),
        ON_BENCH(accepted_twice_is_acknowledged_twice),
        ON_BENCH(refusal_is_acknowledged_hop_by_hop),
        ON_BENCH(invite_that_is_challenged_is_sent_again),
        ON_BENCH(cancel_waits_for_a_provisional_response),
        ON_BENCH(accepted_though_cancelled_is_hung_up),
        ON_BENCH(ringing_may_last),
        ON_BENCH(connection_that_breaks_ends_everything),
        ON_BENCH(ended_call_is_forgotten),
        ON_BENCH(answered_call_goes_up_with_its_ack),
        ON_BENCH(accepted_is_said_again_until_its_ack),
        ON_BENCH(bye_of_the_called_goes_by_record_route_forwards),
        ON_BENCH(bye_of_the_other_side_ends_the_call),
        ON_BENCH(cancel_of_the_other_side_gets_two_answers),
        ON_BENCH(cancel_that_comes_too_late_changes_nothing),
        ON_BENCH(invite_by_two_ways_is_merged),
        ON_BENCH(requests_within_the_call_are_checked),
        ON_BENCH(requests_outside_of_calls_are_answered),
        ON_BENCH(extension_we_lack_is_named),
        ON_BENCH(broken_request_gets_400),
        ON_BENCH(bytes_that_are_not_sip_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
