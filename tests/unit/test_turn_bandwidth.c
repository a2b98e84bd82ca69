/* turn.user_bandwidth and turn.total_bandwidth: each way by itself, for the life of the user's use. */
#include "modules/turn/quota.h"
#include "turn_fixture.h"

#define PACKET 1000u

static struct peer peer;

static int setup_with(void **state, const char *settings)
{
    struct bench *b = bench_create(settings);
    peer = peer_open();
    bench_allocate(b);
    assert_int_equal(bench_bind(b, 0x4000, &peer.addr), 0);
    *state = b;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, LOOPBACK_SETTINGS "user_bandwidth = 20000\n");
}

static int setup_total(void **state)
{
    return setup_with(state, LOOPBACK_SETTINGS "total_bandwidth = 20000\n");
}

static int setup_free(void **state)
{
    return setup_with(state, LOOPBACK_SETTINGS);
}

static int teardown(void **state)
{
    close(peer.fd);
    bench_destroy(*state);
    return 0;
}

static uint8_t payload[PACKET];

/* How many of n get through. */
static unsigned out(struct bench *b, unsigned n)
{
    uint64_t before = bench_count(b, TS_PACKETS_TO_PEER);
    uint8_t mem[2048];
    for (unsigned i = 0; i < n; i++) {
        bench_channel_data(b, 0x4000, bytes_of(payload, sizeof(payload)));
        peer_take(&peer, mem, sizeof(mem));
    }
    return (unsigned)(bench_count(b, TS_PACKETS_TO_PEER) - before);
}

static unsigned in(struct bench *b, unsigned n)
{
    uint64_t before = bench_count(b, TS_PACKETS_TO_CLIENT);
    struct addr at = bench_allocation(b)->relay.relayed;
    for (unsigned i = 0; i < n; i++) {
        peer_send(&peer, &at, bytes_of(payload, sizeof(payload)));
        bench_poll(b);
    }
    buf_clear(&b->sent);
    return (unsigned)(bench_count(b, TS_PACKETS_TO_CLIENT) - before);
}

/* A second's worth at once, then what time brings. */
static void a_user_gets_his_rate_each_way(void **state)
{
    struct bench *b = *state;
    assert_int_equal(out(b, 60), 20);
    assert_int_equal(bench_count(b, TS_DROP_BANDWIDTH), 40);
    assert_int_equal(in(b, 60), 20);
    assert_int_equal(bench_count(b, TS_DROP_BANDWIDTH), 80);
    unsigned got = 0;
    for (unsigned i = 0; i < 100; i++) { /* 10 seconds, 100 ms at a time */
        bench_pass(b, 100);
        got += out(b, 10);
    }
    assert_in_range(got, 195, 200);
}

/* The bench is a second client now, over UDP, with an allocation and a channel of its own. */
static void another_client(struct bench *b, const char *name, const char *password)
{
    b->name = name;
    b->password = password;
    b->stream = false;
    b->from = addr_text("192.0.2.90:9000");
    bench_allocate(b);
    assert_int_equal(bench_bind(b, 0x4000, &peer.addr), 0);
}

/* What all of a user's allocations relay is his. */
static void two_allocations_share(void **state)
{
    struct bench *b = *state;
    assert_int_equal(out(b, 15), 15);
    another_client(b, USER, PASSWORD);
    assert_int_equal(out(b, 15), 5);
}

static void another_user_has_his_own(void **state)
{
    struct bench *b = *state;
    assert_int_equal(out(b, 60), 20);
    another_client(b, "bob", "other");
    assert_int_equal(out(b, 60), 20);
}

static void the_total_is_for_all(void **state)
{
    struct bench *b = *state;
    assert_int_equal(out(b, 15), 15);
    another_client(b, "bob", "other");
    assert_int_equal(out(b, 15), 5);
}

/* To delete and allocate anew does not fill the bucket. */
static void a_new_allocation_is_no_new_bucket(void **state)
{
    struct bench *b = *state;
    struct reply r;
    assert_int_equal(out(b, 60), 20);
    assert_int_equal(bench_refresh(b, 0, &r), 0);
    bench_allocate(b);
    assert_int_equal(bench_bind(b, 0x4000, &peer.addr), 0);
    assert_int_equal(out(b, 60), 0);
    bench_pass(b, 500);
    assert_int_equal(out(b, 60), 10);
}

/* A user who left and whose bucket is full again is forgotten. */
static void who_left_is_forgotten(void **state)
{
    struct bench *b = *state;
    struct reply r;
    const struct bandwidth_limits limits = {20000, 0};
    assert_int_equal(out(b, 1), 1);
    assert_int_equal(bench_refresh(b, 0, &r), 0);
    const struct draw d = {0, 1, b->w->now + 5000};
    assert_int_equal(quota_draw(b->t->quota, BYTES(USER), &limits, &d), 0);
}

static void a_reload_sets_and_lifts_the_limit(void **state)
{
    struct bench *b = *state;
    assert_int_equal(out(b, 60), 60);
    bench_reload(b, LOOPBACK_SETTINGS "user_bandwidth = 10000\n");
    bench_pass(b, 1000); /* the share that was drawn without a limit is void by then */
    assert_int_equal(out(b, 60), 10);
    bench_reload(b, LOOPBACK_SETTINGS);
    bench_pass(b, 1000);
    assert_int_equal(out(b, 60), 60);
}

/* Allocations by what they carried, counted at their end. */
static void ends_are_told_apart(void **state)
{
    struct bench *b = *state;
    struct reply r;
    assert_int_equal(bench_refresh(b, 0, &r), 0);
    assert_int_equal(bench_count(b, TS_ENDED_UNUSED), 1);
    bench_allocate(b);
    assert_int_equal(bench_bind(b, 0x4000, &peer.addr), 0);
    assert_int_equal(out(b, 1), 1);
    assert_int_equal(bench_refresh(b, 0, &r), 0);
    assert_int_equal(bench_count(b, TS_ENDED_ONE_WAY), 1);
    bench_allocate(b);
    assert_int_equal(bench_bind(b, 0x4000, &peer.addr), 0);
    assert_int_equal(out(b, 1), 1);
    assert_int_equal(in(b, 1), 1);
    assert_int_equal(bench_refresh(b, 0, &r), 0);
    assert_int_equal(bench_count(b, TS_ENDED_BOTH_WAYS), 1);
    assert_int_equal(bench_count(b, TS_ENDED_UNUSED), 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_user_gets_his_rate_each_way),
        T(two_allocations_share),
        T(another_user_has_his_own),
        cmocka_unit_test_setup_teardown(the_total_is_for_all, setup_total, teardown),
        T(a_new_allocation_is_no_new_bucket),
        T(who_left_is_forgotten),
        cmocka_unit_test_setup_teardown(a_reload_sets_and_lifts_the_limit, setup_free, teardown),
        T(ends_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
