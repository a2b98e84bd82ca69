/* Who holds a registration here, counted by name, and for how long one that has ended is overlooked. */
#include "appliance/core/directory.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
/* cmocka wants those first. */
#include <cmocka.h>

#define REALM BYTES("example.org")
#define ALICE BYTES("alice")

static int setup(void **state)
{
    *state = directory_create();
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    directory_destroy(*state);
    return 0;
}

static void nobody_is_present_at_first(void **state)
{
    assert_false(directory_is_present(*state, REALM, ALICE, 1000));
}

static void present_from_arrival_on(void **state)
{
    assert_true(directory_arrive(*state, ALICE, 1000));
    assert_true(directory_is_present(*state, REALM, ALICE, 1000));
    assert_true(directory_is_present(*state, REALM, ALICE, UINT64_MAX));
    assert_false(directory_is_present(*state, REALM, BYTES("alic"), 1000));
    assert_false(directory_is_present(*state, REALM, BYTES("Alice"), 1000));
}

/* TS 23.003 13.3: a private user identity is user@realm; TURN's name is the user alone. */
static void private_identity_names_the_user_of_its_realm(void **state)
{
    assert_true(directory_arrive(*state, BYTES("alice@example.org"), 1000));
    assert_true(directory_is_present(*state, REALM, ALICE, 1000));
    assert_true(directory_is_present(*state, REALM, BYTES("alice@example.org"), 1000));
    assert_false(directory_is_present(*state, BYTES("example.com"), ALICE, 1000));
}

static void gone_when_the_last_has_left_and_the_grace_is_over(void **state)
{
    directory_arrive(*state, ALICE, 1000);
    directory_arrive(*state, ALICE, 1000);
    directory_leave(*state, ALICE, 2000);
    assert_true(directory_is_present(*state, REALM, ALICE, 9000000));
    directory_leave(*state, ALICE, 3000);
    assert_true(directory_is_present(*state, REALM, ALICE, 2999)); /* a worker whose clock was read before */
    assert_true(directory_is_present(*state, REALM, ALICE, 3000 + PRESENCE_GRACE_MS - 1));
    assert_false(directory_is_present(*state, REALM, ALICE, 3000 + PRESENCE_GRACE_MS));
    directory_leave(*state, ALICE, 4000); /* one too many does nothing */
    assert_false(directory_is_present(*state, REALM, ALICE, 3000 + PRESENCE_GRACE_MS));
}

static void back_within_the_grace_counts_anew(void **state)
{
    directory_arrive(*state, ALICE, 1000);
    directory_leave(*state, ALICE, 2000);
    directory_arrive(*state, ALICE, 3000);
    assert_true(directory_is_present(*state, REALM, ALICE, 9000000));
    directory_leave(*state, ALICE, 9000000);
    assert_true(directory_is_present(*state, REALM, ALICE, 9000001));
    assert_false(directory_is_present(*state, REALM, ALICE, 9000000 + PRESENCE_GRACE_MS));
}

/* Those that left are forgotten in passing; the rest stays. */
static void many_come_and_go(void **state)
{
    char name[16];
    directory_arrive(*state, ALICE, 0);
    for (int i = 0; i < 1000; i++) {
        uint64_t now = (uint64_t)i * 1000;
        snprintf(name, sizeof(name), "u%d", i);
        assert_true(directory_arrive(*state, bytes_str(name), now));
        directory_leave(*state, bytes_str(name), now);
    }
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "u%d", i);
        bool lately = 999000u - (unsigned)i * 1000 < PRESENCE_GRACE_MS;
        assert_int_equal(directory_is_present(*state, REALM, bytes_str(name), 999000), lately);
    }
    assert_true(directory_is_present(*state, REALM, ALICE, 999000));
}

static void names_that_cannot_be_are_refused(void **state)
{
    char longer[2 * DIRECTORY_NAME_MAX + 2] = {0};
    assert_false(directory_arrive(*state, BYTES_NONE, 0));
    assert_false(directory_arrive(*state, bytes_of(longer, sizeof(longer)), 0));
    assert_false(directory_is_present(*state, REALM, bytes_of(longer, sizeof(longer)), 0));
    assert_false(directory_is_present(*state, BYTES_NONE, ALICE, 0));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(nobody_is_present_at_first),
        T(present_from_arrival_on),
        T(private_identity_names_the_user_of_its_realm),
        T(gone_when_the_last_has_left_and_the_grace_is_over),
        T(back_within_the_grace_counts_anew),
        T(many_come_and_go),
        T(names_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
