/* Ports that are held for a later request: EVEN-PORT with R and RESERVATION-TOKEN (RFC 8656 7.2, steps 5 and
 * 8). */
#include "modules/turn/quota.h"
#include "turn_fixture.h"

static int setup(void **state)
{
    struct bench *b = bench_create(LOOPBACK_SETTINGS "user_allocations = 3\n");
    b->stream = false;
    bench_challenge(b);
    *state = b;
    return 0;
}

static uint16_t relayed_port(const struct reply *r)
{
    struct addr a;
    assert_true(stun_find_xor(&r->m, STUN_A_XOR_RELAYED_ADDRESS, &a));
    return a.port;
}

/* An allocation with a port in reserve; the token is a copy. */
static uint16_t reserve(struct bench *b, uint8_t token[RESERVATION_TOKEN])
{
    struct reply r;
    struct bytes v;
    assert_int_equal(bench_allocate_with(b, STUN_A_EVEN_PORT, BYTES("\x80"), &r), 0);
    assert_true(stun_find(&r.m, STUN_A_RESERVATION_TOKEN, &v));
    assert_int_equal(v.n, RESERVATION_TOKEN);
    memcpy(token, v.p, v.n);
    return relayed_port(&r);
}

static void another_client(struct bench *b)
{
    b->from.port++;
    bench_challenge(b);
}

static void port_above_is_held_and_claimed(void **state)
{
    struct bench *b = *state;
    struct reply r;
    uint8_t token[RESERVATION_TOKEN];
    uint16_t port = reserve(b, token);
    assert_int_equal(port % 2, 0);
    another_client(b);
    bench_pass(b, 29000);
    assert_int_equal(bench_allocate_with(b, STUN_A_RESERVATION_TOKEN, bytes_of(token, sizeof(token)), &r), 0);
    assert_int_equal(relayed_port(&r), port + 1);
    assert_false(stun_has(&r.m, STUN_A_RESERVATION_TOKEN));
    /* Once only. */
    another_client(b);
    assert_int_equal(bench_allocate_with(b, STUN_A_RESERVATION_TOKEN, bytes_of(token, sizeof(token)), &r),
                     508);
}

/* The claimed port carries data like any other. */
static void claimed_port_relays(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct bytes v;
    struct addr relayed;
    struct peer peer = peer_open();
    uint8_t token[RESERVATION_TOKEN];
    reserve(b, token);
    another_client(b);
    assert_int_equal(bench_allocate_with(b, STUN_A_RESERVATION_TOKEN, bytes_of(token, sizeof(token)), &r), 0);
    assert_true(stun_find_xor(&r.m, STUN_A_XOR_RELAYED_ADDRESS, &relayed));
    assert_int_equal(bench_permit(b, &peer.addr), 0);
    bench_send(b, &peer.addr, BYTES("rtcp"));
    peer_expect(&peer, BYTES("rtcp"));
    peer_send(&peer, &relayed, BYTES("back"));
    bench_poll(b);
    take_reply(b, &r);
    assert_true(stun_find(&r.m, STUN_A_DATA, &v));
    assert_true(bytes_eq(v, BYTES("back")));
    close(peer.fd);
}

/* Thirty seconds, then the port and the quota are free again. */
static void reservation_expires(void **state)
{
    struct bench *b = *state;
    struct reply r;
    uint8_t token[RESERVATION_TOKEN];
    uint16_t port = reserve(b, token);
    another_client(b);
    bench_pass(b, 30000);
    assert_int_equal(bench_allocate_with(b, STUN_A_RESERVATION_TOKEN, bytes_of(token, sizeof(token)), &r),
                     508);
    assert_true(list_empty(&quota_reservations(b->t->quota)->held));
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    sin.sin_port = htons((uint16_t)(port + 1));
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
    close(fd);
}

static void token_of_another_user_is_508(void **state)
{
    struct bench *b = *state;
    struct reply r;
    uint8_t token[RESERVATION_TOKEN];
    reserve(b, token);
    b->name = "bob";
    b->password = "other";
    another_client(b);
    assert_int_equal(bench_allocate_with(b, STUN_A_RESERVATION_TOKEN, bytes_of(token, sizeof(token)), &r),
                     508);
    b->name = USER;
    b->password = PASSWORD;
    assert_int_equal(bench_allocate_with(b, STUN_A_RESERVATION_TOKEN, bytes_of(token, sizeof(token)), &r), 0);
}

static void made_up_tokens_are_508(void **state)
{
    struct bench *b = *state;
    struct reply r;
    uint8_t token[RESERVATION_TOKEN];
    reserve(b, token);
    another_client(b);
    for (size_t n = 0; n < RESERVATION_TOKEN; n++)
        assert_int_equal(bench_allocate_with(b, STUN_A_RESERVATION_TOKEN, bytes_of(token, n), &r), 508);
    token[7] ^= 1;
    assert_int_equal(bench_allocate_with(b, STUN_A_RESERVATION_TOKEN, bytes_of(token, sizeof(token)), &r),
                     508);
}

/* A held port counts: three may stand, so two pairs may not (GHSA-847g-qmc6-6m4r). */
static void held_ports_count_in_the_quota(void **state)
{
    struct bench *b = *state;
    struct reply r;
    uint8_t token[RESERVATION_TOKEN];
    reserve(b, token);
    another_client(b);
    assert_int_equal(bench_allocate_with(b, STUN_A_EVEN_PORT, BYTES("\x80"), &r), 486);
    assert_int_equal(bench_count(b, TS_ALLOCATIONS), 1);
    assert_int_equal(bench_allocate_with(b, STUN_A_EVEN_PORT, BYTES("\0"), &r), 0);
    another_client(b);
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 486);
    /* Claiming turns the held one into an allocation: the sum is the same. */
    assert_int_equal(bench_allocate_with(b, STUN_A_RESERVATION_TOKEN, bytes_of(token, sizeof(token)), &r), 0);
    another_client(b);
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 486);
}

/* 7.2, the note: a retransmission gets the token again. */
static void retransmission_has_the_token(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct bytes v;
    uint8_t token[RESERVATION_TOKEN];
    reserve(b, token);
    b->next_id--;
    assert_int_equal(bench_allocate_with(b, STUN_A_EVEN_PORT, BYTES("\x80"), &r), 0);
    assert_true(stun_find(&r.m, STUN_A_RESERVATION_TOKEN, &v));
    assert_memory_equal(v.p, token, RESERVATION_TOKEN);
}

/* The maker may be gone when the time comes, and the other way round; bench_teardown sees that nothing is
 * left. */
static void allocations_end_in_any_order(void **state)
{
    struct bench *b = *state;
    struct reply r;
    uint8_t token[RESERVATION_TOKEN];
    uint16_t port = reserve(b, token);
    assert_int_equal(bench_refresh(b, 0, &r), 0);
    assert_int_equal(bench_allocate_with(b, STUN_A_RESERVATION_TOKEN, bytes_of(token, sizeof(token)), &r), 0);
    assert_int_equal(relayed_port(&r), port + 1);
    assert_int_equal(bench_refresh(b, 0, &r), 0);
    reserve(b, token);
    assert_int_equal(b->t->relays[0].used, 1);
}

/* No two neighbours free: 508, and nothing kept. */
static void no_pair_is_508(void **state)
{
    struct bench *b = *state;
    struct relay_address *ra = ports_address(b->t, ADDR_V4);
    struct reply r;
    memset(ra->taken, 0xAA, ra->count / 8 + 1); /* every odd port */
    unsigned used = ra->used;
    assert_int_equal(bench_allocate_with(b, STUN_A_EVEN_PORT, BYTES("\x80"), &r), 508);
    assert_int_equal(ra->used, used);
    assert_int_equal(bench_count(b, TS_ALLOCATIONS), 0);
    assert_int_equal(bench_allocate_with(b, STUN_A_EVEN_PORT, BYTES("\0"), &r), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, bench_teardown)
    const struct CMUnitTest tests[] = {
        T(port_above_is_held_and_claimed), T(claimed_port_relays),          T(reservation_expires),
        T(token_of_another_user_is_508),   T(made_up_tokens_are_508),       T(held_ports_count_in_the_quota),
        T(retransmission_has_the_token),   T(allocations_end_in_any_order), T(no_pair_is_508),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
