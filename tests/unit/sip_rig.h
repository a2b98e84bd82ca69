/* sip_rig: one worker with virtual time, one transaction layer on it, and a wire that keeps what is sent.
 *
 * For the tests of the transaction layer and the proxy. Include it once, after nothing else. */
#pragma once
#include "modules/sip/client_txn.h"
#include "modules/sip/msg.h"
#include "modules/sip/proxy.h"
#include "modules/sip/reply.h"
#include "modules/sip/server_txn.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RIG_SENT_MAX 128
#define RIG_TEXT_MAX 4000

struct sent {
    struct sip_hop to;
    uint64_t at;
    char text[RIG_TEXT_MAX];
};

struct rig {
    struct gateway gw;
    struct worker *w;
    struct sip_layer *l;
    struct sent sent[RIG_SENT_MAX];
    unsigned n;
    int send_rc;           /* what the next sends say */
    int no_way;            /* sent_by says no */
    bool bounded;          /* whoever sends is a phone: its share of memory is bounded */
    struct server_txn *st; /* the last new request */
    unsigned requests, acks;
    void (*handle)(struct rig *r, struct server_txn *st, const struct sip_msg *rq);
    char ack[RIG_TEXT_MAX]; /* last one of on_ack */
    void *data;
};

static const struct sip_entity rig_entity;
static inline struct rig *rig_of(const struct worker *w)
{
    return worker_room(w, &rig_entity);
}

static inline bool rig_sent_by(struct worker *w, const struct sip_hop *to, struct sip_sent_by *out)
{
    out->transport = to->kind == HOP_FLOW ? transport_name(to->flow.transport) : "TCP";
    snprintf(out->sent_by, sizeof(out->sent_by), "gw.example:5060");
    return !rig_of(w)->no_way;
}

static const struct sip_entity rig_entity = {.name = "rig", .sent_by = rig_sent_by};

static inline int rig_send(struct worker *w, const struct sip_entity *self, const struct sip_hop *to,
                           struct bytes msg)
{
    struct rig *r = rig_of(w);

    if (r->send_rc)
        return r->send_rc;
    assert_true(r->n < RIG_SENT_MAX);
    struct sent *s = &r->sent[r->n++];
    s->to = *to;
    s->at = w->now;
    assert_true(bytes_to_str(msg, s->text, sizeof(s->text)));
    return 0;
}

static inline void rig_on_request(struct sip_layer *l, struct server_txn *st, const struct sip_msg *rq)
{
    struct rig *r = sip_layer_state(l);

    r->st = st;
    r->requests++;
    if (r->handle)
        r->handle(r, st, rq);
}

static inline void rig_on_ack(struct sip_layer *l, const struct sip_hop *from, const struct sip_msg *ack)
{
    struct rig *r = sip_layer_state(l);

    r->acks++;
    assert_true(bytes_to_str(ack->raw, r->ack, sizeof(r->ack)));
}

static inline bool rig_is_bounded(struct sip_layer *l, const struct sip_hop *from)
{
    return ((struct rig *)sip_layer_state(l))->bounded;
}

static const struct sip_layer_user rig_user = {
    .on_request = rig_on_request, .on_ack = rig_on_ack, .is_bounded = rig_is_bounded};

static inline struct rig *rig_create(const struct sip_config *config)
{
    struct rig *r = calloc(1, sizeof(*r));

    r->gw.n_workers = 2;
    r->w = worker_create(&r->gw, 1);
    r->w->now = 1000;
    timers_init(&r->w->timers, r->w->now);
    assert_int_equal(worker_set_room(r->w, &rig_entity, r), 0);
    const struct sip_layer_setup setup = {
        .w = r->w, .entity = &rig_entity, .user = &rig_user, .config = config, .send = rig_send, .state = r};
    r->l = sip_layer_create(&setup);
    assert_non_null(r->l);
    return r;
}

/* So many transactions at most. */
static inline struct rig *rig_create_for(int64_t transactions)
{
    struct sip_config small = sip_config_defaults;
    small.max_transactions = transactions;
    return rig_create(&small);
}

static inline void rig_destroy(struct rig *r)
{
    sip_layer_destroy(r->l);
    worker_set_room(r->w, &rig_entity, NULL);
    worker_destroy(r->w);
    free(r);
}

static inline void rig_turn(struct rig *r)
{
    worker_turn(r->w);
}

/* Virtual time goes on by `ms`, stopping at each timer. */
static inline void rig_pass(struct rig *r, uint64_t ms)
{
    uint64_t end = r->w->now + ms;

    rig_turn(r);
    for (uint64_t next; (next = timers_next(&r->w->timers)) <= end;) {
        if (next > r->w->now)
            r->w->now = next;
        rig_turn(r);
    }
    r->w->now = end;
    rig_turn(r);
}

/* ---- hops */

static inline struct sip_hop rig_udp(uint16_t port)
{
    struct flow f = {.transport = TRANSPORT_UDP, .conn = {.worker = 1}};

    assert_true(addr_parse(BYTES("192.0.2.7"), port, &f.peer));
    return sip_hop_flow(&f);
}

static inline struct sip_hop rig_tls(uint32_t slot)
{
    struct flow f = {.transport = TRANSPORT_TLS, .conn = {.worker = 1, .gen = 1, .slot = slot}};

    assert_true(addr_parse(BYTES("198.51.100.9"), 40000, &f.peer));
    return sip_hop_flow(&f);
}

/* ---- messages */

struct rig_request {
    const char *method, *uri, *branch, *sent_by, *to_tag, *extra;
};

static inline void rig_feed(struct rig *r, const struct sip_hop *from, const char *text)
{
    struct sip_msg m;
    struct sip_fault fault;

    /* A copy of its own, gone after the call: what outlives it must have been copied. */
    size_t n = strlen(text);
    char *copy = malloc(n);
    memcpy(copy, text, n);
    if (sip_msg_parse(&m, bytes_of(copy, n), SIP_DATAGRAM, &fault))
        fail_msg("%s: %s", fault.reason, text);
    sip_layer_receive(r->l, from, &m);
    free(copy);
}

static inline void rig_write(const struct rig_request *q, char *text, size_t cap)
{
    const char *method = q->method ? q->method : "INVITE";

    snprintf(text, cap,
             "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=%s;rport\r\nMax-Forwards: 70\r\n"
             "From: <sip:alice@example.com>;tag=a1\r\nTo: <sip:bob@example.com>%s%s\r\nCall-ID: call-1\r\n"
             "CSeq: 7 %s\r\n%sContent-Length: 0\r\n\r\n",
             method, q->uri ? q->uri : "sip:bob@example.com", q->sent_by ? q->sent_by : "ua.example:5070",
             q->branch ? q->branch : "z9hG4bKalpha", q->to_tag ? ";tag=" : "", q->to_tag ? q->to_tag : "",
             method, q->extra ? q->extra : "");
}

static inline void rig_request(struct rig *r, const struct sip_hop *from, const struct rig_request *q)
{
    char text[RIG_TEXT_MAX];

    rig_write(q, text, sizeof(text));
    rig_feed(r, from, text);
}

/* The response of who was sent message `i`. */
static inline void rig_answer_with(struct rig *r, unsigned i, int status, const char *tag,
                                   const char *headers)
{
    struct sip_msg m;
    struct sip_fault fault;
    struct buf out;

    assert_true(i < r->n);
    assert_int_equal(sip_msg_parse(&m, bytes_str(r->sent[i].text), SIP_DATAGRAM, &fault), 0);
    buf_init(&out);
    const struct sip_reply reply = {
        .request = &m, .status = (uint16_t)status, .to_tag = bytes_str(tag), .headers = bytes_str(headers)};
    assert_int_equal(sip_reply_write(&reply, &out), 0);
    assert_true(buf_append(&out, bytes_of("", 1)));
    rig_feed(r, &r->sent[i].to, (const char *)buf_bytes(&out).p);
    buf_fini(&out);
}

static inline void rig_answer(struct rig *r, unsigned i, int status)
{
    rig_answer_with(r, i, status, "b1", NULL);
}

/* Our own response to the request of `st`, as its user would make it. */
static inline int rig_respond(struct server_txn *st, int status)
{
    struct buf out;

    buf_init(&out);
    const struct sip_reply reply = {
        .request = server_txn_request(st), .status = (uint16_t)status, .to_tag = BYTES("mine")};
    assert_int_equal(sip_reply_write(&reply, &out), 0);
    int rc = server_txn_respond(st, status, buf_bytes(&out));
    buf_fini(&out);
    return rc;
}

/* ---- looking at what was sent */

static inline bool starts(const char *text, const char *with)
{
    return !strncmp(text, with, strlen(with));
}

#define assert_sent(r, i, begin)                                                                             \
    do {                                                                                                     \
        assert_true((r)->n > (i));                                                                           \
        if (!starts((r)->sent[i].text, begin))                                                               \
            fail_msg("sent %u is not \"%s\" but:\n%s", (unsigned)(i), begin, (r)->sent[i].text);             \
    } while (0)

#define assert_has(r, i, part)                                                                               \
    do {                                                                                                     \
        if (!strstr((r)->sent[i].text, part))                                                                \
            fail_msg("no \"%s\" in sent %u:\n%s", part, (unsigned)(i), (r)->sent[i].text);                   \
    } while (0)

#define assert_has_not(r, i, part) assert_null(strstr((r)->sent[i].text, part))

/* The value of `name: ` in message i, up to the line's end. */
static inline void rig_value(const struct rig *r, unsigned i, const char *name, char *dst, size_t cap)
{
    char key[64];

    snprintf(key, sizeof(key), "\r\n%s: ", name);
    const char *p = strstr(r->sent[i].text, key);
    if (!p)
        fail_msg("no %s in:\n%s", name, r->sent[i].text);
    p += strlen(key);
    assert_true(bytes_to_str(bytes_of(p, strcspn(p, "\r")), dst, cap));
}

static inline unsigned count_of(const char *text, const char *part)
{
    unsigned n = 0;

    for (const char *p = text; (p = strstr(p, part)); p++)
        n++;
    return n;
}
