/* A request whose next hop fails goes to another one, and who asked sees only the answer that counts (RFC
 * 3263 4.3), with virtual time. */
#include "core_pair.h"
#include "modules/pcscf/core/core_stats.h"

static void a_register_goes_on_after_silence(void **state)
{
    struct pair pair = pair_create();
    phone_register_once(&pair.alice, "Contact: <sip:alice@192.168.7.1:5060>\r\n", "Expires: 600\r\n", "");
    phone_drop(&pair.a, "REGISTER");
    world_wait(pair.world, 2900);
    phone_expect_none(&pair.b);
    world_wait(pair.world, 200);
    char *m = phone_expect(&pair.b, "REGISTER");
    assert_non_null(strstr(header_of(m, "Path", 0), "10.9.9.9"));
    hop_answers(&pair, &pair.b, m, "200 OK", GRANTED);
    free(m);
    phone_drop(&pair.alice, "SIP/2.0 200");
    phone_expect_none(&pair.alice);
    assert_int_equal(pair_count(&pair, CORE_FAILOVER_TIMEOUT), 1);
    assert_int_equal(world_count(pair.world, PCSCF_REGISTERED), 1);
    assert_true(hop_health_usable(&hop_of_pair(&pair, 0)->health)); /* once is no proof */
    assert_int_equal(hop_of_pair(&pair, 0)->health.strikes, 1);
    assert_int_equal(hop_of_pair(&pair, 1)->requests, 1);
    world_destroy(pair.world);
}

static void who_answers_late_is_heard_all_the_same(void **state)
{
    struct pair pair = pair_create();
    phone_register_once(&pair.alice, "Contact: <sip:alice@192.168.7.1:5060>\r\n", "Expires: 600\r\n", "");
    char *first = phone_expect(&pair.a, "REGISTER");
    world_wait(pair.world, 3500);
    char *second = phone_expect(&pair.b, "REGISTER");
    hop_answers(&pair, &pair.a, first, "200 OK", GRANTED);
    phone_drop(&pair.alice, "SIP/2.0 200");
    hop_answers(&pair, &pair.b, second, "200 OK", GRANTED); /* RFC 4320 4.2: swallowed */
    phone_expect_none(&pair.alice);
    free(first);
    free(second);
    world_destroy(pair.world);
}

static void a_late_refusal_of_the_first_hop_is_not(void **state)
{
    struct pair pair = pair_create();
    phone_register_once(&pair.alice, "Contact: <sip:alice@192.168.7.1:5060>\r\n", "Expires: 600\r\n", "");
    char *first = phone_expect(&pair.a, "REGISTER");
    world_wait(pair.world, 3500);
    char *second = phone_expect(&pair.b, "REGISTER");
    hop_answers(&pair, &pair.a, first, "403 No", "");
    for (char *m; (m = phone_get(&pair.alice)); free(m))
        assert_memory_equal(m, "SIP/2.0 100", 11); /* RFC 4320 4.1: it takes long */
    hop_answers(&pair, &pair.b, second, "200 OK", GRANTED);
    phone_drop(&pair.alice, "SIP/2.0 200");
    free(first);
    free(second);
    world_destroy(pair.world);
}

static void a_hop_that_answers_others_is_slow_and_not_down(void **state)
{
    struct pair pair = pair_create();
    pair_registers(&pair);
    phone_requests(&pair.alice, "MESSAGE", "sip:bob@else.example", "<sip:bob@else.example>", "m1", 1, "");
    phone_drop(&pair.a, "MESSAGE");
    world_wait(pair.world, 1000);
    phone_requests(&pair.alice, "MESSAGE", "sip:bob@else.example", "<sip:bob@else.example>", "m2", 1, "");
    char *m;
    while (strcmp(header_of((m = phone_expect(&pair.a, "MESSAGE")), "Call-ID", 0), "m2") != 0)
        free(m);
    hop_answers(&pair, &pair.a, m, "200 OK", "");
    free(m);
    world_wait(pair.world, 2500);
    phone_drop(&pair.b, "MESSAGE"); /* another one is tried all the same */
    assert_int_equal(hop_of_pair(&pair, 0)->health.strikes, 0);
    world_destroy(pair.world);
}

static void an_invite_that_was_heard_is_waited_for(void **state)
{
    struct pair pair = pair_create();
    pair_registers(&pair);
    pair_calls(&pair, "c1");
    phone_drop(&pair.alice, "SIP/2.0 100");
    char *m = phone_expect(&pair.a, "INVITE");
    hop_answers(&pair, &pair.a, m, "100 Trying", "");
    world_wait(pair.world, 20000);
    phone_expect_none(&pair.b);
    hop_answers(&pair, &pair.a, m, "180 Ringing", "");
    phone_drop(&pair.alice, "SIP/2.0 180");
    free(m);
    world_destroy(pair.world);
}

static void an_invite_without_100_goes_on_and_the_first_is_cancelled(void **state)
{
    struct pair pair = pair_create();
    pair_registers(&pair);
    pair_calls(&pair, "c1");
    phone_drop(&pair.alice, "SIP/2.0 100");
    char *first = phone_expect(&pair.a, "INVITE");
    world_wait(pair.world, 3500);
    char *second = phone_expect(&pair.b, "INVITE");
    assert_string_not_equal(header_of(first, "Via", 0),
                            header_of(second, "Via", 0)); /* a branch of its own */
    hop_answers(&pair, &pair.b, second, "180 Ringing", "");
    phone_drop(&pair.alice, "SIP/2.0 180");
    hop_answers(&pair, &pair.a, first, "180 Ringing", ""); /* it lives after all: RFC 3261 9.1 */
    phone_drop(&pair.a, "CANCEL");
    phone_expect_none(&pair.alice);
    hop_answers(&pair, &pair.a, first, "487 Request Terminated", "");
    phone_drop(&pair.a, "ACK");
    hop_answers(&pair, &pair.b, second, "200 OK", "Contact: <sip:bob@else.example>\r\n");
    phone_drop(&pair.alice, "SIP/2.0 200");
    phone_expect_none(&pair.alice);
    free(first);
    free(second);
    world_destroy(pair.world);
}

static void a_503_goes_on_and_its_retry_after_is_kept(void **state)
{
    struct pair pair = pair_create();
    pair_registers(&pair);
    pair_calls(&pair, "c1");
    char *m = phone_expect(&pair.a, "INVITE");
    hop_answers(&pair, &pair.a, m, "503 Busy", "Retry-After: 30 (maintenance)\r\n");
    free(m);
    m = phone_expect(&pair.b, "INVITE");
    hop_answers(&pair, &pair.b, m, "486 Busy Here", "");
    free(m);
    phone_drop(&pair.alice, "SIP/2.0 486");
    assert_int_equal(pair_count(&pair, CORE_FAILOVER_503), 1);
    /* While it rests, others are asked first: RFC 3261 21.5.4 */
    phone_requests(&pair.alice, "MESSAGE", "sip:bob@else.example", "<sip:bob@else.example>", "m1", 1, "");
    phone_expect_none(&pair.alice);
    assert_true(hop_health_usable(&hop_of_pair(&pair, 0)->health));
    assert_false(hop_health_willing(&hop_of_pair(&pair, 0)->health, pair.world->now));
    world_destroy(pair.world);
}

static void the_last_503_is_not_passed_on(void **state)
{
    struct pair pair = pair_create();
    pair_registers(&pair);
    pair_calls(&pair, "c1");
    struct fake_phone *const hops[] = {&pair.a, &pair.b};
    for (int i = 0; i < 2; i++) {
        char *m = phone_expect(hops[i], "INVITE");
        hop_answers(&pair, hops[i], m, "503 Busy", "");
        free(m);
    }
    phone_drop(&pair.alice, "SIP/2.0 500"); /* RFC 3261 16.7 item 6 */
    world_destroy(pair.world);
}

static void what_cannot_be_sent_goes_on_at_once(void **state)
{
    struct pair pair = pair_create();
    pair.world->broken = hop_of_pair(&pair, 0)->flow;
    phone_register_once(&pair.alice, "Contact: <sip:alice@192.168.7.1:5060>\r\n", "Expires: 600\r\n", "");
    char *m = phone_expect(&pair.b, "REGISTER");
    hop_answers(&pair, &pair.b, m, "401 Unauthorized",
                "WWW-Authenticate: Digest realm=\"r\",nonce=\"n\"\r\n");
    free(m);
    phone_drop(&pair.alice, "SIP/2.0 401");
    assert_int_equal(pair_count(&pair, CORE_FAILOVER_TRANSPORT), 1);
    world_destroy(pair.world);
}

static void what_is_down_is_passed_over(void **state)
{
    struct pair pair = pair_create();
    next_hop_failed(hop_of_pair(&pair, 0), true, "test");
    phone_register_once(&pair.alice, "Contact: <sip:alice@192.168.7.1:5060>\r\n", "Expires: 600\r\n", "");
    phone_drop(&pair.b, "REGISTER");
    phone_expect_none(&pair.a);
    world_destroy(pair.world);
}

static void with_all_down_503_says_when_to_come_again(void **state)
{
    struct pair pair = pair_create();
    pair_registers(&pair);
    next_hop_failed(hop_of_pair(&pair, 0), true, "test");
    next_hop_failed(hop_of_pair(&pair, 1), true, "test");
    pair_calls(&pair, "c0"); /* one may find out */
    phone_drop(&pair.a, "INVITE");
    phone_drop(&pair.alice, "SIP/2.0 100");
    phone_register_once(&pair.alice, "Contact: <sip:alice@192.168.7.1:5060>\r\n", "Expires: 600\r\n", "");
    char *m = phone_expect(&pair.alice, "SIP/2.0 503");
    assert_string_not_equal(header_of(m, "Retry-After", 0), "");
    free(m);
    pair_calls(&pair, "c1");
    m = phone_expect(&pair.alice, "SIP/2.0 503");
    assert_string_not_equal(header_of(m, "Retry-After", 0), "");
    free(m);
    world_destroy(pair.world);
}

static unsigned registers_and_is_refused(struct pair *pair)
{
    unsigned n = 0;
    phone_register_once(&pair->alice, "Contact: <sip:alice@192.168.7.1:5060>\r\n", "Expires: 600\r\n", "");
    for (char *m; (m = phone_get(&pair->alice)); free(m))
        n += strncmp(m, "SIP/2.0 503", 11) == 0;
    return n;
}

/* All are silent: of many requests one a second is sent, to who was heard last. */
static void where_all_are_silent_one_now_and_then_finds_out(void **state)
{
    struct pair pair = pair_create();
    pair_registers(&pair);
    struct next_hop *a = hop_of_pair(&pair, 0), *b = hop_of_pair(&pair, 1);
    for (int i = 0; i < HOP_FALL; i++) {
        next_hop_failed(a, false, "test");
        next_hop_failed(b, false, "test");
    }
    unsigned refused = 0;
    for (int i = 0; i < 20; i++) {
        refused += registers_and_is_refused(&pair);
        world_wait(pair.world, 100);
    }
    assert_int_equal(refused, 18);
    assert_int_equal(pair_count(&pair, CORE_LAST_RESORT), 2);
    phone_expect_none(&pair.b);
    assert_false(hop_health_usable(&a->health));

    char *m = phone_expect(&pair.a, "REGISTER"); /* the first answer, and all may pass */
    hop_answers(&pair, &pair.a, m, "200 OK", GRANTED);
    free(m);
    assert_int_equal(a->health.state, HOP_UP);
    while ((m = phone_get(&pair.a)))
        free(m);
    assert_int_equal(registers_and_is_refused(&pair), 0);
    phone_drop(&pair.a, "REGISTER");
    assert_int_equal(pair_count(&pair, CORE_LAST_RESORT), 2);
    world_destroy(pair.world);
}

static void who_was_silent_is_tried_before_who_refused(void **state)
{
    struct pair pair = pair_create();
    pair_registers(&pair); /* a was heard last */
    next_hop_failed(hop_of_pair(&pair, 0), true, "test");
    for (int i = 0; i < HOP_FALL; i++)
        next_hop_failed(hop_of_pair(&pair, 1), false, "test");
    registers_and_is_refused(&pair);
    phone_drop(&pair.b, "REGISTER");
    phone_expect_none(&pair.a);
    world_wait(pair.world, 4000); /* it fails: there is no second last resort for it */
    phone_expect_none(&pair.a);
    world_destroy(pair.world);
}

static void with_another_up_one_answer_does_not_do(void **state)
{
    struct pair pair = pair_create();
    next_hop_failed(hop_of_pair(&pair, 0), true, "test");
    next_hop_heard(hop_of_pair(&pair, 0));
    assert_int_equal(hop_of_pair(&pair, 0)->health.state, HOP_DOWN);
    next_hop_failed(hop_of_pair(&pair, 1), true, "test");
    next_hop_heard(hop_of_pair(&pair, 1));
    assert_int_equal(hop_of_pair(&pair, 1)->health.state, HOP_UP);
    world_destroy(pair.world);
}

static void a_caller_who_gave_up_is_not_sent_on(void **state)
{
    struct pair pair = pair_create();
    pair_registers(&pair);
    pair_calls(&pair, "c1");
    phone_drop(&pair.a, "INVITE");
    phone_send(&pair.alice,
               "CANCEL sip:bob@else.example SIP/2.0\r\n"
               "Via: SIP/2.0/UDP 192.168.7.1:5060;branch=z9hG4bKc1.INVITE.1;rport\r\nMax-Forwards: 70\r\n"
               "From: <sip:alice@ims.test>;tag=alice-c1\r\nTo: <sip:bob@else.example>\r\nCall-ID: c1\r\n"
               "CSeq: 1 CANCEL\r\nContent-Length: 0\r\n\r\n");
    world_wait(pair.world, 40000);
    phone_expect_none(&pair.b);
    world_destroy(pair.world);
}

/* The same phone goes the same way while that is up; others are spread by weight. */
static void one_call_id_keeps_to_one_hop(void **state)
{
    struct pair pair = pair_create();
    struct pcscf *p = pcscf_of(pair.world->w[0]);
    struct core_place *home = p->core.home;
    unsigned seen[2] = {0};
    home->choices[0].rank = home->choices[1].rank = 1;
    home->choices[0].weight = home->choices[1].weight = 50;
    for (int i = 0; i < 200; i++) {
        char id[24];
        snprintf(id, sizeof(id), "call-%d", i);
        struct sip_hop one = core_link_hop_by(p, bytes_str(id)), again = core_link_hop_by(p, bytes_str(id));
        assert_true(sip_hop_eq(&one, &again));
        seen[core_link_find(p, &one)->index]++;
    }
    assert_in_range(seen[0], 60, 140);
    world_destroy(pair.world);
}

static void a_route_of_the_cores_is_followed(void **state)
{
    struct pair pair = pair_create();
    struct pcscf *p = pcscf_of(pair.world->w[0]);
    struct sip_uri u;
    assert_true(sip_uri_parse(BYTES("sip:x@10.0.0.98:5060;lr"), &u));
    struct sip_hop way = core_link_hop_for(p, &u);
    assert_int_equal(core_link_find(p, &way)->index, 1);
    /* known by address, though it speaks another transport there */
    assert_true(sip_uri_parse(BYTES("sip:10.0.0.98;transport=udp;lr"), &u));
    way = core_link_hop_for(p, &u);
    assert_int_equal(core_link_find(p, &way)->index, 1);
    /* what is not the core's leads nowhere but to the core */
    assert_true(sip_uri_parse(BYTES("sip:192.0.2.66;lr"), &u));
    way = core_link_hop_for(p, &u);
    assert_int_equal(core_link_find(p, &way)->index, 0);
    next_hop_failed(hop_of_pair(&pair, 1), true, "test"); /* down: another may still know the way */
    assert_true(sip_uri_parse(BYTES("sip:10.0.0.98;lr"), &u));
    way = core_link_hop_for(p, &u);
    assert_int_equal(core_link_find(p, &way)->index, 0);
    world_destroy(pair.world);
}

static void every_hop_is_known_as_the_cores(void **state)
{
    struct pair pair = pair_create();
    const struct pcscf *p = pcscf_of(pair.world->w[0]);
    struct sip_hop from = sip_hop_flow(&pair.b.flow);
    assert_true(core_link_is_from(p, &from));
    from.flow.udp_index = 3; /* on the phones' listener */
    assert_false(core_link_is_from(p, &from));
    from = sip_hop_flow(&pair.alice.flow);
    assert_false(core_link_is_from(p, &from));
    from.flow.transport = TRANSPORT_TLS;
    assert_false(core_link_is_from(p, &from));
    from.flow.side = SIDE_CORE; /* the connection was known when it was opened */
    assert_true(core_link_is_from(p, &from));
    struct addr any_port = pair.a.flow.peer;
    any_port.port = 40000;
    assert_true(core_link_is_peer(p, TRANSPORT_TCP, &any_port));
    assert_false(core_link_is_peer(p, TRANSPORT_UDP, &any_port));
    world_destroy(pair.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_register_goes_on_after_silence),
        cmocka_unit_test(who_answers_late_is_heard_all_the_same),
        cmocka_unit_test(a_late_refusal_of_the_first_hop_is_not),
        cmocka_unit_test(a_hop_that_answers_others_is_slow_and_not_down),
        cmocka_unit_test(an_invite_that_was_heard_is_waited_for),
        cmocka_unit_test(an_invite_without_100_goes_on_and_the_first_is_cancelled),
        cmocka_unit_test(a_503_goes_on_and_its_retry_after_is_kept),
        cmocka_unit_test(the_last_503_is_not_passed_on),
        cmocka_unit_test(what_cannot_be_sent_goes_on_at_once),
        cmocka_unit_test(what_is_down_is_passed_over),
        cmocka_unit_test(with_all_down_503_says_when_to_come_again),
        cmocka_unit_test(where_all_are_silent_one_now_and_then_finds_out),
        cmocka_unit_test(who_was_silent_is_tried_before_who_refused),
        cmocka_unit_test(with_another_up_one_answer_does_not_do),
        cmocka_unit_test(a_caller_who_gave_up_is_not_sent_on),
        cmocka_unit_test(one_call_id_keeps_to_one_hop),
        cmocka_unit_test(a_route_of_the_cores_is_followed),
        cmocka_unit_test(every_hop_is_known_as_the_cores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
