/* Without memory or descriptors: dual allocations, several permissions at once, a Connect whose client is
 * away, and every socket that the room opens. What is refused is refused whole, and nothing stays charged. */
#include "turn_walk.h"

#ifndef FAILING_MALLOC
int main(void)
{
    puts("skipped: ThreadSanitizer's malloc cannot be replaced");
    return 77;
}
#else

#define SETTINGS                                                                                             \
    "realm = \"" REALM "\"\nrelay_addresses = {\"127.0.0.1\", \"::1\"}\nuser_allocations = 3\n"              \
    "relay_ports = \"22700-22799\"\nallow_peers = {\"127.0.0.0/8\", \"::1/128\"}\n"

#define BOTH_FAMILIES STUN_A_ADDITIONAL_ADDRESS_FAMILY, BYTES("\2\0\0\0")

static bool refused(const struct bench *b)
{
    for (unsigned i = TS_ERROR_403; i <= TS_ERROR_508; i++)
        if (bench_count(b, i))
            return true;
    return false;
}

/* One half ends, then the other. */
static void dual_life(struct bench *b)
{
    struct addr v4 = addr_text("127.0.0.1:9"), v6 = addr_text("[::1]:9");
    struct ask a;
    allocate(b, BOTH_FAMILIES);
    simple(b, STUN_CHANNEL_BIND, &v6);
    simple(b, STUN_CREATE_PERMISSION, &v4);
    ask_begin(b, &a, STUN_REFRESH);
    stun_put_u32(&a.w, STUN_A_LIFETIME, 0);
    stun_put_byte(&a.w, STUN_A_REQUESTED_ADDRESS_FAMILY, STUN_FAMILY_V4);
    ask(b, &a);
    simple(b, STUN_REFRESH, NULL);
}

static void dual_life_survives_every_failed_allocation(void **state)
{
    walk(dual_life, SETTINGS, true);
    walk(dual_life, SETTINGS, false);
}

/* RFC 8656 10.2: all of a request's permissions or none, and those that stood before stand. */
static void several_permissions(struct bench *b)
{
    struct addr peers[] = {addr_text("127.0.0.1"), addr_text("127.0.0.2"), addr_text("127.0.0.3")};
    struct ask a;
    allocate(b, 0, BYTES_NONE);
    simple(b, STUN_CREATE_PERMISSION, &peers[1]);
    uint64_t before = bench_count(b, TS_PERMISSIONS);
    ask_begin(b, &a, STUN_CREATE_PERMISSION);
    for (unsigned i = 0; i < 3; i++)
        stun_put_xor(&a.w, STUN_A_XOR_PEER_ADDRESS, &peers[i]);
    ask(b, &a);
    uint64_t now = bench_count(b, TS_PERMISSIONS);
    assert_true(now == before || now == 3);
    if (bench_allocation(b) && now == 3)
        for (unsigned i = 0; i < 3; i++)
            assert_non_null(permission_find(bench_allocation(b), &peers[i]));
}

static void permissions_are_all_or_none(void **state)
{
    walk(several_permissions, SETTINGS, true);
}

/* Nobody is there to hear of the failure. */
static void connect_in_vain(struct bench *b)
{
    struct peer nobody = listen_open(1);
    struct ask a;
    close(nobody.fd);
    ask_begin(b, &a, STUN_ALLOCATE);
    stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, 6);
    stun_put(&a.w, STUN_A_MOBILITY_TICKET, BYTES_NONE);
    ask(b, &a);
    simple(b, STUN_CONNECT, &nobody.addr);
    turn_module.closed(&b->conn);
    b->conn.state = NULL;
    bench_poll(b);
    bench_poll(b);
    if (!failed)
        assert_int_equal(bench_count(b, TS_TCP_CONNECTIONS), 1);
}

static void connect_in_vain_survives_every_failed_allocation(void **state)
{
    walk(connect_in_vain, SETTINGS, true);
}

static bool dual_files(struct bench *b)
{
    limit_files(true);
    dual_life(b);
    limit_files(false);
    /* A half that there is no descriptor for is no refusal (7.2 step 9). */
    return !refused(b) && bench_count(b, TS_REFRESHED) == 2;
}

static bool pair_files(struct bench *b)
{
    limit_files(true);
    allocate(b, STUN_A_EVEN_PORT, BYTES("\x80"));
    limit_files(false);
    return !refused(b);
}

static bool tcp_files(struct bench *b)
{
    struct peer one = listen_open(4), other = listen_open(4);
    struct ask a;
    limit_files(true);
    ask_begin(b, &a, STUN_ALLOCATE);
    stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, 6);
    ask(b, &a);
    simple(b, STUN_CONNECT, &one.addr);
    simple(b, STUN_CONNECT, &other.addr);
    bench_poll(b);
    limit_files(false);
    bench_poll(b);
    close(one.fd);
    close(other.fd);
    return !refused(b);
}

static void sockets_that_cannot_be_had(void **state)
{
    walk_files(dual_files, SETTINGS, true);
    walk_files(dual_files, SETTINGS, false);
    walk_files(pair_files, SETTINGS, false);
    walk_files(tcp_files, SETTINGS, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dual_life_survives_every_failed_allocation),
        cmocka_unit_test(permissions_are_all_or_none),
        cmocka_unit_test(connect_in_vain_survives_every_failed_allocation),
        cmocka_unit_test(sockets_that_cannot_be_had),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
