/* One form of names and passwords (RFC 8265 4.2, with its examples in 4.3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/core/opaque_string.h"
#include <errno.h>
#include <string.h>

static int of(const char *text, char dst[static 64])
{
    return opaque_string(bytes_str(text), dst, 64);
}

static void becomes(const char *text, const char *wanted)
{
    char dst[64];
    assert_int_equal(of(text, dst), strlen(wanted));
    assert_string_equal(dst, wanted);
}

static void refused(const char *text)
{
    char dst[64];
    assert_int_equal(of(text, dst), -EINVAL);
}

static void examples_of_the_rfc(void **state)
{
    becomes("correct horse battery staple", "correct horse battery staple");
    becomes("Correct Horse Battery Staple", "Correct Horse Battery Staple"); /* case counts */
    becomes("\xcf\x80\xc3\x9f\xc3\xa5", "\xcf\x80\xc3\x9f\xc3\xa5");
    becomes("Jack of \xe2\x99\xa6s", "Jack of \xe2\x99\xa6s");
    becomes("foo\xe1\x9a\x80"
            "bar",
            "foo bar"); /* U+1680 */
    refused("");
    refused("my cat is a \tby");
}

static void a_letter_is_one_however_it_was_typed(void **state)
{
    becomes("cafe\xcc\x81", "caf\xc3\xa9");
    becomes("caf\xc3\xa9", "caf\xc3\xa9");
    becomes("\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", "\xed\x95\x9c"); /* jamo make a syllable */
    becomes("\xe2\x84\xab", "\xc3\x85");                             /* ANGSTROM SIGN is the letter */
    becomes("\xef\xbd\x81", "\xef\xbd\x81");                         /* width stays (4.2.1) */
    becomes("a\xc2\xa0"
            "b\xe3\x80\x80"
            "c",
            "a b c");
}

static void what_may_not_stand(void **state)
{
    refused("a\x01");
    refused("a\x7f");
    refused("a\xc2\x85");        /* a C1 control */
    refused("a\xe2\x80\x8b");    /* ZERO WIDTH SPACE */
    refused("a\xc2\xad");        /* SOFT HYPHEN */
    refused("a\xe2\x80\xae");    /* right-to-left override */
    refused("\xe1\x84\x92");     /* a jamo alone */
    refused("\xee\x80\x80");     /* private use */
    refused("\xef\xbf\xbe");     /* no character */
    refused("\xf3\xb0\x80\x81"); /* private use of plane 15 */
    refused("a\xff");            /* no UTF-8 */
    refused("\xc0\xaf");         /* overlong */
    refused("\xed\xa0\x80");     /* a surrogate */
    refused("cut \xe2\x82");
}

static void what_does_not_fit(void **state)
{
    char dst[4];
    assert_int_equal(opaque_string(BYTES("abc"), dst, sizeof(dst)), 3);
    assert_int_equal(opaque_string(BYTES("abcd"), dst, sizeof(dst)), -ENOBUFS);
    assert_int_equal(opaque_string(BYTES("abcdefghijklmnopqrstuvw"), dst, sizeof(dst)), -ENOBUFS);
    assert_int_equal(opaque_string(BYTES("ae\xcc\x81"), dst, sizeof(dst)), 3); /* what it becomes counts */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_of_the_rfc),
        cmocka_unit_test(a_letter_is_one_however_it_was_typed),
        cmocka_unit_test(what_may_not_stand),
        cmocka_unit_test(what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
