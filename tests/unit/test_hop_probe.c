/* OPTIONS to next hops, with virtual time: what answers and silence make of a hop, when the next one is sent,
 * and that all of it ends with the hop. */
#include "core_pair.h"

static struct next_hop *probed(struct pair *pair)
{
    struct next_hop *h = hop_of_pair(pair, 0);
    h->probed = true;
    hop_probe_start(h);
    world_wait(pair->world, 500);
    return h;
}

static void answers(struct pair *pair, const char *status)
{
    char *m = phone_expect(&pair->a, "OPTIONS sip:10.0.0.99:5060 SIP/2.0");
    assert_string_equal(header_of(m, "To", 0), "<sip:10.0.0.99:5060>");
    assert_non_null(strstr(header_of(m, "From", 0), "<sip:10.9.9.9:5060>;tag="));
    assert_non_null(strstr(header_of(m, "Via", 0), "SIP/2.0/UDP 10.9.9.9:5060;"));
    hop_answers(pair, &pair->a, m, status, "");
    free(m);
}

static void any_answer_will_do(void **state)
{
    static const char *const said[] = {"200 OK", "405 Method Not Allowed", "483 Too Many Hops", "503 Busy"};
    for (size_t i = 0; i < 4; i++) {
        struct pair pair = pair_create();
        struct next_hop *h = probed(&pair);
        assert_int_equal(h->health.state, HOP_UNKNOWN);
        world_wait(pair.world, 40);
        answers(&pair, said[i]);
        assert_int_equal(h->health.state, HOP_UP);
        assert_in_range(h->rtt, 40, 540);
        assert_int_equal(pair_count(&pair, CORE_HOP_UP), 1);
        world_wait(pair.world, 9000);
        phone_expect_none(&pair.a);
        world_wait(pair.world, 1500);
        answers(&pair, said[i]);
        assert_int_equal(pair_count(&pair, CORE_PROBES_ANSWERED), 2);
        world_destroy(pair.world);
    }
}

/* Everything that came meanwhile, retransmissions too. */
static unsigned forget_asked(struct pair *pair)
{
    unsigned n = 0;
    for (char *m; (m = phone_get(&pair->a)); free(m))
        n++;
    return n;
}

static void silence_takes_it_down_and_two_answers_bring_it_back(void **state)
{
    struct pair pair = pair_create();
    struct next_hop *h = probed(&pair);
    answers(&pair, "200 OK");
    world_wait(pair.world, 10000); /* asked */
    world_wait(pair.world, 3500);  /* and not answered */
    assert_int_equal(h->health.state, HOP_UP);
    assert_int_equal(h->health.strikes, 1);
    world_wait(pair.world, 4500); /* asked again a second later, and that not either */
    assert_int_equal(h->health.state, HOP_DOWN);
    assert_string_equal(h->why, "no answer to OPTIONS");
    assert_int_equal(pair_count(&pair, CORE_HOP_UP), 0);
    assert_true(forget_asked(&pair) > 0);
    world_wait(pair.world, 1000);
    answers(&pair, "200 OK");
    assert_int_equal(h->health.state, HOP_DOWN);
    forget_asked(&pair);
    world_wait(pair.world, 1500);
    answers(&pair, "200 OK");
    assert_int_equal(h->health.state, HOP_UP);
    world_destroy(pair.world);
}

static void a_failed_request_makes_it_ask_soon(void **state)
{
    struct pair pair = pair_create();
    struct next_hop *h = probed(&pair);
    answers(&pair, "200 OK");
    next_hop_failed(h, false, "test");
    world_wait(pair.world, 1500);
    answers(&pair, "200 OK");
    assert_int_equal(h->health.strikes, 0);
    world_destroy(pair.world);
}

static void requests_that_fail_all_the_time_do_not_put_it_off(void **state)
{
    struct pair pair = pair_create();
    struct next_hop *h = probed(&pair);
    answers(&pair, "200 OK");
    for (int i = 0; i < 30; i++) {
        next_hop_failed(h, false, "test");
        world_wait(pair.world, 100);
    }
    assert_true(forget_asked(&pair) > 0);
    world_destroy(pair.world);
}

static void nobody_is_asked_any_more_who_left(void **state)
{
    struct pair pair = pair_create();
    struct next_hop *h = probed(&pair);
    forget_asked(&pair);
    core_link_leave(h); /* with a probe on its way */
    world_wait(pair.world, 60000);
    assert_int_equal(forget_asked(&pair), 0);
    h->places = 1; /* as the world made it */
    world_destroy(pair.world);
}

static void the_world_ends_with_a_probe_on_its_way(void **state)
{
    struct pair pair = pair_create();
    probed(&pair);
    world_destroy(pair.world);
}

static void without_probes_a_hop_that_is_down_gets_another_chance(void **state)
{
    struct pair pair = {.world = world_create_stored(
                            "pcscf { host = \"gw.ims.test\" core_probe = 0s reg_event = false }\n", NULL)};
    pair.a = phone_at(pair.world, "core-a", "", 1, 99);
    world_core(pair.world, &pair.a);
    struct next_hop *h = probed(&pair);
    phone_expect_none(&pair.a);
    next_hop_failed(h, true, "test");
    assert_false(hop_health_usable(&h->health));
    world_wait(pair.world, 2000);
    assert_int_equal(h->health.state, HOP_UNKNOWN); /* a request may find out */
    phone_expect_none(&pair.a);
    world_destroy(pair.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_answer_will_do),
        cmocka_unit_test(silence_takes_it_down_and_two_answers_bring_it_back),
        cmocka_unit_test(a_failed_request_makes_it_ask_soon),
        cmocka_unit_test(requests_that_fail_all_the_time_do_not_put_it_off),
        cmocka_unit_test(nobody_is_asked_any_more_who_left),
        cmocka_unit_test(the_world_ends_with_a_probe_on_its_way),
        cmocka_unit_test(without_probes_a_hop_that_is_down_gets_another_chance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
