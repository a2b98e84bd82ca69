/* How what the stateful proxy forwarded ends: errors, time, CANCEL (RFC 3261 16.8 to 16.10), ACK (16.11). */
#include "proxy_rig.h"

/* ---- errors and time */

static void dead_flow_can_be_made_a_430(void **state)
{
    struct rig *r = *state;
    struct plan *plan = r->data;
    struct sip_hop phone = rig_tls(1);

    plan->failure = 430; /* RFC 5626 5.3.1 */
    target(r, phone, 0);
    call(r);
    phone_says(r, 1, 180);
    sip_layer_flow_dead(r->l, phone.flow.conn);
    rig_pass(r, 1);
    assert_int_equal(plan->failed_with, 503);
    assert_int_equal(plan->err, -ENOTCONN);
    assert_sent(r, upstream(r), "SIP/2.0 430 ");
}

static void flow_known_to_be_dead_fails_in_the_same_moment(void **state)
{
    struct rig *r = *state;
    struct plan *plan = r->data;

    target(r, rig_tls(1), 0);
    plan->failure = 430;
    plan->hold = true;
    call(r);
    r->send_rc = -ENOTCONN;
    proxy_run(plan->p);
    r->send_rc = 0;
    rig_pass(r, 1);
    assert_sent(r, upstream(r), "SIP/2.0 430 ");
}

static void silent_invite_branch_is_408_upstream(void **state)
{
    struct rig *r = *state;

    target(r, rig_tls(1), 0);
    call(r);
    rig_pass(r, 64 * T1);
    assert_sent(r, upstream(r), "SIP/2.0 408 ");
}

static void silent_non_invite_branch_says_nothing_upstream(void **state)
{
    struct rig *r = *state;
    struct plan *plan = r->data;

    target(r, rig_tls(1), 0);
    text(r);
    rig_pass(r, 64 * T1 + 1000);
    assert_int_equal(sent_that_start(r, "SIP/2.0 408"), 0); /* RFC 4320 4.2 */
    assert_int_equal(sent_that_start(r, "SIP/2.0 100"), 1); /* RFC 4320 4.1 */
    assert_int_equal(plan->done, 1);
    assert_int_equal(sip_layer_servers(r->l), 0);
}

static void timer_c_cancels_what_rings_too_long(void **state)
{
    struct rig *r = *state;

    target(r, rig_tls(1), 0);
    call(r);
    phone_says(r, 1, 180);
    rig_pass(r, 180000);
    phone_says(r, 1, 180); /* sets timer C anew: 16.7 item 2 */
    rig_pass(r, 184999);
    assert_int_equal(sent_that_start(r, "CANCEL"), 0);
    rig_pass(r, 1);
    find_sent(r, "CANCEL", 1);
    phone_says(r, 1, 487);
    assert_sent(r, upstream(r), "SIP/2.0 408 "); /* the caller did not cancel */
}

static void timer_c_is_not_set_anew_by_100(void **state)
{
    struct rig *r = *state;

    target(r, rig_tls(1), 0);
    call(r);
    rig_pass(r, 10000);
    phone_says(r, 1, 100);
    rig_pass(r, 174999);
    assert_int_equal(sent_that_start(r, "CANCEL"), 0);
    rig_pass(r, 1);
    find_sent(r, "CANCEL", 1);
    rig_pass(r, 64 * T1); /* no answer to the INVITE either: 9.1 */
    assert_sent(r, upstream(r), "SIP/2.0 408 ");
}

static void full_client_table_is_503_with_retry_after(void **state)
{
    struct plan plan = {0};

    struct rig *r = rig_create_for(16);
    r->data = &plan;
    r->handle = forward;
    struct sip_hop to = rig_tls(5);
    static const struct client_user quiet = {0};
    while (client_txn_create(r->l, &to, 0, &quiet, NULL))
        ;
    parallel(r, 1);
    call(r);
    assert_sent(r, upstream(r), "SIP/2.0 503 ");
    assert_has(r, upstream(r), "\r\nRetry-After: ");
    rig_destroy(r);
}

/* ---- CANCEL, 16.10 */

static void upstream_cancel_is_answered_and_goes_to_every_branch(void **state)
{
    struct rig *r = *state;
    struct plan *plan = r->data;

    parallel(r, 2);
    target(r, rig_tls(3), 1);
    call(r);
    phone_says(r, 1, 180);
    upstream_cancels(r);
    assert_int_equal(plan->cancels, 1);
    assert_int_equal(sent_that_start(r, "CANCEL"), 1);
    assert_has(r, find_sent(r, "CANCEL", 1), "\r\nReason: SIP;cause=480\r\n");
    assert_sent(r, upstream(r), "SIP/2.0 200 ");
    phone_says(r, 2, 180);
    find_sent(r, "CANCEL", 2);
    phone_says(r, 1, 487);
    assert_int_equal(sent_that_start(r, "SIP/2.0 487"), 0);
    phone_says(r, 2, 487);
    assert_sent(r, upstream(r), "SIP/2.0 487 ");
    assert_has(r, upstream(r), "\r\nCSeq: 7 INVITE\r\n");
    assert_int_equal(sent_that_start(r, "INVITE"), 2); /* the third was never tried */
}

static void cancel_that_crosses_a_success_changes_nothing(void **state)
{
    struct rig *r = *state;

    target(r, rig_tls(1), 0);
    call(r);
    phone_says(r, 1, 180);
    upstream_cancels(r);
    phone_says(r, 1, 200);
    assert_sent(r, upstream(r), "SIP/2.0 200 ");
    assert_has(r, upstream(r), "\r\nCSeq: 7 INVITE\r\n");
    assert_int_equal(sent_that_start(r, "SIP/2.0 487"), 0);
}

static void cancel_after_a_success_does_not_reach_the_phone(void **state)
{
    struct rig *r = *state;
    struct plan *plan = r->data;

    target(r, rig_tls(1), 0);
    call(r);
    phone_says(r, 1, 200);
    upstream_cancels(r);
    assert_int_equal(plan->cancels, 0);
    assert_int_equal(sent_that_start(r, "CANCEL"), 0);
}

static void cancel_before_any_branch_is_487_at_once(void **state)
{
    struct rig *r = *state;
    struct plan *plan = r->data;

    plan->hold = true;
    target(r, rig_tls(1), 0);
    call(r);
    upstream_cancels(r);
    assert_sent(r, upstream(r), "SIP/2.0 487 ");
    proxy_run(plan->p);
    assert_int_equal(sent_that_start(r, "INVITE"), 0);
}

static void cancelled_branch_that_never_answers_is_487_upstream(void **state)
{
    struct rig *r = *state;

    target(r, rig_tls(1), 0);
    call(r);
    phone_says(r, 1, 180);
    upstream_cancels(r);
    rig_pass(r, 64 * T1);
    assert_sent(r, upstream(r), "SIP/2.0 487 ");
}

static void user_ends_a_ringing_call_with_his_status(void **state)
{
    struct rig *r = *state;
    struct plan *plan = r->data;

    target(r, rig_tls(1), 0);
    call(r);
    phone_says(r, 1, 180);
    proxy_end(plan->p, 480, BYTES("Reason: Q.850;cause=31\r\n"));
    assert_has(r, find_sent(r, "CANCEL", 1), "\r\nReason: Q.850;cause=31\r\n");
    phone_says(r, 1, 487);
    assert_sent(r, upstream(r), "SIP/2.0 480 ");
}

/* ---- the upstream side of the transaction */

static void retransmitted_invite_makes_no_second_fork(void **state)
{
    struct rig *r = *state;

    target(r, rig_tls(1), 0);
    call(r);
    phone_says(r, 1, 180);
    call(r);
    phone_says(r, 1, 200);
    call(r); /* RFC 6026: Accepted absorbs it */
    assert_int_equal(sent_that_start(r, "INVITE"), 1);
    assert_int_equal(r->requests, 1);
}

static void caller_that_is_gone_cancels_nothing(void **state)
{
    struct rig *r = *state;

    target(r, rig_tls(1), 0);
    call(r);
    r->send_rc = -ENOTCONN;
    phone_says(r, 1, 180);
    r->send_rc = 0;
    rig_pass(r, 1000);
    assert_int_equal(sent_that_start(r, "CANCEL"), 0); /* 16.9 */
    phone_says(r, 1, 200);
    assert_sent(r, upstream(r), "SIP/2.0 200 ");
}

static void context_lives_until_the_last_of_its_transactions_ends(void **state)
{
    struct rig *r = *state;
    struct plan *plan = r->data;

    target(r, rig_tls(1), 0);
    call(r);
    phone_says(r, 1, 200);
    rig_pass(r, 64 * T1 - 1);
    assert_int_equal(plan->done, 0); /* timers L and M */
    rig_pass(r, 1);
    assert_int_equal(plan->done, 1);
    assert_int_equal(sip_layer_servers(r->l), 0);
    assert_int_equal(sip_layer_clients(r->l), 0);
}

/* ---- ACK of a 2xx, 16.11 */

static int strip_route(void *arg, const struct sip_msg *rq, struct sip_edit *e)
{
    sip_edit_pop(e, SIP_H_ROUTE, 1);
    return *(int *)arg;
}

static void pass_ack(struct rig *r, const struct rig_request *q, int refuse, int expect)
{
    struct sip_msg m;
    struct sip_fault fault;
    char ack[RIG_TEXT_MAX];
    const struct proxy_ack how = {
        .from = rig_udp(CALLER), .to = rig_tls(1), .edit = strip_route, .arg = &refuse};

    rig_write(q, ack, sizeof(ack));
    assert_int_equal(sip_msg_parse(&m, bytes_str(ack), SIP_DATAGRAM, &fault), 0);
    assert_int_equal(proxy_forward_ack(r->l, &m, &how), expect);
}

static void ack_of_a_success_goes_on_without_a_transaction(void **state)
{
    struct rig *r = *state;
    struct rig_request ack = {.method = "ACK",
                              .uri = "sip:bob@192.0.2.99",
                              .branch = "z9hG4bKack",
                              .to_tag = "b1",
                              .extra = "Route: <sip:gw.example;lr>, <sip:next.example;lr>\r\n"};

    pass_ack(r, &ack, 0, 0);
    pass_ack(r, &ack, 0, 0);
    assert_int_equal(r->n, 2);
    assert_sent(r, 0, "ACK sip:bob@192.0.2.99 SIP/2.0\r\nVia: SIP/2.0/TLS gw.example:5060;branch=z9hG4bKsa");
    assert_string_equal(r->sent[0].text, r->sent[1].text); /* the same branch again: 16.11 */
    assert_has(r, 0, "\r\nMax-Forwards: 69\r\n");
    assert_has(r, 0, "\r\nRoute: <sip:next.example;lr>\r\n");
    assert_has(r, 0, ";received=192.0.2.7");
    assert_int_equal(sip_layer_servers(r->l) + sip_layer_clients(r->l), 0);
}

static struct sip_hop by_tls_if_large(void *arg, const struct sip_hop *to, size_t n)
{
    return n > *(size_t *)arg ? rig_tls(1) : *to;
}

/* RFC 3261 18.1.1. */
static void a_large_ack_takes_another_way(void **state)
{
    struct rig *r = *state;
    struct sip_msg m;
    struct sip_fault fault;
    char ack[RIG_TEXT_MAX];
    size_t limits[] = {10000, 100};
    struct rig_request q = {
        .method = "ACK", .uri = "sip:bob@192.0.2.99", .branch = "z9hG4bKack", .to_tag = "b1"};

    rig_write(&q, ack, sizeof(ack));
    assert_int_equal(sip_msg_parse(&m, bytes_str(ack), SIP_DATAGRAM, &fault), 0);
    for (size_t i = 0; i < 2; i++) {
        const struct proxy_ack how = {
            .from = rig_udp(CALLER), .to = rig_udp(5070), .size = by_tls_if_large, .arg = &limits[i]};
        assert_int_equal(proxy_forward_ack(r->l, &m, &how), 0);
    }
    assert_int_equal(r->n, 2);
    assert_has(r, 0, "\r\nVia: SIP/2.0/UDP gw.example:5060;branch=z9hG4bKsa");
    assert_has(r, 0, ";rport\r\n");
    assert_has(r, 1, "\r\nVia: SIP/2.0/TLS gw.example:5060;branch=z9hG4bKsa");
    assert_int_equal(r->sent[1].to.flow.transport, TRANSPORT_TLS);
}

static void ack_that_the_user_refuses_is_not_sent(void **state)
{
    struct rig *r = *state;

    pass_ack(r, &(struct rig_request){.method = "ACK", .extra = "Route: <sip:gw.example;lr>\r\n"}, 403,
             -ECANCELED);
    assert_int_equal(r->n, 0);
}

int main(void)
{
#define WITH_RIG(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_RIG(dead_flow_can_be_made_a_430),
        WITH_RIG(flow_known_to_be_dead_fails_in_the_same_moment),
        WITH_RIG(silent_invite_branch_is_408_upstream),
        WITH_RIG(silent_non_invite_branch_says_nothing_upstream),
        WITH_RIG(timer_c_cancels_what_rings_too_long),
        WITH_RIG(timer_c_is_not_set_anew_by_100),
        cmocka_unit_test(full_client_table_is_503_with_retry_after),
        WITH_RIG(upstream_cancel_is_answered_and_goes_to_every_branch),
        WITH_RIG(cancel_that_crosses_a_success_changes_nothing),
        WITH_RIG(cancel_after_a_success_does_not_reach_the_phone),
        WITH_RIG(cancel_before_any_branch_is_487_at_once),
        WITH_RIG(cancelled_branch_that_never_answers_is_487_upstream),
        WITH_RIG(user_ends_a_ringing_call_with_his_status),
        WITH_RIG(retransmitted_invite_makes_no_second_fork),
        WITH_RIG(caller_that_is_gone_cancels_nothing),
        WITH_RIG(context_lives_until_the_last_of_its_transactions_ends),
        WITH_RIG(ack_of_a_success_goes_on_without_a_transaction),
        WITH_RIG(a_large_ack_takes_another_way),
        WITH_RIG(ack_that_the_user_refuses_is_not_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
