/* The n-th allocation fails, for every n: a proxied call, a refused one and a message either work, or are
 * refused, or stay silent; nothing crashes and nothing is left. */
#include "failing_malloc.h"
#include "modules/sip/edit.h"
#include "sip_rig.h"
#include <stdio.h>

#ifndef FAILING_MALLOC
int main(void)
{
    puts("skipped: ThreadSanitizer's malloc cannot be replaced");
    return 77;
}
#else

static unsigned alive; /* contexts: created, not done */

static void on_done(struct proxy *p)
{
    alive--;
}

static const struct proxy_user user = {.on_done = on_done};

static void forward(struct rig *r, struct server_txn *st, const struct sip_msg *rq)
{
    struct proxy *p = proxy_create(st, &user, 64);
    char uri[] = "sip:bob@192.0.2.9";

    if (!p)
        return;
    alive++;
    for (uint32_t slot = 1; slot <= 2; slot++) {
        const struct proxy_target t = {.hop = rig_tls(slot), .uri = bytes_str(uri)};
        if (proxy_add(p, &t)) {
            proxy_end(p, 500, BYTES_NONE);
            return;
        }
    }
    proxy_run(p);
}

/* The nth fails from the first message on; each scenario's own texts are written before. */
typedef void scenario(struct rig *r);

static int sent_to(const struct rig *r, const char *with, uint32_t slot)
{
    for (unsigned i = 0; i < r->n; i++)
        if (starts(r->sent[i].text, with) && r->sent[i].to.flow.conn.slot == slot)
            return (int)i;
    return -1;
}

/* The peers have memory enough. */
static void peer_says(struct rig *r, const char *method, uint32_t slot, int status)
{
    struct sip_msg m;
    struct sip_fault fault;
    struct buf out;
    static uint8_t room[RIG_TEXT_MAX];
    int i = sent_to(r, method, slot);

    if (i < 0)
        return;
    buf_fixed(&out, room, sizeof(room));
    assert_int_equal(sip_msg_parse(&m, bytes_str(r->sent[i].text), SIP_DATAGRAM, &fault), 0);
    const struct sip_reply reply = {.request = &m, .status = (uint16_t)status, .to_tag = BYTES("b")};
    assert_int_equal(sip_reply_write(&reply, &out), 0);
    assert_int_equal(sip_msg_parse(&m, buf_bytes(&out), SIP_DATAGRAM, &fault), 0);
    sip_layer_receive(r->l, &r->sent[i].to, &m);
}

static void caller_says(struct rig *r, const char *method)
{
    struct sip_hop from = rig_udp(5070);
    struct sip_msg m;
    struct sip_fault fault;
    char text[RIG_TEXT_MAX];

    rig_write(&(struct rig_request){.method = method}, text, sizeof(text));
    assert_int_equal(sip_msg_parse(&m, bytes_str(text), SIP_DATAGRAM, &fault), 0);
    sip_layer_receive(r->l, &from, &m);
}

static void answered_call(struct rig *r)
{
    caller_says(r, "INVITE");
    peer_says(r, "INVITE", 1, 180);
    peer_says(r, "INVITE", 2, 180);
    peer_says(r, "INVITE", 1, 200);
    peer_says(r, "CANCEL", 2, 200);
    peer_says(r, "INVITE", 2, 487);
}

static void refused_call(struct rig *r)
{
    caller_says(r, "INVITE");
    peer_says(r, "INVITE", 1, 407);
    peer_says(r, "INVITE", 2, 401);
    caller_says(r, "ACK");
}

static void cancelled_call(struct rig *r)
{
    caller_says(r, "INVITE");
    peer_says(r, "INVITE", 1, 180);
    caller_says(r, "CANCEL");
    peer_says(r, "CANCEL", 1, 200);
    peer_says(r, "INVITE", 1, 487);
    peer_says(r, "INVITE", 2, 486);
}

static void sent_message(struct rig *r)
{
    caller_says(r, "MESSAGE");
    peer_says(r, "MESSAGE", 1, 404);
    peer_says(r, "MESSAGE", 2, 202);
}

static unsigned finals_to_caller(const struct rig *r)
{
    unsigned n = 0;

    for (unsigned i = 0; i < r->n; i++)
        n += r->sent[i].to.flow.transport == TRANSPORT_UDP && starts(r->sent[i].text, "SIP/2.0 ") &&
             r->sent[i].text[8] != '1';
    return n;
}

static void walk(scenario *play)
{
    for (int nth = 0;; nth++) {
        struct rig *r = rig_create(NULL);

        assert_true(nth < 200);
        r->handle = forward;
        alive = 0;
        failed = false;
        countdown = nth;
        play(r);
        countdown = -1;
        bool done = !failed;
        if (done)
            assert_true(finals_to_caller(r) > 0);
        rig_pass(r, 300000); /* past every timer, C too */
        assert_int_equal(alive, 0);
        assert_int_equal(sip_layer_servers(r->l), 0);
        assert_int_equal(sip_layer_clients(r->l), 0);
        rig_destroy(r);
        if (done)
            return;
    }
}

static void answered_call_survives_every_failed_allocation(void **state)
{
    walk(answered_call);
}

static void refused_call_survives_every_failed_allocation(void **state)
{
    walk(refused_call);
}

static void cancelled_call_survives_every_failed_allocation(void **state)
{
    walk(cancelled_call);
}

static void message_survives_every_failed_allocation(void **state)
{
    walk(sent_message);
}

static void request_without_memory_for_its_transaction_is_refused(void **state)
{
    struct rig *r = rig_create(NULL);

    r->handle = forward;
    caller_says(r, "MESSAGE"); /* the writing buffer has its memory now */
    unsigned before = r->n;
    countdown = 0;
    caller_says(r, "INVITE");
    countdown = -1;
    assert_int_equal(r->n, before + 1);
    assert_sent(r, before, "SIP/2.0 503 ");
    assert_has(r, before, "\r\nRetry-After: ");
    rig_destroy(r);
}

static void request_without_memory_for_its_context_is_500(void **state)
{
    struct rig *r = rig_create(NULL);

    r->handle = forward;
    caller_says(r, "MESSAGE");
    unsigned before = r->n;
    countdown = 3; /* transaction, parsed request, its bytes; then the context */
    caller_says(r, "INVITE");
    countdown = -1;
    assert_int_equal(r->n, before + 1);
    assert_sent(r, before, "SIP/2.0 500 ");
    rig_destroy(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answered_call_survives_every_failed_allocation),
        cmocka_unit_test(refused_call_survives_every_failed_allocation),
        cmocka_unit_test(cancelled_call_survives_every_failed_allocation),
        cmocka_unit_test(message_survives_every_failed_allocation),
        cmocka_unit_test(request_without_memory_for_its_transaction_is_refused),
        cmocka_unit_test(request_without_memory_for_its_context_is_500),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
