/* Address families: REQUESTED- and ADDITIONAL-ADDRESS-FAMILY, dual allocations and their halves (RFC
 * 8656 7.2, 8), DONT-FRAGMENT (14, 15) and ICMP (11.5). */
#include "modules/turn/quota.h"
#include "turn_fixture.h"
#include <netinet/in.h>

#define DUAL_SETTINGS                                                                                        \
    "realm = \"" REALM "\"\n"                                                                                \
    "relay_addresses = {\"127.0.0.1\", \"::1\"}\n"                                                           \
    "relay_ports = \"22300-22399\"\n"                                                                        \
    "allow_peers = {\"127.0.0.0/8\", \"::1/128\"}\n"

static int setup_with(void **state, const char *settings)
{
    struct bench *b = bench_create(settings);
    bench_challenge(b);
    *state = b;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, DUAL_SETTINGS);
}

static int setup_v4_only(void **state)
{
    return setup_with(state, LOOPBACK_SETTINGS);
}

static int setup_v6_only(void **state)
{
    return setup_with(state, "realm = \"" REALM "\"\nrelay_addresses = {\"::1\"}\nrelay_ports = "
                             "\"22300-22399\"\nallow_peers = {\"::1/128\"}\n");
}

static int setup_one_each(void **state)
{
    return setup_with(state, DUAL_SETTINGS "user_allocations = 1\n");
}

static struct peer peer_open_v6(void)
{
    struct peer p = {.fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0)};
    struct sockaddr_in6 sin = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t n = sizeof(sin);
    assert_int_equal(bind(p.fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
    assert_int_equal(getsockname(p.fd, (struct sockaddr *)&sin, &n), 0);
    p.addr = addr_from_sockaddr((struct sockaddr *)&sin);
    return p;
}

/* 0 for an attribute that is not to be there. */
static unsigned allocate(struct bench *b, uint8_t requested, uint8_t additional, struct reply *r)
{
    struct ask a;
    ask_begin(b, &a, STUN_ALLOCATE);
    stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, 17);
    if (requested)
        stun_put_byte(&a.w, STUN_A_REQUESTED_ADDRESS_FAMILY, requested);
    if (additional)
        stun_put_byte(&a.w, STUN_A_ADDITIONAL_ADDRESS_FAMILY, additional);
    return bench_ask(b, &a, r);
}

static unsigned refresh(struct bench *b, uint8_t family, uint32_t seconds)
{
    struct ask a;
    struct reply r;
    ask_begin(b, &a, STUN_REFRESH);
    stun_put_u32(&a.w, STUN_A_LIFETIME, seconds);
    if (family)
        stun_put_byte(&a.w, STUN_A_REQUESTED_ADDRESS_FAMILY, family);
    return bench_ask(b, &a, &r);
}

/* How many, and of what family the first and the last are. */
static unsigned relayed(const struct reply *r, struct addr out[2])
{
    struct stun_attr attr;
    unsigned n = 0;
    for (size_t cursor = 0; stun_next(&r->m, &cursor, &attr);)
        if (attr.type == STUN_A_XOR_RELAYED_ADDRESS && n < 2)
            assert_true(stun_xor_decode(attr.value, r->m.id, &out[n++]));
    return n;
}

/* 18.12: family, and the code as in ERROR-CODE. */
static void expect_address_error(const struct reply *r, uint8_t family, unsigned code)
{
    struct bytes v;
    assert_true(stun_find(&r->m, STUN_A_ADDRESS_ERROR_CODE, &v));
    assert_true(v.n > 4);
    assert_int_equal(v.p[0], family);
    assert_int_equal(v.p[1], 0);
    assert_int_equal(v.p[2] * 100u + v.p[3], code);
}

/* Step 7 */
static void a_family_for_the_asking(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct addr a[2];
    assert_int_equal(allocate(b, STUN_FAMILY_V6, 0, &r), 0);
    assert_int_equal(relayed(&r, a), 1);
    assert_int_equal(a[0].family, ADDR_V6);
    assert_int_equal(refresh(b, STUN_FAMILY_V4, 600), 443); /* 8.2 */
    assert_int_equal(refresh(b, 7, 600), 443);
    assert_int_equal(refresh(b, STUN_FAMILY_V6, 0), 0);
    assert_int_equal(allocate(b, STUN_FAMILY_V4, 0, &r), 0);
    assert_int_equal(relayed(&r, a), 1);
    assert_int_equal(a[0].family, ADDR_V4);
    assert_int_equal(refresh(b, 0, 0), 0);
    assert_int_equal(allocate(b, 0, 0, &r), 0);
    assert_int_equal(relayed(&r, a), 1);
    assert_int_equal(a[0].family, ADDR_V4);
}

static void a_family_that_is_none_is_440(void **state)
{
    struct reply r;
    assert_int_equal(allocate(*state, 3, 0, &r), 440);
}

/* Steps 6, 8 and 9 */
static void what_does_not_go_together_is_400(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct ask a;
    assert_int_equal(allocate(b, STUN_FAMILY_V4, STUN_FAMILY_V6, &r), 400);
    assert_int_equal(allocate(b, 0, STUN_FAMILY_V4, &r), 400);
    ask_begin(b, &a, STUN_ALLOCATE);
    stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, 17);
    stun_put(&a.w, STUN_A_EVEN_PORT, BYTES("\x80"));
    stun_put_byte(&a.w, STUN_A_ADDITIONAL_ADDRESS_FAMILY, STUN_FAMILY_V6);
    assert_int_equal(bench_ask(b, &a, &r), 400);
}

static void dual_has_one_of_each(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct addr a[2];
    assert_int_equal(allocate(b, 0, STUN_FAMILY_V6, &r), 0);
    assert_int_equal(relayed(&r, a), 2);
    assert_int_equal(a[0].family, ADDR_V4);
    assert_int_equal(a[1].family, ADDR_V6);
    assert_false(stun_has(&r.m, STUN_A_ADDRESS_ERROR_CODE));
    assert_int_equal(bench_count(b, TS_ALLOCATIONS), 1);
}

static void even_port_is_for_both(void **state)
{
    struct bench *b = *state;
    struct ask a;
    struct reply r;
    struct addr at[2];
    ask_begin(b, &a, STUN_ALLOCATE);
    stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, 17);
    stun_put(&a.w, STUN_A_EVEN_PORT, bytes_of("\0", 1));
    stun_put_byte(&a.w, STUN_A_ADDITIONAL_ADDRESS_FAMILY, STUN_FAMILY_V6);
    assert_int_equal(bench_ask(b, &a, &r), 0);
    assert_int_equal(relayed(&r, at), 2);
    assert_int_equal(at[0].port % 2, 0);
    assert_int_equal(at[1].port % 2, 0);
}

/* Data both ways on both, by channel and by indication. */
static void dual_relays_both(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct addr at[2], from;
    struct bytes data;
    struct peer v4 = peer_open(), v6 = peer_open_v6();
    assert_int_equal(allocate(b, 0, STUN_FAMILY_V6, &r), 0);
    assert_int_equal(relayed(&r, at), 2);
    assert_int_equal(bench_bind(b, 0x4000, &v4.addr), 0);
    assert_int_equal(bench_bind(b, 0x4001, &v6.addr), 0);
    bench_channel_data(b, 0x4000, BYTES("four"));
    bench_channel_data(b, 0x4001, BYTES("six"));
    peer_expect(&v4, BYTES("four"));
    peer_expect(&v6, BYTES("six"));
    bench_send(b, &v6.addr, BYTES("six again"));
    peer_expect(&v6, BYTES("six again"));
    peer_send(&v6, &at[1], BYTES("6666"));
    bench_poll(b);
    assert_memory_equal(buf_bytes(&b->sent).p,
                        "\x40\x01\x00\x04"
                        "6666",
                        8);
    buf_clear(&b->sent);
    bench_pass(b, 1);
    struct peer other = peer_open_v6(); /* the same address: the permission holds */
    peer_send(&other, &at[1], BYTES("x"));
    bench_poll(b);
    take_reply(b, &r);
    assert_true(stun_find_xor(&r.m, STUN_A_XOR_PEER_ADDRESS, &from) && addr_eq(&from, &other.addr));
    assert_true(stun_find(&r.m, STUN_A_DATA, &data) && bytes_eq(data, BYTES("x")));
    close(v4.fd);
    close(v6.fd);
    close(other.fd);
}

/* 8.1: one half goes with what is its own, and nothing else. */
static void one_half_is_deleted(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct peer v4 = peer_open(), v6 = peer_open_v6();
    for (unsigned first = 0; first < 2; first++) {
        assert_int_equal(allocate(b, 0, STUN_FAMILY_V6, &r), 0);
        assert_int_equal(bench_bind(b, 0x4000, &v4.addr), 0);
        assert_int_equal(bench_bind(b, 0x4001, &v6.addr), 0);
        uint8_t gone = first ? STUN_FAMILY_V4 : STUN_FAMILY_V6,
                left = first ? STUN_FAMILY_V6 : STUN_FAMILY_V4;
        assert_int_equal(refresh(b, gone, 0), 0);
        assert_int_equal(bench_count(b, TS_CHANNELS), 1);
        assert_int_equal(bench_count(b, TS_PERMISSIONS), 1);
        assert_int_equal(refresh(b, gone, 600), 443);
        assert_int_equal(bench_permit(b, first ? &v4.addr : &v6.addr), 443);
        bench_channel_data(b, first ? 0x4001 : 0x4000, BYTES("still"));
        peer_expect(first ? &v6 : &v4, BYTES("still"));
        struct addr at = bench_allocation(b)->relay.relayed;
        peer_send(first ? &v6 : &v4, &at, BYTES("back"));
        bench_poll(b);
        assert_int_equal(buf_len(&b->sent), 8);
        buf_clear(&b->sent);
        assert_int_equal(refresh(b, left, 0), 0);
        assert_null(bench_allocation(b));
    }
    close(v4.fd);
    close(v6.fd);
}

/* 8.1: each half has its own time to expiry; without a family a Refresh is for both. */
static void halves_expire_by_themselves(void **state)
{
    struct bench *b = *state;
    struct reply r;
    assert_int_equal(allocate(b, 0, STUN_FAMILY_V6, &r), 0);
    assert_int_equal(refresh(b, STUN_FAMILY_V6, 1800), 0);
    bench_pass(b, 600000);
    assert_int_equal(bench_allocation(b)->relay.relayed.family, ADDR_V6);
    assert_int_equal(refresh(b, STUN_FAMILY_V4, 600), 443);
    bench_pass(b, 1200000);
    assert_null(bench_allocation(b));
    assert_int_equal(allocate(b, 0, STUN_FAMILY_V6, &r), 0);
    assert_int_equal(refresh(b, 0, 900), 0);
    bench_pass(b, 899999);
    assert_non_null(allocation_relay(bench_allocation(b), ADDR_V4));
    assert_non_null(allocation_relay(bench_allocation(b), ADDR_V6));
    assert_int_equal(refresh(b, 0, 0), 0);
    assert_null(bench_allocation(b));
}

/* Step 9: partial. And the retransmission of it over UDP says the same. */
static void without_v6_dual_says_440(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct addr a[2];
    b->stream = false;
    assert_int_equal(allocate(b, 0, STUN_FAMILY_V6, &r), 0);
    assert_int_equal(relayed(&r, a), 1);
    assert_int_equal(a[0].family, ADDR_V4);
    expect_address_error(&r, STUN_FAMILY_V6, 440);
    b->next_id--;
    assert_int_equal(allocate(b, 0, STUN_FAMILY_V6, &r), 0);
    expect_address_error(&r, STUN_FAMILY_V6, 440);
    assert_int_equal(refresh(b, 0, 0), 0);
    assert_int_equal(allocate(b, STUN_FAMILY_V6, 0, &r), 440);
}

/* Step 7: without REQUESTED-ADDRESS-FAMILY a server without IPv4 has to say 440. */
static void without_v4_it_is_440(void **state)
{
    struct bench *b = *state;
    struct reply r;
    assert_int_equal(allocate(b, 0, 0, &r), 440);
    assert_int_equal(allocate(b, 0, STUN_FAMILY_V6, &r), 440);
    assert_int_equal(allocate(b, STUN_FAMILY_V6, 0, &r), 0);
}

/* Of a TCP allocation there is one half only: so it is said, and nothing is charged for the other. */
static void tcp_is_never_dual(void **state)
{
    struct bench *b = *state;
    struct ask a;
    struct reply r;
    struct addr at[2];
    ask_begin(b, &a, STUN_ALLOCATE);
    stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, 6);
    stun_put_byte(&a.w, STUN_A_ADDITIONAL_ADDRESS_FAMILY, STUN_FAMILY_V6);
    assert_int_equal(bench_ask(b, &a, &r), 0);
    assert_int_equal(relayed(&r, at), 1);
    assert_int_equal(at[0].family, ADDR_V4);
    expect_address_error(&r, STUN_FAMILY_V6, 440);
    assert_int_equal(refresh(b, STUN_FAMILY_V6, 600), 443);
    assert_int_equal(refresh(b, STUN_FAMILY_V4, 600), 0);
}

/* IPv4 alone can be had no more: the other half, and why (step 9). When neither can, it is the first one's
 * error. */
static void a_half_that_is_full_is_508(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct addr a[2];
    struct relay_address *v4 = ports_address(b->t, ADDR_V4), *v6 = ports_address(b->t, ADDR_V6);
    unsigned used4 = v4->used, used6 = v6->used;
    v4->used = v4->count;
    assert_int_equal(allocate(b, 0, STUN_FAMILY_V6, &r), 0);
    assert_int_equal(relayed(&r, a), 1);
    assert_int_equal(a[0].family, ADDR_V6);
    expect_address_error(&r, STUN_FAMILY_V4, 508);
    assert_int_equal(refresh(b, STUN_FAMILY_V4, 0), 443);
    assert_int_equal(refresh(b, 0, 0), 0);
    v6->used = v6->count;
    assert_int_equal(allocate(b, 0, STUN_FAMILY_V6, &r), 508);
    v4->used = used4;
    assert_int_equal(allocate(b, 0, STUN_FAMILY_V6, &r), 0);
    assert_int_equal(relayed(&r, a), 1);
    expect_address_error(&r, STUN_FAMILY_V6, 508);
    assert_int_equal(refresh(b, 0, 0), 0);
    v6->used = used6;
}

/* Each relayed address is charged: with one to have, the second one is not to be had (508). */
static void the_quota_halves_a_dual_allocation(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct addr a[2];
    assert_int_equal(allocate(b, 0, STUN_FAMILY_V6, &r), 0);
    assert_int_equal(relayed(&r, a), 1);
    expect_address_error(&r, STUN_FAMILY_V6, 508);
    assert_int_equal(refresh(b, 0, 0), 0);
    bench_reload(b, DUAL_SETTINGS "user_allocations = 2\n");
    assert_int_equal(allocate(b, 0, STUN_FAMILY_V6, &r), 0);
    assert_int_equal(relayed(&r, a), 2);
    assert_int_equal(quota_take(b->t->quota, BYTES(USER), 2, 0), -EDQUOT);
    assert_int_equal(refresh(b, STUN_FAMILY_V4, 0), 0);
    assert_int_equal(quota_take(b->t->quota, BYTES(USER), 2, 0), 0);
    quota_give(b->t->quota, BYTES(USER));
}

/* 14 and 15: the DF bit is set for a Send that asks, and for nothing else. */
static void dont_fragment_is_for_one_datagram(void **state)
{
    struct bench *b = *state;
    struct peer p = peer_open();
    struct reply r;
    struct ask a;
    int value = -1;
    socklen_t n = sizeof(value);
    ask_begin(b, &a, STUN_ALLOCATE);
    stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, 17);
    stun_put(&a.w, STUN_A_DONT_FRAGMENT, BYTES_NONE);
    assert_int_equal(bench_ask(b, &a, &r), 0); /* 7.2 step 4: supported, so not 420 */
    assert_int_equal(bench_bind(b, 0x4000, &p.addr), 0);
    int fd = bench_allocation(b)->relay.fd;
    getsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &value, &n);
    assert_int_equal(value, RELAY_MAY_FRAGMENT);
    ask_begin_as(b, &a, STUN_INDICATION, STUN_SEND);
    stun_put_xor(&a.w, STUN_A_XOR_PEER_ADDRESS, &p.addr);
    stun_put(&a.w, STUN_A_DATA, BYTES("whole"));
    stun_put(&a.w, STUN_A_DONT_FRAGMENT, BYTES_NONE);
    ask_send(b, &a);
    peer_expect(&p, BYTES("whole"));
    getsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &value, &n);
    assert_int_equal(value, IP_PMTUDISC_PROBE);
    bench_channel_data(b, 0x4000, BYTES("in parts"));
    peer_expect(&p, BYTES("in parts"));
    getsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &value, &n);
    assert_int_equal(value, RELAY_MAY_FRAGMENT);
    close(p.fd);
}

/* 13.2: from a client over UDP it is ignored towards IPv6; 15: over a stream it counts. */
static void dont_fragment_towards_ipv6(void **state)
{
    struct bench *b = *state;
    struct peer p = peer_open_v6();
    struct reply r;
    struct ask a;
    int value = -1;
    socklen_t n = sizeof(value);
    for (unsigned stream = 0; stream < 2; stream++) {
        b->stream = stream;
        assert_int_equal(allocate(b, STUN_FAMILY_V6, 0, &r), 0);
        assert_int_equal(bench_permit(b, &p.addr), 0);
        ask_begin_as(b, &a, STUN_INDICATION, STUN_SEND);
        stun_put_xor(&a.w, STUN_A_XOR_PEER_ADDRESS, &p.addr);
        stun_put(&a.w, STUN_A_DATA, BYTES("x"));
        stun_put(&a.w, STUN_A_DONT_FRAGMENT, BYTES_NONE);
        ask_send(b, &a);
        peer_expect(&p, BYTES("x"));
        getsockopt(bench_allocation(b)->relay.fd, IPPROTO_IPV6, IPV6_DONTFRAG, &value, &n);
        assert_int_equal(value, stream);
        assert_int_equal(refresh(b, 0, 0), 0);
    }
    close(p.fd);
}

static void expect_icmp(struct bench *b, const struct addr *peer, uint8_t type, uint8_t code)
{
    struct reply r;
    struct addr about;
    struct bytes v;
    const uint8_t value[8] = {0, 0, type, code, 0, 0, 0, 0}; /* 18.13; no error data but for MTUs */
    take_reply(b, &r);
    assert_int_equal(r.m.class, STUN_INDICATION);
    assert_int_equal(r.m.method, STUN_DATA);
    assert_true(stun_find_xor(&r.m, STUN_A_XOR_PEER_ADDRESS, &about) && addr_eq(&about, peer));
    assert_true(stun_find(&r.m, STUN_A_ICMP, &v));
    assert_int_equal(v.n, sizeof(value));
    assert_memory_equal(v.p, value, sizeof(value));
    assert_false(stun_has(&r.m, STUN_A_DATA));
}

/* A port that nobody has: the kernel answers with port unreachable, 3/3 of ICMPv4 and 1/4 of ICMPv6. */
static void icmp_is_told(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct peer v4 = peer_open(), v6 = peer_open_v6();
    assert_int_equal(allocate(b, 0, STUN_FAMILY_V6, &r), 0);
    assert_int_equal(bench_bind(b, 0x4000, &v4.addr), 0);
    assert_int_equal(bench_bind(b, 0x4001, &v6.addr), 0);
    close(v4.fd);
    close(v6.fd);
    bench_channel_data(b, 0x4000, BYTES("anyone?"));
    bench_poll(b);
    expect_icmp(b, &v4.addr, 3, 3);
    bench_channel_data(b, 0x4001, BYTES("anyone?"));
    bench_poll(b);
    expect_icmp(b, &v6.addr, 1, 4);
    assert_true(bench_silent(b));
    assert_int_equal(bench_count(b, TS_ICMP), 2);
}

/* 11.5: the permission for the datagram's destination decides. */
static void icmp_without_a_permission_is_dropped(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct peer p = peer_open();
    assert_int_equal(allocate(b, 0, 0, &r), 0);
    assert_int_equal(bench_bind(b, 0x4000, &p.addr), 0);
    close(p.fd);
    bench_pass(b, PERMISSION_MS); /* the channel stands on */
    bench_channel_data(b, 0x4000, BYTES("anyone?"));
    bench_poll(b);
    assert_true(bench_silent(b));
    assert_int_equal(bench_count(b, TS_DROP_NO_PERMISSION), 1);
}

/* One peer that is gone costs the others nothing: neither a datagram nor a loop that spins. */
static void icmp_disturbs_nobody(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct peer gone = peer_open(), here = peer_open();
    assert_int_equal(allocate(b, 0, 0, &r), 0);
    assert_int_equal(bench_bind(b, 0x4000, &gone.addr), 0);
    assert_int_equal(bench_bind(b, 0x4001, &here.addr), 0);
    close(gone.fd);
    for (unsigned i = 0; i < 50; i++) {
        bench_channel_data(b, 0x4000, BYTES("anyone?"));
        bench_channel_data(b, 0x4001, BYTES("hello"));
        peer_expect(&here, BYTES("hello"));
    }
    for (unsigned i = 0; i < 10; i++)
        bench_poll(b);
    assert_int_equal(bench_count(b, TS_ICMP), 50);
    assert_int_equal(bench_count(b, TS_DROP_PEER_SOCKET), 0);
    struct addr at = bench_allocation(b)->relay.relayed;
    buf_clear(&b->sent);
    peer_send(&here, &at, BYTES("back"));
    bench_poll(b);
    assert_int_equal(buf_len(&b->sent), 8);
    close(here.fd);
    buf_clear(&b->sent);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_family_for_the_asking),
        T(a_family_that_is_none_is_440),
        T(what_does_not_go_together_is_400),
        T(dual_has_one_of_each),
        T(even_port_is_for_both),
        T(dual_relays_both),
        T(one_half_is_deleted),
        T(halves_expire_by_themselves),
        cmocka_unit_test_setup_teardown(without_v6_dual_says_440, setup_v4_only, bench_teardown),
        cmocka_unit_test_setup_teardown(without_v4_it_is_440, setup_v6_only, bench_teardown),
        cmocka_unit_test_setup_teardown(the_quota_halves_a_dual_allocation, setup_one_each, bench_teardown),
        T(tcp_is_never_dual),
        T(a_half_that_is_full_is_508),
        T(dont_fragment_is_for_one_datagram),
        T(dont_fragment_towards_ipv6),
        T(icmp_is_told),
        T(icmp_without_a_permission_is_dropped),
        T(icmp_disturbs_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
