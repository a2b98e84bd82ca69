/* guard: counts of connections, in all and by address. */
#include "appliance/core/worker.h"
#include "mux/guard.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
/* last */
#include <cmocka.h>

static struct addr at(const char *text)
{
    struct addr a;
    assert_true(addr_parse(bytes_str(text), 0, &a));
    return a;
}

static void counts_in_all(void **state)
{
    struct guard *g = guard_create();
    assert_int_equal(guard_enter(g, 2), GUARD_OK);
    assert_int_equal(guard_enter(g, 2), GUARD_OK);
    assert_int_equal(guard_enter(g, 2), GUARD_FULL);
    assert_int_equal(guard_count(g), 2);
    guard_leave(g);
    assert_int_equal(guard_enter(g, 2), GUARD_OK);
    guard_destroy(g);
}

static void ports_of_an_address_are_one(void **state)
{
    struct guard *g = guard_create();
    struct addr a = at("192.0.2.1:1000"), b = at("192.0.2.1:2000"), c = at("192.0.2.2:1000");
    assert_int_equal(guard_enter_address(g, &a, 2), GUARD_OK);
    assert_int_equal(guard_enter_address(g, &b, 2), GUARD_OK);
    assert_int_equal(guard_enter_address(g, &a, 2), GUARD_ADDRESS_FULL);
    assert_int_equal(guard_enter_address(g, &c, 2), GUARD_OK);
    assert_int_equal(guard_addresses(g), 2);
    guard_leave_address(g, &b);
    assert_int_equal(guard_enter_address(g, &a, 2), GUARD_OK);
    guard_destroy(g);
}

static void an_ipv6_network_of_64_bits_is_one(void **state)
{
    struct guard *g = guard_create();
    struct addr a = at("[2001:db8:0:1::1]:1"), b = at("[2001:db8:0:1:ffff::2]:2"),
                c = at("[2001:db8:0:2::1]:1");
    assert_int_equal(guard_enter_address(g, &a, 1), GUARD_OK);
    assert_int_equal(guard_enter_address(g, &b, 1), GUARD_ADDRESS_FULL);
    assert_int_equal(guard_enter_address(g, &c, 1), GUARD_OK);
    guard_leave_address(g, &b);
    assert_int_equal(guard_enter_address(g, &b, 1), GUARD_OK);
    guard_destroy(g);
}

static void forgets_who_has_left(void **state)
{
    struct guard *g = guard_create();
    for (uint32_t i = 0; i < 5000; i++) {
        struct addr a = {.family = ADDR_V4, .ip = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};
        assert_int_equal(guard_enter_address(g, &a, 1), GUARD_OK);
    }
    assert_int_equal(guard_addresses(g), 5000);
    for (uint32_t i = 0; i < 5000; i++) {
        struct addr a = {.family = ADDR_V4, .ip = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};
        guard_leave_address(g, &a);
    }
    assert_int_equal(guard_addresses(g), 0);
    guard_destroy(g);
}

static void *come_and_go(void *arg)
{
    struct guard *g = arg;
    for (uint8_t i = 0; i < 200; i++) {
        struct addr a = {.family = ADDR_V4, .ip = {10, 0, 0, (uint8_t)(i % 7)}};
        if (guard_enter(g, 1000) == GUARD_OK && guard_enter_address(g, &a, 1000) == GUARD_OK) {
            guard_leave_address(g, &a);
            guard_leave(g);
        }
    }
    return NULL;
}

static void many_threads(void **state)
{
    struct guard *g = guard_create();
    pthread_t t[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, come_and_go, g), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(guard_count(g), 0);
    assert_int_equal(guard_addresses(g), 0);
    guard_destroy(g);
}

static void the_last_door_frees_it(void **state)
{
    struct gateway gw;
    memset(&gw, 0, sizeof gw);
    struct guard *g = guard_join(&gw);
    assert_non_null(g);
    assert_ptr_equal(guard_join(&gw), g);
    guard_part(&gw);
    assert_ptr_equal(atomic_load(&gw.guard), g);
    guard_part(&gw);
    assert_null(atomic_load(&gw.guard));
    guard_part(&gw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_in_all),
        cmocka_unit_test(ports_of_an_address_are_one),
        cmocka_unit_test(an_ipv6_network_of_64_bits_is_one),
        cmocka_unit_test(forgets_who_has_left),
        cmocka_unit_test(many_threads),
        cmocka_unit_test(the_last_door_frees_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
