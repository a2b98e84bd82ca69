/* stats: rows, sums, Prometheus text format 0.0.4 and JSON. */
#include "appliance/core/stats.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants those first. */
#include <cmocka.h>

enum { OPEN, CLOSED_GARBAGE, CLOSED_SLOW };
static const struct stat_def door_defs[] = {
    [OPEN] = {"door_open", NULL, "Connections that stand", STAT_GAUGE},
    [CLOSED_GARBAGE] = {"door_closed_total", "reason=\"garbage\"", "Closed by us,\nwith a \\ reason",
                        STAT_COUNTER},
    [CLOSED_SLOW] = {"door_closed_total", "reason=\"slow\"", NULL, STAT_COUNTER},
};
static const struct stat_table door = {"door", door_defs, 3};

/* Another room that shares a name, with other names between. */
static const struct stat_def turn_defs[] = {
    {"turn_allocations", NULL, "Allocations that stand", STAT_GAUGE},
    {"door_closed_total", "reason=\"quota\"", NULL, STAT_COUNTER},
};
static const struct stat_table turn = {"turn", turn_defs, 2};
static const struct stat_table *const tables[] = {&door, &turn, NULL};

static void rows_are_summed_over_workers(void **state)
{
    struct stats *s = stats_create(tables, 3);
    assert_non_null(s);
    for (unsigned row = 0; row < 3; row++)
        stat_add(&stats_row(s, &door, row)[CLOSED_SLOW], row + 1);
    assert_int_equal(stats_sum(s, &door, CLOSED_SLOW), 6);
    assert_int_equal(stats_sum(s, &door, CLOSED_GARBAGE), 0);
    assert_int_equal(stats_sum(s, &turn, 1), 0);
    assert_int_equal(stats_sum(s, &turn, 2), 0); /* past the table */
    stats_destroy(s);
}

static void workers_share_no_cache_line(void **state)
{
    struct stats *s = stats_create(tables, 2);
    assert_non_null(s);
    for (unsigned row = 0; row < 2; row++)
        assert_int_equal((uintptr_t)stats_worker(s, row) % 64, 0);
    assert_true((char *)stats_worker(s, 1) - (char *)stats_worker(s, 0) >= 64);
    stats_destroy(s);
}

static char *text_of(bool (*print)(const struct stats *, struct buf *), const struct stats *s)
{
    struct buf b;
    buf_init(&b);
    assert_true(print(s, &b));
    char *text = strndup((const char *)buf_bytes(&b).p, buf_len(&b));
    buf_fini(&b);
    return text;
}

static struct stats *some_numbers(void)
{
    struct stats *s = stats_create(tables, 2);
    assert_non_null(s);
    stat_inc(&stats_row(s, &door, 0)[OPEN]); /* opened by one worker, closed by the other */
    stat_inc(&stats_row(s, &door, 0)[OPEN]);
    stat_dec(&stats_row(s, &door, 1)[OPEN]);
    stat_add(&stats_row(s, &door, 1)[CLOSED_GARBAGE], 7);
    stat_inc(&stats_row(s, &turn, 1)[1]);
    stat_dec(&stats_row(s, &turn, 0)[0]);
    return s;
}

static void prometheus_groups_a_name_under_one_head(void **state)
{
    struct stats *s = some_numbers();
    char *text = text_of(stats_prometheus, s);
    assert_string_equal(text, "# HELP sallyport_door_open Connections that stand\n"
                              "# TYPE sallyport_door_open gauge\n"
                              "sallyport_door_open 1\n"
                              "# HELP sallyport_door_closed_total Closed by us,\\nwith a \\\\ reason\n"
                              "# TYPE sallyport_door_closed_total counter\n"
                              "sallyport_door_closed_total{reason=\"garbage\"} 7\n"
                              "sallyport_door_closed_total{reason=\"slow\"} 0\n"
                              "sallyport_door_closed_total{reason=\"quota\"} 1\n"
                              "# HELP sallyport_turn_allocations Allocations that stand\n"
                              "# TYPE sallyport_turn_allocations gauge\n"
                              "sallyport_turn_allocations -1\n");
    free(text);
    stats_destroy(s);
}

static void json_escapes_the_labels(void **state)
{
    struct stats *s = some_numbers();
    char *text = text_of(stats_json, s);
    assert_string_equal(text, "{\"door_open\":1,\"door_closed_total{reason=\\\"garbage\\\"}\":7,"
                              "\"door_closed_total{reason=\\\"slow\\\"}\":0,\"turn_allocations\":-1,"
                              "\"door_closed_total{reason=\\\"quota\\\"}\":1}");
    free(text);
    stats_destroy(s);
}

static void no_tables_is_an_empty_object(void **state)
{
    static const struct stat_table *const none[] = {NULL};
    struct stats *s = stats_create(none, 1);
    assert_non_null(s);
    char *text = text_of(stats_json, s);
    assert_string_equal(text, "{}");
    free(text);
    stats_destroy(s);
}

static void a_worker_knows_its_row(void **state)
{
    struct gateway gw = {.n_workers = 1, .stats = stats_create(tables, 2)};
    assert_non_null(gw.stats);
    struct worker *w = worker_create(&gw, 1);
    assert_non_null(w);
    assert_ptr_equal(w->stats, stats_row(gw.stats, &door, 1));
    worker_destroy(w);
    stats_destroy(gw.stats);
    stats_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_summed_over_workers),
        cmocka_unit_test(workers_share_no_cache_line),
        cmocka_unit_test(prometheus_groups_a_name_under_one_head),
        cmocka_unit_test(json_escapes_the_labels),
        cmocka_unit_test(no_tables_is_an_empty_object),
        cmocka_unit_test(a_worker_knows_its_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
