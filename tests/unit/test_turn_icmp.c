/* ICMP errors that a router sends (RFC 8656 11.5, 18.13), written by a raw socket on loopback: every type and
 * code, what is told of them, and that they cost nobody else a datagram. Without the right to a raw socket
 * the program asks for a network of its own, and is skipped where it may not have that either. */
#include "turn_fixture.h"
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>

#define SETTINGS                                                                                             \
    "realm = \"" REALM "\"\n"                                                                                \
    "relay_addresses = {\"127.0.0.1\", \"::1\"}\n"                                                           \
    "relay_ports = \"22600-22699\"\n"                                                                        \
    "allow_peers = {\"127.0.0.0/8\", \"::1/128\"}\n"

/* Peers that are nowhere: nothing is ever bound to these ports while the test runs. */
static struct addr gone4, gone6;
static struct addr relayed4, relayed6;
static int raw4, raw6;

static void take_relayed(const struct reply *r)
{
    struct stun_attr attr;
    for (size_t cursor = 0; stun_next(&r->m, &cursor, &attr);) {
        struct addr a;
        if (attr.type == STUN_A_XOR_RELAYED_ADDRESS && stun_xor_decode(attr.value, r->m.id, &a))
            *(a.family == ADDR_V4 ? &relayed4 : &relayed6) = a;
    }
}

static int setup_with(void **state, const char *settings)
{
    struct bench *b = bench_create(settings);
    struct ask a;
    struct reply r;
    bench_challenge(b);
    ask_begin(b, &a, STUN_ALLOCATE);
    stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, 17);
    stun_put_byte(&a.w, STUN_A_ADDITIONAL_ADDRESS_FAMILY, STUN_FAMILY_V6);
    assert_int_equal(bench_ask(b, &a, &r), 0);
    take_relayed(&r);
    gone4 = addr_text("127.0.0.9:9");
    gone6 = addr_text("[::1]:9");
    *state = b;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, SETTINGS);
}

static int setup_slow(void **state)
{
    return setup_with(state, SETTINGS "user_bandwidth = 1\n");
}

/* What a router saw: an IP header and the first bytes of what it carries. */
static size_t put_seen_v4(uint8_t *at, uint8_t protocol, const struct addr *to)
{
    memset(at, 0, 28);
    at[0] = 0x45;
    store_u16(at + 2, 28 + 100);
    at[8] = 60;
    at[9] = protocol;
    memcpy(at + 12, relayed4.ip, 4);
    memcpy(at + 16, to->ip, 4);
    store_u16(at + 20, relayed4.port);
    store_u16(at + 22, to->port);
    store_u16(at + 24, 108);
    return 28;
}

static uint16_t checksum(const uint8_t *p, size_t n)
{
    uint32_t sum = 0;
    for (size_t i = 0; i + 1 < n; i += 2)
        sum += load_u16(p + i);
    while (sum >> 16)
        sum = (sum & 0xFFFF) + (sum >> 16);
    return (uint16_t)~sum;
}

static void icmp_of_protocol(uint8_t type, uint8_t code, uint32_t data, uint8_t protocol)
{
    uint8_t mem[64] = {type, code};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    store_u32(mem + 4, data);
    size_t n = 8 + put_seen_v4(mem + 8, protocol, &gone4);
    store_u16(mem + 2, checksum(mem, n));
    assert_int_equal(sendto(raw4, mem, n, 0, (struct sockaddr *)&to, sizeof(to)), n);
}

static void icmp(uint8_t type, uint8_t code, uint32_t data)
{
    icmp_of_protocol(type, code, data, IPPROTO_UDP);
}

static void icmp6(uint8_t type, uint8_t code, uint32_t data)
{
    uint8_t mem[128] = {type, code}; /* the kernel writes the checksum */
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    store_u32(mem + 4, data);
    uint8_t *ip = mem + 8;
    ip[0] = 0x60;
    store_u16(ip + 4, 108);
    ip[6] = IPPROTO_UDP;
    ip[7] = 60;
    memcpy(ip + 8, relayed6.ip, 16);
    memcpy(ip + 24, gone6.ip, 16);
    store_u16(ip + 40, relayed6.port);
    store_u16(ip + 42, gone6.port);
    store_u16(ip + 44, 108);
    assert_int_equal(sendto(raw6, mem, 56, 0, (struct sockaddr *)&to, sizeof(to)), 56);
}

/* The next message tells of it. */
static void expect_told(struct bench *b, const struct addr *peer, const uint8_t value[static 8])
{
    struct reply r;
    struct addr about;
    struct bytes v;
    bench_poll(b);
    take_reply(b, &r);
    assert_int_equal(r.m.class, STUN_INDICATION);
    assert_int_equal(r.m.method, STUN_DATA);
    assert_true(stun_find_xor(&r.m, STUN_A_XOR_PEER_ADDRESS, &about));
    assert_true(addr_eq(&about, peer));
    assert_true(stun_find(&r.m, STUN_A_ICMP, &v));
    assert_true(bytes_eq(v, bytes_of(value, 8)));
    assert_false(stun_has(&r.m, STUN_A_DATA));
    assert_true(bench_silent(b));
}

static void expect_nothing(struct bench *b)
{
    bench_poll(b);
    assert_true(bench_silent(b));
}

/* Types 3, with every code, and 11 (of which the kernel keeps code 1 to itself); the MTU of 3/4 and of
 * nothing else. */
static void types_of_ipv4(void **state)
{
    struct bench *b = *state;
    assert_int_equal(bench_permit(b, &gone4), 0);
    for (uint8_t code = 0; code < 16; code++) {
        const uint8_t mtu = code == ICMP_FRAG_NEEDED;
        icmp(ICMP_DEST_UNREACH, code, 1280);
        expect_told(b, &gone4, (uint8_t[]){0, 0, 3, code, 0, 0, mtu ? 5 : 0, 0});
    }
    icmp(ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, 77);
    expect_told(b, &gone4, (const uint8_t[]){0, 0, 11, 0, 0, 0, 0, 0});
    assert_int_equal(bench_count(b, TS_ICMP), 17);
}

/* Types 1, 2 and 3. */
static void types_of_ipv6(void **state)
{
    struct bench *b = *state;
    assert_int_equal(bench_permit(b, &gone6), 0);
    for (uint8_t code = 0; code < 7; code++) {
        icmp6(ICMPV6_DEST_UNREACH, code, 7);
        expect_told(b, &gone6, (uint8_t[]){0, 0, 1, code, 0, 0, 0, 0});
    }
    icmp6(ICMPV6_PKT_TOOBIG, 0, 1400);
    expect_told(b, &gone6, (uint8_t[]){0, 0, 2, 0, 0, 0, 5, 0x78});
    icmp6(ICMPV6_TIME_EXCEED, 0, 7);
    expect_told(b, &gone6, (uint8_t[]){0, 0, 3, 0, 0, 0, 0, 0});
}

/* Other types, what was no UDP, and destinations without a permission. */
static void others_are_dropped(void **state)
{
    struct bench *b = *state;
    icmp(ICMP_DEST_UNREACH, 3, 0);
    expect_nothing(b);
    assert_int_equal(bench_count(b, TS_DROP_NO_PERMISSION), 1);
    assert_int_equal(bench_permit(b, &gone4), 0);
    assert_int_equal(bench_permit(b, &gone6), 0);
    icmp(ICMP_SOURCE_QUENCH, 0, 0);
    icmp(ICMP_PARAMETERPROB, 0, 0);
    icmp_of_protocol(ICMP_DEST_UNREACH, 3, 0, IPPROTO_TCP);
    icmp6(ICMPV6_PARAMPROB, 0, 0);
    for (unsigned i = 0; i < 8; i++)
        expect_nothing(b);
    assert_int_equal(bench_count(b, TS_ICMP), 0);
    icmp(ICMP_DEST_UNREACH, 3, 0); /* the socket is not stuck with them */
    expect_told(b, &gone4, (const uint8_t[]){0, 0, 3, 3, 0, 0, 0, 0});
}

/* A client that looks for the path's MTU goes on talking: that other datagrams left without the DF bit since
 * must not make the answer disappear (11.5, 14). */
static void too_big_is_told_though_others_may_be_fragmented(void **state)
{
    struct bench *b = *state;
    struct peer p = peer_open();
    struct ask a;
    assert_int_equal(bench_bind(b, 0x4000, &p.addr), 0);
    assert_int_equal(bench_permit(b, &gone4), 0);
    ask_begin_as(b, &a, STUN_INDICATION, STUN_SEND);
    stun_put_xor(&a.w, STUN_A_XOR_PEER_ADDRESS, &gone4);
    stun_put(&a.w, STUN_A_DATA, BYTES("as large as may be"));
    stun_put(&a.w, STUN_A_DONT_FRAGMENT, BYTES_NONE);
    ask_send(b, &a);
    bench_channel_data(b, 0x4000, BYTES("media"));
    peer_expect(&p, BYTES("media"));
    bench_poll(b);
    buf_clear(&b->sent); /* nobody is at gone4 */
    icmp(ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 1400);
    expect_told(b, &gone4, (const uint8_t[]){0, 0, 3, 4, 0, 0, 5, 0x78});
    close(p.fd);
}

/* The kernel tells the next call on the socket of an error; the next datagram, of another peer, leaves all
 * the same, singly, in a batch, and in one piece of many. */
static void errors_cost_nobody_a_datagram(void **state)
{
    struct bench *b = *state;
    struct peer p = peer_open();
    uint8_t mem[256];
    assert_int_equal(bench_bind(b, 0x4000, &p.addr), 0);
    assert_int_equal(bench_permit(b, &gone4), 0);
    for (uint8_t code = 0; code < 16; code++) {
        for (unsigned n = 1; n <= 3; n++) {
            size_t size = 0;
            for (unsigned i = 0; i < n; i++)
                size += put_channel_data(mem + size, 0x4000, bytes_first(BYTES("hello"), n == 2 ? 4 + i : 5));
            icmp(ICMP_DEST_UNREACH, code, 1280);
            bench_give(b, bytes_of(mem, size));
            for (unsigned i = 0; i < n; i++)
                assert_true(peer_take(&p, mem, sizeof(mem)) >= 4);
        }
    }
    assert_int_equal(bench_count(b, TS_DROP_PEER_SOCKET), 0);
    assert_int_equal(b->t->batch.refused, 0); /* and pieces are still cut by the kernel */
    bench_poll(b);
    buf_clear(&b->sent);
    close(p.fd);
}

/* A stranger who writes such messages gets no more through than the user may receive. */
static void what_is_told_is_paid_for(void **state)
{
    struct bench *b = *state;
    assert_int_equal(bench_permit(b, &gone4), 0);
    for (unsigned i = 0; i < 1000; i++) {
        icmp(ICMP_DEST_UNREACH, 1, 0);
        bench_poll(b);
    }
    assert_in_range(bench_count(b, TS_ICMP), 1, 100);
    assert_int_equal(bench_count(b, TS_ICMP) + bench_count(b, TS_DROP_BANDWIDTH), 1000);
    buf_clear(&b->sent);
}

static int raise_loopback(void)
{
    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    int rc = ioctl(fd, SIOCSIFFLAGS, &lo);
    close(fd);
    return rc;
}

static bool open_raw(void)
{
    raw4 = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    raw6 = socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
    return raw4 >= 0 && raw6 >= 0;
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, bench_teardown)
    const struct CMUnitTest tests[] = {
        T(types_of_ipv4),
        T(types_of_ipv6),
        T(others_are_dropped),
        T(too_big_is_told_though_others_may_be_fragmented),
        T(errors_cost_nobody_a_datagram),
        cmocka_unit_test_setup_teardown(what_is_told_is_paid_for, setup_slow, bench_teardown),
    };
    if (!open_raw() && (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0 || raise_loopback() < 0 || !open_raw())) {
        puts("skipped: no raw sockets of ICMP to be had");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
