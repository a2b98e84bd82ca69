/* A TURN connection: frames in pieces, bytes that are no frame, limits and timeouts; IPv6 relays; settings.
 */
#include "turn_fixture.h"

static int setup(void **state)
{
    *state = bench_create(LOOPBACK_SETTINGS);
    return 0;
}

/* A request in two pieces: the first is left to the door, the whole is answered. */
static void request_in_pieces(void **state)
{
    struct bench *b = *state;
    struct ask a;
    ask_begin(b, &a, STUN_BINDING);
    size_t n = stun_end(&a.w);
    for (size_t cut = 0; cut < n; cut++) {
        assert_int_equal(turn_module.data(&b->conn, bytes_of(a.mem, cut)), 0);
        assert_true(bench_silent(b));
    }
    assert_int_equal(turn_module.data(&b->conn, bytes_of(a.mem, n)), n);
    assert_false(bench_silent(b));
}

/* Whole frames are eaten, the half one behind them is left. */
static void half_a_frame_behind_whole_ones(void **state)
{
    struct bench *b = *state;
    struct ask a;
    uint8_t mem[256];
    ask_begin(b, &a, STUN_BINDING);
    size_t n = stun_end(&a.w);
    memcpy(mem, a.mem, n);
    memcpy(mem + n, a.mem, n);
    memcpy(mem + 2 * n, a.mem, n - 1);
    assert_int_equal(turn_module.data(&b->conn, bytes_of(mem, 3 * n - 1)), 2 * n);
    assert_int_equal(b->sends, 2);
}

/* After bytes that are no frame the stream cannot be cut any more. */
static void garbage_closes(void **state)
{
    struct bench *b = *state;
    turn_module.data(&b->conn, BYTES("\x80 is RTP, not TURN"));
    assert_true(b->closed);
    assert_int_equal(b->why, CLOSE_PROTOCOL);
    assert_int_equal(bench_count(b, TS_DROP_MALFORMED), 1);
}

/* The frame is whole, but an attribute inside lies: dropped (RFC 8489 6.3), the next one is served. */
static void lying_attribute_is_dropped_alone(void **state)
{
    struct bench *b = *state;
    struct ask a;
    struct reply r;
    ask_begin(b, &a, STUN_BINDING);
    stun_put_u32(&a.w, STUN_A_SOFTWARE, 0);
    size_t n = stun_end(&a.w);
    store_u16(a.mem + 22, 0xFFFF);
    bench_give(b, bytes_of(a.mem, n));
    assert_true(bench_silent(b));
    assert_false(b->closed);
    assert_int_equal(bench_count(b, TS_DROP_MALFORMED), 1);
    ask_begin(b, &a, STUN_BINDING);
    ask_send(b, &a);
    assert_int_equal(take_code(b, &r), 0);
}

/* Strangers may keep 4 KB of a half message here, clients a whole ChannelData frame. */
static void frame_limits(void **state)
{
    struct bench *b = *state;
    assert_int_equal(b->frame_max, 4096);
    assert_int_equal(b->idle_ms, 600000);
    bench_allocate(b);
    assert_true(b->frame_max >= 4 + 65535);
    assert_int_equal(b->idle_ms, 0);
    struct reply r;
    assert_int_equal(bench_refresh(b, 0, &r), 0);
    assert_int_equal(b->frame_max, 4096);
    assert_int_equal(b->idle_ms, 600000);
}

/* Over UDP garbage gets no answer at all, and nothing is closed. */
static void garbage_datagrams_are_dropped(void **state)
{
    struct bench *b = *state;
    b->stream = false;
    bench_give(b, BYTES(""));
    bench_give(b, BYTES("x"));
    bench_give(b, BYTES("\x80\x00\x00\x00garbage"));
    bench_give(b, BYTES("\xC0\x00\x00\x00"));
    bench_give(b, BYTES("\x40\x00\x00\x05xxxx"));
    assert_true(bench_silent(b));
    assert_int_equal(bench_count(b, TS_DROP_MALFORMED), 5);
}

/* An IPv6 relay (RFC 8656 5, and RFC 6156 before it): peers are IPv6, IPv4 ones are 443, IPv4 relays 440. */
static void ipv6_relay(void **state)
{
    struct bench *b =
        bench_create("realm = \"" REALM "\"\nrelay_addresses = {\"::1\"}\nrelay_ports = \"22100-22199\"\n"
                     "allow_peers = {\"::1/128\", \"127.0.0.0/8\"}\n");
    struct ask a;
    struct reply r;
    struct addr relayed, v4 = addr_text("127.0.0.1:9"), v6 = addr_text("[::1]:9");
    bench_challenge(b);
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 440);
    ask_begin(b, &a, STUN_ALLOCATE);
    stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, 17);
    stun_put_byte(&a.w, STUN_A_REQUESTED_ADDRESS_FAMILY, STUN_FAMILY_V6);
    unsigned code = bench_ask(b, &a, &r);
    if (code == 508) {
        bench_destroy(b);
        skip(); /* no IPv6 on this machine */
    }
    assert_int_equal(code, 0);
    assert_true(stun_find_xor(&r.m, STUN_A_XOR_RELAYED_ADDRESS, &relayed));
    assert_int_equal(relayed.family, ADDR_V6);
    assert_int_equal(bench_permit(b, &v4), 443);
    assert_int_equal(bench_permit(b, &v6), 0);
    struct peer p = {.fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0), .addr = v6};
    struct sockaddr_in6 sin = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t n = sizeof(sin);
    assert_int_equal(bind(p.fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
    assert_int_equal(getsockname(p.fd, (struct sockaddr *)&sin, &n), 0);
    v6.port = ntohs(sin.sin6_port);
    bench_send(b, &v6, BYTES("six"));
    peer_expect(&p, BYTES("six"));
    peer_send(&p, &relayed, BYTES("back"));
    bench_poll(b);
    take_reply(b, &r);
    assert_true(stun_find_xor(&r.m, STUN_A_XOR_PEER_ADDRESS, &relayed));
    assert_true(addr_eq(&relayed, &v6));
    close(p.fd);
    bench_destroy(b);
}

static void settings_live(void **state)
{
    struct bench *b = *state;
    struct reply r;
    uint32_t lifetime;
    bench_allocate(b);
    bench_reload(b, LOOPBACK_SETTINGS "max_lifetime = 20m\ndefault_lifetime = 2m\n");
    assert_int_equal(bench_refresh(b, 3600, &r), 0);
    assert_true(stun_find_u32(&r.m, STUN_A_LIFETIME, &lifetime));
    assert_int_equal(lifetime, 1200);
    assert_int_equal(bench_refresh(b, 1, &r), 0);
    assert_true(stun_find_u32(&r.m, STUN_A_LIFETIME, &lifetime));
    assert_int_equal(lifetime, 120);
}

static void bad_settings_are_refused(void **state)
{
    static const char *const bad[] = {
        "turn {\nrealm = \"\"\n}\n",
        "turn {\nrealm = \"a:b\"\n}\n",
        "turn {\nrelay_addresses = {\"1.2.3.4:5\"}\n}\n",
        "turn {\nrelay_addresses = {\"1.2.3.4\", \"::1/1.2.3.4\"}\n}\n",
        "turn {\nmax_permissions = 0\n}\n",
    };
    static const struct settings *const tables[] = {&turn_settings, NULL};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct config_problem *problems = NULL;
        struct config *c = config_load_text(bad[i], "test", tables, &problems);
        assert_null(c);
        assert_non_null(problems);
        config_problems_free(problems);
    }
}

/* Without relay_addresses the machine's own are found. */
static void relay_addresses_of_the_machine(void **state)
{
    struct bench *b = bench_create("realm = \"" REALM "\"\n");
    assert_in_range(b->t->n_relays, 1, 2);
    for (unsigned i = 0; i < b->t->n_relays; i++)
        assert_false(addr_is_any(&b->t->relays[i].bind));
    bench_destroy(b);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, bench_teardown)
    const struct CMUnitTest tests[] = {
        T(request_in_pieces),
        T(half_a_frame_behind_whole_ones),
        T(garbage_closes),
        T(lying_attribute_is_dropped_alone),
        T(frame_limits),
        T(garbage_datagrams_are_dropped),
        cmocka_unit_test(ipv6_relay),
        T(settings_live),
        cmocka_unit_test(bad_settings_are_refused),
        cmocka_unit_test(relay_addresses_of_the_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
