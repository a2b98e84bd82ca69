/* Client transactions: RFC 3261 17.1 and figures 5 and 6, RFC 6026, CANCEL of 9.1, dead flows of RFC 5626. */
#include "sip_rig.h"

#define T1 500u
#define T2 4000u
#define T4 5000u

struct heard {
    unsigned responses, failures, gone;
    int last; /* status of the last response */
    int failed_with, err;
};

static void heard_response(struct client_txn *ct, const struct sip_msg *rs)
{
    struct heard *h = client_txn_arg(ct);

    h->responses++;
    h->last = rs->status;
}

static void heard_failure(struct client_txn *ct, int status, int err)
{
    struct heard *h = client_txn_arg(ct);

    h->failures++;
    h->failed_with = status;
    h->err = err;
}

static void heard_gone(struct client_txn *ct)
{
    ((struct heard *)client_txn_arg(ct))->gone++;
}

static const struct client_user hearing = {
    .on_response = heard_response, .on_failure = heard_failure, .gone = heard_gone};

static int setup(void **state)
{
    struct rig *r = rig_create(NULL);

    r->data = calloc(1, sizeof(struct heard));
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;
    void *heard = r->data;

    rig_destroy(r);
    free(heard);
    return 0;
}

static struct client_txn *begin(struct rig *r, const struct sip_hop *to, const char *method)
{
    struct client_txn *ct = client_txn_create(r->l, to, 0, &hearing, r->data);
    struct buf out;

    assert_non_null(ct);
    buf_init(&out);
    buf_printf(&out, "%s sip:bob@192.0.2.7 SIP/2.0\r\n", method);
    assert_true(client_txn_via(ct, &out));
    buf_str(&out,
            "Via: SIP/2.0/TLS ua.example;branch=z9hG4bKua\r\nMax-Forwards: 69\r\n"
            "Route: <sip:one.example;lr>, <sip:two.example;lr>\r\nRoute: <sip:three.example;lr>\r\n"
            "From: \"A\" <sip:alice@example.com>;tag=a1\r\nTo: <sip:bob@example.com>\r\nCall-ID: call-9\r\n");
    buf_printf(&out, "CSeq: 4711 %s\r\nContact: <sip:alice@ua.example>\r\nContent-Length: 4\r\n\r\nbody",
               method);
    assert_int_equal(client_txn_send(ct, buf_bytes(&out)), 0);
    buf_fini(&out);
    return ct;
}

static void assert_times(const struct rig *r, const unsigned *at, size_t n)
{
    assert_int_equal(r->n, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(r->sent[i].at - r->sent[0].at, at[i]);
}

/* ---- INVITE, figure 5 */

static void invite_is_repeated_by_timer_a_until_timer_b(void **state)
{
    /* seven requests in 64*T1: 17.1.1.2 */
    static const unsigned at[] = {0, 500, 1500, 3500, 7500, 15500, 31500};
    struct rig *r = *state;
    struct heard *h = r->data;
    struct sip_hop to = rig_udp(5060);

    begin(r, &to, "INVITE");
    rig_pass(r, 64 * T1 - 1);
    assert_int_equal(h->failures, 0);
    rig_pass(r, 1);
    assert_times(r, at, sizeof(at) / sizeof(at[0]));
    assert_string_equal(r->sent[0].text, r->sent[6].text);
    assert_int_equal(h->failed_with, 408);
    assert_int_equal(h->gone, 1);
    assert_int_equal(sip_layer_clients(r->l), 0);
}

static void on_a_reliable_transport_the_invite_is_sent_once(void **state)
{
    struct rig *r = *state;
    struct heard *h = r->data;
    struct sip_hop to = rig_tls(1);

    begin(r, &to, "INVITE");
    rig_pass(r, 64 * T1);
    assert_int_equal(r->n, 1);
    assert_int_equal(h->failed_with, 408);
}

static void provisional_stops_repetition_and_timer_b(void **state)
{
    struct rig *r = *state;
    struct heard *h = r->data;
    struct sip_hop to = rig_udp(5060);

    begin(r, &to, "INVITE");
    rig_answer(r, 0, 100);
    rig_answer(r, 0, 180);
    rig_answer(r, 0, 180);
    assert_int_equal(h->responses, 3);
    rig_pass(r, 200000);
    assert_int_equal(r->n, 1);
    assert_int_equal(h->failures, 0);
}

static void ack_of_a_refusal_is_made_from_the_invite(void **state)
{
    struct rig *r = *state;
    struct heard *h = r->data;
    struct sip_hop to = rig_udp(5060);
    char via[300], sent_via[300];

    begin(r, &to, "INVITE");
    rig_answer(r, 0, 486);
    assert_int_equal(h->responses, 1);
    assert_int_equal(r->n, 2);
    /* 17.1.1.3 */
    assert_sent(r, 1, "ACK sip:bob@192.0.2.7 SIP/2.0\r\n");
    rig_value(r, 0, "Via", sent_via, sizeof(sent_via));
    rig_value(r, 1, "Via", via, sizeof(via));
    assert_string_equal(via, sent_via);
    assert_int_equal(count_of(r->sent[1].text, "Via:"), 1);
    assert_has(r, 1,
               "\r\nRoute: <sip:one.example;lr>, <sip:two.example;lr>\r\nRoute: <sip:three.example;lr>\r\n");
    assert_has(r, 1, "\r\nFrom: \"A\" <sip:alice@example.com>;tag=a1\r\n");
    assert_has(r, 1, "\r\nTo: <sip:bob@example.com>;tag=b1\r\n");
    assert_has(r, 1, "\r\nCall-ID: call-9\r\n");
    assert_has(r, 1, "\r\nCSeq: 4711 ACK\r\n");
    assert_has(r, 1, "\r\nMax-Forwards: 70\r\n");
    assert_has(r, 1, "\r\nContent-Length: 0\r\n\r\n");
    assert_has_not(r, 1, "Contact");
    assert_true(sip_hop_eq(&r->sent[1].to, &to));
}

static void repeated_refusal_is_acked_again_and_not_told_until_timer_d(void **state)
{
    struct rig *r = *state;
    struct heard *h = r->data;
    struct sip_hop to = rig_udp(5060);

    begin(r, &to, "INVITE");
    rig_answer(r, 0, 486);
    rig_pass(r, 31999);
    rig_answer(r, 0, 486);
    rig_answer(r, 0, 180);
    rig_answer(r, 0, 200);
    assert_int_equal(h->responses, 1);
    assert_int_equal(r->n, 3);
    assert_string_equal(r->sent[1].text, r->sent[2].text);
    assert_int_equal(h->gone, 0);
    rig_pass(r, 1); /* at least 32 s */
    assert_int_equal(h->gone, 1);
}

static void timer_d_is_32_s_even_where_t1_is_small(void **state)
{
    struct sip_config quick = sip_config_defaults;
    struct sip_hop to = rig_udp(5060);
    struct heard h = {0};

    quick.t1 = 50;
    struct rig *r = rig_create(&quick);
    r->data = &h;
    begin(r, &to, "INVITE");
    rig_answer(r, 0, 486);
    rig_pass(r, 31999); /* the server's T1 is not known here: 17.1.1.2 */
    assert_int_equal(h.gone, 0);
    rig_pass(r, 1);
    assert_int_equal(h.gone, 1);
    rig_destroy(r);
}

static void timer_d_is_zero_on_a_reliable_transport(void **state)
{
    struct rig *r = *state;
    struct heard *h = r->data;
    struct sip_hop to = rig_tls(1);

    begin(r, &to, "INVITE");
    rig_answer(r, 0, 603);
    assert_int_equal(h->responses, 1);
    assert_sent(r, 1, "ACK ");
    assert_int_equal(h->gone, 0); /* not inside the callback */
    rig_turn(r);
    assert_int_equal(h->gone, 1);
}

static void every_success_is_told_until_timer_m_and_none_acked(void **state)
{
    struct rig *r = *state;
    struct heard *h = r->data;
    struct sip_hop to = rig_tls(1);

    begin(r, &to, "INVITE");
    rig_answer(r, 0, 200);
    rig_answer(r, 0, 200);
    rig_pass(r, 64 * T1 - 1);
    rig_answer_with(r, 0, 200, "other-leg", NULL);
    assert_int_equal(h->responses, 3);
    assert_int_equal(r->n, 1);
    rig_answer(r, 0, 180);
    rig_answer(r, 0, 486);
    assert_int_equal(h->responses, 3);
    rig_pass(r, 1);
    assert_int_equal(h->gone, 1);
    rig_answer(r, 0, 200); /* a stray now */
    assert_int_equal(h->responses, 3);
}

/* ---- non-INVITE, figure 6 */

static void request_is_repeated_by_timer_e_up_to_t2_until_timer_f(void **state)
{
    /* 500 ms, 1 s, 2 s, 4 s, 4 s, ...: 17.1.2.2 */
    static const unsigned at[] = {0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500};
    struct rig *r = *state;
    struct heard *h = r->data;
    struct sip_hop to = rig_udp(5060);

    begin(r, &to, "MESSAGE");
    rig_pass(r, 64 * T1);
    assert_times(r, at, sizeof(at) / sizeof(at[0]));
    assert_int_equal(h->failed_with, 408);
    assert_int_equal(h->gone, 1);
}

static void provisional_slows_repetition_to_t2_and_timer_f_stays(void **state)
{
    static const unsigned at[] = {0, 500, 4500, 8500, 12500, 16500, 20500, 24500, 28500};
    struct rig *r = *state;
    struct heard *h = r->data;
    struct sip_hop to = rig_udp(5060);

    begin(r, &to, "MESSAGE");
    rig_pass(r, 100);
    rig_answer(r, 0, 100);
    assert_int_equal(h->responses, 1);
    rig_pass(r, 64 * T1 - 100);
    assert_times(r, at, sizeof(at) / sizeof(at[0]));
    assert_int_equal(h->failed_with, 408);
}

static void repeated_final_is_absorbed_until_timer_k(void **state)
{
    struct rig *r = *state;
    struct heard *h = r->data;
    struct sip_hop to = rig_udp(5060);

    begin(r, &to, "MESSAGE");
    rig_answer(r, 0, 202);
    rig_pass(r, T4 - 1);
    assert_int_equal(h->gone, 1); /* its user has no more to learn */
    rig_answer(r, 0, 202);
    assert_int_equal(h->responses, 1);
    assert_int_equal(r->n, 1);
    assert_int_equal(sip_layer_clients(r->l), 1);
    rig_pass(r, 1);
    assert_int_equal(sip_layer_clients(r->l), 0);
    assert_int_equal(h->gone, 1);
}

/* Who has his answer is no load; but there are only so many of them, and the oldest makes room. */
static void answered_ones_take_nobodys_place(void **state)
{
    struct sip_hop to = rig_udp(5060);
    struct heard h = {0};

    struct rig *r = rig_create_for(2);
    r->data = &h;
    for (unsigned i = 0; i < 4; i++) {
        begin(r, &to, i % 2 ? "INVITE" : "MESSAGE");
        rig_answer(r, i, 200);
        rig_turn(r);
        assert_int_equal(sip_layer_clients(r->l), i < 2 ? i + 1 : 2);
    }
    assert_int_equal(h.responses, 4);
    assert_int_equal(h.gone, 3); /* the last INVITE listens on */
    rig_answer(r, 0, 200);
    assert_int_equal(h.responses, 4);
    rig_answer(r, 3, 200);
    assert_int_equal(h.responses, 5);
    begin(r, &to, "MESSAGE");
    begin(r, &to, "MESSAGE");
    assert_null(client_txn_create(r->l, &to, 0, &hearing, &h));
    rig_destroy(r);
}

static void timer_k_is_zero_on_a_reliable_transport(void **state)
{
    struct rig *r = *state;
    struct heard *h = r->data;
    struct sip_hop to = rig_tls(1);

    begin(r, &to, "MESSAGE");
    rig_pass(r, 1000);
    rig_answer(r, 0, 404);
    rig_turn(r);
    assert_int_equal(r->n, 1);
    assert_int_equal(h->gone, 1);
}

/* ---- transport errors */

static void failed_send_is_told_after_the_call(void **state)
{
    struct rig *r = *state;
    struct heard *h = r->data;
    struct sip_hop to = rig_tls(1);

    r->send_rc = -ENOTCONN;
    begin(r, &to, "INVITE");
    assert_int_equal(h->failures, 0);
    rig_turn(r);
    assert_int_equal(h->failed_with, 503);
    assert_int_equal(h->err, -ENOTCONN);
    assert_int_equal(h->gone, 1);
}

static void answer_that_overtakes_its_send_error_counts(void **state)
{
    struct rig *r = *state;
    struct heard *h = r->data;
    struct sip_hop to = rig_udp(5060);

    begin(r, &to, "INVITE");
    r->send_rc = -ENETUNREACH;
    rig_pass(r, 0);
    r->w->now += T1;
    timers_run(&r->w->timers, r->w, r->w->now); /* timer A meets the error */
    r->send_rc = 0;
    rig_answer(r, 0, 200);
    rig_pass(r, 64 * T1 - 1);
    assert_int_equal(h->failures, 0);
    assert_int_equal(h->gone, 0);
    rig_pass(r, 1);
    assert_int_equal(h->gone, 1);
}

static void datagram_that_the_kernel_drops_is_only_lost(void **state)
{
    struct rig *r = *state;
    struct heard *h = r->data;
    struct sip_hop to = rig_udp(5060);

    r->send_rc = -EAGAIN;
    begin(r, &to, "INVITE");
    r->send_rc = 0;
    rig_pass(r, T1);
    assert_int_equal(r->n, 1);
    assert_int_equal(h->failures, 0);
}

static void closed_connection_fails_at_once_who_waits_on_it(void **state)
{
    struct rig *r = *state;
    struct heard *h = r->data;
    struct sip_hop dead = rig_tls(1), alive = rig_tls(2), udp = rig_udp(5060);

    begin(r, &dead, "INVITE");
    rig_answer(r, 0, 180);
    begin(r, &dead, "MESSAGE");
    begin(r, &alive, "MESSAGE");
    begin(r, &udp, "MESSAGE");
    sip_layer_flow_dead(r->l, dead.flow.conn);
    rig_pass(r, 1);
    assert_int_equal(h->failures, 2);
    assert_int_equal(h->failed_with, 503);
    assert_int_equal(h->err, -ENOTCONN);
    assert_int_equal(sip_layer_clients(r->l), 2);
    sip_layer_flow_dead(r->l, dead.flow.conn);
    rig_pass(r, 1);
    assert_int_equal(h->failures, 2);
}

static void closed_connection_says_nothing_to_who_has_his_answer(void **state)
{
    struct rig *r = *state;
    struct heard *h = r->data;
    struct sip_hop dead = rig_tls(1);

    begin(r, &dead, "INVITE");
    rig_answer(r, 0, 200);
    sip_layer_flow_dead(r->l, dead.flow.conn);
    rig_pass(r, 64 * T1);
    assert_int_equal(h->failures, 0);
    assert_int_equal(h->gone, 1);
}

/* ---- CANCEL, 9.1 */

static void cancel_waits_for_a_provisional(void **state)
{
    struct rig *r = *state;
    struct sip_hop to = rig_tls(1);
    char via[300], sent_via[300];

    struct client_txn *ct = begin(r, &to, "INVITE");
    client_txn_cancel(ct, BYTES("Reason: SIP;cause=480\r\n"));
    rig_pass(r, 1000);
    assert_int_equal(r->n, 1);
    rig_answer(r, 0, 180);
    assert_int_equal(r->n, 2);
    assert_sent(r, 1, "CANCEL sip:bob@192.0.2.7 SIP/2.0\r\n");
    rig_value(r, 0, "Via", sent_via, sizeof(sent_via));
    rig_value(r, 1, "Via", via, sizeof(via));
    assert_string_equal(via, sent_via);
    assert_int_equal(count_of(r->sent[1].text, "Via:"), 1);
    assert_int_equal(count_of(r->sent[1].text, "Route:"), 2);
    assert_has(r, 1, "\r\nTo: <sip:bob@example.com>\r\n");
    assert_has(r, 1, "\r\nCSeq: 4711 CANCEL\r\n");
    assert_has(r, 1, "\r\nReason: SIP;cause=480\r\n");
}

static void cancel_goes_at_once_when_it_rings_and_only_once(void **state)
{
    struct rig *r = *state;
    struct heard *h = r->data;
    struct sip_hop to = rig_tls(1);

    struct client_txn *ct = begin(r, &to, "INVITE");
    rig_answer(r, 0, 180);
    client_txn_cancel(ct, BYTES_NONE);
    client_txn_cancel(ct, BYTES_NONE);
    rig_answer(r, 0, 183);
    assert_int_equal(r->n, 2);
    rig_answer(r, 1, 200); /* to the CANCEL */
    assert_int_equal(h->last, 183);
    rig_answer(r, 0, 487);
    assert_int_equal(h->last, 487);
    assert_sent(r, 2, "ACK ");
    rig_turn(r);
    assert_int_equal(sip_layer_clients(r->l), 0);
}

static void cancel_is_repeated_on_udp_until_it_is_answered(void **state)
{
    struct rig *r = *state;
    struct sip_hop to = rig_udp(5060);

    struct client_txn *ct = begin(r, &to, "INVITE");
    rig_answer(r, 0, 180);
    client_txn_cancel(ct, BYTES_NONE);
    rig_pass(r, T1);
    assert_int_equal(r->n, 3);
    assert_string_equal(r->sent[1].text, r->sent[2].text);
    rig_answer(r, 1, 200);
    rig_pass(r, 5000);
    assert_int_equal(r->n, 3);
}

static void success_that_crosses_the_cancel_counts(void **state)
{
    struct rig *r = *state;
    struct heard *h = r->data;
    struct sip_hop to = rig_tls(1);

    struct client_txn *ct = begin(r, &to, "INVITE");
    rig_answer(r, 0, 180);
    client_txn_cancel(ct, BYTES_NONE);
    rig_answer(r, 0, 200);
    assert_int_equal(h->last, 200);
    rig_pass(r, 64 * T1);
    assert_int_equal(h->failures, 0);
    assert_int_equal(h->gone, 1);
}

static void cancel_without_a_final_response_times_out(void **state)
{
    struct rig *r = *state;
    struct heard *h = r->data;
    struct sip_hop to = rig_tls(1);

    struct client_txn *ct = begin(r, &to, "INVITE");
    rig_answer(r, 0, 180);
    client_txn_cancel(ct, BYTES_NONE);
    rig_answer(r, 1, 200);
    rig_pass(r, 64 * T1 - 1);
    assert_int_equal(h->failures, 0);
    rig_pass(r, 1);
    assert_int_equal(h->failed_with, 408);
}

static void cancel_after_a_final_response_or_of_a_non_invite_does_nothing(void **state)
{
    struct rig *r = *state;
    struct sip_hop to = rig_udp(5060);

    struct client_txn *call = begin(r, &to, "INVITE");
    rig_answer(r, 0, 200);
    client_txn_cancel(call, BYTES_NONE);
    struct client_txn *text = begin(r, &to, "MESSAGE");
    rig_answer(r, 1, 100);
    client_txn_cancel(text, BYTES_NONE);
    assert_int_equal(r->n, 2);
}

/* ---- matching, 17.1.3 */

static void response_needs_the_whole_branch_and_the_method(void **state)
{
    struct rig *r = *state;
    struct heard *h = r->data;
    struct sip_hop to = rig_tls(1);
    char text[RIG_TEXT_MAX];

    begin(r, &to, "MESSAGE");
    char *random = strstr(r->sent[0].text, ";branch=z9hG4bKsp") + 8 + SIP_BRANCH_LEN - 1;
    char digit = *random;
    *random = digit == '0' ? '1' : '0';
    rig_answer(r, 0, 200); /* right place, wrong random part */
    *random = digit;
    snprintf(text, sizeof(text), "%s", r->sent[0].text);
    char *cseq = strstr(r->sent[0].text, "4711 MESSAGE");
    memcpy(cseq, "4711 OPTIONS", 12);
    memcpy(r->sent[0].text, "OPTIONS", 7);
    rig_answer(r, 0, 200);
    assert_int_equal(h->responses, 0);
    snprintf(r->sent[0].text, sizeof(r->sent[0].text), "%s", text);
    rig_answer(r, 0, 200);
    assert_int_equal(h->responses, 1);
}

static void branch_names_this_worker_and_via_asks_for_rport_on_udp(void **state)
{
    struct rig *r = *state;
    struct sip_hop udp = rig_udp(5060), tls = rig_tls(1);
    struct sip_branch b;

    struct client_txn *ct = begin(r, &udp, "OPTIONS");
    begin(r, &tls, "OPTIONS");
    assert_true(sip_branch_parse(bytes_str(client_txn_branch(ct)), &b));
    assert_int_equal(b.ref.worker, 1);
    assert_ptr_equal(client_txn_get(r->l, b.ref), ct);
    assert_has(r, 0, "\r\nVia: SIP/2.0/UDP gw.example:5060;branch=z9hG4bKsp");
    assert_has(r, 0, ";rport\r\n");
    assert_has(r, 1, "\r\nVia: SIP/2.0/TLS gw.example:5060;branch=z9hG4bKsp");
    assert_has_not(r, 1, ";rport");
}

static void dropped_transaction_hears_nothing_but_its_end(void **state)
{
    struct rig *r = *state;
    struct heard *h = r->data;
    struct sip_hop to = rig_udp(5060);

    struct client_txn *ct = begin(r, &to, "INVITE");
    client_txn_drop(ct);
    rig_answer(r, 0, 200);
    rig_pass(r, 64 * T1);
    assert_int_equal(h->responses, 0);
    assert_int_equal(h->failures, 0);
    assert_int_equal(h->gone, 1);
    assert_int_equal(r->n, 1);
}

static void full_table_has_room_for_the_cancel(void **state)
{
    struct sip_hop to = rig_tls(5);
    struct heard h = {0};

    struct rig *r = rig_create_for(1);
    r->data = &h;
    struct client_txn *ct = begin(r, &to, "INVITE");
    rig_answer(r, 0, 180);
    client_txn_cancel(ct, BYTES_NONE);
    assert_sent(r, 1, "CANCEL ");
    rig_destroy(r);
}

/* 8 KB for each of max_transactions: what is kept for a retransmission counts, however large it is. */
static void copies_of_requests_have_a_limit_in_all(void **state)
{
    struct sip_hop to = rig_udp(5060);
    struct heard h = {0};
    char text[6000];

    struct rig *r = rig_create_for(2);
    r->send_rc = -EAGAIN; /* they are lost on the way */
    r->data = &h;
    memset(text, 'x', sizeof(text));
    memcpy(text, "OPTIONS ", 8);
    struct client_txn *one = client_txn_create(r->l, &to, 0, &hearing, &h);
    struct client_txn *two = client_txn_create(r->l, &to, 0, &hearing, &h);
    assert_int_equal(client_txn_send(one, bytes_of(text, sizeof(text))), 0);
    client_txn_drop(one);
    rig_turn(r);
    assert_int_equal(client_txn_send(two, bytes_of(text, sizeof(text))), 0);
    struct client_txn *three = client_txn_create(r->l, &to, 0, &hearing, &h);
    char large[11000] = "OPTIONS ";
    memset(large + 8, 'x', sizeof(large) - 8);
    assert_int_equal(client_txn_send(three, bytes_of(large, sizeof(large))), -EBUSY);
    rig_turn(r);
    assert_int_equal(h.gone, 2);
    rig_destroy(r);
}

static void response_counts_only_from_where_the_request_went(void **state)
{
    struct rig *r = *state;
    struct heard *h = r->data;
    struct sip_hop to = rig_tls(5), other = rig_tls(6);

    begin(r, &to, "OPTIONS");
    r->sent[0].to = other;
    rig_answer(r, 0, 200);
    assert_int_equal(h->responses, 0);
    r->sent[0].to = to;
    rig_answer(r, 0, 200);
    assert_int_equal(h->responses, 1);
}

static void full_table_gives_no_transaction(void **state)
{
    struct sip_hop to = rig_udp(5060);

    struct rig *r = rig_create_for(1);
    struct heard h = {0};
    r->data = &h;
    begin(r, &to, "OPTIONS");
    assert_null(client_txn_create(r->l, &to, 0, &hearing, &h));
    rig_destroy(r);
    assert_int_equal(h.gone, 1);
}

int main(void)
{
#define WITH_RIG(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_RIG(invite_is_repeated_by_timer_a_until_timer_b),
        WITH_RIG(on_a_reliable_transport_the_invite_is_sent_once),
        WITH_RIG(provisional_stops_repetition_and_timer_b),
        WITH_RIG(ack_of_a_refusal_is_made_from_the_invite),
        WITH_RIG(repeated_refusal_is_acked_again_and_not_told_until_timer_d),
        cmocka_unit_test(timer_d_is_32_s_even_where_t1_is_small),
        WITH_RIG(timer_d_is_zero_on_a_reliable_transport),
        WITH_RIG(every_success_is_told_until_timer_m_and_none_acked),
        WITH_RIG(request_is_repeated_by_timer_e_up_to_t2_until_timer_f),
        WITH_RIG(provisional_slows_repetition_to_t2_and_timer_f_stays),
        WITH_RIG(repeated_final_is_absorbed_until_timer_k),
        WITH_RIG(timer_k_is_zero_on_a_reliable_transport),
        WITH_RIG(failed_send_is_told_after_the_call),
        WITH_RIG(answer_that_overtakes_its_send_error_counts),
        WITH_RIG(datagram_that_the_kernel_drops_is_only_lost),
        WITH_RIG(closed_connection_fails_at_once_who_waits_on_it),
        WITH_RIG(closed_connection_says_nothing_to_who_has_his_answer),
        WITH_RIG(cancel_waits_for_a_provisional),
        WITH_RIG(cancel_goes_at_once_when_it_rings_and_only_once),
        WITH_RIG(cancel_is_repeated_on_udp_until_it_is_answered),
        WITH_RIG(success_that_crosses_the_cancel_counts),
        WITH_RIG(cancel_without_a_final_response_times_out),
        WITH_RIG(cancel_after_a_final_response_or_of_a_non_invite_does_nothing),
        WITH_RIG(response_needs_the_whole_branch_and_the_method),
        WITH_RIG(branch_names_this_worker_and_via_asks_for_rport_on_udp),
        WITH_RIG(dropped_transaction_hears_nothing_but_its_end),
        WITH_RIG(response_counts_only_from_where_the_request_went),
        cmocka_unit_test(full_table_has_room_for_the_cancel),
        cmocka_unit_test(answered_ones_take_nobodys_place),
        cmocka_unit_test(copies_of_requests_have_a_limit_in_all),
        cmocka_unit_test(full_table_gives_no_transaction),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
