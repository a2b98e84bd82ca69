/* directory: keys from the RFCs' examples, look-up, writing through, many threads. */
#include "appliance/core/directory.h"
#include "appliance/core/schema.h"
#include "appliance/core/store.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka wants those first. */
#include <cmocka.h>

#define REALM BYTES("example.org")

/* Keys. */

static void hash_hex(const EVP_MD *md, const char *text, char *hex, size_t cap)
{
    uint8_t out[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    assert_true(EVP_Digest(text, strlen(text), out, &n, md, NULL));
    bytes_to_hex(bytes_of(out, n), hex, cap);
}

/* RFC 7616 3.9.1: the response is H(H(A1):nonce:nc:cnonce:qop:H(A2)). */
static void check_response(const EVP_MD *md, struct bytes ha1, const char *want)
{
    char a1[65], a2[65], text[512], got[65];
    bytes_to_hex(ha1, a1, sizeof a1);
    hash_hex(md, "GET:/dir/index.html", a2, sizeof a2);
    snprintf(text, sizeof text,
             "%s:7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v:00000001:"
             "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ:auth:%s",
             a1, a2);
    hash_hex(md, text, got, sizeof got);
    assert_string_equal(got, want);
}

static void keys_answer_the_examples_of_rfc_7616(void **state)
{
    struct user_key k;
    assert_int_equal(
        user_key_derive(BYTES("http-auth@example.org"), BYTES("Mufasa"), BYTES("Circle of Life"), &k), 0);
    assert_true(k.enabled);
    check_response(EVP_md5(), bytes_of(k.md5, 16), "8ca523f5e9506fed4657c9700eebdbec");
    check_response(EVP_sha256(), bytes_of(k.sha256, 32),
                   "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
}

/* RFC 8489 B.1 up to its MESSAGE-INTEGRITY-SHA256, which is the HMAC under the long-term key. */
static void keys_sign_the_example_of_rfc_8489(void **state)
{
    static const char message[] = "0001009c2112a44278ad3433c6ad72c029da412e001e00204a3cf38fef6992bda952c67804"
                                  "17da0f24819415569e60b205c46e41"
                                  "407f1704001500296f624d61744a6f733241414143662f2f3439396b3935346436"
                                  "4f4c33346f4c394653547679363473"
                                  "41000000"
                                  "0014000b6578616d706c652e6f726700";
    static const char want[] = "e4686c8f0edeb59013e07090010a93efccbccc544c0a45d9f830aa6d6f735a01";
    static const char name[] = "\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa\xe3\x83\x83\xe3\x82\xaf\xe3\x82\xb9";
    struct user_key k;
    uint8_t raw[256], mac[32];
    char hex[65];
    unsigned n = 0;
    assert_int_equal(user_key_derive(REALM, bytes_str(name), BYTES("TheMatrIX"), &k), 0);
    size_t len = bytes_from_hex(bytes_str(message), raw, sizeof raw);
    assert_int_equal(len, 120);
    assert_non_null(HMAC(EVP_sha256(), k.sha256, 32, raw, len, mac, &n));
    bytes_to_hex(bytes_of(mac, n), hex, sizeof hex);
    assert_string_equal(hex, want);
}

/* RFC 8489 B.1: the USERHASH of that user finds him, and nobody in another realm. */
static void a_user_is_found_by_the_userhash_of_rfc_8489(void **state)
{
    static const char hash_hex[] = "4a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704";
    static const char matrix[] = "\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa\xe3\x83\x83\xe3\x82\xaf\xe3\x82\xb9";
    struct directory *d = directory_create();
    struct user_key one = {.md5 = {1}, .enabled = true}, two = {.md5 = {2}, .enabled = true}, got;
    struct user_name name;
    uint8_t hash[USER_HASH];
    assert_non_null(d);
    assert_int_equal(bytes_from_hex(bytes_str(hash_hex), hash, sizeof hash), USER_HASH);
    assert_false(directory_find_hash(d, REALM, hash, &name, &got));
    assert_int_equal(directory_put(d, NULL, REALM, bytes_str(matrix), &one, 0), 0);
    assert_true(directory_find_hash(d, REALM, hash, &name, &got));
    assert_int_equal(got.md5[0], 1);
    assert_true(bytes_eq(bytes_of(name.text, name.n), bytes_str(matrix)));
    assert_false(directory_find_hash(d, BYTES("example.com"), hash, &name, &got));
    assert_int_equal(directory_put(d, NULL, REALM, bytes_str(matrix), &two, 0), 0);
    assert_true(directory_find_hash(d, REALM, hash, &name, &got));
    assert_int_equal(got.md5[0], 2);
    assert_int_equal(directory_remove(d, NULL, REALM, bytes_str(matrix)), 0);
    assert_false(directory_find_hash(d, REALM, hash, &name, &got));
    directory_destroy(d);
}

static void names_and_passwords_that_cannot_be_are_refused(void **state)
{
    struct user_key k;
    char long_name[DIRECTORY_NAME_MAX + 1];
    memset(long_name, 'a', sizeof long_name);
    const struct bytes good = BYTES("x"), longer = bytes_of(long_name, sizeof long_name);
    assert_int_equal(user_key_derive(good, good, good, &k), 0);
    assert_int_equal(user_key_derive(good, bytes_first(longer, DIRECTORY_NAME_MAX), good, &k), 0);
    assert_int_equal(user_key_derive(good, longer, good, &k), -EINVAL);
    assert_int_equal(user_key_derive(longer, good, good, &k), -EINVAL);
    assert_int_equal(user_key_derive(good, BYTES("a:b"), good, &k), -EINVAL);
    assert_int_equal(user_key_derive(good, BYTES("a\nb"), good, &k), -EINVAL);
    assert_int_equal(user_key_derive(good, good, BYTES("a\0b"), &k), -EINVAL);
    assert_int_equal(user_key_derive(BYTES_NONE, good, good, &k), -EINVAL);
    assert_int_equal(user_key_derive(good, BYTES_NONE, good, &k), -EINVAL);
    assert_int_equal(user_key_derive(good, good, BYTES_NONE, &k), -EINVAL);
}

/* Looking up. */

static struct user_key key_of(uint8_t fill)
{
    struct user_key k = {.enabled = true};
    memset(k.md5, fill, sizeof k.md5);
    memset(k.sha256, fill, sizeof k.sha256);
    return k;
}

static void realm_and_name_are_both_the_key(void **state)
{
    struct directory *d = directory_create();
    const struct user_key one = key_of(1), two = key_of(2);
    struct user_key got;
    assert_non_null(d);
    assert_int_equal(directory_put(d, NULL, BYTES("ab"), BYTES("c"), &one, 0), 0);
    assert_int_equal(directory_put(d, NULL, BYTES("a"), BYTES("bc"), &two, 0), 0);
    assert_true(directory_find(d, BYTES("ab"), BYTES("c"), &got));
    assert_memory_equal(got.md5, one.md5, 16);
    assert_true(directory_find(d, BYTES("a"), BYTES("bc"), &got));
    assert_memory_equal(got.sha256, two.sha256, 32);
    assert_false(directory_find(d, BYTES("a"), BYTES("BC"), &got));
    assert_false(directory_find(d, BYTES_NONE, BYTES("c"), &got));
    assert_int_equal(directory_count(d), 2);
    directory_destroy(d);
    directory_destroy(NULL);
}

static void names_out_of_bounds_are_refused(void **state)
{
    struct directory *d = directory_create();
    const struct user_key k = key_of(1);
    struct user_key got;
    char long_name[400];
    memset(long_name, 'a', sizeof long_name);
    const struct bytes longer = bytes_of(long_name, sizeof long_name);
    assert_non_null(d);
    assert_int_equal(directory_put(d, NULL, REALM, longer, &k, 0), -EINVAL);
    assert_int_equal(directory_put(d, NULL, REALM, BYTES_NONE, &k, 0), -EINVAL);
    assert_false(directory_find(d, REALM, longer, &got));
    assert_int_equal(directory_remove(d, NULL, REALM, longer), -ENOENT);
    directory_destroy(d);
}

static void count_one(void *arg, struct bytes realm, struct bytes name, bool enabled)
{
    assert_true(bytes_eq(realm, REALM));
    *(unsigned *)arg += enabled ? 1 : 100;
}

static void put_replaces_and_remove_removes(void **state)
{
    struct directory *d = directory_create();
    struct user_key k = key_of(1), got;
    unsigned walked = 0;
    assert_non_null(d);
    directory_put(d, NULL, REALM, BYTES("alice"), &k, 0);
    directory_put(d, NULL, REALM, BYTES("bob"), &k, 0);
    k.enabled = false;
    directory_put(d, NULL, REALM, BYTES("bob"), &k, 0);
    assert_int_equal(directory_count(d), 2);
    directory_walk(d, count_one, &walked);
    assert_int_equal(walked, 101);
    assert_true(directory_find(d, REALM, BYTES("bob"), &got));
    assert_false(got.enabled);
    assert_int_equal(directory_remove(d, NULL, REALM, BYTES("bob")), 0);
    assert_int_equal(directory_remove(d, NULL, REALM, BYTES("bob")), -ENOENT);
    assert_false(directory_find(d, REALM, BYTES("bob"), &got));
    assert_int_equal(directory_count(d), 1);
    directory_destroy(d);
}

/* With a store. */

static char dir[64];
static struct log quiet;

static int setup(void **state)
{
    strcpy(dir, "/tmp/sallyport-users-XXXXXX");
    log_init(&quiet, open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_ERROR, LOG_TEXT, "test");
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    char path[128];
    static const char *const files[] = {"hard.db", "soft.db"};
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        unlink(path);
    }
    close(quiet.fd);
    return rmdir(dir);
}

static void users_outlive_a_restart(void **state)
{
    struct store *s = store_open(dir, store_schemas, &quiet);
    struct directory *d = directory_create();
    struct user_key alice = key_of(1), bob = key_of(2), got;
    assert_non_null(s);
    assert_int_equal(directory_put(d, s, REALM, BYTES("alice"), &alice, 100), 0);
    assert_int_equal(directory_put(d, s, REALM, BYTES("bob"), &bob, 100), 0);
    alice.enabled = false;
    alice.md5[0] = 9;
    assert_int_equal(directory_put(d, s, REALM, BYTES("alice"), &alice, 200), 0);
    assert_int_equal(directory_remove(d, s, REALM, BYTES("bob")), 0);
    store_close(s);
    directory_destroy(d);

    s = store_open(dir, store_schemas, &quiet);
    d = directory_create();
    assert_non_null(s);
    assert_int_equal(directory_load(d, s), 1);
    assert_true(directory_find(d, REALM, BYTES("alice"), &got));
    assert_false(got.enabled);
    assert_int_equal(got.md5[0], 9);
    assert_false(directory_find(d, REALM, BYTES("bob"), &got));
    store_close(s);
    directory_destroy(d);
}

static bool take_two(void *arg, const struct store_value *v, unsigned n)
{
    int64_t *times = arg;
    times[0] = v[0].i;
    times[1] = v[1].i;
    return true;
}

static void a_change_keeps_the_day_of_creation(void **state)
{
    static const struct store_stmt times = {STORE_HARD, "SELECT created, changed FROM user"};
    struct store *s = store_open(dir, store_schemas, &quiet);
    struct directory *d = directory_create();
    const struct user_key k = key_of(1);
    int64_t got[2] = {0};
    assert_non_null(s);
    directory_put(d, s, REALM, BYTES("alice"), &k, 100);
    directory_put(d, s, REALM, BYTES("alice"), &k, 200);
    assert_int_equal(store_query(s, &times, NULL, 0, take_two, got), 0);
    assert_int_equal(got[0], 100);
    assert_int_equal(got[1], 200);
    store_close(s);
    directory_destroy(d);
}

/* Many threads. */

#define USERS 200

static void *look_up(void *arg)
{
    struct directory *d = arg;
    struct user_key got;
    struct user_name whose;
    uint8_t hash[USER_HASH];
    char name[16];
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < USERS; i++) {
            snprintf(name, sizeof name, "u%d", i);
            /* Whatever is found is whole: one put's key, never halves of two. */
            if (directory_find(d, REALM, bytes_str(name), &got) && got.md5[0] != got.sha256[31])
                return arg;
            if (!user_hash(REALM, bytes_str(name), hash))
                return arg;
            if (directory_find_hash(d, REALM, hash, &whose, &got) &&
                (got.md5[0] != got.sha256[31] || !bytes_eq(bytes_of(whose.text, whose.n), bytes_str(name))))
                return arg;
        }
    }
    return NULL;
}

static void readers_see_whole_keys_while_others_write(void **state)
{
    struct directory *d = directory_create();
    pthread_t readers[2];
    char name[16];
    void *torn = NULL;
    assert_non_null(d);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, look_up, d), 0);
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < USERS; i++) {
            const struct user_key k = key_of((uint8_t)(round + i));
            snprintf(name, sizeof name, "u%d", i);
            if (round % 3 == 2)
                directory_remove(d, NULL, REALM, bytes_str(name));
            else
                directory_put(d, NULL, REALM, bytes_str(name), &k, 0);
        }
    }
    for (size_t i = 0; i < 2; i++) {
        pthread_join(readers[i], &torn);
        assert_null(torn);
    }
    directory_destroy(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_answer_the_examples_of_rfc_7616),
        cmocka_unit_test(keys_sign_the_example_of_rfc_8489),
        cmocka_unit_test(a_user_is_found_by_the_userhash_of_rfc_8489),
        cmocka_unit_test(names_and_passwords_that_cannot_be_are_refused),
        cmocka_unit_test(realm_and_name_are_both_the_key),
        cmocka_unit_test(names_out_of_bounds_are_refused),
        cmocka_unit_test(put_replaces_and_remove_removes),
        cmocka_unit_test_setup_teardown(users_outlive_a_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(a_change_keeps_the_day_of_creation, setup, teardown),
        cmocka_unit_test(readers_see_whole_keys_while_others_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
