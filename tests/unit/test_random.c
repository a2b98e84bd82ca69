#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/base/random.h"
#include <string.h>

static void below_stays_below_and_reaches_all(void **state)
{
    unsigned seen[7] = {0};
    for (int i = 0; i < 7000; i++) {
        uint32_t v = random_below(7);
        assert_true(v < 7);
        seen[v]++;
    }
    /* 1000 expected, standard deviation 29: ten of them is far beyond bad luck. */
    for (int i = 0; i < 7; i++)
        assert_in_range(seen[i], 700, 1300);
    assert_int_equal(random_below(1), 0);
    for (int i = 0; i < 100; i++)
        assert_true(random_below(0x80000001u) <= 0x80000000u);
}

static void text_has_its_length_and_alphabet(void **state)
{
    char text[102];
    text[101] = '!';
    for (size_t n = 0; n <= 100; n++) {
        random_text(text, n);
        assert_int_equal(strlen(text), n);
        assert_int_equal(strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789"), n);
    }
    assert_int_equal(text[101], '!');
}

static void fills_are_not_repeated(void **state)
{
    uint8_t a[16] = {0}, b[16] = {0};
    random_fill(a, sizeof a);
    random_fill(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    random_fill(b, 0);
    struct hash_key k = random_hash_key(), l = random_hash_key();
    assert_true(k.k0 != l.k0 && k.k1 != l.k1 && k.k0 != k.k1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(below_stays_below_and_reaches_all),
        cmocka_unit_test(text_has_its_length_and_alphabet),
        cmocka_unit_test(fills_are_not_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
