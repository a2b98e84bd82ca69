/* What holds for every method alike: the answers of RFC 8489 6.3.1 and 9.2.4 (401, 400, 438, 420) and RFC
 * 8656 5 (437, 441), retransmissions over UDP, and nonces on all workers. */
#include "mobility_rig.h"
#include "modules/turn/quota.h"

static int setup(void **state)
{
    *state = bench_create(LOOPBACK_SETTINGS "user_allocations = 1\nmax_permissions = 1\n");
    return 0;
}

static const uint16_t methods[] = {STUN_ALLOCATE,     STUN_REFRESH, STUN_CREATE_PERMISSION,
                                   STUN_CHANNEL_BIND, STUN_CONNECT, STUN_CONNECTION_BIND};
#define METHODS (sizeof(methods) / sizeof(methods[0]))

static void put_key(struct bench *b, struct ask *a, bool sha256)
{
    struct user_key key;
    assert_int_equal(user_key_derive(BYTES(REALM), bytes_str(b->name), bytes_str(b->password), &key), 0);
    if (sha256)
        stun_put_integrity256(&a->w, bytes_of(key.md5, 16));
    else
        stun_put_integrity(&a->w, bytes_of(key.md5, 16));
}

static void expect_challenge(const struct reply *r)
{
    struct bytes v;
    assert_true(stun_find(&r->m, STUN_A_REALM, &v) && bytes_eq(v, BYTES(REALM)));
    assert_true(stun_has(&r->m, STUN_A_NONCE) && stun_has(&r->m, STUN_A_PASSWORD_ALGORITHMS));
    assert_false(stun_has(&r->m, STUN_A_USERNAME) || stun_has(&r->m, STUN_A_USERHASH));
    assert_true(!r->m.integrity_at && !r->m.integrity256_at);
}

/* First of all, before what is not understood, and whatever else is there. */
static void without_integrity_it_is_401(void **state)
{
    struct bench *b = *state;
    struct ask a;
    struct reply r;
    bench_challenge(b);
    for (size_t i = 0; i < METHODS; i++) {
        ask_begin(b, &a, methods[i]);
        stun_put(&a.w, STUN_A_USERNAME, BYTES(USER));
        stun_put(&a.w, STUN_A_NONCE, bytes_of(b->nonce, b->nonce_n));
        stun_put(&a.w, 0x7F00, BYTES(""));
        ask_send(b, &a);
        assert_int_equal(take_code(b, &r), 401);
        expect_challenge(&r);
    }
}

/* Every combination of USERNAME, USERHASH, REALM and NONCE but the two that are whole, with either integrity.
 */
static void incomplete_credentials_are_400(void **state)
{
    static const uint16_t types[] = {STUN_A_USERNAME, STUN_A_USERHASH, STUN_A_REALM, STUN_A_NONCE};
    struct bench *b = *state;
    struct ask a;
    struct reply r;
    uint8_t hash[USER_HASH];
    bench_challenge(b);
    assert_true(user_hash(BYTES(REALM), BYTES(USER), hash));
    const struct bytes values[] = {BYTES(USER), bytes_of(hash, sizeof(hash)), BYTES(REALM),
                                   bytes_of(b->nonce, b->nonce_n)};
    for (unsigned n = 0; n < METHODS * 32; n++) {
        unsigned which = n & 15;
        if (which == 13 || which == 14)
            continue;
        ask_begin(b, &a, methods[n / 32]);
        for (unsigned i = 0; i < 4; i++)
            if (which >> i & 1)
                stun_put(&a.w, types[i], values[i]);
        put_key(b, &a, n & 16);
        ask_send(b, &a);
        assert_int_equal(take_code(b, &r), 400);
        assert_false(stun_has(&r.m, STUN_A_NONCE) || stun_has(&r.m, STUN_A_REALM));
        assert_true(!r.m.integrity_at && !r.m.integrity256_at);
    }
}

static void an_old_nonce_is_438(void **state)
{
    struct bench *b = *state;
    struct ask a;
    struct reply r;
    bench_challenge(b);
    bench_pass(b, 3601000);
    for (size_t i = 0; i < METHODS; i++) {
        ask_begin(b, &a, methods[i]);
        stun_put(&a.w, 0x7F00, BYTES(""));
        assert_int_equal(bench_ask(b, &a, &r), 438);
        expect_challenge(&r);
    }
}

/* Each of them once, in order, also those of even number of bytes; signed, for it is after authentication.
 * What is in the upper half or behind the integrity does not count. */
static void what_is_not_understood_is_420(void **state)
{
    struct bench *b = *state;
    struct ask a;
    struct reply r;
    struct bytes v;
    bench_challenge(b);
    for (size_t i = 0; i <= METHODS; i++) {
        bool binding = i == METHODS;
        ask_begin(b, &a, binding ? STUN_BINDING : methods[i]);
        stun_put(&a.w, 0x7F00, BYTES("x"));
        stun_put(&a.w, 0x0010, BYTES("\0\0\0\1")); /* BANDWIDTH, once */
        stun_put(&a.w, 0xFF00, BYTES("optional"));
        stun_put(&a.w, 0x7F00, BYTES(""));
        stun_put(&a.w, 0x0021, BYTES("")); /* TIMER-VAL, once */
        if (!binding)
            ask_sign(b, &a);
        stun_put(&a.w, binding ? 0xFF01 : 0x7F01, BYTES(""));
        ask_send(b, &a);
        assert_int_equal(take_code(b, &r), 420);
        assert_true(stun_find(&r.m, STUN_A_UNKNOWN_ATTRIBUTES, &v));
        assert_true(bytes_eq(v, BYTES("\x7F\0\0\x10\0\x21")));
        assert_int_equal(r.m.integrity_at != 0, !binding);
    }
    assert_null(bench_allocation(b));
}

static void without_an_allocation_it_is_437(void **state)
{
    struct bench *b = *state;
    struct ask a;
    struct reply r;
    for (int stream = 0; stream < 2; stream++) {
        b->stream = stream;
        bench_challenge(b);
        for (size_t i = 1; i < METHODS - 1; i++) {
            ask_begin(b, &a, methods[i]);
            assert_int_equal(bench_ask(b, &a, &r), 437);
        }
    }
}

/* Before anything that is wrong with the request. */
static void another_user_is_441(void **state)
{
    struct bench *b = *state;
    struct ask a;
    struct reply r;
    bench_allocate(b);
    b->name = "bob";
    b->password = "other";
    for (size_t i = 1; i < METHODS - 1; i++) {
        ask_begin(b, &a, methods[i]);
        assert_int_equal(bench_ask(b, &a, &r), 441);
    }
    ask_begin(b, &a, STUN_ALLOCATE);
    assert_int_equal(bench_ask(b, &a, &r), 437);
}

/* --- retransmissions (RFC 8489 6.3.1): over UDP each request comes three times, with one answer
 * -----------------------------------------------------------------------------------------------------------------
 */

static void ask_three_times(struct bench *b, struct ask *a, unsigned code)
{
    uint8_t first[1024];
    size_t first_n = 0;
    struct reply r;
    ask_sign(b, a);
    for (unsigned i = 0; i < 3; i++) {
        ask_send(b, a);
        struct bytes sent = buf_bytes(&b->sent);
        assert_true(i == 0 || bytes_eq(sent, bytes_of(first, first_n)));
        memcpy(first, sent.p, first_n = sent.n);
        assert_int_equal(take_code(b, &r), code);
        assert_true(bench_silent(b));
    }
}

static void allocate_thrice(struct bench *b, uint16_t type, struct bytes value, unsigned code)
{
    struct ask a;
    ask_begin(b, &a, STUN_ALLOCATE);
    stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, 17);
    if (type)
        stun_put(&a.w, type, value);
    ask_three_times(b, &a, code);
}

static void peer_thrice(struct bench *b, uint16_t method, const char *peer, unsigned code)
{
    struct ask a;
    struct addr to = addr_text(peer);
    ask_begin(b, &a, method);
    if (method == STUN_CHANNEL_BIND)
        stun_put_channel(&a.w, 0x4000);
    stun_put_xor(&a.w, STUN_A_XOR_PEER_ADDRESS, &to);
    ask_three_times(b, &a, code);
}

static void retransmissions_get_the_same_answer(void **state)
{
    struct bench *b = *state;
    struct ask a;
    struct reply r;
    b->stream = false;
    bench_challenge(b);
    allocate_thrice(b, STUN_A_REQUESTED_ADDRESS_FAMILY, BYTES("\x02\0\0\0"), 440);
    allocate_thrice(b, STUN_A_RESERVATION_TOKEN, BYTES("no token"), 508);
    allocate_thrice(b, STUN_A_EVEN_PORT, BYTES(""), 400);
    allocate_thrice(b, 0, BYTES_NONE, 0);
    allocate_thrice(b, 0, BYTES_NONE, 437);
    assert_int_equal(bench_count(b, TS_CREATED), 1);
    peer_thrice(b, STUN_CREATE_PERMISSION, "10.0.0.1:9", 403);
    peer_thrice(b, STUN_CREATE_PERMISSION, "[2a00::1]:9", 443);
    peer_thrice(b, STUN_CREATE_PERMISSION, "127.0.0.2:0", 0);
    peer_thrice(b, STUN_CREATE_PERMISSION, "127.0.0.3:9", 508);
    peer_thrice(b, STUN_CHANNEL_BIND, "127.0.0.3:9", 508);
    peer_thrice(b, STUN_CHANNEL_BIND, "127.0.0.2:9", 0);
    peer_thrice(b, STUN_CHANNEL_BIND, "127.0.0.2:8", 400);
    peer_thrice(b, STUN_CONNECT, "127.0.0.2:9", 403);
    assert_int_equal(bench_count(b, TS_PERMISSIONS), 1);
    assert_int_equal(bench_count(b, TS_CHANNELS), 1);
    ask_begin(b, &a, STUN_REFRESH);
    stun_put_u32(&a.w, STUN_A_LIFETIME, 700);
    ask_three_times(b, &a, 0);
    b->from.port++;
    bench_challenge(b);
    allocate_thrice(b, 0, BYTES_NONE, 486);
    b->from.port--;
    bench_challenge(b);
    assert_int_equal(bench_refresh(b, 0, &r), 0);
    b->next_id--; /* 8.2, the note: 437 to a retransmitted end means as much as success */
    assert_int_equal(bench_refresh(b, 0, &r), 437);
    assert_int_equal(quota_take(b->t->quota, BYTES(USER), 1, 1), 0);
    quota_give(b->t->quota, BYTES(USER));
}

/* A request that was refused may be answered otherwise when it comes again and things have changed (7.2, the
 * note); then it counts as any. */
static void a_refused_allocate_may_succeed_later(void **state)
{
    struct bench *b = *state;
    struct ask a;
    struct reply r;
    b->stream = false;
    assert_int_equal(quota_take(b->t->quota, BYTES(USER), 1, 0), 0);
    bench_challenge(b);
    ask_begin(b, &a, STUN_ALLOCATE);
    stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, 17);
    assert_int_equal(bench_ask(b, &a, &r), 486);
    quota_give(b->t->quota, BYTES(USER));
    ask_send(b, &a);
    assert_int_equal(take_code(b, &r), 0);
    ask_send(b, &a);
    assert_int_equal(take_code(b, &r), 0);
    assert_int_equal(bench_count(b, TS_CREATED), 1);
}

/* --- workers
 * -----------------------------------------------------------------------------------------------------------------
 */

/* A nonce of one worker is one of the other, for its time; a client whose packets are sorted anew by the
 * kernel needs no 438. */
static void nonces_are_good_on_every_worker(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct worker *other = second_worker(b, LOOPBACK_SETTINGS);
    struct conn there = b->conn;
    there.w = other;
    there.state = NULL;
    bench_challenge(b);
    b->at = &there;
    assert_int_equal(bench_refresh(b, 600, &r), 437);
    other->wall += 3601;
    assert_int_equal(bench_refresh(b, 600, &r), 438);
    b->at = &b->conn;
    turn_module.stop(other);
    worker_destroy(other);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, bench_teardown)
    const struct CMUnitTest tests[] = {
        T(without_integrity_it_is_401),
        T(incomplete_credentials_are_400),
        T(an_old_nonce_is_438),
        T(what_is_not_understood_is_420),
        T(without_an_allocation_it_is_437),
        T(another_user_is_441),
        T(retransmissions_get_the_same_answer),
        T(a_refused_allocate_may_succeed_later),
        T(nonces_are_good_on_every_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
