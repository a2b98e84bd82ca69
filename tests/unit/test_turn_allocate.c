/* Allocate and Refresh: RFC 8656 7.2 and 8.2, rule by rule, with virtual time. */
#include "turn_fixture.h"

static int setup(void **state)
{
    *state = bench_create(LOOPBACK_SETTINGS);
    return 0;
}

/* RFC 8656 7.2: what the success response contains. */
static void success_response(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct addr a;
    uint32_t lifetime;
    bench_challenge(b);
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 0);
    assert_true(stun_find_xor(&r.m, STUN_A_XOR_RELAYED_ADDRESS, &a));
    assert_int_equal(a.family, ADDR_V4);
    assert_memory_equal(a.ip, "\x7f\0\0\1", 4);
    assert_in_range(a.port, 22100, 22199);
    assert_true(stun_find_xor(&r.m, STUN_A_XOR_MAPPED_ADDRESS, &a));
    assert_true(addr_eq(&a, &b->from));
    assert_true(stun_find_u32(&r.m, STUN_A_LIFETIME, &lifetime));
    assert_int_equal(lifetime, 600);
    assert_int_equal(bench_count(b, TS_ALLOCATIONS), 1);
    assert_int_equal(b->idle_ms, 0); /* a call on hold is silent */
}

/* 7.2 step 2. */
static void second_on_one_connection_is_437(void **state)
{
    struct bench *b = *state;
    struct reply r;
    bench_allocate(b);
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 437);
    assert_int_equal(bench_count(b, TS_ALLOCATIONS), 1);
}

/* 7.2 step 3. */
static void requested_transport(void **state)
{
    struct bench *b = *state;
    struct ask a;
    struct reply r;
    bench_challenge(b);
    ask_begin(b, &a, STUN_ALLOCATE);
    assert_int_equal(bench_ask(b, &a, &r), 400);
    ask_begin(b, &a, STUN_ALLOCATE);
    stun_put(&a.w, STUN_A_REQUESTED_TRANSPORT, BYTES("\x11"));
    assert_int_equal(bench_ask(b, &a, &r), 400);
    for (unsigned p = 0; p < 256; p++) {
        ask_begin(b, &a, STUN_ALLOCATE);
        stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, (uint8_t)p);
        assert_int_equal(bench_ask(b, &a, &r), p == 17 || p == 6 ? 0 : 442);
        if (p == 17 || p == 6) /* 6: RFC 6062, test_turn_tcp.c */
            assert_int_equal(bench_refresh(b, 0, &r), 0);
    }
}

/* 7.2 steps 6, 7 and 9; the room has an IPv4 relay address only. */
static void address_families(void **state)
{
    struct bench *b = *state;
    struct ask a;
    struct reply r;
    struct bytes v;
    bench_challenge(b);
    assert_int_equal(bench_allocate_with(b, STUN_A_REQUESTED_ADDRESS_FAMILY, BYTES("\2\0\0\0"), &r), 440);
    assert_int_equal(bench_allocate_with(b, STUN_A_REQUESTED_ADDRESS_FAMILY, BYTES("\3\0\0\0"), &r), 440);
    assert_int_equal(bench_allocate_with(b, STUN_A_REQUESTED_ADDRESS_FAMILY, BYTES("\1"), &r), 400);
    assert_int_equal(bench_allocate_with(b, STUN_A_ADDITIONAL_ADDRESS_FAMILY, BYTES("\1\0\0\0"), &r), 400);
    ask_begin(b, &a, STUN_ALLOCATE);
    stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, 17);
    stun_put_byte(&a.w, STUN_A_REQUESTED_ADDRESS_FAMILY, 1);
    stun_put_byte(&a.w, STUN_A_ADDITIONAL_ADDRESS_FAMILY, 2);
    assert_int_equal(bench_ask(b, &a, &r), 400);
    assert_int_equal(bench_allocate_with(b, STUN_A_REQUESTED_ADDRESS_FAMILY, BYTES("\1\0\0\0"), &r), 0);
    assert_int_equal(bench_refresh(b, 0, &r), 0);
    /* 7.2 step 9: one of the two, and why not the other (18.12: family 2, code 440). */
    assert_int_equal(bench_allocate_with(b, STUN_A_ADDITIONAL_ADDRESS_FAMILY, BYTES("\2\0\0\0"), &r), 0);
    assert_true(stun_find(&r.m, STUN_A_ADDRESS_ERROR_CODE, &v));
    assert_memory_equal(v.p, "\2\0\4\50", 4);
}

/* 7.2 step 8, 18.7. */
static void even_ports(void **state)
{
    struct bench *b = *state;
    struct reply r;
    bench_challenge(b);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(bench_allocate_with(b, STUN_A_EVEN_PORT, BYTES("\x7f"), &r), 0);
        assert_int_equal(bench_allocation(b)->relay.port % 2, 0);
        assert_false(stun_has(&r.m, STUN_A_RESERVATION_TOKEN));
        assert_int_equal(bench_refresh(b, 0, &r), 0);
    }
    assert_int_equal(bench_allocate_with(b, STUN_A_EVEN_PORT, BYTES(""), &r), 400);
}

/* 7.2 steps 5 and 8: what may not stand together. */
static void reservations_exclude_others(void **state)
{
    static const uint16_t clash[] = {STUN_A_EVEN_PORT, STUN_A_REQUESTED_ADDRESS_FAMILY,
                                     STUN_A_ADDITIONAL_ADDRESS_FAMILY};
    struct bench *b = *state;
    struct ask a;
    struct reply r;
    bench_challenge(b);
    for (size_t i = 0; i < 3; i++) {
        ask_begin(b, &a, STUN_ALLOCATE);
        stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, 17);
        stun_put(&a.w, STUN_A_RESERVATION_TOKEN, BYTES("12345678"));
        stun_put(&a.w, clash[i], i == 0 ? BYTES("\0") : BYTES("\2\0\0\0"));
        assert_int_equal(bench_ask(b, &a, &r), 400);
    }
    ask_begin(b, &a, STUN_ALLOCATE);
    stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, 17);
    stun_put(&a.w, STUN_A_EVEN_PORT, BYTES("\x80"));
    stun_put_byte(&a.w, STUN_A_ADDITIONAL_ADDRESS_FAMILY, 2);
    assert_int_equal(bench_ask(b, &a, &r), 400);
}

/* 7.2: min(asked, max), but never below the default. */
static void lifetimes(void **state)
{
    static const uint32_t rows[][2] = {
        {0, 600}, {1, 600}, {600, 600}, {601, 601}, {3600, 3600}, {3601, 3600}, {UINT32_MAX - 1, 3600}};
    struct bench *b = *state;
    bench_challenge(b);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct reply r;
        uint32_t got;
        assert_int_equal(bench_allocate_for(b, rows[i][0], &r), 0);
        assert_true(stun_find_u32(&r.m, STUN_A_LIFETIME, &got));
        assert_int_equal(got, rows[i][1]);
        assert_int_equal(bench_refresh(b, rows[i][0] ? rows[i][0] : 1, &r), 0);
        assert_true(stun_find_u32(&r.m, STUN_A_LIFETIME, &got));
        assert_int_equal(got, rows[i][0] ? rows[i][1] : 600);
        assert_int_equal(bench_refresh(b, 0, &r), 0);
        assert_true(stun_find_u32(&r.m, STUN_A_LIFETIME, &got));
        assert_int_equal(got, 0);
        assert_null(bench_allocation(b));
    }
}

static void malformed_lifetime_is_400(void **state)
{
    struct bench *b = *state;
    struct ask a;
    struct reply r;
    bench_challenge(b);
    assert_int_equal(bench_allocate_with(b, STUN_A_LIFETIME, BYTES("\0\0"), &r), 400);
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 0);
    ask_begin(b, &a, STUN_REFRESH);
    stun_put(&a.w, STUN_A_LIFETIME, BYTES(""));
    assert_int_equal(bench_ask(b, &a, &r), 400);
    assert_non_null(bench_allocation(b));
}

static void expires_without_refresh(void **state)
{
    struct bench *b = *state;
    struct reply r;
    bench_allocate(b);
    bench_pass(b, 599999);
    assert_non_null(bench_allocation(b));
    bench_pass(b, 1);
    assert_null(bench_allocation(b));
    assert_int_equal(bench_count(b, TS_ALLOCATIONS), 0);
    assert_int_equal(bench_count(b, TS_EXPIRED), 1);
    assert_int_equal(bench_refresh(b, UINT32_MAX, &r), 437);
    assert_int_equal(b->idle_ms, 600000); /* a stranger again */
}

static void refresh_prolongs(void **state)
{
    struct bench *b = *state;
    struct reply r;
    bench_allocate(b);
    for (int i = 0; i < 5; i++) {
        bench_pass(b, 500000);
        assert_int_equal(bench_refresh(b, UINT32_MAX, &r), 0);
    }
    bench_pass(b, 599999);
    assert_non_null(bench_allocation(b));
    bench_pass(b, 1);
    assert_null(bench_allocation(b));
}

/* A refresh may also shorten. */
static void refresh_shortens(void **state)
{
    struct bench *b = *state;
    struct reply r;
    bench_challenge(b);
    assert_int_equal(bench_allocate_for(b, 3600, &r), 0);
    assert_int_equal(bench_refresh(b, 700, &r), 0);
    bench_pass(b, 700000);
    assert_null(bench_allocation(b));
}

/* 8.2. */
static void refresh_of_another_family_is_443(void **state)
{
    struct bench *b = *state;
    static const struct {
        uint8_t family;
        unsigned code;
    } rows[] = {{2, 443}, {1, 0}, {7, 443}};
    bench_allocate(b);
    for (size_t i = 0; i < 3; i++) {
        struct ask a;
        struct reply r;
        ask_begin(b, &a, STUN_REFRESH);
        stun_put_byte(&a.w, STUN_A_REQUESTED_ADDRESS_FAMILY, rows[i].family);
        assert_int_equal(bench_ask(b, &a, &r), rows[i].code);
    }
}

/* RFC 8656 5: every request but Allocate needs an allocation. */
static void without_allocation_is_437(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct addr peer = addr_text("127.0.0.1:9");
    bench_challenge(b);
    assert_int_equal(bench_refresh(b, UINT32_MAX, &r), 437);
    assert_int_equal(bench_refresh(b, 0, &r), 437);
    assert_int_equal(bench_permit(b, &peer), 437);
    assert_int_equal(bench_bind(b, 0x4000, &peer), 437);
    bench_send(b, &peer, BYTES("x"));
    bench_channel_data(b, 0x4000, BYTES("x"));
    assert_true(bench_silent(b));
    assert_int_equal(bench_count(b, TS_DROP_NO_ALLOCATION), 2);
}

static void ends_with_its_connection(void **state)
{
    struct bench *b = *state;
    bench_allocate(b);
    turn_module.closed(&b->conn);
    assert_null(bench_allocation(b));
    assert_int_equal(bench_count(b, TS_ALLOCATIONS), 0);
}

/* 7.2, the note: the same transaction over UDP is a retransmission; another one is 437. */
static void retransmitted_allocate_over_udp(void **state)
{
    struct bench *b = *state;
    struct reply first, again;
    struct addr one, two;
    uint32_t left;
    b->stream = false;
    bench_challenge(b);
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &first), 0);
    bench_pass(b, 3000);
    b->next_id--;
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &again), 0);
    assert_true(stun_find_xor(&first.m, STUN_A_XOR_RELAYED_ADDRESS, &one));
    assert_true(stun_find_xor(&again.m, STUN_A_XOR_RELAYED_ADDRESS, &two));
    assert_true(addr_eq(&one, &two));
    assert_true(stun_find_u32(&again.m, STUN_A_LIFETIME, &left));
    assert_int_equal(left, 597);
    assert_int_equal(bench_count(b, TS_CREATED), 1);
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &again), 437);
}

/* The same transaction id from somebody else is no retransmission. */
static void retransmission_of_another_user_is_437(void **state)
{
    struct bench *b = *state;
    struct reply r;
    b->stream = false;
    bench_allocate(b);
    b->next_id--;
    b->name = "bob";
    b->password = "other";
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 437);
}

/* The 5-tuple is all five: another port, or another listener, is another client. */
static void five_tuples_over_udp(void **state)
{
    struct bench *b = *state;
    b->stream = false;
    bench_allocate(b);
    struct allocation *first = bench_allocation(b);
    b->from.port++;
    assert_null(bench_allocation(b));
    bench_allocate(b);
    assert_ptr_not_equal(bench_allocation(b), first);
    b->from.port--;
    assert_ptr_equal(bench_allocation(b), first);
    struct udp_port other = {.w = b->w, .module = &turn_module, .index = 4};
    struct client c = client_of_datagram(&other, &b->from);
    assert_null(allocation_of(b->t, &c));
}

/* The address of ours that the client speaks to is one of the five, where a listener has many; what a peer
 * sends leaves from it too (11.3: on the 5-tuple). */
static void server_address_over_udp(void **state)
{
    struct bench *b = *state;
    struct peer p = peer_open();
    b->stream = false;
    b->here = addr_text("192.0.2.1");
    struct addr first = bench_allocate(b);
    assert_int_equal(bench_bind(b, 0x4000, &p.addr), 0);
    b->here = addr_text("192.0.2.2");
    assert_null(bench_allocation(b));
    bench_allocate(b);
    b->here = (struct addr){0};
    assert_null(bench_allocation(b));
    peer_send(&p, &first, BYTES("ring"));
    bench_poll(b);
    struct addr here = addr_text("192.0.2.1");
    assert_true(addr_eq(&b->sent_from, &here));
    assert_true(addr_eq(&b->sent_to, &b->from));
    assert_int_equal(buf_len(&b->sent), 8);
    buf_clear(&b->sent);
    close(p.fd);
}

/* 21.4: nobody relays from a tunnel's address. */
static void tunnelled_clients_are_403(void **state)
{
    static const char *const tunnels[] = {"[2002:808:808::1]:4000", "[2001:0:1:2::1]:4000"};
    struct bench *b = *state;
    struct reply r;
    b->stream = false;
    for (size_t i = 0; i < 2; i++) {
        b->from = addr_text(tunnels[i]);
        bench_challenge(b);
        assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 403);
        assert_null(bench_allocation(b));
    }
    b->from = addr_text("[2003::1]:4000");
    bench_allocate(b);
}

static void binding_needs_no_user(void **state)
{
    struct bench *b = *state;
    for (int stream = 0; stream < 2; stream++) {
        struct ask a;
        struct reply r;
        struct addr mapped;
        b->stream = stream;
        ask_begin(b, &a, STUN_BINDING);
        ask_send(b, &a);
        assert_int_equal(take_code(b, &r), 0);
        assert_true(stun_find_xor(&r.m, STUN_A_XOR_MAPPED_ADDRESS, &mapped));
        assert_true(addr_eq(&mapped, &b->from));
    }
}

/* RFC 8489 6.3.1: also without authentication. */
static void binding_with_unknown_attribute_is_420(void **state)
{
    struct bench *b = *state;
    struct ask a;
    struct reply r;
    struct bytes v;
    ask_begin(b, &a, STUN_BINDING);
    stun_put(&a.w, 0x0003, BYTES("\0\0\0\6")); /* CHANGE-REQUEST of RFC 5780 */
    stun_put(&a.w, 0x8003, BYTES(""));         /* optional: ignored */
    ask_send(b, &a);
    assert_int_equal(take_code(b, &r), 420);
    assert_true(stun_find(&r.m, STUN_A_UNKNOWN_ATTRIBUTES, &v));
    assert_true(bytes_eq(v, BYTES("\0\3")));
}

/* RFC 8489 6.3: methods and classes that a server does not serve are silently discarded. */
static void foreign_methods_are_dropped(void **state)
{
    static const struct {
        enum stun_class class;
        uint16_t method;
    } rows[] = {
        {STUN_REQUEST, 0x0F0},        {STUN_INDICATION, STUN_DATA},    {STUN_SUCCESS, STUN_ALLOCATE},
        {STUN_ERROR, STUN_ALLOCATE},  {STUN_INDICATION, STUN_REFRESH}, {STUN_REQUEST, STUN_SEND},
        {STUN_SUCCESS, STUN_BINDING},
    };
    struct bench *b = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ask a;
        ask_begin_as(b, &a, rows[i].class, rows[i].method);
        ask_send(b, &a);
        assert_int_equal(bench_count(b, TS_DROP_METHOD), i + 1);
    }
    assert_true(bench_silent(b));
    assert_false(b->closed);
}

static void binding_indication_is_taken_quietly(void **state)
{
    struct bench *b = *state;
    struct ask a;
    ask_begin_as(b, &a, STUN_INDICATION, STUN_BINDING);
    ask_send(b, &a);
    assert_true(bench_silent(b));
    assert_int_equal(bench_count(b, TS_DROP_METHOD), 0);
}

static void software_where_wanted(void **state)
{
    struct bench *b = *state;
    struct ask a;
    struct reply r;
    struct bytes v;
    bench_reload(b, LOOPBACK_SETTINGS "software = true\n");
    ask_begin(b, &a, STUN_BINDING);
    ask_send(b, &a);
    assert_int_equal(take_code(b, &r), 0);
    assert_true(stun_find(&r.m, STUN_A_SOFTWARE, &v));
    assert_true(bytes_starts(v, BYTES("Sallyport")));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, bench_teardown)
    const struct CMUnitTest tests[] = {
        T(success_response),
        T(second_on_one_connection_is_437),
        T(requested_transport),
        T(address_families),
        T(even_ports),
        T(reservations_exclude_others),
        T(lifetimes),
        T(malformed_lifetime_is_400),
        T(expires_without_refresh),
        T(refresh_prolongs),
        T(refresh_shortens),
        T(refresh_of_another_family_is_443),
        T(without_allocation_is_437),
        T(ends_with_its_connection),
        T(retransmitted_allocate_over_udp),
        T(retransmission_of_another_user_is_437),
        T(five_tuples_over_udp),
        T(server_address_over_udp),
        T(tunnelled_clients_are_403),
        T(binding_needs_no_user),
        T(binding_with_unknown_attribute_is_420),
        T(foreign_methods_are_dropped),
        T(binding_indication_is_taken_quietly),
        T(software_where_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
