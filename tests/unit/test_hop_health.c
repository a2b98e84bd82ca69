/* Up, down and when to ask again, with virtual time; and the order that weights give (RFC 2782). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "modules/pcscf/core/hop_health.h"
#include "modules/pcscf/core/weighted_order.h"
#include <cmocka.h>

static void unknown_is_usable_and_one_answer_makes_it_up(void **state)
{
    struct hop_health h = {0};
    assert_true(hop_health_usable(&h));
    assert_true(hop_health_good(&h, false, 10));
    assert_int_equal(h.state, HOP_UP);
    assert_int_equal(h.since, 10);
    assert_false(hop_health_good(&h, false, 20)); /* no change */
    assert_int_equal(h.since, 10);
}

static void one_silence_is_none(void **state)
{
    struct hop_health h = {.state = HOP_UP};
    assert_false(hop_health_bad(&h, false, 10));
    assert_false(hop_health_good(&h, false, 11)); /* in a row, they must be */
    assert_false(hop_health_bad(&h, false, 12));
    assert_true(hop_health_usable(&h));
    assert_true(hop_health_bad(&h, false, 13));
    assert_int_equal(h.state, HOP_DOWN);
    assert_int_equal(h.since, 13);
    assert_false(hop_health_usable(&h));
    assert_false(hop_health_bad(&h, true, 14)); /* it is down already */
}

static void no_doubt_takes_it_down_at_once(void **state)
{
    struct hop_health h = {0};
    assert_true(hop_health_bad(&h, true, 5));
    assert_int_equal(h.state, HOP_DOWN);
}

static void it_rises_by_two_answers_in_a_row(void **state)
{
    struct hop_health h = {0};
    hop_health_bad(&h, true, 0);
    assert_false(hop_health_good(&h, false, 1));
    assert_false(hop_health_bad(&h, false, 2));
    assert_false(hop_health_good(&h, false, 3));
    assert_true(hop_health_good(&h, false, 4));
    assert_int_equal(h.state, HOP_UP);
}

static void who_is_alone_rises_with_the_first(void **state)
{
    struct hop_health h = {0};
    hop_health_bad(&h, false, 0);
    hop_health_bad(&h, false, 0);
    assert_true(hop_health_good(&h, true, 1));
    assert_int_equal(h.state, HOP_UP);
}

static void while_it_is_down_it_is_tried_once_in_a_while(void **state)
{
    struct hop_health h = {0};
    assert_false(hop_health_may_try(&h, 0)); /* nobody says that it is down */
    hop_health_bad(&h, false, 10);
    hop_health_bad(&h, false, 10);
    assert_false(h.refused);
    assert_true(hop_health_may_try(&h, 10));
    assert_false(hop_health_may_try(&h, 10 + HOP_TRIAL - 1));
    assert_true(hop_health_may_try(&h, 10 + HOP_TRIAL));
    assert_false(hop_health_bad(&h, true, 20));
    assert_true(h.refused);
    assert_false(hop_health_may_try(&h, 20));
    hop_health_good(&h, true, 30);
    assert_false(h.refused);
    assert_true(hop_health_bad(&h, true, 40)); /* and what was before counts no more */
    assert_true(h.refused);
    assert_true(hop_health_may_try(&h, 40));
}

static void probes_come_more_seldom_while_it_is_down(void **state)
{
    static const uint64_t waits[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000};
    struct hop_health h = {0};
    assert_int_equal(hop_health_next(&h, 10000), 10000);
    hop_health_bad(&h, false, 0);
    assert_int_equal(hop_health_next(&h, 10000), 1000); /* doubt: find out */
    hop_health_bad(&h, false, 0);
    for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
        assert_int_equal(hop_health_next(&h, 10000), waits[i]);
    hop_health_good(&h, false, 1);
    assert_int_equal(hop_health_next(&h, 10000), 1000); /* it is coming back */
    hop_health_good(&h, false, 2);
    assert_int_equal(hop_health_next(&h, 10000), 10000);
}

static void who_rests_is_usable_but_not_willing(void **state)
{
    struct hop_health h = {.state = HOP_UP, .rests = 100};
    assert_true(hop_health_usable(&h));
    assert_false(hop_health_willing(&h, 99));
    assert_true(hop_health_willing(&h, 100));
    hop_health_forget(&h, 200);
    assert_int_equal(h.state, HOP_UNKNOWN);
}

/* ---- RFC 2782 ---- */

static const uint32_t *script;

static uint32_t scripted(void *arg, uint32_t limit)
{
    *(uint32_t *)arg += limit;
    return *script++;
}

static void the_running_sum_decides(void **state)
{
    /* RFC 2782: zeros first, then a number in [0, sum] and the first whose running sum reaches it. */
    static const uint16_t weights[] = {10, 0, 60, 30};
    static const struct {
        uint32_t drawn[3];
        uint8_t order[4];
    } cases[] = {
        {{0, 0, 0}, {1, 0, 2, 3}},    /* nothing drawn is the zero's */
        {{1, 1, 1}, {0, 2, 3, 1}},    /* zeros stand first, and lose */
        {{10, 60, 30}, {0, 2, 3, 1}}, /* up to and with its share */
        {{11, 40, 10}, {2, 3, 0, 1}}, /* past the first; then 40 is all there is left */
        {{100, 70, 10}, {3, 2, 0, 1}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t order[4];
        uint32_t limits = 0;
        script = cases[i].drawn;
        weighted_order(weights, 4, scripted, &limits, order);
        if (memcmp(order, cases[i].order, 4) != 0)
            fail_msg("case %zu: %u %u %u %u", i, order[0], order[1], order[2], order[3]);
    }
}

static uint32_t rolling(void *arg, uint32_t limit)
{
    uint64_t *s = arg;
    *s = *s * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(((*s >> 32) * limit) >> 32);
}

static void the_shares_come_out(void **state)
{
    static const uint16_t weights[] = {70, 20, 10};
    unsigned first[3] = {0};
    uint64_t s = 7;
    uint8_t order[3];
    for (int i = 0; i < 10000; i++) {
        weighted_order(weights, 3, rolling, &s, order);
        assert_int_equal((1 << order[0]) | (1 << order[1]) | (1 << order[2]), 7);
        first[order[0]]++;
    }
    assert_in_range(first[0], 6700, 7300);
    assert_in_range(first[1], 1700, 2300);
    assert_in_range(first[2], 800, 1200);
    weighted_order(weights, 1, rolling, &s, order);
    assert_int_equal(order[0], 0);
    weighted_order(weights, 0, rolling, &s, order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_is_usable_and_one_answer_makes_it_up),
        cmocka_unit_test(one_silence_is_none),
        cmocka_unit_test(no_doubt_takes_it_down_at_once),
        cmocka_unit_test(it_rises_by_two_answers_in_a_row),
        cmocka_unit_test(who_is_alone_rises_with_the_first),
        cmocka_unit_test(while_it_is_down_it_is_tried_once_in_a_while),
        cmocka_unit_test(probes_come_more_seldom_while_it_is_down),
        cmocka_unit_test(who_rests_is_usable_but_not_willing),
        cmocka_unit_test(the_running_sum_decides),
        cmocka_unit_test(the_shares_come_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
