/* keyring: made once, kept over a restart, rotated by age. */
#include "appliance/core/keyring.h"
#include "appliance/core/schema.h"
#include "appliance/core/store.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka wants those first. */
#include <cmocka.h>

#define DAY 86400

static char dir[64];
static struct log quiet;
static struct store *store;

static void reopen(void)
{
    store_close(store);
    store = store_open(dir, store_schemas, &quiet);
    assert_non_null(store);
}

static int setup(void **state)
{
    strcpy(dir, "/tmp/sallyport-keys-XXXXXX");
    log_init(&quiet, open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_ERROR, LOG_TEXT, "test");
    if (!mkdtemp(dir))
        return -1;
    store = NULL;
    reopen();
    return 0;
}

static int teardown(void **state)
{
    char path[128];
    static const char *const files[] = {"hard.db", "soft.db"};
    store_close(store);
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        unlink(path);
    }
    close(quiet.fd);
    return rmdir(dir);
}

static void the_first_start_makes_keys_and_keeps_them(void **state)
{
    struct keyring first = {0}, again = {0};
    const uint8_t zero[TICKET_KEY_BYTES] = {0};
    assert_int_equal(keyring_load(&first, store, 1000, DAY), 0);
    assert_memory_not_equal(first.token_current.key, zero, TOKEN_KEY_BYTES);
    assert_memory_not_equal(first.ticket_current.bytes, zero, TICKET_KEY_BYTES);
    assert_false(first.has_token_previous);
    assert_false(first.has_ticket_previous);
    assert_int_equal(first.ticket_current.created, 1000);
    reopen();
    assert_int_equal(keyring_load(&again, store, 1000 + DAY - 1, DAY), 0);
    assert_memory_equal(first.token_current.key, again.token_current.key, TOKEN_KEY_BYTES);
    assert_int_equal(first.token_current.id, again.token_current.id);
    assert_memory_equal(first.ticket_current.bytes, again.ticket_current.bytes, TICKET_KEY_BYTES);
}

static void an_old_key_becomes_the_previous_one(void **state)
{
    struct keyring a = {0}, b = {0}, c = {0};
    assert_int_equal(keyring_load(&a, store, 0, DAY), 0);
    assert_int_equal(keyring_load(&b, store, DAY, DAY), 0);
    assert_true(b.has_token_previous);
    assert_true(b.has_ticket_previous);
    assert_memory_equal(b.token_previous.key, a.token_current.key, TOKEN_KEY_BYTES);
    assert_int_equal(b.token_previous.id, a.token_current.id);
    assert_memory_not_equal(b.token_current.key, a.token_current.key, TOKEN_KEY_BYTES);
    assert_int_not_equal(b.token_current.id, a.token_current.id);
    assert_memory_equal(b.ticket_previous.bytes, a.ticket_current.bytes, TICKET_KEY_BYTES);
    reopen();
    assert_int_equal(keyring_load(&c, store, DAY + 1, DAY), 0);
    assert_memory_equal(&c.token_previous, &b.token_previous, sizeof c.token_previous);
    assert_memory_equal(&c.token_current, &b.token_current, sizeof c.token_current);
}

static bool take_count(void *arg, const struct store_value *v, unsigned n)
{
    *(int64_t *)arg = v[0].i;
    return true;
}

static void more_than_two_are_never_kept_and_wire_ids_go_round(void **state)
{
    static const struct store_stmt count = {STORE_HARD, "SELECT count(*) FROM secret_key"};
    struct keyring k = {0};
    int64_t rows = 0;
    uint8_t before = 0;
    for (int64_t day = 0; day < 300; day++) {
        assert_int_equal(keyring_load(&k, store, day * DAY, DAY), 0);
        assert_true(day == 0 || k.token_previous.id == before);
        before = k.token_current.id;
    }
    assert_int_equal(before, 300 % 256);
    assert_int_equal(store_query(store, &count, NULL, 0, take_count, &rows), 0);
    assert_int_equal(rows, 4);
}

static void age_zero_and_a_clock_set_back_rotate_nothing(void **state)
{
    struct keyring a = {0}, b = {0};
    assert_int_equal(keyring_load(&a, store, 1000 * DAY, DAY), 0);
    assert_int_equal(keyring_load(&b, store, 5000 * DAY, 0), 0);
    assert_memory_equal(&a.token_current, &b.token_current, sizeof a.token_current);
    assert_int_equal(keyring_load(&b, store, 10, DAY), 0);
    assert_memory_equal(&a.token_current, &b.token_current, sizeof a.token_current);
}

static void a_key_of_wrong_length_is_an_error(void **state)
{
    static const struct store_stmt spoil = {STORE_HARD,
                                            "UPDATE secret_key SET key = x'00' WHERE purpose = 'token'"};
    struct keyring k = {0};
    assert_int_equal(keyring_load(&k, store, 0, 0), 0);
    assert_int_equal(store_exec_now(store, &spoil, NULL, 0, NULL), 0);
    assert_int_equal(keyring_load(&k, store, 0, 0), -EINVAL);
}

static void a_full_disk_leaves_the_old_key_in_use(void **state)
{
    static const struct store_stmt full = {STORE_HARD, "PRAGMA query_only=1"};
    struct keyring a = {0}, b = {0};
    assert_int_equal(keyring_load(&a, store, 0, DAY), 0);
    store_query(store, &full, NULL, 0, NULL, NULL);
    assert_int_equal(keyring_load(&b, store, DAY, DAY), 0);
    assert_memory_equal(&a.token_current, &b.token_current, sizeof a.token_current);
    assert_false(b.has_token_previous);
}

static void wiping_leaves_nothing(void **state)
{
    struct keyring k = {0};
    const struct keyring zero = {0};
    assert_int_equal(keyring_load(&k, store, 0, 0), 0);
    keyring_wipe(&k);
    assert_memory_equal(k.token_current.key, zero.token_current.key, TOKEN_KEY_BYTES);
    assert_memory_equal(k.ticket_current.bytes, zero.ticket_current.bytes, TICKET_KEY_BYTES);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_start_makes_keys_and_keeps_them),
        TEST(an_old_key_becomes_the_previous_one),
        TEST(more_than_two_are_never_kept_and_wire_ids_go_round),
        TEST(age_zero_and_a_clock_set_back_rotate_nothing),
        TEST(a_key_of_wrong_length_is_an_error),
        TEST(a_full_disk_leaves_the_old_key_in_use),
        TEST(wiping_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
