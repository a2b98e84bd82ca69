/* Permissions and channels: RFC 8656 9, 10.2, 12 and 12.2, with virtual time. */
#include "turn_fixture.h"

static struct addr peer_a, peer_b;

static int setup(void **state)
{
    struct bench *b = bench_create(LOOPBACK_SETTINGS "max_permissions = 3\nmax_channels = 2\n");
    peer_a = addr_text("127.0.0.2:4001");
    peer_b = addr_text("127.0.0.3:4002");
    bench_allocate(b);
    *state = b;
    return 0;
}

static unsigned permit_many(struct bench *b, unsigned n, const struct addr *peers)
{
    struct ask a;
    struct reply r;
    ask_begin(b, &a, STUN_CREATE_PERMISSION);
    for (unsigned i = 0; i < n; i++)
        stun_put_xor(&a.w, STUN_A_XOR_PEER_ADDRESS, &peers[i]);
    return bench_ask(b, &a, &r);
}

static bool permitted(struct bench *b, const struct addr *peer)
{
    return permission_find(bench_allocation(b), peer) != NULL;
}

/* 9: 300 seconds, and only the address counts. */
static void permission_lives_300_seconds(void **state)
{
    struct bench *b = *state;
    struct addr other_port = peer_a;
    other_port.port = 1;
    assert_int_equal(bench_permit(b, &peer_a), 0);
    assert_true(permitted(b, &other_port));
    assert_false(permitted(b, &peer_b));
    bench_pass(b, 299999);
    assert_true(permitted(b, &peer_a));
    bench_pass(b, 1);
    assert_false(permitted(b, &peer_a));
    assert_int_equal(bench_count(b, TS_PERMISSIONS), 0);
}

static void permission_is_refreshed(void **state)
{
    struct bench *b = *state;
    assert_int_equal(bench_permit(b, &peer_a), 0);
    bench_pass(b, 200000);
    assert_int_equal(bench_permit(b, &peer_a), 0);
    assert_int_equal(bench_count(b, TS_PERMISSIONS), 1);
    bench_pass(b, 299999);
    assert_true(permitted(b, &peer_a));
}

/* 10.2: none, or an invalid one, is 400. */
static void create_permission_needs_peers(void **state)
{
    struct bench *b = *state;
    struct ask a;
    struct reply r;
    assert_int_equal(permit_many(b, 0, NULL), 400);
    ask_begin(b, &a, STUN_CREATE_PERMISSION);
    stun_put_xor(&a.w, STUN_A_XOR_PEER_ADDRESS, &peer_a);
    stun_put(&a.w, STUN_A_XOR_PEER_ADDRESS, BYTES("\0\1\0\0\1\2\3"));
    assert_int_equal(bench_ask(b, &a, &r), 400);
    assert_false(permitted(b, &peer_a));
}

static void several_peers_in_one_request(void **state)
{
    struct bench *b = *state;
    struct addr peers[] = {peer_a, peer_b, peer_a};
    assert_int_equal(permit_many(b, 3, peers), 0);
    assert_true(permitted(b, &peer_a) && permitted(b, &peer_b));
    assert_int_equal(bench_count(b, TS_PERMISSIONS), 2);
}

/* 443 and 403: then none of the request is installed. */
static void one_bad_peer_spoils_all(void **state)
{
    struct bench *b = *state;
    struct addr v6[] = {peer_a, addr_text("[2001:db9::1]:5")}, denied[] = {peer_a, addr_text("10.0.0.1:5")};
    assert_int_equal(permit_many(b, 2, v6), 443);
    assert_int_equal(permit_many(b, 2, denied), 403);
    assert_false(permitted(b, &peer_a));
    assert_int_equal(bench_count(b, TS_DENIED_PEERS), 1);
}

/* 508 beyond max_permissions, but those that stand are still refreshed. */
static void permissions_are_bounded(void **state)
{
    struct bench *b = *state;
    struct addr peers[] = {addr_text("127.0.1.1"), addr_text("127.0.1.2"), addr_text("127.0.1.3"),
                           addr_text("127.0.1.4")};
    assert_int_equal(permit_many(b, 4, peers), 508);
    assert_int_equal(bench_count(b, TS_PERMISSIONS), 0);
    assert_int_equal(permit_many(b, 3, peers), 0);
    assert_int_equal(permit_many(b, 1, peers + 3), 508);
    assert_int_equal(permit_many(b, 3, peers), 0);
    bench_pass(b, 300000);
    assert_int_equal(permit_many(b, 1, peers + 3), 0);
}

/* 12: 600 seconds; 12.2: binding installs a permission, of 300. */
static void channel_lives_600_seconds(void **state)
{
    struct bench *b = *state;
    assert_int_equal(bench_bind(b, 0x4000, &peer_a), 0);
    assert_true(permitted(b, &peer_a));
    bench_pass(b, 300000);
    assert_false(permitted(b, &peer_a));
    struct reply r;
    assert_int_equal(bench_refresh(b, UINT32_MAX, &r), 0);
    bench_pass(b, 299999);
    assert_non_null(channel_of_number(bench_allocation(b), 0x4000));
    bench_pass(b, 1);
    assert_null(channel_of_number(bench_allocation(b), 0x4000));
    assert_int_equal(bench_count(b, TS_CHANNELS), 0);
    assert_int_equal(bench_count(b, TS_PERMISSIONS), 0);
}

/* 12: rebinding to the same peer refreshes both. */
static void rebinding_refreshes(void **state)
{
    struct bench *b = *state;
    struct reply r;
    assert_int_equal(bench_bind(b, 0x4000, &peer_a), 0);
    bench_pass(b, 400000);
    assert_int_equal(bench_bind(b, 0x4000, &peer_a), 0);
    assert_true(permitted(b, &peer_a));
    assert_int_equal(bench_refresh(b, UINT32_MAX, &r), 0);
    bench_pass(b, 500000);
    assert_non_null(channel_of_number(bench_allocation(b), 0x4000));
    assert_int_equal(bench_count(b, TS_CHANNELS), 1);
}

/* 12.2: 0x4000 to 0x4FFF; by setting also what RFC 5766 11 had, to 0x7FFE. */
static void channel_numbers(void **state)
{
    static const uint16_t bad[] = {0, 0x3FFF, 0x5000, 0x7FFF, 0xFFFF};
    struct bench *b = *state;
    bench_reload(b, LOOPBACK_SETTINGS "old_channels = no\n");
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(bench_bind(b, bad[i], &peer_a), 400);
    assert_int_equal(bench_bind(b, 0x4000, &peer_a), 0);
    assert_int_equal(bench_bind(b, 0x4FFF, &peer_b), 0);
}

static void channel_numbers_of_rfc_5766(void **state)
{
    static const uint16_t bad[] = {0, 0x3FFF, 0x7FFF, 0x8000, 0xFFFF};
    struct bench *b = *state;
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(bench_bind(b, bad[i], &peer_a), 400);
    assert_int_equal(bench_bind(b, 0x5000, &peer_a), 0);
    assert_int_equal(bench_bind(b, 0x7FFE, &peer_b), 0);
}

static void channel_bind_needs_both_attributes(void **state)
{
    struct bench *b = *state;
    struct ask a;
    struct reply r;
    ask_begin(b, &a, STUN_CHANNEL_BIND);
    stun_put_channel(&a.w, 0x4000);
    assert_int_equal(bench_ask(b, &a, &r), 400);
    ask_begin(b, &a, STUN_CHANNEL_BIND);
    stun_put_xor(&a.w, STUN_A_XOR_PEER_ADDRESS, &peer_a);
    assert_int_equal(bench_ask(b, &a, &r), 400);
    ask_begin(b, &a, STUN_CHANNEL_BIND);
    stun_put(&a.w, STUN_A_CHANNEL_NUMBER, BYTES("\x40\0"));
    stun_put_xor(&a.w, STUN_A_XOR_PEER_ADDRESS, &peer_a);
    assert_int_equal(bench_ask(b, &a, &r), 400);
}

/* 12: one channel, one peer; in both directions. The peer is address and port. */
static void channel_and_peer_are_bound_once(void **state)
{
    struct bench *b = *state;
    struct addr same_ip = peer_a;
    same_ip.port++;
    assert_int_equal(bench_bind(b, 0x4000, &peer_a), 0);
    assert_int_equal(bench_bind(b, 0x4000, &peer_b), 400);
    assert_int_equal(bench_bind(b, 0x4001, &peer_a), 400);
    assert_int_equal(bench_bind(b, 0x4001, &same_ip), 0);
    assert_int_equal(bench_count(b, TS_PERMISSIONS), 1);
    assert_int_equal(bench_count(b, TS_CHANNELS), 2);
}

static void channels_are_bounded(void **state)
{
    struct bench *b = *state;
    struct addr third = addr_text("127.0.0.4:9");
    assert_int_equal(bench_bind(b, 0x4000, &peer_a), 0);
    assert_int_equal(bench_bind(b, 0x4001, &peer_b), 0);
    assert_int_equal(bench_bind(b, 0x4002, &third), 508);
    assert_false(permitted(b, &third));
    assert_int_equal(bench_bind(b, 0x4001, &peer_b), 0);
}

static void channel_bind_judges_the_peer(void **state)
{
    struct bench *b = *state;
    struct addr v6 = addr_text("[2001:db9::1]:5"), denied = addr_text("10.0.0.1:5"),
                no_port = addr_text("127.0.0.1:0");
    assert_int_equal(bench_bind(b, 0x4000, &v6), 443);
    assert_int_equal(bench_bind(b, 0x4000, &denied), 403);
    assert_int_equal(bench_bind(b, 0x4000, &no_port), 403);
    assert_int_equal(bench_count(b, TS_CHANNELS), 0);
    assert_int_equal(bench_count(b, TS_PERMISSIONS), 0);
}

/* Permission and channel may outlive each other in any order; whoever is refreshed, nothing is lost or kept.
 */
static void permission_dies_under_its_channel(void **state)
{
    struct bench *b = *state;
    struct reply r;
    assert_int_equal(bench_bind(b, 0x4000, &peer_a), 0);
    bench_pass(b, 350000);
    assert_false(permitted(b, &peer_a));
    assert_int_equal(bench_permit(b, &peer_a), 0);
    assert_true(permitted(b, &peer_a));
    assert_int_equal(bench_refresh(b, UINT32_MAX, &r), 0);
    bench_pass(b, 270000); /* the channel is gone, the permission has 30 s left */
    assert_int_equal(bench_count(b, TS_CHANNELS), 0);
    assert_true(permitted(b, &peer_a));
    bench_pass(b, 30000);
    assert_int_equal(bench_count(b, TS_PERMISSIONS), 0);
}

/* The last used stands in front: the others are still found. */
static void order_of_use_loses_nobody(void **state)
{
    struct bench *b = *state;
    struct addr peers[] = {peer_a, peer_b, addr_text("127.0.0.4:1")};
    assert_int_equal(permit_many(b, 3, peers), 0);
    for (unsigned i = 0; i < 20; i++)
        assert_true(permitted(b, &peers[(i * 7) % 3]));
    assert_int_equal(bench_count(b, TS_PERMISSIONS), 3);
}

/* What a reload denies ends at once, also where it stands. */
static void reload_ends_what_is_denied(void **state)
{
    struct bench *b = *state;
    struct addr other = addr_text("127.1.0.1:7");
    assert_int_equal(bench_bind(b, 0x4000, &peer_a), 0);
    assert_int_equal(bench_permit(b, &other), 0);
    bench_reload(b, LOOPBACK_SETTINGS "deny_peers = {\"127.0.0.2/32\"}\n");
    assert_false(permitted(b, &peer_a));
    assert_null(channel_of_number(bench_allocation(b), 0x4000));
    assert_true(permitted(b, &other));
    assert_int_equal(bench_permit(b, &peer_a), 403);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, bench_teardown)
    const struct CMUnitTest tests[] = {
        T(permission_lives_300_seconds),
        T(permission_is_refreshed),
        T(create_permission_needs_peers),
        T(several_peers_in_one_request),
        T(one_bad_peer_spoils_all),
        T(permissions_are_bounded),
        T(channel_lives_600_seconds),
        T(rebinding_refreshes),
        T(channel_numbers),
        T(channel_numbers_of_rfc_5766),
        T(channel_bind_needs_both_attributes),
        T(channel_and_peer_are_bound_once),
        T(channels_are_bounded),
        T(channel_bind_judges_the_peer),
        T(permission_dies_under_its_channel),
        T(order_of_use_loses_nobody),
        T(reload_ends_what_is_denied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
