/* What the policy denies is denied at every door: CreatePermission, ChannelBind, Send and Connect, whatever
 * the spelling of the address, and from an IPv4 relay as from an IPv6 one. (What comes in over TCP is asked
 * the same question: test_turn_tcp.c.) */
#include "turn_peers.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Relays on loopback, known by addresses that are nobody's; no exceptions. */
#define FRESH(bind, advertised)                                                                              \
    "realm = \"" REALM "\"\nrelay_addresses = {\"" bind "/" advertised "\"}\n"                               \
    "relay_ports = \"22100-22199\"\n"

/* NULL: this machine has no IPv6. */
static struct bench *with_allocation(const char *settings, unsigned protocol, uint8_t family)
{
    struct bench *b = bench_create(settings);
    struct ask a;
    struct reply r;
    bench_challenge(b);
    ask_begin(b, &a, STUN_ALLOCATE);
    stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, (uint8_t)protocol);
    if (family == ADDR_V6)
        stun_put_byte(&a.w, STUN_A_REQUESTED_ADDRESS_FAMILY, STUN_FAMILY_V6);
    unsigned code = bench_ask(b, &a, &r);
    if (code == 508 && family == ADDR_V6) {
        bench_destroy(b);
        return NULL;
    }
    assert_int_equal(code, 0);
    return b;
}

static unsigned connect_to(struct bench *b, const struct addr *peer)
{
    struct ask a;
    struct reply r;
    ask_begin(b, &a, STUN_CONNECT);
    stun_put_xor(&a.w, STUN_A_XOR_PEER_ADDRESS, peer);
    return bench_ask(b, &a, &r);
}

static void expect_denied_over_udp(struct bench *b, const struct addr *peer)
{
    uint64_t dropped = bench_count(b, TS_DROP_DENIED) + bench_count(b, TS_DROP_NO_PERMISSION);
    assert_int_equal(bench_permit(b, peer), 403);
    assert_int_equal(bench_bind(b, 0x4000, peer), 403);
    bench_send(b, peer, BYTES("x"));
    assert_int_equal(bench_count(b, TS_DROP_DENIED) + bench_count(b, TS_DROP_NO_PERMISSION), dropped + 1);
    assert_int_equal(bench_count(b, TS_PACKETS_TO_PEER), 0);
    assert_true(bench_silent(b));
}

static void expect_denied_over_tcp(struct bench *b, const struct addr *peer)
{
    assert_int_equal(bench_permit(b, peer), 403);
    assert_int_equal(connect_to(b, peer), 403);
    assert_true(bench_silent(b));
}

typedef void expectation(struct bench *b, const struct addr *peer);

static void try_all_v4(struct bench *b, expectation *denied)
{
    for (size_t i = 0; i < COUNT(special_v4); i++) {
        struct addr peer = addr_text(special_v4[i]);
        peer.port = 5000;
        denied(b, &peer);
    }
    bench_destroy(b);
}

static void try_all_v6(struct bench *b, expectation *denied)
{
    if (!b)
        skip();
    for (size_t i = 0; i < COUNT(special_v6); i++) {
        struct addr peer = addr_text(special_v6[i]);
        peer.port = 5000;
        if (strcmp(special_v6[i], "::1") != 0) /* the relay's own: a permission stands for its relay ports */
            denied(b, &peer);
    }
    for (size_t i = 0; i < COUNT(special_v4); i++) {
        struct addr v4 = addr_text(special_v4[i]), peer;
        for (unsigned how = 0; how < SPELLINGS; how++) {
            spell(v4.ip, how, &peer);
            denied(b, &peer);
        }
    }
    bench_destroy(b);
}

static void ipv4_over_udp(void **state)
{
    try_all_v4(with_allocation(FRESH("127.0.0.1", "198.51.100.7"), 17, ADDR_V4), expect_denied_over_udp);
}

static void ipv4_over_tcp(void **state)
{
    try_all_v4(with_allocation(FRESH("127.0.0.1", "198.51.100.7"), 6, ADDR_V4), expect_denied_over_tcp);
}

static void every_spelling_over_udp(void **state)
{
    try_all_v6(with_allocation(FRESH("::1", "2a00::7"), 17, ADDR_V6), expect_denied_over_udp);
}

static void every_spelling_over_tcp(void **state)
{
    try_all_v6(with_allocation(FRESH("::1", "2a00::7"), 6, ADDR_V6), expect_denied_over_tcp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipv4_over_udp),
        cmocka_unit_test(ipv4_over_tcp),
        cmocka_unit_test(every_spelling_over_udp),
        cmocka_unit_test(every_spelling_over_tcp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
