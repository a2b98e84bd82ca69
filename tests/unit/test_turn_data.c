/* Application data both ways: Send and Data indications, ChannelData (RFC 8656 11 and 12), through real relay
 * sockets on loopback. */
#include "turn_fixture.h"

static struct peer peer;
static struct addr relayed;

static int setup_with(void **state, bool stream)
{
    struct bench *b = bench_create(LOOPBACK_SETTINGS);
    b->stream = stream;
    peer = peer_open();
    relayed = bench_allocate(b);
    *state = b;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, true);
}

static int setup_udp(void **state)
{
    return setup_with(state, false);
}

static int teardown(void **state)
{
    bench_destroy(*state);
    close(peer.fd);
    return 0;
}

static struct bytes take_sent(struct bench *b)
{
    struct bytes out = buf_bytes(&b->sent);
    buf_consume(&b->sent, out.n);
    return out;
}

/* 11.2 and 11.3. */
static void send_and_data_indications(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct bytes v;
    struct addr from;
    assert_int_equal(bench_permit(b, &peer.addr), 0);
    bench_send(b, &peer.addr, BYTES("hello"));
    peer_expect(&peer, BYTES("hello"));
    peer_send(&peer, &relayed, BYTES("world!!"));
    bench_poll(b);
    take_reply(b, &r);
    assert_int_equal(r.m.class, STUN_INDICATION);
    assert_int_equal(r.m.method, STUN_DATA);
    assert_true(stun_find_xor(&r.m, STUN_A_XOR_PEER_ADDRESS, &from));
    assert_true(addr_eq(&from, &peer.addr));
    assert_true(stun_find(&r.m, STUN_A_DATA, &v));
    assert_true(bytes_eq(v, BYTES("world!!")));
    assert_int_equal(v.p[7], 0); /* padding */
    assert_true(bench_silent(b));
}

/* 11.2 and 12.6: no bytes are data too. */
static void empty_datagrams_are_relayed(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct bytes v;
    assert_int_equal(bench_permit(b, &peer.addr), 0);
    bench_send(b, &peer.addr, BYTES(""));
    peer_expect(&peer, BYTES(""));
    peer_send(&peer, &relayed, BYTES(""));
    bench_poll(b);
    take_reply(b, &r);
    assert_true(stun_find(&r.m, STUN_A_DATA, &v));
    assert_int_equal(v.n, 0);
    assert_int_equal(bench_bind(b, 0x4000, &peer.addr), 0);
    bench_channel_data(b, 0x4000, BYTES(""));
    peer_expect(&peer, BYTES(""));
}

/* 12.6 and 12.7; on a stream padded with zeros. */
static void channel_data_both_ways(void **state)
{
    struct bench *b = *state;
    assert_int_equal(bench_bind(b, 0x4ABC, &peer.addr), 0);
    bench_channel_data(b, 0x4ABC, BYTES("12345"));
    peer_expect(&peer, BYTES("12345"));
    peer_send(&peer, &relayed, BYTES("67890"));
    bench_poll(b);
    assert_true(bytes_eq(take_sent(b), b->stream ? BYTES("\x4a\xbc\0\x05"
                                                         "67890\0\0\0")
                                                 : BYTES("\x4a\xbc\0\x05"
                                                         "67890")));
}

/* 11.3: without a permission the datagram is silently discarded; the port does not matter, the address does.
 */
static void stranger_is_not_relayed(void **state)
{
    struct bench *b = *state;
    struct addr other = addr_text("127.0.0.9:9");
    assert_int_equal(bench_permit(b, &other), 0);
    peer_send(&peer, &relayed, BYTES("x"));
    bench_poll(b);
    assert_true(bench_silent(b));
    assert_int_equal(bench_count(b, TS_DROP_NO_PERMISSION), 1);
    bench_send(b, &peer.addr, BYTES("x"));
    uint8_t mem[8];
    assert_int_equal(peer_take(&peer, mem, sizeof(mem)), -1);
    assert_int_equal(bench_count(b, TS_DROP_NO_PERMISSION), 2);
}

static void expired_permission_stops_the_peer(void **state)
{
    struct bench *b = *state;
    assert_int_equal(bench_bind(b, 0x4000, &peer.addr), 0);
    bench_pass(b, 300000);
    peer_send(&peer, &relayed, BYTES("x"));
    bench_poll(b);
    assert_true(bench_silent(b));
    assert_int_equal(bench_count(b, TS_DROP_NO_PERMISSION), 1);
    /* 12.6 asks for the channel only. */
    bench_channel_data(b, 0x4000, BYTES("y"));
    peer_expect(&peer, BYTES("y"));
    assert_int_equal(bench_permit(b, &peer.addr), 0);
    peer_send(&peer, &relayed, BYTES("x"));
    bench_poll(b);
    assert_int_equal(take_sent(b).p[0], 0x40);
}

/* When the channel ends the permission may go on: then it is Data indications again. */
static void data_indication_after_the_channel(void **state)
{
    struct bench *b = *state;
    struct reply r;
    assert_int_equal(bench_bind(b, 0x4000, &peer.addr), 0);
    bench_pass(b, 500000);
    assert_int_equal(bench_refresh(b, UINT32_MAX, &r), 0);
    assert_int_equal(bench_permit(b, &peer.addr), 0);
    bench_pass(b, 100000);
    peer_send(&peer, &relayed, BYTES("x"));
    bench_poll(b);
    take_reply(b, &r);
    assert_int_equal(r.m.method, STUN_DATA);
    bench_channel_data(b, 0x4000, BYTES("y"));
    uint8_t mem[8];
    assert_int_equal(peer_take(&peer, mem, sizeof(mem)), -1);
    assert_int_equal(bench_count(b, TS_DROP_NO_CHANNEL), 1);
}

static void neither_data_nor_channel_data_refreshes(void **state)
{
    struct bench *b = *state;
    assert_int_equal(bench_bind(b, 0x4000, &peer.addr), 0);
    for (int i = 0; i < 3; i++) {
        bench_pass(b, 99000);
        bench_send(b, &peer.addr, BYTES("x"));
        bench_channel_data(b, 0x4000, BYTES("y"));
        peer_send(&peer, &relayed, BYTES("z"));
        bench_poll(b);
    }
    bench_pass(b, 3000);
    assert_null(permission_find(bench_allocation(b), &peer.addr));
}

static void unbound_channel_is_dropped(void **state)
{
    struct bench *b = *state;
    bench_channel_data(b, 0x4001, BYTES("x"));
    assert_int_equal(bench_count(b, TS_DROP_NO_CHANNEL), 1);
}

/* 11.2: what is missing or invalid makes a Send indication disappear. */
static void bad_send_indications_are_dropped(void **state)
{
    struct bench *b = *state;
    struct addr v6 = addr_text("[2001:db9::1]:1"), zero = peer.addr;
    struct ask a;
    zero.port = 0;
    assert_int_equal(bench_permit(b, &peer.addr), 0);
    ask_begin_as(b, &a, STUN_INDICATION, STUN_SEND);
    stun_put_xor(&a.w, STUN_A_XOR_PEER_ADDRESS, &peer.addr);
    ask_send(b, &a);
    ask_begin_as(b, &a, STUN_INDICATION, STUN_SEND);
    stun_put(&a.w, STUN_A_DATA, BYTES("x"));
    ask_send(b, &a);
    ask_begin_as(b, &a, STUN_INDICATION, STUN_SEND);
    stun_put_xor(&a.w, STUN_A_XOR_PEER_ADDRESS, &peer.addr);
    stun_put(&a.w, STUN_A_DATA, BYTES("x"));
    stun_put(&a.w, 0x7F00, BYTES("")); /* not understood, and comprehension is required */
    ask_send(b, &a);
    bench_send(b, &v6, BYTES("x"));
    assert_int_equal(bench_count(b, TS_DROP_SEND), 4);
    bench_send(b, &zero, BYTES("x"));
    assert_int_equal(bench_count(b, TS_DROP_DENIED), 1);
    uint8_t mem[8];
    assert_int_equal(peer_take(&peer, mem, sizeof(mem)), -1);
    assert_true(bench_silent(b));
}

/* A permission is for an address; the port of a Send is judged by itself. Port 22150 is one of our listeners.
 */
static void send_to_own_listener_is_dropped(void **state)
{
    struct bench *b = *state;
    struct addr listener = addr_text("127.0.0.1:22150");
    assert_int_equal(bench_permit(b, &listener), 0);
    bench_send(b, &listener, BYTES("x"));
    assert_int_equal(bench_count(b, TS_DROP_DENIED), 1);
    assert_int_equal(bench_bind(b, 0x4000, &listener), 403);
}

/* Many frames in one read: all leave in order, in one batch or several. */
static void many_frames_at_once(void **state)
{
    struct bench *b = *state;
    uint8_t mem[8192];
    size_t n = 0;
    assert_int_equal(bench_bind(b, 0x4000, &peer.addr), 0);
    for (unsigned i = 0; i < 3 * BATCH_MAX + 1; i++) {
        uint8_t payload[5];
        store_u32(payload, i);
        n += put_channel_data(mem + n, 0x4000, bytes_of(payload, 4 + i % 2));
    }
    bench_give(b, bytes_of(mem, n));
    for (unsigned i = 0; i < 3 * BATCH_MAX + 1; i++) {
        assert_int_equal(peer_take(&peer, mem, sizeof(mem)), 4 + i % 2);
        assert_int_equal(load_u32(mem), i);
    }
    assert_int_equal(bench_count(b, TS_PACKETS_TO_PEER), 3 * BATCH_MAX + 1);
}

static void give_numbered(struct bench *b, uint16_t channel, uint32_t first, uint32_t count, size_t size)
{
    static uint8_t mem[2 * BATCH_MAX * 1500];
    uint8_t payload[1500] = {0};
    size_t n = 0;
    for (uint32_t i = first; i < first + count; i++) {
        store_u32(payload, i);
        n += put_channel_data(mem + n, channel, bytes_of(payload, size));
    }
    bench_give(b, bytes_of(mem, n));
}

static void expect_numbered(const struct peer *from, uint32_t first, uint32_t count, size_t size)
{
    uint8_t mem[2048];
    for (uint32_t i = first; i < first + count; i++) {
        assert_int_equal(peer_take(from, mem, sizeof(mem)), size);
        assert_int_equal(load_u32(mem), i);
    }
}

/* What leaves as one piece arrives as what it was, in order; also when it is more than one IP packet holds.
 */
static void equal_datagrams_in_one_piece(void **state)
{
    struct bench *b = *state;
    assert_int_equal(bench_bind(b, 0x4000, &peer.addr), 0);
    give_numbered(b, 0x4000, 0, 20, 172);
    expect_numbered(&peer, 0, 20, 172);
    give_numbered(b, 0x4000, 0, BATCH_MAX, 1400);
    expect_numbered(&peer, 0, BATCH_MAX, 1400);
    give_numbered(b, 0x4000, 0, BATCH_MAX + 9, 16);
    expect_numbered(&peer, 0, BATCH_MAX + 9, 16);
    assert_int_equal(bench_count(b, TS_PACKETS_TO_PEER), 20 + 2 * BATCH_MAX + 9);
    assert_int_equal(bench_count(b, TS_BYTES_TO_PEER), 20 * 172 + BATCH_MAX * 1400 + (BATCH_MAX + 9) * 16);
    assert_int_equal(bench_count(b, TS_DROP_PEER_SOCKET), 0);
}

/* Of one size, but to two peers: to each his own. */
static void equal_datagrams_to_two_peers(void **state)
{
    struct bench *b = *state;
    struct peer other = peer_open();
    static uint8_t mem[4096];
    size_t n = 0;
    assert_int_equal(bench_bind(b, 0x4000, &peer.addr), 0);
    assert_int_equal(bench_bind(b, 0x4001, &other.addr), 0);
    for (uint16_t i = 0; i < 12; i++)
        n += put_channel_data(mem + n, i / 3 % 2 ? 0x4001 : 0x4000,
                              bytes_of((uint8_t[4]){0, 0, 0, (uint8_t)i}, 4));
    bench_give(b, bytes_of(mem, n));
    expect_numbered(&peer, 0, 3, 4);
    expect_numbered(&peer, 6, 3, 4);
    expect_numbered(&other, 3, 3, 4);
    expect_numbered(&other, 9, 3, 4);
    close(other.fd);
}

/* A path that the kernel does not cut for: the datagrams leave one by one, and no smaller ones suffer. */
static void pieces_that_the_kernel_refuses(void **state)
{
    struct bench *b = *state;
    assert_int_equal(bench_bind(b, 0x4000, &peer.addr), 0);
    b->t->batch.refused = 1000;
    give_numbered(b, 0x4000, 0, 10, 1000);
    give_numbered(b, 0x4000, 10, 10, 999);
    expect_numbered(&peer, 0, 10, 1000);
    expect_numbered(&peer, 10, 10, 999);
}

/* One datagram that the kernel refuses must not take its neighbours with it. */
static void refused_datagram_in_a_batch(void **state)
{
    struct bench *b = *state;
    static uint8_t mem[70000];
    struct bytes big = {calloc(1, 65535), 65535}; /* more than UDP can carry */
    size_t n = 0;
    assert_int_equal(bench_bind(b, 0x4000, &peer.addr), 0);
    n += put_channel_data(mem, 0x4000, BYTES("a"));
    n += put_channel_data(mem + n, 0x4000, big);
    n += put_channel_data(mem + n, 0x4000, BYTES("b"));
    bench_give(b, bytes_of(mem, n));
    free((void *)(uintptr_t)big.p);
    peer_expect(&peer, BYTES("a"));
    peer_expect(&peer, BYTES("b"));
    assert_int_equal(bench_count(b, TS_DROP_PEER_SOCKET), 1);
    assert_int_equal(bench_count(b, TS_PACKETS_TO_PEER), 2);
}

/* What came before the end of the allocation is sent. */
static void refresh_zero_behind_data(void **state)
{
    struct bench *b = *state;
    struct ask a;
    struct reply r;
    assert_int_equal(bench_bind(b, 0x4000, &peer.addr), 0);
    ask_begin(b, &a, STUN_REFRESH);
    stun_put_u32(&a.w, STUN_A_LIFETIME, 0);
    ask_sign(b, &a);
    uint8_t mem[1024];
    size_t n = put_channel_data(mem, 0x4000, BYTES("last"));
    size_t m = stun_end(&a.w);
    memcpy(mem + n, a.mem, m);
    n += m;
    n += put_channel_data(mem + n, 0x4000, BYTES("late"));
    bench_give(b, bytes_of(mem, n));
    assert_int_equal(take_code(b, &r), 0);
    peer_expect(&peer, BYTES("last"));
    assert_int_equal(peer_take(&peer, mem, sizeof(mem)), -1);
    assert_int_equal(bench_count(b, TS_DROP_NO_ALLOCATION), 1);
}

/* A burst is read in few polls, in order, and singles after it still come. */
static void bursts_from_the_peer(void **state)
{
    struct bench *b = *state;
    unsigned seen = 0, polls = 0;
    assert_int_equal(bench_bind(b, 0x4000, &peer.addr), 0);
    for (uint32_t i = 0; i < 100; i++) {
        uint8_t payload[4];
        store_u32(payload, i);
        peer_send(&peer, &relayed, bytes_of(payload, 4));
    }
    while (seen < 100 && polls++ < 100) {
        bench_poll(b);
        for (struct bytes in = take_sent(b); in.n; in = bytes_skip(in, 8)) {
            assert_int_equal(load_u32(in.p), 0x40000004);
            assert_int_equal(load_u32(in.p + 4), seen++);
        }
    }
    assert_int_equal(seen, 100);
    assert_in_range(polls, 1, 10);
    peer_send(&peer, &relayed, BYTES("solo"));
    bench_poll(b);
    assert_int_equal(take_sent(b).n, 8);
    assert_int_equal(bench_count(b, TS_PACKETS_TO_CLIENT), 101);
}

/* The largest datagram that fits through loopback, both ways. */
static void large_datagrams(void **state)
{
    struct bench *b = *state;
    static uint8_t mem[70000];
    struct bytes in;
    assert_int_equal(bench_bind(b, 0x4000, &peer.addr), 0);
    uint8_t *big = malloc(65507);
    memset(big, 0x5A, 65507);
    peer_send(&peer, &relayed, bytes_of(big, 65507));
    bench_poll(b);
    in = take_sent(b);
    assert_int_equal(in.n, 4 + 65508);
    assert_int_equal(load_u16(in.p + 2), 65507);
    assert_memory_equal(in.p + 4, big, 65507);
    size_t n = put_channel_data(mem, 0x4000, bytes_of(big, 65507));
    bench_give(b, bytes_of(mem, n));
    assert_int_equal(peer_take(&peer, mem, sizeof(mem)), 65507);
    assert_memory_equal(mem, big, 65507);
    free(big);
}

/* A client that does not read loses the newest media, and nothing else happens. */
static void full_client_drops_media(void **state)
{
    struct bench *b = *state;
    assert_int_equal(bench_bind(b, 0x4000, &peer.addr), 0);
    b->full = true;
    peer_send(&peer, &relayed, BYTES("x"));
    bench_poll(b);
    assert_int_equal(bench_count(b, TS_DROP_CLIENT_FULL), 1);
    assert_false(b->closed);
    b->full = false;
    peer_send(&peer, &relayed, BYTES("y"));
    bench_poll(b);
    assert_int_equal(take_sent(b).p[4], 'y');
}

/* Signalling that cannot be delivered ends the connection: it would be out of step. */
static void full_client_is_closed_on_signalling(void **state)
{
    struct bench *b = *state;
    struct ask a;
    b->full = true;
    ask_begin(b, &a, STUN_BINDING);
    ask_send(b, &a);
    assert_true(b->closed);
    assert_int_equal(b->why, CLOSE_BACKLOG);
}

/* Two clients of ours talk through their relays: the main use, and on the same address. */
static void relay_to_relay(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct bytes v;
    bench_reload(b,
                 "realm = \"" REALM "\"\nrelay_addresses = {\"127.0.0.1\"}\nrelay_ports = \"22100-22199\"\n");
    struct allocation *first = bench_allocation(b);
    b->stream = false;
    struct addr second = bench_allocate(b);
    assert_int_equal(bench_permit(b, &relayed), 0);
    b->stream = true;
    bench_challenge(b);
    assert_int_equal(bench_bind(b, 0x4000, &second), 0);
    bench_channel_data(b, 0x4000, BYTES("over"));
    bench_poll(b);
    take_reply(b, &r);
    assert_true(stun_find(&r.m, STUN_A_DATA, &v));
    assert_true(bytes_eq(v, BYTES("over")));
    assert_true(first->carried[0]);
    assert_int_equal(first->bytes[0], 4);
}

/* Behind NAT: peers know the advertised address, the sockets are on the other; nobody has to hairpin for us.
 */
static void relay_to_relay_behind_nat(void **state)
{
    struct bench *b = bench_create("realm = \"" REALM "\"\nrelay_addresses = {\"127.0.0.1/198.51.100.7\"}\n"
                                   "relay_ports = \"22100-22199\"\n");
    struct reply r;
    struct addr from;
    struct addr first = bench_allocate(b);
    assert_memory_equal(first.ip, "\xc6\x33\x64\x07", 4);
    b->stream = false;
    struct addr second = bench_allocate(b);
    assert_int_equal(bench_permit(b, &first), 0);
    b->stream = true;
    bench_challenge(b);
    assert_int_equal(bench_permit(b, &second), 0);
    bench_send(b, &second, BYTES("hi"));
    bench_poll(b);
    take_reply(b, &r);
    assert_int_equal(r.m.method, STUN_DATA);
    assert_true(stun_find_xor(&r.m, STUN_A_XOR_PEER_ADDRESS, &from));
    assert_true(addr_eq(&from, &first));
    bench_destroy(b);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define U(f)                                                                                                 \
    {                                                                                                        \
#f "_udp_client", f, setup_udp, teardown, NULL                                                       \
    }
    const struct CMUnitTest tests[] = {
        T(send_and_data_indications),
        U(send_and_data_indications),
        T(empty_datagrams_are_relayed),
        U(empty_datagrams_are_relayed),
        T(channel_data_both_ways),
        U(channel_data_both_ways),
        T(stranger_is_not_relayed),
        U(stranger_is_not_relayed),
        T(expired_permission_stops_the_peer),
        T(data_indication_after_the_channel),
        T(neither_data_nor_channel_data_refreshes),
        T(unbound_channel_is_dropped),
        T(bad_send_indications_are_dropped),
        T(send_to_own_listener_is_dropped),
        T(many_frames_at_once),
        T(equal_datagrams_in_one_piece),
        T(equal_datagrams_to_two_peers),
        T(pieces_that_the_kernel_refuses),
        T(refused_datagram_in_a_batch),
        T(refresh_zero_behind_data),
        T(bursts_from_the_peer),
        T(large_datagrams),
        T(full_client_drops_media),
        T(full_client_is_closed_on_signalling),
        T(relay_to_relay),
        cmocka_unit_test(relay_to_relay_behind_nat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
