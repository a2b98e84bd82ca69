/* Who may come in beyond USERNAME with MD5: PASSWORD-ALGORITHMS, bid-down and USERHASH (RFC 8489 9.2),
 * shared secrets, and users that have to be registered. */
#include "modules/turn/password_algorithm.h"
#include "modules/turn/shared_secret.h"
#include "turn_fixture.h"

#define SECRETS                                                                                              \
    LOOPBACK_SETTINGS "user_allocations = 2\n"                                                               \
                      "shared_secrets = {\"example.com:not-of-this-realm\", \"" REALM                        \
                      ":north-of-the-wall\", \"" REALM ":second: colon\"}\n"

static int setup(void **state)
{
    *state = bench_create(SECRETS);
    return 0;
}

static const uint8_t offered[8] = {0, 2, 0, 0, 0, 1, 0, 0};
#define OFFERED bytes_of(offered, 8)
#define SHA256  bytes_of(offered, 4)
#define MD5     bytes_of(offered + 4, 4)

/* How a request is signed; what is zero is left out. */
struct signing {
    struct bytes name, hash, list, one;
    struct bytes key;
    bool sha1; /* MESSAGE-INTEGRITY, else -SHA256 */
};

static unsigned ask_with(struct bench *b, uint16_t method, const struct signing *s, struct reply *r)
{
    struct ask a;
    ask_begin(b, &a, method);
    if (method == STUN_ALLOCATE)
        stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, 17);
    if (s->name.n)
        stun_put(&a.w, STUN_A_USERNAME, s->name);
    if (s->hash.n)
        stun_put(&a.w, STUN_A_USERHASH, s->hash);
    stun_put(&a.w, STUN_A_REALM, BYTES(REALM));
    stun_put(&a.w, STUN_A_NONCE, bytes_of(b->nonce, b->nonce_n));
    if (s->list.n)
        stun_put(&a.w, STUN_A_PASSWORD_ALGORITHMS, s->list);
    if (s->one.n)
        stun_put(&a.w, STUN_A_PASSWORD_ALGORITHM, s->one);
    if (s->sha1)
        stun_put_integrity(&a.w, s->key);
    else
        stun_put_integrity256(&a.w, s->key);
    ask_send(b, &a);
    return take_code(b, r);
}

static struct user_key key_of(const char *name, const char *password)
{
    struct user_key key;
    assert_int_equal(user_key_derive(BYTES(REALM), bytes_str(name), bytes_str(password), &key), 0);
    return key;
}

/* --- PASSWORD-ALGORITHMS --- */

/* RFC 8489 9.2 and 18.1: the cookie, bits 0 and 1 set; 18.5: SHA-256 is 2, MD5 is 1, no parameters. */
static void every_challenge_offers_sha256_first(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct bytes v;
    struct user_key key = key_of(USER, PASSWORD);
    struct signing wrong = {.name = BYTES(USER), .key = BYTES("wrong"), .sha1 = true};
    struct signing stale = {.name = BYTES(USER), .key = bytes_of(key.md5, 16), .sha1 = true};
    bench_challenge(b);
    assert_true(bytes_starts(bytes_of(b->nonce, b->nonce_n), BYTES("obMatJos2wAAA")));
    assert_int_equal(ask_with(b, STUN_ALLOCATE, &wrong, &r), 401);
    assert_true(stun_find(&r.m, STUN_A_PASSWORD_ALGORITHMS, &v));
    assert_true(bytes_eq(v, OFFERED));
    bench_pass(b, 2 * 3600 * 1000);
    assert_int_equal(ask_with(b, STUN_ALLOCATE, &stale, &r), 438);
    assert_true(stun_find(&r.m, STUN_A_PASSWORD_ALGORITHMS, &v));
    assert_true(bytes_eq(v, OFFERED));
    assert_false(stun_has(&r.m, STUN_A_THIRD_PARTY_AUTHORIZATION));
}

/* 9.2.4: who says an algorithm gets MESSAGE-INTEGRITY-SHA256, whichever it was. */
static void chosen_algorithm_makes_the_key(void **state)
{
    struct bench *b = *state;
    struct user_key key = key_of(USER, PASSWORD);
    for (int sha256 = 0; sha256 < 2; sha256++) {
        struct bytes right = sha256 ? bytes_of(key.sha256, 32) : bytes_of(key.md5, 16);
        struct bytes other = sha256 ? bytes_of(key.md5, 16) : bytes_of(key.sha256, 32);
        struct reply r;
        struct signing s = {.name = BYTES(USER), .list = OFFERED, .one = sha256 ? SHA256 : MD5, .key = other};
        bench_challenge(b);
        assert_int_equal(ask_with(b, STUN_ALLOCATE, &s, &r), 401);
        s.key = right;
        assert_int_equal(ask_with(b, STUN_ALLOCATE, &s, &r), 0);
        assert_true(stun_integrity256_ok(&r.m, right));
        assert_int_equal(r.m.integrity_at, 0);
        s.sha1 = true; /* the attribute of the request is its own affair */
        assert_int_equal(ask_with(b, STUN_ALLOCATE, &s, &r), 437);
        assert_true(stun_integrity256_ok(&r.m, right));
        assert_int_equal(bench_refresh(b, 0, &r), 0);
    }
}

/* 9.2.4: both or neither, the list as it was sent, the one from it. */
static void algorithms_that_were_not_offered_are_400(void **state)
{
    static const uint8_t odd[][12] = {{0, 1, 0, 0},
                                      {0, 1, 0, 0, 0, 2, 0, 0},
                                      {0, 2, 0, 0},
                                      {0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0},
                                      {0, 2, 0, 4, 1, 2, 3, 4}};
    static const size_t odd_n[] = {4, 8, 4, 12, 8};
    struct bench *b = *state;
    struct user_key key = key_of(USER, PASSWORD);
    struct reply r;
    bench_challenge(b);
    for (size_t i = 0; i < 5; i++) {
        struct signing list = {.name = BYTES(USER),
                               .list = bytes_of(odd[i], odd_n[i]),
                               .one = MD5,
                               .key = bytes_of(key.md5, 16)};
        struct signing one = {.name = BYTES(USER),
                              .list = OFFERED,
                              .one = bytes_of(odd[i], odd_n[i]),
                              .key = bytes_of(key.md5, 16)};
        assert_int_equal(ask_with(b, STUN_ALLOCATE, &list, &r), 400);
        assert_int_equal(r.m.integrity_at, 0);
        bool is_one = i == 0 || i == 2;
        assert_int_equal(ask_with(b, STUN_ALLOCATE, &one, &r), is_one ? i == 0 ? 0 : 401 : 400);
        if (is_one && i == 0)
            assert_int_equal(bench_refresh(b, 0, &r), 0);
    }
    struct signing only_list = {.name = BYTES(USER), .list = OFFERED, .key = bytes_of(key.md5, 16)};
    struct signing only_one = {.name = BYTES(USER), .one = SHA256, .key = bytes_of(key.sha256, 32)};
    assert_int_equal(ask_with(b, STUN_ALLOCATE, &only_list, &r), 400);
    assert_int_equal(ask_with(b, STUN_ALLOCATE, &only_one, &r), 400);
}

/* 9.2.1: somebody in between takes the bits out of our nonce, and the list with them, so that the client
 * falls back to MD5. The nonce that it then sends is none of ours. */
static void nonce_without_its_bits_is_438(void **state)
{
    static const char *const bits[] = {"AAAA", "gAAA", "QAAA", "wAAB", "////"};
    struct bench *b = *state;
    struct user_key key = key_of(USER, PASSWORD);
    struct signing s = {.name = BYTES(USER), .key = bytes_of(key.md5, 16), .sha1 = true};
    struct reply r;
    struct bytes v;
    bench_challenge(b);
    for (size_t i = 0; i < 5; i++) {
        memcpy(b->nonce + 9, bits[i], 4);
        assert_int_equal(ask_with(b, STUN_ALLOCATE, &s, &r), 438);
        assert_true(stun_find(&r.m, STUN_A_NONCE, &v));
        assert_true(bytes_starts(v, BYTES("obMatJos2wAAA")));
    }
    memcpy(b->nonce + 9, "wAAA", 4);
    assert_int_equal(ask_with(b, STUN_ALLOCATE, &s, &r), 0);
}

/* --- USERHASH --- */

static void user_is_found_by_hash(void **state)
{
    struct bench *b = *state;
    struct user_key key = key_of(USER, PASSWORD);
    struct reply r;
    uint8_t hash[USER_HASH];
    assert_true(user_hash(BYTES(REALM), BYTES(USER), hash));
    struct signing s = {
        .hash = bytes_of(hash, 32), .list = OFFERED, .one = SHA256, .key = bytes_of(key.sha256, 32)};
    bench_challenge(b);
    assert_int_equal(ask_with(b, STUN_ALLOCATE, &s, &r), 0);
    assert_true(stun_integrity256_ok(&r.m, bytes_of(key.sha256, 32)));
    assert_false(stun_has(&r.m, STUN_A_USERNAME));
    assert_true(bytes_eq(allocation_name(bench_allocation(b)), BYTES(USER)));
    assert_int_equal(bench_count(b, TS_AUTH_USERHASH), 1);
    /* The same user by name: it is his allocation. Another by hash: it is not. */
    assert_int_equal(bench_refresh(b, UINT32_MAX, &r), 0);
    struct user_key bob = key_of("bob", "other");
    assert_true(user_hash(BYTES(REALM), BYTES("bob"), hash));
    s.key = bytes_of(bob.sha256, 32);
    assert_int_equal(ask_with(b, STUN_REFRESH, &s, &r), 441);
}

static void wrong_hashes_are_refused(void **state)
{
    struct bench *b = *state;
    struct user_key key = key_of(USER, PASSWORD);
    struct reply r;
    uint8_t hash[USER_HASH + 1] = {0};
    struct signing s = {.list = OFFERED, .one = SHA256, .key = bytes_of(key.sha256, 32)};
    bench_challenge(b);
    s.hash = bytes_of(hash, 32); /* nobody's */
    assert_int_equal(ask_with(b, STUN_ALLOCATE, &s, &r), 401);
    assert_true(user_hash(BYTES("example.com"), BYTES(USER), hash));
    assert_int_equal(ask_with(b, STUN_ALLOCATE, &s, &r), 401);
    assert_true(user_hash(BYTES(REALM), BYTES("gone"), hash)); /* switched off */
    assert_int_equal(ask_with(b, STUN_ALLOCATE, &s, &r), 401);
    assert_true(user_hash(BYTES(REALM), BYTES(USER), hash));
    s.hash = bytes_of(hash, 31);
    assert_int_equal(ask_with(b, STUN_ALLOCATE, &s, &r), 400);
    s.hash = bytes_of(hash, 33);
    assert_int_equal(ask_with(b, STUN_ALLOCATE, &s, &r), 400);
    s.hash = bytes_of(hash, 32);
    s.name = BYTES(USER); /* which of the two? */
    assert_int_equal(ask_with(b, STUN_ALLOCATE, &s, &r), 400);
    s.name = BYTES_NONE;
    assert_int_equal(ask_with(b, STUN_ALLOCATE, &s, &r), 0);
}

/* --- shared secrets --- */

/* Made with Python: base64(hmac.new(b"north-of-the-wall", b"1800000600:carol", sha1).digest()), and MD5 of
 * name:realm:password. */
static void password_of_a_shared_secret(void **state)
{
    struct user_key key;
    char hex[33];
    assert_true(shared_secret_key(BYTES("north-of-the-wall"), BYTES(REALM), BYTES("1800000600:carol"), &key));
    bytes_to_hex(bytes_of(key.md5, 16), hex, sizeof(hex));
    assert_string_equal(hex, "80f5dc8592c43c7f3ff01d24bf75a7c6");
}

static void user_names_with_a_time(void **state)
{
    struct bytes owner;
    assert_true(shared_secret_username(BYTES("1001:carol"), 1000, &owner));
    assert_true(bytes_eq(owner, BYTES("carol")));
    assert_true(shared_secret_username(BYTES("1001"), 1000, &owner));
    assert_true(bytes_eq(owner, BYTES("1001")));
    assert_true(shared_secret_username(BYTES("1001:a:b"), 1000, &owner));
    assert_true(bytes_eq(owner, BYTES("a:b")));
    assert_false(shared_secret_username(BYTES("1000:carol"), 1000, &owner));
    assert_false(shared_secret_username(BYTES("carol"), 1000, &owner));
    assert_false(shared_secret_username(BYTES(":carol"), 1000, &owner));
    assert_false(shared_secret_username(BYTES(""), 1000, &owner));
    assert_false(shared_secret_username(BYTES("-1:carol"), 1000, &owner));
    assert_false(shared_secret_username(BYTES("+2000:carol"), 1000, &owner));
    assert_false(shared_secret_username(BYTES(" 2000:carol"), 1000, &owner));
    assert_false(shared_secret_username(BYTES("99999999999999999999999:carol"), 1000, &owner));
    char longer[600];
    memset(longer, 'x', sizeof(longer));
    memcpy(longer, "2000:", 5);
    assert_true(shared_secret_username(bytes_of(longer, 5 + 128), 1000, &owner));
    assert_false(shared_secret_username(bytes_of(longer, 5 + 129), 1000, &owner));
    assert_false(shared_secret_username(bytes_of(longer, sizeof(longer)), 1000, &owner));
}

static unsigned allocate_as(struct bench *b, const char *name, const char *secret, struct reply *r)
{
    struct user_key key;
    assert_true(shared_secret_key(bytes_str(secret), BYTES(REALM), bytes_str(name), &key));
    struct signing s = {.name = bytes_str(name), .key = bytes_of(key.md5, 16), .sha1 = true};
    return ask_with(b, STUN_ALLOCATE, &s, r);
}

static void another_client(struct bench *b)
{
    b->stream = false;
    b->from.port++;
    bench_challenge(b);
}

/* The bench's clock is at 1800000000. */
static void each_secret_of_the_realm_is_good_until_the_time(void **state)
{
    struct bench *b = *state;
    struct reply r;
    another_client(b);
    assert_int_equal(allocate_as(b, "1800000600:carol", "north-of-the-wall", &r), 0);
    assert_true(bytes_eq(allocation_name(bench_allocation(b)), BYTES("carol")));
    another_client(b);
    assert_int_equal(allocate_as(b, "1800000600:dave", "second: colon", &r), 0);
    another_client(b);
    assert_int_equal(allocate_as(b, "1800000600:dave", "not-of-this-realm", &r), 401);
    assert_int_equal(allocate_as(b, "1800000600:dave", "North-of-the-wall", &r), 401);
    assert_int_equal(allocate_as(b, "1800000000:dave", "north-of-the-wall", &r), 401);
    assert_int_equal(allocate_as(b, "1800000600:", "north-of-the-wall", &r), 0);
    assert_int_equal(bench_count(b, TS_AUTH_SHARED_SECRET), 3);
}

static void stored_users_come_in_beside_them(void **state)
{
    struct bench *b = *state;
    bench_allocate(b);
    assert_int_equal(bench_count(b, TS_AUTH_STORED), 1);
}

/* It is the time that has run out, not the allocation: with new credentials it is kept. */
static void fresh_time_keeps_the_allocation(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct user_key old, fresh;
    bench_challenge(b);
    assert_int_equal(allocate_as(b, "1800000300:carol", "north-of-the-wall", &r), 0);
    bench_pass(b, 301 * 1000);
    assert_true(shared_secret_key(BYTES("north-of-the-wall"), BYTES(REALM), BYTES("1800000300:carol"), &old));
    assert_true(
        shared_secret_key(BYTES("north-of-the-wall"), BYTES(REALM), BYTES("1800000900:carol"), &fresh));
    struct signing s = {.name = BYTES("1800000300:carol"), .key = bytes_of(old.md5, 16), .sha1 = true};
    assert_int_equal(ask_with(b, STUN_REFRESH, &s, &r), 401);
    s = (struct signing){.name = BYTES("1800000900:carol"), .key = bytes_of(fresh.md5, 16), .sha1 = true};
    assert_int_equal(ask_with(b, STUN_REFRESH, &s, &r), 0);
    assert_true(
        shared_secret_key(BYTES("north-of-the-wall"), BYTES(REALM), BYTES("1800000900:dave"), &fresh));
    s.name = BYTES("1800000900:dave");
    assert_int_equal(ask_with(b, STUN_REFRESH, &s, &r), 441);
}

/* As many names as there are seconds, but one user. */
static void quota_is_by_name_not_by_time(void **state)
{
    struct bench *b = *state;
    struct reply r;
    char name[32];
    for (int i = 0; i < 3; i++) {
        another_client(b);
        snprintf(name, sizeof(name), "%d:carol", 1800000600 + i);
        assert_int_equal(allocate_as(b, name, "north-of-the-wall", &r), i < 2 ? 0 : 486);
    }
}

static void who_is_switched_off_stays_off(void **state)
{
    struct bench *b = *state;
    struct reply r;
    bench_challenge(b);
    assert_int_equal(allocate_as(b, "1800000600:gone", "north-of-the-wall", &r), 401);
}

static void secrets_go_with_a_reload(void **state)
{
    struct bench *b = *state;
    struct reply r;
    bench_reload(b, LOOPBACK_SETTINGS);
    bench_challenge(b);
    assert_int_equal(allocate_as(b, "1800000600:carol", "north-of-the-wall", &r), 401);
}

/* SHA-256 and a shared secret together. */
static void shared_secret_with_sha256(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct user_key key;
    assert_true(shared_secret_key(BYTES("north-of-the-wall"), BYTES(REALM), BYTES("1800000600:carol"), &key));
    struct signing s = {
        .name = BYTES("1800000600:carol"), .list = OFFERED, .one = SHA256, .key = bytes_of(key.sha256, 32)};
    bench_challenge(b);
    assert_int_equal(ask_with(b, STUN_ALLOCATE, &s, &r), 0);
    assert_true(stun_integrity256_ok(&r.m, bytes_of(key.sha256, 32)));
}

static void settings_that_are_no_secrets_are_refused(void **state)
{
    const char *why = NULL;
    assert_true(shared_secret_check("example.org:12345678", &why));
    assert_false(shared_secret_check("12345678", &why));
    assert_false(shared_secret_check(":12345678", &why));
    assert_false(shared_secret_check("example.org:1234567", &why));
    assert_false(shared_secret_check("", &why));
}

/* --- turn.require_registration --- */

static void only_the_registered_may_relay(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct user_key key = key_of(USER, PASSWORD);
    struct addr peer = addr_text("127.0.0.1:9");
    bench_reload(b, SECRETS "require_registration = yes\n");
    bench_challenge(b);
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 403);
    assert_true(stun_integrity_ok(&r.m, bytes_of(key.md5, 16)));
    assert_int_equal(bench_count(b, TS_NOT_REGISTERED), 1);
    assert_true(directory_arrive(b->gw.directory, BYTES(USER "@" REALM), b->w->now));
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 0);
    assert_int_equal(bench_permit(b, &peer), 0);
    directory_leave(b->gw.directory, BYTES(USER "@" REALM), b->w->now);
    bench_pass(b, PRESENCE_GRACE_MS - 1000);
    assert_int_equal(bench_permit(b, &peer), 0);
    bench_pass(b, 1000);
    assert_int_equal(bench_permit(b, &peer), 403);
    assert_int_equal(bench_bind(b, 0x4000, &peer), 403);
    assert_int_equal(bench_refresh(b, 600, &r), 403);
    assert_int_equal(bench_refresh(b, 0, &r), 0);
    assert_null(bench_allocation(b));
}

/* A wrong password learns nothing of who is registered. */
static void password_goes_before_registration(void **state)
{
    struct bench *b = *state;
    struct reply r;
    bench_reload(b, SECRETS "require_registration = yes\n");
    bench_challenge(b);
    b->password = "wrong";
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 401);
}

static void shared_secret_users_are_asked_for_by_name(void **state)
{
    struct bench *b = *state;
    struct reply r;
    bench_reload(b, SECRETS "require_registration = yes\n");
    bench_challenge(b);
    assert_int_equal(allocate_as(b, "1800000600:carol", "north-of-the-wall", &r), 403);
    assert_true(directory_arrive(b->gw.directory, BYTES("carol"), b->w->now));
    assert_int_equal(allocate_as(b, "1800000600:carol", "north-of-the-wall", &r), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, bench_teardown)
    const struct CMUnitTest tests[] = {
        T(every_challenge_offers_sha256_first),
        T(chosen_algorithm_makes_the_key),
        T(algorithms_that_were_not_offered_are_400),
        T(nonce_without_its_bits_is_438),
        T(user_is_found_by_hash),
        T(wrong_hashes_are_refused),
        cmocka_unit_test(password_of_a_shared_secret),
        cmocka_unit_test(user_names_with_a_time),
        T(each_secret_of_the_realm_is_good_until_the_time),
        T(stored_users_come_in_beside_them),
        T(fresh_time_keeps_the_allocation),
        T(quota_is_by_name_not_by_time),
        T(who_is_switched_off_stays_off),
        T(secrets_go_with_a_reload),
        T(shared_secret_with_sha256),
        cmocka_unit_test(settings_that_are_no_secrets_are_refused),
        T(only_the_registered_may_relay),
        T(password_goes_before_registration),
        T(shared_secret_users_are_asked_for_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
