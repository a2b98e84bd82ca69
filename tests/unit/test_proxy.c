/* The stateful proxy forwards and chooses: RFC 3261 16.6 and 16.7, with RFC 4320, 5393 and 6026. */
#include "proxy_rig.h"

/* ---- forwarding, 16.6 */

static void invite_gets_100_at_once_and_goes_on_with_our_via(void **state)
{
    struct rig *r = *state;

    target(r, rig_tls(1), 0);
    call(r);
    assert_int_equal(r->n, 2);
    assert_sent(r, 0, "SIP/2.0 100 ");
    assert_true(to_caller(r, 0));
    assert_sent(r, 1,
                "INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/TLS gw.example:5060;branch=z9hG4bKsp");
    assert_has(r, 1, "\r\nVia: SIP/2.0/UDP ua.example:5070;branch=z9hG4bKalpha;");
    assert_has(r, 1, ";received=192.0.2.7");
    assert_has(r, 1, ";rport=4321");
    assert_has(r, 1, "\r\nMax-Forwards: 69\r\n");
    assert_has(r, 1, "\r\nX-Branch: 0\r\n");
}

static void target_gives_request_uri_and_route(void **state)
{
    struct rig *r = *state;
    struct plan *plan = r->data;
    struct sip_hop from = rig_udp(CALLER);
    char uri[] = "sip:bob@192.0.2.99;transport=tls", route[] = "<sip:token@gw.example;lr>";

    plan->targets[plan->n++] =
        (struct proxy_target){.hop = rig_tls(1), .uri = bytes_str(uri), .route = bytes_str(route)};
    rig_request(r, &from,
                &(struct rig_request){.method = "INVITE", .extra = "Route: <sip:old.example;lr>\r\n"});
    assert_sent(r, 1, "INVITE sip:bob@192.0.2.99;transport=tls SIP/2.0\r\n");
    char *first = strstr(r->sent[1].text, "\r\nRoute: <sip:token@gw.example;lr>");
    char *second = strstr(r->sent[1].text, "<sip:old.example;lr>");
    assert_non_null(first);
    assert_non_null(second);
    assert_true(first < second);
}

static void missing_max_forwards_becomes_70_and_missing_length_is_written(void **state)
{
    struct rig *r = *state;
    struct sip_hop from = rig_udp(CALLER);

    target(r, rig_tls(1), 0);
    rig_feed(r, &from,
             "MESSAGE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP ua;branch=z9hG4bKq;rport\r\n"
             "From: <sip:a@b>;tag=1\r\nTo: <sip:bob@example.com>\r\nCall-ID: q\r\nCSeq: 1 MESSAGE\r\n"
             "Content-Type: text/plain\r\n\r\nhello");
    assert_has(r, 0, "\r\nMax-Forwards: 70\r\n");
    assert_has(r, 0, "\r\nContent-Length: 5\r\n");
    assert_has(r, 0, "\r\n\r\nhello");
}

static void no_hops_left_is_483(void **state)
{
    struct rig *r = *state;
    struct sip_hop from = rig_udp(CALLER);

    target(r, rig_tls(1), 0);
    rig_feed(r, &from,
             "OPTIONS sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP ua;branch=z9hG4bKq;rport\r\n"
             "Max-Forwards: 0\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:bob@example.com>\r\nCall-ID: q\r\n"
             "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(r->n, 1);
    assert_sent(r, 0, "SIP/2.0 483 ");
}

static void request_that_comes_back_unchanged_is_482(void **state)
{
    struct rig *r = *state;
    struct sip_hop back = rig_udp(5060);

    target(r, back, 0);
    text(r);
    assert_sent(r, 0, "MESSAGE ");
    rig_feed(r, &back, r->sent[0].text);
    assert_int_equal(r->n, 2);
    assert_sent(r, 1, "SIP/2.0 482 ");
}

static void request_that_comes_back_for_another_target_is_a_spiral(void **state)
{
    struct rig *r = *state;
    struct sip_hop back = rig_udp(5060);
    char spiral[RIG_TEXT_MAX];

    target(r, back, 0);
    text(r);
    ((struct plan *)r->data)->p = NULL; /* the second context is the one that is looked at */
    snprintf(spiral, sizeof(spiral), "MESSAGE sip:bob@192.0.2.50 SIP/2.0%s", strstr(r->sent[0].text, "\r\n"));
    rig_feed(r, &back, spiral);
    assert_int_equal(r->n, 2);
    assert_sent(r, 1, "MESSAGE sip:bob@192.0.2.50 SIP/2.0\r\n");
    ((struct plan *)r->data)->done = 0;
    rig_pass(r, 64 * T1 + 5000);
    assert_int_equal(((struct plan *)r->data)->done, 2);
    ((struct plan *)r->data)->done = 1;
}

static void no_target_is_480_and_a_refusing_edit_its_status(void **state)
{
    struct rig *r = *state;
    struct plan *plan = r->data;

    call(r);
    assert_sent(r, 1, "SIP/2.0 480 ");
    rig_pass(r, 64 * T1);
    plan->done = 0;
    target(r, rig_tls(1), 0);
    plan->edit_status = 416;
    r->n = 0;
    call(r);
    assert_int_equal(r->n, 2);
    assert_sent(r, 1, "SIP/2.0 416 ");
}

static void entity_without_a_way_there_counts_as_transport_error(void **state)
{
    struct rig *r = *state;
    struct plan *plan = r->data;

    r->no_way = 1;
    target(r, rig_tls(1), 0);
    call(r);
    assert_int_equal(plan->failed_with, 503);
    assert_int_equal(plan->err, -ENOTCONN);
    assert_sent(r, 1, "SIP/2.0 500 "); /* 16.7 item 6: no lone 503 goes upstream */
}

/* ---- responses, 16.7 */

static void provisional_goes_upstream_without_our_via_but_100_does_not(void **state)
{
    struct rig *r = *state;
    char via[300];

    target(r, rig_tls(1), 0);
    call(r);
    phone_says(r, 1, 100);
    assert_int_equal(r->n, 2);
    phone_says(r, 1, 180);
    assert_int_equal(r->n, 3);
    assert_sent(r, 2, "SIP/2.0 180 ");
    assert_true(to_caller(r, 2));
    assert_int_equal(count_of(r->sent[2].text, "Via:"), 1);
    rig_value(r, 2, "Via", via, sizeof(via));
    assert_true(starts(via, "SIP/2.0/UDP ua.example:5070;"));
    assert_has(r, 2, "\r\nX-Passed: 0\r\n");
    assert_has(r, 2, ";tag=b1\r\n"); /* the To tag is the phone's */
}

static void non_invite_passes_no_provisional(void **state)
{
    struct rig *r = *state;

    target(r, rig_tls(1), 0);
    text(r);
    assert_int_equal(r->n, 1);
    phone_says(r, 1, 183);
    assert_int_equal(r->n, 1);
    phone_says(r, 1, 200);
    assert_int_equal(r->n, 2);
    assert_sent(r, 1, "SIP/2.0 200 ");
}

static void every_success_goes_upstream(void **state)
{
    struct rig *r = *state;
    struct plan *plan = r->data;

    parallel(r, 2);
    call(r);
    phone_says(r, 1, 180);
    phone_says(r, 2, 180);
    phone_says(r, 1, 200);
    phone_says(r, 1, 200); /* the phone's own repetition, 13.3.1.4 */
    phone_says(r, 2, 200); /* crossed the CANCEL */
    assert_int_equal(sent_that_start(r, "SIP/2.0 200 "), 3);
    assert_int_equal(plan->finals, 3);
    rig_pass(r, 64 * T1);
    assert_int_equal(plan->done, 1);
}

static void success_cancels_the_others_that_ring(void **state)
{
    struct rig *r = *state;

    parallel(r, 3);
    call(r);
    phone_says(r, 2, 180);
    phone_says(r, 1, 200);
    assert_int_equal(sent_that_start(r, "CANCEL"), 1); /* 3 has not said anything yet: 9.1 */
    unsigned i = find_sent(r, "CANCEL", 2);
    assert_has(r, i, "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n");
    phone_says(r, 3, 180);
    find_sent(r, "CANCEL", 3);
    assert_sent(r, upstream(r), "SIP/2.0 200 "); /* and that 180 went nowhere */
    phone_says(r, 2, 487);
    find_sent(r, "ACK", 2);
    assert_sent(r, upstream(r), "SIP/2.0 200 ");
}

static void refusals_wait_for_all_branches(void **state)
{
    struct rig *r = *state;

    parallel(r, 2);
    call(r);
    phone_says(r, 1, 486);
    find_sent(r, "ACK", 1);
    assert_sent(r, upstream(r), "SIP/2.0 100 ");
    phone_says(r, 2, 404);
    assert_sent(r, upstream(r), "SIP/2.0 486 ");
    assert_has(r, upstream(r), "X-Passed: 0");
}

struct choice {
    int a, b, best;
};

static void best_response_is_chosen_as_16_7_says(void **state)
{
    static const struct choice choices[] = {
        {404, 302, 302},                                                    /* the lowest class */
        {302, 404, 302}, {500, 404, 404}, {503, 404, 404}, {404, 401, 401}, /* what tells how to ask again */
        {486, 407, 407}, {404, 420, 420}, {415, 486, 415}, {484, 404, 484},
        {408, 404, 404}, {487, 486, 486}, {430, 486, 486}, {503, 503, 500}, /* 503 becomes 500 */
        {503, 501, 501},
    };

    for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
        struct plan plan = {0};
        struct rig *r = rig_create(NULL);
        char line[32];

        r->data = &plan;
        r->handle = forward;
        parallel(r, 2);
        call(r);
        phone_says(r, 1, choices[i].a);
        phone_says(r, 2, choices[i].b);
        snprintf(line, sizeof(line), "SIP/2.0 %d ", choices[i].best);
        assert_sent(r, upstream(r), line);
        assert_int_equal(plan.final, choices[i].best);
        rig_destroy(r);
        assert_int_equal(plan.done, 1);
    }
}

static void sixhundreds_cancel_the_rest_and_win(void **state)
{
    struct rig *r = *state;

    parallel(r, 2);
    target(r, rig_tls(3), 1);
    call(r);
    phone_says(r, 1, 180);
    phone_says(r, 2, 603);
    find_sent(r, "CANCEL", 1);
    assert_sent(r, upstream(r), "SIP/2.0 180 "); /* not forwarded at once */
    phone_says(r, 1, 487);
    assert_sent(r, upstream(r), "SIP/2.0 603 ");
    assert_int_equal(sent_that_start(r, "INVITE"), 2); /* no new branch: item 5 */
}

static void success_beats_a_603_that_came_first(void **state)
{
    struct rig *r = *state;

    parallel(r, 2);
    call(r);
    phone_says(r, 1, 180);
    phone_says(r, 2, 603);
    phone_says(r, 1, 200);
    assert_sent(r, upstream(r), "SIP/2.0 200 ");
    assert_int_equal(sent_that_start(r, "SIP/2.0 603"), 0);
}

static void challenges_of_all_branches_are_gathered(void **state)
{
    struct rig *r = *state;

    parallel(r, 3);
    text(r);
    rig_answer_with(r, find_sent(r, "MESSAGE", 1), 407, "x",
                    "Proxy-Authenticate: Digest realm=\"one\", nonce=\"1\"\r\n");
    rig_answer_with(r, find_sent(r, "MESSAGE", 2), 401, "y",
                    "WWW-Authenticate: Digest realm=\"two\", nonce=\"2\"\r\n"
                    "WWW-Authenticate: Digest realm=\"two\", nonce=\"3\", algorithm=SHA-256\r\n");
    phone_says(r, 3, 404);
    unsigned i = upstream(r);
    assert_sent(r, i, "SIP/2.0 407 ");
    assert_has(r, i, "\r\nProxy-Authenticate: Digest realm=\"one\", nonce=\"1\"\r\n");
    assert_has(r, i, "\r\nWWW-Authenticate: Digest realm=\"two\", nonce=\"2\"\r\n");
    assert_has(r, i, "\r\nWWW-Authenticate: Digest realm=\"two\", nonce=\"3\", algorithm=SHA-256\r\n");
}

static void response_whose_only_via_was_ours_is_not_forwarded(void **state)
{
    struct rig *r = *state;
    char via[300], text_of[RIG_TEXT_MAX];

    target(r, rig_tls(1), 0);
    text(r);
    rig_value(r, 0, "Via", via, sizeof(via));
    snprintf(
        text_of, sizeof(text_of),
        "SIP/2.0 404 Not Found\r\nVia: %s\r\nFrom: <sip:alice@example.com>;tag=a1\r\n"
        "To: <sip:bob@example.com>;tag=z\r\nCall-ID: call-1\r\nCSeq: 7 MESSAGE\r\nContent-Length: 0\r\n\r\n",
        via);
    rig_feed(r, &r->sent[0].to, text_of);
    assert_int_equal(r->n, 2);
    assert_sent(r, 1, "SIP/2.0 404 ");
    assert_has(r, 1, "\r\nVia: SIP/2.0/UDP ua.example:5070;"); /* made from the request */
}

/* ---- groups */

static void next_group_is_tried_when_the_first_has_failed(void **state)
{
    struct rig *r = *state;

    target(r, rig_tls(1), 10);
    target(r, rig_tls(2), 20);
    target(r, rig_tls(3), 20);
    call(r);
    assert_int_equal(sent_that_start(r, "INVITE"), 1);
    phone_says(r, 1, 486);
    assert_int_equal(sent_that_start(r, "INVITE"), 3);
    phone_says(r, 2, 200);
    assert_sent(r, upstream(r), "SIP/2.0 200 ");
}

static void success_ends_the_search(void **state)
{
    struct rig *r = *state;

    target(r, rig_tls(1), 0);
    target(r, rig_tls(2), 1);
    call(r);
    phone_says(r, 1, 200);
    rig_pass(r, 64 * T1);
    assert_int_equal(sent_that_start(r, "INVITE"), 1);
}

static void user_may_add_a_target_when_all_have_failed(void **state)
{
    struct rig *r = *state;
    struct plan *plan = r->data;
    const struct proxy_target voicemail = {.hop = rig_tls(9)};

    target(r, rig_tls(1), 0);
    plan->more = &voicemail;
    plan->best = PROXY_SWALLOW;
    call(r);
    phone_says(r, 1, 486);
    find_sent(r, "INVITE", 9);
    phone_says(r, 9, 200);
    assert_sent(r, upstream(r), "SIP/2.0 200 ");
}

static void user_may_change_the_best_status(void **state)
{
    struct rig *r = *state;
    struct plan *plan = r->data;

    target(r, rig_tls(1), 0);
    plan->best = 480;
    call(r);
    phone_says(r, 1, 404);
    assert_sent(r, upstream(r), "SIP/2.0 480 ");
}

static void swallowed_response_counts_for_nothing(void **state)
{
    struct rig *r = *state;
    struct plan *plan = r->data;

    target(r, rig_tls(1), 0);
    plan->response = PROXY_SWALLOW;
    call(r);
    phone_says(r, 1, 404);
    assert_sent(r, upstream(r), "SIP/2.0 408 "); /* 16.7 item 6: no final response in the context */
}

static void targets_are_limited(void **state)
{
    struct rig *r = *state;
    struct plan *plan = r->data;
    const struct proxy_target t = {.hop = rig_tls(1)};

    plan->hold = true;
    call(r);
    for (unsigned i = 0; i < PROXY_TARGETS_MAX; i++)
        assert_int_equal(proxy_add(plan->p, &t), 0);
    assert_int_equal(proxy_add(plan->p, &t), -ENOSPC);
    proxy_end(plan->p, 404, BYTES_NONE);
    assert_int_equal(proxy_add(plan->p, &t), -ESHUTDOWN);
    assert_sent(r, upstream(r), "SIP/2.0 404 ");
    assert_int_equal(sent_that_start(r, "INVITE"), 0);
}

int main(void)
{
#define WITH_RIG(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_RIG(invite_gets_100_at_once_and_goes_on_with_our_via),
        WITH_RIG(target_gives_request_uri_and_route),
        WITH_RIG(missing_max_forwards_becomes_70_and_missing_length_is_written),
        WITH_RIG(no_hops_left_is_483),
        WITH_RIG(request_that_comes_back_unchanged_is_482),
        WITH_RIG(request_that_comes_back_for_another_target_is_a_spiral),
        WITH_RIG(no_target_is_480_and_a_refusing_edit_its_status),
        WITH_RIG(entity_without_a_way_there_counts_as_transport_error),
        WITH_RIG(provisional_goes_upstream_without_our_via_but_100_does_not),
        WITH_RIG(non_invite_passes_no_provisional),
        WITH_RIG(every_success_goes_upstream),
        WITH_RIG(success_cancels_the_others_that_ring),
        WITH_RIG(refusals_wait_for_all_branches),
        cmocka_unit_test(best_response_is_chosen_as_16_7_says),
        WITH_RIG(sixhundreds_cancel_the_rest_and_win),
        WITH_RIG(success_beats_a_603_that_came_first),
        WITH_RIG(challenges_of_all_branches_are_gathered),
        WITH_RIG(response_whose_only_via_was_ours_is_not_forwarded),
        WITH_RIG(next_group_is_tried_when_the_first_has_failed),
        WITH_RIG(success_ends_the_search),
        WITH_RIG(user_may_add_a_target_when_all_have_failed),
        WITH_RIG(user_may_change_the_best_status),
        WITH_RIG(swallowed_response_counts_for_nothing),
        WITH_RIG(targets_are_limited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
