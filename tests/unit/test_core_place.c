/* A place and its hops over time: answers are refreshed before they end, kept when DNS is down, hops come and
 * go; with a resolver that the test plays and virtual time. And every allocation failing once. */
#include "failing_malloc.h"
#include "sip_world.h"
/* last: they use what cmocka redefines */
#include "modules/pcscf/core/core_stats.h"
#include "scripted_dns.h"

struct lab {
    struct world *world;
    struct pcscf *p;
    struct scripted_dns dns;
};

/* Probes would find nobody: there is no door in this world. */
static void leave_alone(struct lab *lab)
{
    for (unsigned i = 0; i < CORE_HOPS_MAX; i++) {
        struct next_hop *h = lab->p->core.hops[i];
        if (!h)
            continue;
        h->probed = false;
        timer_stop(&lab->p->w->timers, &h->timer);
    }
}

static struct lab *lab_create(const struct scripted_line *lines)
{
    struct lab *lab = calloc(1, sizeof(*lab));
    lab->world = world_create();
    lab->p = pcscf_of(lab->world->w[0]);
    lab->dns = scripted_dns(lines);
    lab->p->core.resolver = &lab->dns.pub;
    lab->p->core.transports = 1u << TRANSPORT_TCP | 1u << TRANSPORT_TLS;
    lab->p->core.embedded = false;
    timer_set(&lab->p->w->timers, &lab->p->core.sweep, 60000);
    return lab;
}

static void lab_destroy(struct lab *lab)
{
    world_destroy(lab->world);
    free(lab);
}

static void answer_all(struct lab *lab)
{
    while (scripted_answer(&lab->dns)) {
    }
    leave_alone(lab);
}

static struct core_place *place_at(struct lab *lab, const char *text)
{
    struct core_place *place = core_place_create(lab->p, text);
    if (place)
        list_push_back(&lab->p->core.places, &place->link);
    return place;
}

static uint64_t count(const struct lab *lab, enum core_stat what)
{
    return stats_sum(lab->world->gw.stats, &core_stats, what);
}

static const struct scripted_line one[] = {{DNS_A, "core.test", 100, "10.0.0.1"}, {0, NULL, 0, NULL}};
static const struct scripted_line other[] = {{DNS_A, "core.test", 100, "10.0.0.2"}, {0, NULL, 0, NULL}};
static const struct scripted_line nobody[] = {
    {DNS_A, "core.test", 0, NULL}, {DNS_AAAA, "core.test", 0, NULL}, {0, NULL, 0, NULL}};

static void answers_are_refreshed_before_they_end(void **state)
{
    struct lab *lab = lab_create(one);
    struct core_place *place = place_at(lab, "tcp:core.test:5060");
    assert_int_equal(place->n_choices, 0);
    answer_all(lab);
    assert_int_equal(place->n_choices, 1);
    assert_int_equal(count(lab, CORE_LOOKUPS_OK), 1);
    struct next_hop *h = place->choices[0].hop;
    world_wait(lab->world, 89000);
    assert_null(lab->dns.question);
    world_wait(lab->world, 2000);
    answer_all(lab);
    assert_ptr_equal(place->choices[0].hop, h); /* the same stays what it was */
    assert_int_equal(h->places, 1);
    assert_int_equal(count(lab, CORE_LOOKUPS_OK), 2);
    lab_destroy(lab);
}

static void the_last_answer_stays_when_dns_is_down(void **state)
{
    struct lab *lab = lab_create(one);
    struct core_place *place = place_at(lab, "tcp:core.test:5060");
    answer_all(lab);
    lab->dns.lines = nobody;
    world_wait(lab->world, 91000);
    answer_all(lab);
    assert_int_equal(place->n_choices, 1);
    assert_int_equal(count(lab, CORE_LOOKUPS_FAILED), 1);
    world_wait(lab->world, 1000); /* it is asked again, more and more seldom */
    assert_null(lab->dns.question);
    world_wait(lab->world, 1500);
    assert_non_null(lab->dns.question);
    answer_all(lab);
    world_wait(lab->world, 3000);
    assert_null(lab->dns.question);
    world_wait(lab->world, 1500);
    assert_non_null(lab->dns.question);
    lab->dns.lines = other;
    answer_all(lab);
    assert_int_equal(place->choices[0].hop->addr.ip[3], 2);
    assert_int_equal(place->sources[0].failures, 0);
    lab_destroy(lab);
}

/* A whole answer is not given up for one with holes at once, nor kept for ever. */
static void an_answer_with_holes(void **state)
{
    static const struct scripted_line whole[] = {{DNS_A, "core.test", 100, "10.0.0.1"},
                                                 {DNS_AAAA, "core.test", 100, "2001:db8::1"},
                                                 {0, NULL, 0, NULL}};
    static const struct scripted_line holes[] = {
        {DNS_A, "core.test", 100, "10.0.0.2"}, {DNS_AAAA, "core.test", 0, NULL}, {0, NULL, 0, NULL}};
    static const struct scripted_line moved[] = {
        {DNS_A, "core.test", 100, "10.0.0.3"}, {DNS_AAAA, "core.test", 0, NULL}, {0, NULL, 0, NULL}};
    struct lab *lab = lab_create(whole);
    struct core_place *place = place_at(lab, "tcp:core.test:5060");
    answer_all(lab);
    assert_int_equal(place->n_choices, 2);
    lab->dns.lines = holes;
    world_wait(lab->world, 91000);
    answer_all(lab);
    assert_int_equal(place->n_choices, 2);
    for (int i = 0; i < 3; i++) {
        world_wait(lab->world, 9000);
        answer_all(lab);
    }
    assert_int_equal(place->n_choices, 1);
    assert_int_equal(place->choices[0].hop->addr.ip[3], 2);
    lab->dns.lines = moved; /* as good as the one before */
    world_wait(lab->world, 61000);
    answer_all(lab);
    assert_int_equal(place->choices[0].hop->addr.ip[3], 3);
    lab_destroy(lab);
}

static void what_is_learnt_and_used_stays(void **state)
{
    struct lab *lab = lab_create(one);
    struct sip_uri u;
    assert_true(sip_uri_parse(BYTES("sip:orig@10.0.0.7:5060;transport=tcp;lr"), &u));
    core_link_learn(lab->p, &u);
    leave_alone(lab);
    for (int i = 0; i < 50; i++) {
        world_wait(lab->world, 95000);
        core_link_learn(lab->p, &u);
    }
    assert_false(list_empty(&lab->p->core.places));
    lab_destroy(lab);
}

static void a_name_that_vanishes_is_kept_too(void **state)
{
    static const struct scripted_line empty[] = {{0, NULL, 0, NULL}};
    struct lab *lab = lab_create(one);
    struct core_place *place = place_at(lab, "tcp:core.test:5060");
    answer_all(lab);
    lab->dns.lines = empty;
    world_wait(lab->world, 91000);
    answer_all(lab);
    assert_int_equal(place->n_choices, 1);
    assert_int_equal(count(lab, CORE_LOOKUPS_EMPTY), 1);
    lab_destroy(lab);
}

static void a_hop_that_left_is_the_cores_for_a_while(void **state)
{
    struct lab *lab = lab_create(one);
    struct core_place *place = place_at(lab, "tcp:core.test:5060");
    answer_all(lab);
    const struct addr gone = place->choices[0].hop->addr;
    lab->dns.lines = other;
    world_wait(lab->world, 91000);
    answer_all(lab);
    assert_true(core_link_is_peer(lab->p, TRANSPORT_TCP, &gone));
    assert_true(core_link_is_peer(lab->p, TRANSPORT_TCP, &place->choices[0].hop->addr));
    for (int i = 0; i < 8; i++) {
        world_wait(lab->world, 95000);
        answer_all(lab);
    }
    assert_false(core_link_is_peer(lab->p, TRANSPORT_TCP, &gone));
    assert_true(core_link_is_peer(lab->p, TRANSPORT_TCP, &place->choices[0].hop->addr));
    lab_destroy(lab);
}

static void uris_are_tried_in_their_order(void **state)
{
    static const struct scripted_line lines[] = {
        {DNS_SRV, "_sip._tcp.core.test", 100, "5 0 5060 a.test, 1 0 5060 b.test"},
        {DNS_A, "a.test", 100, "10.0.0.1"},
        {DNS_A, "b.test", 100, "10.0.0.2"},
        {0, NULL, 0, NULL}};
    static const uint8_t order[] = {9, 2, 1, 8};
    struct lab *lab = lab_create(lines);
    struct core_place *place = place_at(lab, "tcp:10.0.0.9 tcp:core.test tcp:10.0.0.8");
    answer_all(lab);
    uint64_t tried = 0;
    for (size_t i = 0; i < 4; i++) {
        struct next_hop *h = core_place_choose(place, 1, tried);
        assert_int_equal(h->addr.ip[3], order[i]);
        tried |= UINT64_C(1) << h->index;
    }
    assert_null(core_place_choose(place, 1, tried));
    lab_destroy(lab);
}

static void who_rests_is_asked_last(void **state)
{
    struct lab *lab = lab_create(one);
    struct core_place *place = place_at(lab, "tcp:10.0.0.1 tcp:10.0.0.2");
    leave_alone(lab);
    next_hop_rest(place->choices[0].hop, 10);
    assert_int_equal(core_place_choose(place, 1, 0)->addr.ip[3], 2);
    next_hop_failed(place->choices[1].hop, true, "test");
    assert_int_equal(core_place_choose(place, 1, 0)->addr.ip[3], 1); /* better than nobody */
    lab_destroy(lab);
}

static void what_the_core_names_is_learnt_once_and_forgotten(void **state)
{
    struct lab *lab = lab_create(one);
    struct sip_uri u;
    assert_true(sip_uri_parse(BYTES("sip:orig@core.test:5060;transport=tcp;lr"), &u));
    core_link_learn(lab->p, &u);
    core_link_learn(lab->p, &u);
    assert_string_equal(lab->dns.asked, "A core.test|");
    answer_all(lab);
    assert_int_equal(list_empty(&lab->p->core.places), 0);
    for (int i = 0; i < 45; i++) {
        world_wait(lab->world, 95000);
        answer_all(lab);
    }
    assert_true(list_empty(&lab->p->core.places)); /* nobody asked for it in an hour */
    lab_destroy(lab);
}

#ifdef FAILING_MALLOC
static void live(struct lab *lab)
{
    struct sip_uri u;
    struct core_place *place = place_at(lab, "tcp:core.test:5060 tcp:10.0.0.9");
    answer_all(lab);
    lab->dns.lines = other;
    if (place && timer_armed(&place->sources[0].refresh))
        world_wait(lab->world, 91000);
    answer_all(lab);
    if (place)
        core_place_choose(place, 1, 0);
    sip_uri_parse(BYTES("sip:orig@learnt.test:5060;transport=tcp;lr"), &u);
    core_link_learn(lab->p, &u);
    answer_all(lab);
    core_link_hop_to(lab->p, "tcp:10.0.0.7");
}

static void every_allocation_may_fail(void **state)
{
    int n = 0;
    do {
        struct lab *lab = lab_create(one);
        failed = false;
        countdown = n++;
        live(lab);
        countdown = -1;
        lab_destroy(lab);
    } while (failed);
    assert_true(n > 5);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_refreshed_before_they_end),
        cmocka_unit_test(the_last_answer_stays_when_dns_is_down),
        cmocka_unit_test(an_answer_with_holes),
        cmocka_unit_test(what_is_learnt_and_used_stays),
        cmocka_unit_test(a_name_that_vanishes_is_kept_too),
        cmocka_unit_test(a_hop_that_left_is_the_cores_for_a_while),
        cmocka_unit_test(uris_are_tried_in_their_order),
        cmocka_unit_test(who_rests_is_asked_last),
        cmocka_unit_test(what_the_core_names_is_learnt_once_and_forgotten),
#ifdef FAILING_MALLOC
        cmocka_unit_test(every_allocation_may_fail),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
