#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/core/trimming.h"

#define MIB ((size_t)1 << 20)

static void rises_and_small_falls_are_left_alone(void **state)
{
    struct trimming t = {.w = NULL};
    assert_false(trimming_due(&t, 100 * MIB));
    assert_false(trimming_due(&t, 150 * MIB));
    assert_false(trimming_due(&t, 146 * MIB)); /* falls */
    assert_false(trimming_due(&t, 146 * MIB)); /* by less than a sixteenth */
}

static void little_memory_is_not_worth_it(void **state)
{
    struct trimming t = {.w = NULL};
    assert_false(trimming_due(&t, 2 * MIB));
    assert_false(trimming_due(&t, MIB + 1));
    assert_false(trimming_due(&t, MIB + 1));
}

/* While it falls, what would be given back now is needed for nothing, but more will come: once is enough. */
static void a_rush_is_trimmed_when_it_is_over(void **state)
{
    struct trimming t = {.w = NULL};
    assert_false(trimming_due(&t, 30 * MIB));
    assert_false(trimming_due(&t, 90 * MIB));
    assert_false(trimming_due(&t, 60 * MIB));
    assert_false(trimming_due(&t, 32 * MIB));
    assert_true(trimming_due(&t, 32 * MIB));
    assert_false(trimming_due(&t, 32 * MIB)); /* until the next one */
    assert_false(trimming_due(&t, 80 * MIB));
    assert_false(trimming_due(&t, 33 * MIB));
    assert_true(trimming_due(&t, 33 * MIB));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rises_and_small_falls_are_left_alone),
        cmocka_unit_test(little_memory_is_not_worth_it),
        cmocka_unit_test(a_rush_is_trimmed_when_it_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
