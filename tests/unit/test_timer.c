/* timer: against a naive model, with virtual time. */
#include "appliance/core/timer.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants those first. */
#include <cmocka.h>

#define MAX 400

struct probe {
    struct timer timer;
    uint64_t order;     /* when it was set */
    uint64_t effective; /* when it must fire: never before the time it was set at */
    bool armed;
};

static struct timers wheel;
static struct probe probes[MAX];
static struct probe *fired[100000];
static size_t n_fired;

static void note(struct worker *w, struct timer *t)
{
    fired[n_fired++] = container_of(t, struct probe, timer);
}

static int setup(void **state)
{
    timers_init(&wheel, 0);
    memset(probes, 0, sizeof probes);
    for (size_t i = 0; i < MAX; i++)
        probes[i].timer.fire = note;
    n_fired = 0;
    return 0;
}

static void fires_at_its_time_and_not_before(void **state)
{
    static const uint64_t dues[] = {
        1, 63, 64, 65, 4095, 4096, 262144, 16777216, 1ull << 30, (1ull << 30) + 7, 1ull << 40};
    for (size_t i = 0; i < sizeof dues / sizeof *dues; i++) {
        timers_init(&wheel, 0);
        timer_set(&wheel, &probes[0].timer, dues[i]);
        timers_run(&wheel, NULL, dues[i] - 1);
        assert_int_equal(n_fired, 0);
        assert_true(timer_armed(&probes[0].timer));
        timers_run(&wheel, NULL, dues[i]);
        assert_int_equal(n_fired, 1);
        assert_false(timer_armed(&probes[0].timer));
        n_fired = 0;
    }
}

static void past_due_fires_at_the_next_run(void **state)
{
    timers_run(&wheel, NULL, 1000);
    timer_set(&wheel, &probes[0].timer, 10);
    timer_set(&wheel, &probes[1].timer, 1000);
    assert_int_equal(timers_next(&wheel), 1000);
    timers_run(&wheel, NULL, 1000);
    assert_int_equal(n_fired, 2);
}

static void stop_is_fine_on_a_timer_that_never_was_set(void **state)
{
    struct timer t = {0};
    timer_stop(&wheel, &t);
    timer_stop(&wheel, &t);
    assert_int_equal(wheel.count, 0);
}

static void next_is_never_late_and_empty_says_so(void **state)
{
    assert_true(timers_next(&wheel) == UINT64_MAX);
    timer_set(&wheel, &probes[0].timer, 5000);
    assert_true(timers_next(&wheel) <= 5000);
    timer_set(&wheel, &probes[1].timer, 20);
    assert_int_equal(timers_next(&wheel), 20);
    timer_stop(&wheel, &probes[1].timer);
    assert_true(timers_next(&wheel) > 20); /* a stopped timer wakes nobody */
    timer_stop(&wheel, &probes[0].timer);
    assert_true(timers_next(&wheel) == UINT64_MAX);
}

/* Same tick, set while the wheel stood far away and near: the order of setting counts. */
static void one_tick_keeps_the_order_of_setting(void **state)
{
    timer_set(&wheel, &probes[0].timer, 100000);
    timers_run(&wheel, NULL, 50000);
    timer_set(&wheel, &probes[1].timer, 100000);
    timers_run(&wheel, NULL, 99990);
    timer_set(&wheel, &probes[2].timer, 100000);
    timers_run(&wheel, NULL, 200000);
    assert_int_equal(n_fired, 3);
    for (size_t i = 0; i < 3; i++)
        assert_ptr_equal(fired[i], &probes[i]);
}

static unsigned runs;

static void set_again_in_the_past(struct worker *w, struct timer *t)
{
    runs++;
    timer_set(&wheel, t, 0);
}

static void a_timer_that_sets_itself_in_the_past_fires_once_a_run(void **state)
{
    struct timer t = {.fire = set_again_in_the_past};
    runs = 0;
    timer_set(&wheel, &t, 5);
    timers_run(&wheel, NULL, 1000);
    assert_int_equal(runs, 1);
    timers_run(&wheel, NULL, 1000);
    assert_int_equal(runs, 2);
    timer_stop(&wheel, &t);
}

static void stop_the_others(struct worker *w, struct timer *t)
{
    note(w, t);
    for (size_t i = 0; i < 10; i++)
        timer_stop(&wheel, &probes[i].timer);
}

static void a_callback_may_stop_timers_of_the_same_tick(void **state)
{
    probes[0].timer.fire = stop_the_others;
    for (size_t i = 0; i < 10; i++)
        timer_set(&wheel, &probes[i].timer, 77);
    timers_run(&wheel, NULL, 100);
    assert_int_equal(n_fired, 1);
    assert_int_equal(wheel.count, 0);
}

static void free_itself(struct worker *w, struct timer *t)
{
    runs++;
    free(t);
}

static void a_callback_may_free_its_timer(void **state)
{
    struct timer *t = calloc(1, sizeof *t);
    assert_non_null(t);
    runs = 0;
    t->fire = free_itself;
    timer_set(&wheel, t, 3);
    timers_run(&wheel, NULL, 3);
    assert_int_equal(runs, 1);
}

/* 2^62 ms must not be walked through one by one: this test would not end. */
static void a_long_jump_visits_only_what_is_there(void **state)
{
    timer_set(&wheel, &probes[0].timer, 1ull << 61);
    timer_set(&wheel, &probes[1].timer, 12345);
    timers_run(&wheel, NULL, 1ull << 62);
    assert_int_equal(n_fired, 2);
    assert_ptr_equal(fired[0], &probes[1]);
    assert_ptr_equal(fired[1], &probes[0]);
}

static void time_does_not_run_backwards(void **state)
{
    timers_run(&wheel, NULL, 500);
    timer_set(&wheel, &probes[0].timer, 600);
    timers_run(&wheel, NULL, 100);
    assert_int_equal(n_fired, 0);
    timers_run(&wheel, NULL, 600);
    assert_int_equal(n_fired, 1);
}

/* The naive model: what is due, sorted by due time, then by order of setting. */

static int by_due(const void *a, const void *b)
{
    const struct probe *x = *(struct probe *const *)a, *y = *(struct probe *const *)b;
    if (x->effective != y->effective)
        return x->effective < y->effective ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static void check_run(uint64_t now)
{
    struct probe *due[MAX];
    size_t n = 0;
    uint64_t first = UINT64_MAX;
    for (size_t i = 0; i < MAX; i++) {
        if (!probes[i].armed)
            continue;
        first = probes[i].effective < first ? probes[i].effective : first;
        if (probes[i].effective <= now)
            due[n++] = &probes[i];
    }
    assert_true(timers_next(&wheel) <= first);
    qsort(due, n, sizeof *due, by_due);
    n_fired = 0;
    timers_run(&wheel, NULL, now);
    assert_int_equal(n_fired, n);
    for (size_t i = 0; i < n; i++) {
        assert_ptr_equal(fired[i], due[i]);
        due[i]->armed = false;
    }
}

static uint64_t some(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void change_some_probe(uint64_t *seed, uint64_t now, uint64_t order)
{
    struct probe *p = &probes[some(seed) % MAX];
    if (some(seed) % 4 == 0) {
        timer_stop(&wheel, &p->timer);
        p->armed = false;
        return;
    }
    uint64_t ahead = some(seed) >> (some(seed) % 60 + 4); /* all scales alike */
    uint64_t due = some(seed) % 16 == 0 ? now / 2 : now + ahead;
    timer_set(&wheel, &p->timer, due);
    p->effective = due > now ? due : now;
    p->order = order;
    p->armed = true;
}

static void random_walk_agrees_with_a_sorted_list(void **state)
{
    for (uint64_t round = 1; round <= 60; round++) {
        uint64_t seed = round * 0x9e3779b97f4a7c15u, now = some(&seed) >> 40, order = 0;
        setup(state);
        timers_init(&wheel, now);
        for (int step = 0; step < 400; step++) {
            for (uint64_t i = some(&seed) % 8; i > 0; i--)
                change_some_probe(&seed, now, order++);
            now += some(&seed) >> (some(&seed) % 44 + 20);
            check_run(now);
            unsigned armed = 0;
            for (size_t i = 0; i < MAX; i++)
                armed += probes[i].armed;
            assert_int_equal(wheel.count, armed);
        }
    }
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fires_at_its_time_and_not_before),
        TEST(past_due_fires_at_the_next_run),
        TEST(stop_is_fine_on_a_timer_that_never_was_set),
        TEST(next_is_never_late_and_empty_says_so),
        TEST(one_tick_keeps_the_order_of_setting),
        TEST(a_timer_that_sets_itself_in_the_past_fires_once_a_run),
        TEST(a_callback_may_stop_timers_of_the_same_tick),
        TEST(a_callback_may_free_its_timer),
        TEST(a_long_jump_visits_only_what_is_there),
        TEST(time_does_not_run_backwards),
        TEST(random_walk_agrees_with_a_sorted_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
