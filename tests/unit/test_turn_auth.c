/* The long-term credential mechanism at the server: RFC 8489 9.2.4, check by check. */
#include "turn_fixture.h"

static int setup(void **state)
{
    *state = bench_create(LOOPBACK_SETTINGS);
    return 0;
}

static const uint16_t methods[] = {STUN_ALLOCATE, STUN_REFRESH, STUN_CREATE_PERMISSION, STUN_CHANNEL_BIND};

/* Without integrity: 401 with REALM and NONCE, unsigned. */
static void no_integrity_is_401(void **state)
{
    struct bench *b = *state;
    for (size_t i = 0; i < 4; i++) {
        struct ask a;
        struct reply r;
        struct bytes v;
        ask_begin(b, &a, methods[i]);
        ask_send(b, &a);
        assert_int_equal(take_code(b, &r), 401);
        assert_int_equal(r.m.method, methods[i]);
        assert_true(stun_find(&r.m, STUN_A_REALM, &v));
        assert_true(bytes_eq(v, BYTES(REALM)));
        assert_true(stun_find(&r.m, STUN_A_NONCE, &v));
        assert_true(v.n < 128); /* RFC 8489 14.10 */
        assert_true(bytes_starts(v, BYTES("obMatJos2")));
        assert_int_equal(r.m.integrity_at, 0);
        assert_false(stun_has(&r.m, STUN_A_USERNAME));
        assert_false(stun_has(&r.m, STUN_A_SOFTWARE));
    }
}

/* With integrity but without USERNAME, REALM or NONCE: 400, and none of them in the answer. */
static void missing_attribute_is_400(void **state)
{
    static const uint16_t all[] = {STUN_A_USERNAME, STUN_A_REALM, STUN_A_NONCE};
    struct bench *b = *state;
    bench_challenge(b);
    for (size_t missing = 0; missing < 3; missing++) {
        struct ask a;
        struct reply r;
        ask_begin(b, &a, STUN_ALLOCATE);
        for (size_t i = 0; i < 3; i++)
            if (i != missing)
                stun_put(&a.w, all[i], i == 2 ? bytes_of(b->nonce, b->nonce_n) : BYTES(REALM));
        stun_put_integrity(&a.w, BYTES("0123456789abcdef"));
        ask_send(b, &a);
        assert_int_equal(take_code(b, &r), 400);
        assert_false(stun_has(&r.m, STUN_A_NONCE) || stun_has(&r.m, STUN_A_REALM));
    }
}

static void wrong_password_is_401(void **state)
{
    struct bench *b = *state;
    struct reply r;
    bench_challenge(b);
    b->password = "wrong";
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 401);
    assert_true(stun_has(&r.m, STUN_A_NONCE));
    assert_int_equal(r.m.integrity_at, 0);
    assert_int_equal(bench_count(b, TS_AUTH_FAILURES), 1);
    assert_null(bench_allocation(b));
}

static void unknown_and_disabled_users_are_401(void **state)
{
    struct bench *b = *state;
    struct reply r;
    bench_challenge(b);
    b->name = "nobody";
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 401);
    b->name = "gone"; /* right password, but switched off */
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 401);
    assert_int_equal(bench_count(b, TS_AUTH_FAILURES), 2);
}

/* The user's own realm, rightly signed, is still not ours. */
static void other_realm_is_401(void **state)
{
    struct bench *b = *state;
    struct ask a;
    struct reply r;
    struct user_key key;
    bench_challenge(b);
    assert_int_equal(user_key_derive(BYTES("other.org"), BYTES(USER), BYTES(PASSWORD), &key), 0);
    assert_int_equal(directory_put(b->gw.directory, NULL, BYTES("other.org"), BYTES(USER), &key, 0), 0);
    ask_begin(b, &a, STUN_ALLOCATE);
    stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, 17);
    stun_put(&a.w, STUN_A_USERNAME, BYTES(USER));
    stun_put(&a.w, STUN_A_REALM, BYTES("other.org"));
    stun_put(&a.w, STUN_A_NONCE, bytes_of(b->nonce, b->nonce_n));
    stun_put_integrity(&a.w, bytes_of(key.md5, 16));
    ask_send(b, &a);
    assert_int_equal(take_code(b, &r), 401);
}

/* Every answer after authentication is signed with the user's key. */
static void answers_are_signed(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct user_key key;
    bench_challenge(b);
    assert_int_equal(user_key_derive(BYTES(REALM), BYTES(USER), BYTES(PASSWORD), &key), 0);
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 0);
    assert_true(stun_integrity_ok(&r.m, bytes_of(key.md5, 16)));
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 437);
    assert_true(stun_integrity_ok(&r.m, bytes_of(key.md5, 16)));
}

/* RFC 8489 9.2.4: MESSAGE-INTEGRITY-SHA256, where present, is what is checked; MD5 was the algorithm, so the
 * answer carries MESSAGE-INTEGRITY. */
static void sha256_integrity_decides(void **state)
{
    struct bench *b = *state;
    for (int good = 0; good < 2; good++) {
        struct ask a;
        struct reply r;
        struct user_key key;
        bench_challenge(b);
        assert_int_equal(user_key_derive(BYTES(REALM), BYTES(USER), BYTES(PASSWORD), &key), 0);
        ask_begin(b, &a, STUN_ALLOCATE);
        stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, 17);
        stun_put(&a.w, STUN_A_USERNAME, BYTES(USER));
        stun_put(&a.w, STUN_A_REALM, BYTES(REALM));
        stun_put(&a.w, STUN_A_NONCE, bytes_of(b->nonce, b->nonce_n));
        stun_put_integrity(&a.w, bytes_of(key.md5, 16));
        stun_put_integrity256(&a.w, good ? bytes_of(key.md5, 16) : BYTES("wrong"));
        ask_send(b, &a);
        assert_int_equal(take_code(b, &r), good ? 0 : 401);
        if (good)
            assert_true(stun_integrity_ok(&r.m, bytes_of(key.md5, 16)));
    }
}

/* 438 with a nonce that works. */
static void old_nonce_is_438(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct bytes v;
    bench_allocate(b);
    bench_pass(b, 3600 * 1000 - 1000);
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 0);
    bench_pass(b, 2000);
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 438);
    assert_true(stun_has(&r.m, STUN_A_REALM));
    assert_true(stun_find(&r.m, STUN_A_NONCE, &v));
    memcpy(b->nonce, v.p, v.n);
    b->nonce_n = v.n;
    assert_int_equal(bench_refresh(b, UINT32_MAX, &r), 0);
}

static void made_up_nonce_is_438(void **state)
{
    struct bench *b = *state;
    struct reply r;
    bench_challenge(b);
    for (size_t i = 0; i < b->nonce_n; i++) {
        /* The last character of base64 may have bits that decode to nothing. */
        char was = b->nonce[i];
        b->nonce[i] = was == 'A' ? 'Q' : 'A';
        if (i + 1 < b->nonce_n)
            assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 438);
        b->nonce[i] = was;
    }
    b->nonce_n = 0;
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 438);
}

/* RFC 8489 9.2.4: one nonce, one source address and port. */
static void nonce_of_another_client_is_438(void **state)
{
    struct bench *b = *state;
    struct reply r;
    bench_challenge(b);
    b->conn.peer.port++;
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 438);
    b->conn.peer.port--;
    b->conn.peer.ip[3]++;
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 438);
    b->conn.peer.ip[3]--;
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 0);
}

/* A wrong password with an old nonce is 401: integrity is looked at first (RFC 8489 9.2.4). */
static void integrity_goes_before_nonce(void **state)
{
    struct bench *b = *state;
    struct reply r;
    bench_challenge(b);
    bench_pass(b, 7200 * 1000);
    b->password = "wrong";
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 401);
}

/* RFC 8656 5: an allocation is its user's. Another one, rightly authenticated, gets 441, but for Allocate
 * (437). */
static void other_user_is_441(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct addr peer = addr_text("127.0.0.1:9");
    bench_allocate(b);
    b->name = "bob";
    b->password = "other";
    assert_int_equal(bench_refresh(b, 0, &r), 441);
    assert_int_equal(bench_permit(b, &peer), 441);
    assert_int_equal(bench_bind(b, 0x4000, &peer), 441);
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 437);
    assert_non_null(bench_allocation(b));
}

/* The password changes while the allocation stands: the old one no longer works, the allocation goes on. */
static void changed_password(void **state)
{
    struct bench *b = *state;
    struct reply r;
    bench_allocate(b);
    bench_user(b, USER, "new", true);
    assert_int_equal(bench_refresh(b, UINT32_MAX, &r), 401);
    b->password = "new";
    assert_int_equal(bench_refresh(b, UINT32_MAX, &r), 0);
}

/* RFC 8489 6.3: authentication is checked before unknown attributes. */
static void unknown_attribute_is_420_after_authentication(void **state)
{
    static const uint16_t types[] = {0x7F01, 0x7F03, 0x7F02, 0x7F00};
    struct bench *b = *state;
    for (size_t i = 0; i < 4; i++) {
        struct ask a;
        struct reply r;
        struct bytes v;
        ask_begin(b, &a, STUN_ALLOCATE);
        stun_put(&a.w, types[i], BYTES("\x80"));
        ask_send(b, &a);
        assert_int_equal(take_code(b, &r), 401);
        bench_challenge(b);
        ask_begin(b, &a, STUN_ALLOCATE);
        stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, 17);
        stun_put(&a.w, types[i], BYTES("\x80"));
        assert_int_equal(bench_ask(b, &a, &r), 420);
        assert_true(stun_find(&r.m, STUN_A_UNKNOWN_ATTRIBUTES, &v));
        assert_int_equal(v.n, 2);
        assert_int_equal(load_u16(v.p), types[i]);
    }
    assert_null(bench_allocation(b));
}

/* What stands behind MESSAGE-INTEGRITY was not signed: a LIFETIME of 0 there must not end the allocation. */
static void unsigned_attributes_do_nothing(void **state)
{
    struct bench *b = *state;
    struct ask a;
    struct reply r;
    bench_allocate(b);
    ask_begin(b, &a, STUN_REFRESH);
    ask_sign(b, &a);
    stun_put_u32(&a.w, STUN_A_LIFETIME, 0);
    ask_send(b, &a);
    assert_int_equal(take_code(b, &r), 0);
    assert_non_null(bench_allocation(b));
}

static void fingerprint_is_answered_and_checked(void **state)
{
    struct bench *b = *state;
    struct ask a;
    struct reply r;
    ask_begin(b, &a, STUN_BINDING);
    stun_put_fingerprint(&a.w);
    ask_send(b, &a);
    assert_int_equal(take_code(b, &r), 0);
    assert_int_not_equal(r.m.fingerprint_at, 0);
    assert_true(stun_fingerprint_ok(&r.m));
    ask_begin(b, &a, STUN_BINDING);
    stun_put_u32(&a.w, STUN_A_FINGERPRINT, 1);
    ask_send(b, &a);
    assert_true(bench_silent(b));
    assert_int_equal(bench_count(b, TS_DROP_MALFORMED), 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, bench_teardown)
    const struct CMUnitTest tests[] = {
        T(no_integrity_is_401),
        T(missing_attribute_is_400),
        T(wrong_password_is_401),
        T(unknown_and_disabled_users_are_401),
        T(other_realm_is_401),
        T(answers_are_signed),
        T(sha256_integrity_decides),
        T(old_nonce_is_438),
        T(made_up_nonce_is_438),
        T(nonce_of_another_client_is_438),
        T(integrity_goes_before_nonce),
        T(other_user_is_441),
        T(changed_password),
        T(unknown_attribute_is_420_after_authentication),
        T(unsigned_attributes_do_nothing),
        T(fingerprint_is_answered_and_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
