#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/base/buf.h"
#include <string.h>

/* A sanitizer's malloc shall say no to the impossible as the real one does. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void assert_holds(const struct buf *b, const char *want)
{
    struct bytes have = buf_bytes(b);
    assert_int_equal(have.n, strlen(want));
    assert_memory_equal(have.p, want, have.n);
}

static void empty_buf_has_no_memory(void **state)
{
    struct buf b;
    buf_init(&b);
    assert_int_equal(buf_len(&b), 0);
    assert_int_equal(buf_bytes(&b).n, 0);
    buf_consume(&b, 0);
    assert_true(buf_append(&b, BYTES_NONE));
    assert_non_null(buf_reserve(&b, 0));
    buf_fini(&b);
    buf_fini(NULL);
}

static void builders_append_text(void **state)
{
    struct buf b;
    buf_init(&b);
    assert_true(buf_str(&b, "CSeq: "));
    assert_true(buf_u64(&b, 0));
    assert_true(buf_u64(&b, UINT64_MAX));
    assert_true(buf_printf(&b, " %s/%d", "x", -5));
    assert_holds(&b, "CSeq: 018446744073709551615 x/-5");
    buf_fini(&b);
    assert_null(b.mem);
}

static void printf_longer_than_the_stack_piece(void **state)
{
    struct buf b;
    buf_init(&b);
    assert_true(buf_str(&b, "<"));
    assert_true(buf_printf(&b, "%0600d", 7));
    assert_true(buf_str(&b, ">"));
    struct bytes have = buf_bytes(&b);
    assert_int_equal(have.n, 602);
    assert_memory_equal(have.p, "<00", 3);
    assert_memory_equal(have.p + 599, "07>", 3);
    buf_fini(&b);
}

/* A stream that is always eaten a little behind its end must not grow. */
static void eaten_head_is_used_again(void **state)
{
    struct buf b;
    uint8_t next = 0, expect = 0;
    buf_init(&b);
    for (int round = 0; round < 2000; round++) {
        for (int i = 0; i < 70; i++, next++)
            assert_true(buf_append(&b, bytes_of(&next, 1)));
        while (buf_len(&b) > 20) {
            assert_int_equal(buf_bytes(&b).p[0], expect++);
            buf_consume(&b, 1);
        }
    }
    assert_true(b.cap <= 1024);
    buf_fini(&b);
}

static void fixed_never_grows_and_fails_for_good(void **state)
{
    char mem[8];
    struct buf b;
    buf_fixed(&b, mem, sizeof mem);
    assert_true(buf_str(&b, "abcdef"));
    assert_false(buf_str(&b, "ghi"));
    assert_true(b.failed);
    assert_holds(&b, "abcdef");
    assert_false(buf_str(&b, "g")); /* it would fit, but behind a hole */
    assert_false(buf_append(&b, BYTES_NONE));
    assert_holds(&b, "abcdef");
    buf_clear(&b);
    assert_false(b.failed);
    assert_true(buf_str(&b, "12345678"));
    assert_holds(&b, "12345678");
    buf_consume(&b, 5);
    assert_true(buf_str(&b, "abcde")); /* room is made at the head */
    assert_holds(&b, "678abcde");
    buf_fini(&b); /* must not free mem */
}

static void fixed_printf_may_fill_it_whole(void **state)
{
    char mem[4];
    struct buf b;
    buf_fixed(&b, mem, sizeof mem);
    assert_true(buf_printf(&b, "%d", 1234));
    assert_holds(&b, "1234");
    assert_false(buf_printf(&b, "%d", 5));
}

static void impossible_growth_fails_and_keeps_the_bytes(void **state)
{
    struct buf b;
    buf_init(&b);
    assert_true(buf_str(&b, "abc"));
    assert_null(buf_reserve(&b, SIZE_MAX));
    assert_true(b.failed);
    assert_holds(&b, "abc");
    buf_clear(&b);
    assert_true(buf_str(&b, "abc"));
    assert_null(buf_reserve(&b, SIZE_MAX / 4)); /* malloc itself says no */
    assert_holds(&b, "abc");
    buf_fini(&b);
}

static void reserve_then_commit_less(void **state)
{
    struct buf b;
    buf_init(&b);
    uint8_t *p = buf_reserve(&b, 100);
    assert_non_null(p);
    memcpy(p, "xyz", 3);
    assert_int_equal(buf_len(&b), 0);
    buf_commit(&b, 3);
    assert_holds(&b, "xyz");
    buf_consume(&b, 3);
    assert_int_equal(b.tail, 0);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_buf_has_no_memory),
        cmocka_unit_test(builders_append_text),
        cmocka_unit_test(printf_longer_than_the_stack_piece),
        cmocka_unit_test(eaten_head_is_used_again),
        cmocka_unit_test(fixed_never_grows_and_fails_for_good),
        cmocka_unit_test(fixed_printf_may_fill_it_whole),
        cmocka_unit_test(impossible_growth_fails_and_keeps_the_bytes),
        cmocka_unit_test(reserve_then_commit_less),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
