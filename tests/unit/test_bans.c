/* bans, suspects, abuse: who is shut out, after how many failures, for how long, and who never is. */
#include "appliance/core/abuse.h"
#include "appliance/core/schema.h"
#include "appliance/core/store.h"
#include "appliance/core/suspects.h"
#include "appliance/core/worker.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* last */
#include <cmocka.h>

static struct addr at(const char *text)
{
    struct addr a;
    assert_true(addr_parse(bytes_str(text), 0, &a));
    return a;
}

/* ---- the table */

static struct ban ban_of(const char *address, enum ban_reason why, int64_t until)
{
    return (struct ban){.addr = at(address), .reason = why, .since = 100, .until = until, .times = 1};
}

static void a_ban_ends_by_itself(void **state)
{
    struct bans *b = bans_create();
    struct addr a = at("192.0.2.1:5060"), other = at("192.0.2.2");
    struct ban ban = ban_of("192.0.2.1", BAN_FLOOD, 200);
    assert_false(bans_has(b, &a, 100));
    assert_int_equal(bans_put(b, &ban), 0);
    assert_true(bans_has(b, &a, 199));
    assert_false(bans_has(b, &a, 200));
    assert_false(bans_has(b, &other, 199));
    assert_true(bans_find(b, &a, &ban)); /* how often, is remembered */
    assert_true(bans_remove(b, &a));
    assert_false(bans_remove(b, &a));
    assert_false(bans_has(b, &a, 150));
    bans_destroy(b);
}

static void of_ipv6_the_network_counts(void **state)
{
    struct bans *b = bans_create();
    struct ban ban = ban_of("2001:db8:0:1::5", BAN_FLOOD, 200);
    struct addr same = at("[2001:db8:0:1:ffff::9]:443"), other = at("2001:db8:0:2::5");
    bans_put(b, &ban);
    assert_true(bans_has(b, &same, 150));
    assert_false(bans_has(b, &other, 150));
    bans_destroy(b);
}

static void count_one(void *arg, const struct ban *ban)
{
    unsigned *n = arg;
    n[0]++;
    n[1] += ban->reason == BAN_OPERATOR;
}

static void a_flood_of_bans_is_bounded_and_spares_the_operators(void **state)
{
    struct bans *b = bans_create();
    unsigned n[2] = {0};
    for (uint32_t i = 0; i < 100000; i++) {
        struct ban ban = {.addr = {.family = ADDR_V4}, .until = 1000 + i, .reason = BAN_SIP_AUTH};
        memcpy(ban.addr.ip, &i, 4);
        if (i < 500)
            ban.reason = BAN_OPERATOR;
        assert_int_equal(bans_put(b, &ban), 0);
    }
    bans_walk(b, count_one, n);
    assert_true(n[0] <= 16384 && n[0] > 16000);
    assert_int_equal(n[1], 500);
    bans_destroy(b);
}

static void reasons_have_names_both_ways(void **state)
{
    for (enum ban_reason r = 0; r < BAN_REASONS; r++)
        assert_int_equal(ban_reason_of(bytes_str(ban_reason_name(r))), r);
    assert_int_equal(ban_reason_of(BYTES("whim")), BAN_REASONS);
}

/* ---- scores */

static void a_score_drains_and_is_forgiven(void **state)
{
    struct suspects *s = suspects_create();
    assert_int_equal(suspects_held(s, 7, 0), 0);
    for (unsigned i = 1; i <= 10; i++)
        assert_int_equal(suspects_add(s, 7, 1, 1000, 5000), i);
    assert_int_equal(suspects_add(s, 7, 1, 1000, 8000), 8); /* three have drained */
    suspects_forgive(s, 7);
    assert_int_equal(suspects_add(s, 7, 1, 1000, 8000), 5);
    suspects_hold(s, 7, 9000);
    assert_int_equal(suspects_held(s, 7, 8400), 600);
    assert_int_equal(suspects_held(s, 8, 8400), 0);
    suspects_forgive(s, 7);
    assert_int_equal(suspects_held(s, 7, 8400), 0);
    suspects_forget(s, 7);
    assert_int_equal(suspects_add(s, 7, 1, 1000, 8000), 1);
    suspects_destroy(s);
}

static void the_worst_are_not_pushed_out_by_a_crowd(void **state)
{
    struct suspects *s = suspects_create();
    for (unsigned i = 0; i < 20; i++)
        suspects_add(s, 99, 1, 1000000, 1000);
    for (uint64_t key = 100; key < 200000; key++)
        suspects_add(s, key, 1, 1000000, 1000);
    assert_int_equal(suspects_add(s, 99, 1, 1000000, 1000), 21);
    suspects_destroy(s);
}

/* ---- the whole */

static const struct settings *const tables[] = {&abuse_settings, NULL};
static const struct stat_table *const stat_tables[] = {&abuse_stats, NULL};

struct place {
    struct gateway gw;
    struct worker *w;
    struct config *config;
};

static void place_settings(struct place *p, const char *settings)
{
    struct config_problem *problems = NULL;
    struct config *c = config_load_text(settings, "test", tables, &problems);
    assert_null(problems);
    assert_int_equal(abuse_configure(p->gw.abuse, config_of(c, &abuse_settings), NULL, 0), 0);
    config_drop(p->config);
    p->config = c;
}

static void place_open(struct place *p, const char *settings)
{
    *p = (struct place){.gw.n_workers = 1};
    p->gw.stats = stats_create(stat_tables, 2);
    p->w = worker_create(&p->gw, 0);
    p->w->now = 1000;
    p->w->wall = 1700000000;
    p->w->log.level = LOG_ERROR;
    p->gw.abuse = abuse_create();
    p->gw.bans = abuse_bans(p->gw.abuse);
    place_settings(p, settings);
}

static void place_close(struct place *p)
{
    worker_destroy(p->w);
    abuse_destroy(p->gw.abuse);
    stats_destroy(p->gw.stats);
    config_drop(p->config);
}

static void pass(struct place *p, unsigned seconds)
{
    p->w->now += seconds * 1000u;
    p->w->wall += seconds;
}

#define NARROW "abuse { failures = 5 window = 50s ban = 10s ban_max = 35s exempt = {\"10.0.0.0/8\"} }"

static unsigned fail_until_banned(struct place *p, const struct addr *a)
{
    unsigned n = 1;
    while (!abuse_failed(p->w, a, BYTES_NONE, BAN_SIP_AUTH) && n < 100)
        n++;
    return n;
}

static void failures_ban_and_each_ban_is_longer(void **state)
{
    struct place p;
    struct addr a = at("198.51.100.7:1234"), other = at("198.51.100.8");
    static const unsigned lasts[] = {10, 20, 35, 35};
    place_open(&p, NARROW);
    for (size_t i = 0; i < 4; i++) {
        assert_false(abuse_is_banned(p.w, &a));
        assert_int_equal(fail_until_banned(&p, &a), 5);
        pass(&p, lasts[i] - 1);
        assert_true(abuse_is_banned(p.w, &a));
        assert_false(abuse_is_banned(p.w, &other));
        pass(&p, 1);
    }
    assert_false(abuse_is_banned(p.w, &a));
    assert_int_equal(stats_sum(p.gw.stats, &abuse_stats, ABUSE_BANNED + BAN_SIP_AUTH), 4);
    pass(&p, 36); /* long good: it is the first time again */
    fail_until_banned(&p, &a);
    pass(&p, 10);
    assert_false(abuse_is_banned(p.w, &a));
    place_close(&p);
}

static void slow_failures_and_successes_ban_nobody(void **state)
{
    struct place p;
    struct addr a = at("198.51.100.7");
    place_open(&p, NARROW);
    for (unsigned i = 0; i < 50; i++) {
        assert_false(abuse_failed(p.w, &a, BYTES_NONE, BAN_SIP_AUTH)); /* one phone with a wrong password */
        pass(&p, 10);
    }
    for (unsigned i = 0; i < 50; i++) { /* an office: every second one gets it right */
        assert_false(abuse_failed(p.w, &a, BYTES_NONE, BAN_TURN_AUTH));
        assert_false(abuse_failed(p.w, &a, BYTES_NONE, BAN_SIP_AUTH));
        abuse_succeeded(p.w, &a, BYTES("carol"));
    }
    assert_false(abuse_is_banned(p.w, &a));
    place_close(&p);
}

static void the_exempt_are_never_banned(void **state)
{
    struct place p;
    struct addr a = at("10.1.2.3");
    place_open(&p, NARROW);
    for (unsigned i = 0; i < 50; i++)
        assert_false(abuse_failed(p.w, &a, BYTES_NONE, BAN_SIP_AUTH));
    assert_false(abuse_ban(p.w, &a, BAN_POLICY, "x"));
    assert_int_equal(abuse_ban_by_hand(p.w, &a, 0, "x"), -EPERM);
    assert_true(abuse_is_exempt(p.w, &a));
    assert_int_equal(abuse_wait(p.w, &a, BYTES_NONE), 0);
    place_close(&p);
}

static void an_exemption_lifts_what_stands(void **state)
{
    struct place p;
    struct addr a = at("192.0.2.1"), b = at("198.51.100.1");
    place_open(&p, NARROW);
    assert_int_equal(abuse_ban_by_hand(p.w, &a, 60, "one"), 0);
    assert_int_equal(abuse_ban_by_hand(p.w, &b, 0, "two"), 0);
    abuse_tend(p.w);
    assert_int_equal(stats_sum(p.gw.stats, &abuse_stats, ABUSE_BANS), 2);
    place_settings(&p, "abuse { exempt = {\"192.0.2.0/24\"} }");
    abuse_tend(p.w);
    assert_false(abuse_is_banned(p.w, &a));
    assert_true(abuse_is_banned(p.w, &b));
    assert_int_equal(stats_sum(p.gw.stats, &abuse_stats, ABUSE_BANS), 1);
    assert_true(abuse_lift(p.w, &b));
    assert_false(abuse_lift(p.w, &b));
    place_close(&p);
}

static void waits_grow_for_a_name_but_not_for_its_owner(void **state)
{
    struct place p;
    struct addr home = at("192.0.2.1"), thief = at("198.51.100.1"), third = at("203.0.113.1");
    place_open(&p, "abuse { failures = 1000 backoff_after = 3 backoff = 2s backoff_max = 10s exempt = {} }");
    abuse_succeeded(p.w, &home, BYTES("alice"));
    static const uint32_t waits[] = {0, 0, 0, 2, 4, 8, 10, 10};
    for (size_t i = 0; i < 8; i++) {
        abuse_failed(p.w, &thief, BYTES("alice"), BAN_SIP_AUTH);
        assert_int_equal(abuse_wait(p.w, &thief, BYTES("alice")), waits[i]);
    }
    assert_int_equal(abuse_wait(p.w, &third, BYTES("alice")), 10);
    assert_int_equal(abuse_wait(p.w, &home, BYTES("alice")), 0); /* has been here before */
    assert_int_equal(abuse_wait(p.w, &third, BYTES("bob")), 0);
    assert_int_equal(abuse_wait(p.w, NULL, BYTES("alice")), 10);
    pass(&p, 11);
    assert_int_equal(abuse_wait(p.w, &third, BYTES("alice")), 0);
    place_close(&p);
}

static void a_whole_address_waits_at_half_of_a_ban(void **state)
{
    struct place p;
    struct addr a = at("198.51.100.1");
    place_open(&p, "abuse { failures = 10 backoff = 1s exempt = {} }");
    for (unsigned i = 0; i < 5; i++)
        abuse_failed(p.w, &a, BYTES_NONE, BAN_SIP_AUTH);
    assert_int_equal(abuse_wait(p.w, &a, BYTES("anybody")), 0);
    abuse_failed(p.w, &a, BYTES_NONE, BAN_SIP_AUTH);
    assert_int_equal(abuse_wait(p.w, &a, BYTES("anybody")), 1);
    place_close(&p);
}

static void a_source_that_anybody_could_write_is_not_blamed(void **state)
{
    struct place p;
    place_open(&p, NARROW);
    for (unsigned i = 0; i < 100; i++)
        assert_false(abuse_failed(p.w, NULL, BYTES("alice"), BAN_SIP_AUTH));
    place_close(&p);
}

static void without_it_nobody_is_suspected(void **state)
{
    struct gateway gw = {.n_workers = 1};
    struct worker *w = worker_create(&gw, 0);
    struct addr a = at("198.51.100.1");
    assert_false(abuse_failed(w, &a, BYTES("x"), BAN_SIP_AUTH));
    assert_false(abuse_is_banned(w, &a));
    assert_false(abuse_ban(w, &a, BAN_POLICY, ""));
    assert_int_equal(abuse_wait(w, &a, BYTES("x")), 0);
    assert_true(abuse_take(w, &a, bucket_rate(1, 1000, 1)));
    abuse_succeeded(w, &a, BYTES("x"));
    abuse_tend(w);
    worker_destroy(w);
}

static void a_restart_keeps_bans(void **state)
{
    struct place p;
    struct log log;
    struct addr a = at("192.0.2.1"), b = at("2001:db8::1"), c = at("198.51.100.1"), d = at("10.0.0.1");
    char dir[] = "/tmp/sallyport-bans-XXXXXX", command[64];
    assert_non_null(mkdtemp(dir));
    log_init(&log, 2, LOG_ERROR, LOG_TEXT, "test");
    struct store *s = store_open(dir, store_schemas, &log);
    place_open(&p, NARROW);
    assert_int_equal(abuse_load(p.gw.abuse, s, p.w->wall), 0);
    abuse_ban_by_hand(p.w, &a, 0, "has been rude");
    abuse_ban_by_hand(p.w, &b, 100, "");
    abuse_ban(p.w, &c, BAN_FLOOD, "");
    place_settings(&p, "abuse { exempt = {} }");
    abuse_ban_by_hand(p.w, &d, 0, "");
    store_close(s);
    place_close(&p);

    s = store_open(dir, store_schemas, &log);
    place_open(&p, NARROW);
    p.w->wall += 50; /* by now the flood is over */
    assert_int_equal(abuse_load(p.gw.abuse, s, p.w->wall), 0);
    struct ban ban;
    assert_true(bans_find(p.gw.bans, &a, &ban));
    assert_string_equal(ban.note, "has been rude");
    assert_int_equal(ban.until, BAN_FOR_EVER);
    assert_int_equal(ban.reason, BAN_OPERATOR);
    assert_true(abuse_is_banned(p.w, &b));
    assert_false(abuse_is_banned(p.w, &c));
    assert_false(abuse_is_banned(p.w, &d)); /* exempt since */
    assert_int_equal(abuse_lift_all(p.w), 2);
    store_close(s);
    place_close(&p);

    s = store_open(dir, store_schemas, &log);
    place_open(&p, NARROW);
    assert_int_equal(abuse_load(p.gw.abuse, s, p.w->wall), 0);
    assert_false(abuse_is_banned(p.w, &a));
    store_close(s);
    place_close(&p);
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

static bool count_row(void *arg, const struct store_value *v, unsigned n)
{
    *(int64_t *)arg = v[0].i;
    return true;
}

static int64_t rows_in(struct store *s)
{
    static const struct store_stmt count = {STORE_SOFT, "SELECT count(*) FROM ban"};
    int64_t n = -1;
    assert_int_equal(store_query(s, &count, NULL, 0, count_row, &n), 0);
    return n;
}

static void a_row_goes_when_its_ban_has_ended_and_nothing_is_written_before(void **state)
{
    struct place p;
    struct log log;
    struct addr a = at("192.0.2.1"), b = at("192.0.2.2");
    char dir[] = "/tmp/sallyport-bans-XXXXXX", command[64];
    assert_non_null(mkdtemp(dir));
    log_init(&log, 2, LOG_ERROR, LOG_TEXT, "test");
    struct store *s = store_open(dir, store_schemas, &log);
    place_open(&p, NARROW);
    assert_int_equal(abuse_load(p.gw.abuse, s, p.w->wall), 0);
    abuse_ban_by_hand(p.w, &a, 10, "");
    abuse_ban_by_hand(p.w, &b, 0, "");
    assert_int_equal(rows_in(s), 2);
    store_flush(s);
    uint64_t writes = store_numbers(s).writes;
    for (unsigned i = 0; i < 9; i++) {
        pass(&p, 1);
        abuse_tend(p.w);
    }
    store_flush(s);
    assert_int_equal(store_numbers(s).writes, writes);
    pass(&p, 1);
    abuse_tend(p.w);
    assert_int_equal(rows_in(s), 1);
    store_close(s);
    place_close(&p);
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

/* ---- buckets */

static unsigned take_many(struct bucket *b, struct bucket_rate r, uint64_t now)
{
    unsigned n = 0;
    while (n < 1000 && bucket_take(b, r, now))
        n++;
    return n;
}

static void a_bucket_gives_its_burst_and_then_its_rate(void **state)
{
    struct bucket b = {0};
    struct bucket_rate r = bucket_rate(10, 1000, 25);
    assert_int_equal(take_many(&b, r, 5000), 25);
    assert_int_equal(take_many(&b, r, 5050), 0);
    assert_int_equal(take_many(&b, r, 5100), 1);
    assert_int_equal(take_many(&b, r, 6100), 10);
    assert_int_equal(take_many(&b, r, 60000), 25);
    assert_int_equal(take_many(&b, bucket_rate(0, 1000, 1), 60000), 1000); /* no limit */
    struct bucket slow = {0};
    r = bucket_rate(5, 60000, 5);
    assert_int_equal(take_many(&slow, r, 1), 5);
    assert_int_equal(take_many(&slow, r, 12000), 0);
    assert_int_equal(take_many(&slow, r, 12001), 1);
}

static void a_neighbour_is_seldom_taken_along(void **state)
{
    struct buckets *b = calloc(1, sizeof(*b));
    struct hash_key key = random_hash_key();
    struct bucket_rate r = bucket_rate(1, 1000, 3);
    unsigned innocent = 0;
    for (uint64_t i = 0; i < 500; i++) { /* attackers, each over its rate */
        for (unsigned k = 0; k < 10; k++)
            buckets_take(b, bytes_hash(&key, bytes_of(&i, sizeof(i))), r, 1000);
    }
    for (uint64_t i = 100000; i < 101000; i++)
        innocent += !buckets_take(b, bytes_hash(&key, bytes_of(&i, sizeof(i))), r, 1000);
    assert_true(innocent < 40); /* (1000 / 8192)^2 of a thousand is 15 */
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ban_ends_by_itself),
        cmocka_unit_test(of_ipv6_the_network_counts),
        cmocka_unit_test(a_flood_of_bans_is_bounded_and_spares_the_operators),
        cmocka_unit_test(reasons_have_names_both_ways),
        cmocka_unit_test(a_score_drains_and_is_forgiven),
        cmocka_unit_test(the_worst_are_not_pushed_out_by_a_crowd),
        cmocka_unit_test(failures_ban_and_each_ban_is_longer),
        cmocka_unit_test(slow_failures_and_successes_ban_nobody),
        cmocka_unit_test(the_exempt_are_never_banned),
        cmocka_unit_test(an_exemption_lifts_what_stands),
        cmocka_unit_test(waits_grow_for_a_name_but_not_for_its_owner),
        cmocka_unit_test(a_whole_address_waits_at_half_of_a_ban),
        cmocka_unit_test(a_source_that_anybody_could_write_is_not_blamed),
        cmocka_unit_test(without_it_nobody_is_suspected),
        cmocka_unit_test(a_restart_keeps_bans),
        cmocka_unit_test(a_row_goes_when_its_ban_has_ended_and_nothing_is_written_before),
        cmocka_unit_test(a_bucket_gives_its_burst_and_then_its_rate),
        cmocka_unit_test(a_neighbour_is_seldom_taken_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
