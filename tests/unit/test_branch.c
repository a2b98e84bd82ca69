/* The Via branch that carries its response's way home. */
#include "modules/sip/branch.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct sip_branch sample = {
    .ref = {.worker = 3, .gen = 0x1020304, .slot = 0xfedc}, .loop = 0xdeadbeef, .random = 0x0123456789abcdef};

static void text_of_a_branch_is_fixed_width_with_the_magic_cookie(void **state)
{
    char text[SIP_BRANCH_MAX];

    sip_branch_write(&sample, text);
    assert_string_equal(text, "z9hG4bKsp00030000fedc01020304deadbeef0123456789abcdef");
    assert_int_equal(strlen(text), SIP_BRANCH_LEN);
}

static void what_is_written_is_read_again(void **state)
{
    char text[SIP_BRANCH_MAX];
    struct sip_branch b;

    sip_branch_write(&sample, text);
    assert_true(sip_branch_parse(bytes_str(text), &b));
    assert_true(ref_eq(b.ref, sample.ref));
    assert_int_equal(b.loop, sample.loop);
    assert_true(b.random == sample.random);
}

static void foreign_branches_are_not_ours(void **state)
{
    struct sip_branch b;
    static const char *const foreign[] = {
        "",
        "z9hG4bK",
        "z9hG4bKsp",
        "z9hG4bKsp00030000fedc01020304deadbeef0123456789abcde",   /* one short */
        "z9hG4bKsp00030000fedc01020304deadbeef0123456789abcdef0", /* one long */
        "z9hG4bKsp0003000Gfedc01020304deadbeef0123456789abcdef",  /* no hex */
        "z9hG4bKsp0003-000fedc01020304deadbeef0123456789abcdef",
        "z9hG4bKsp00030000FEDC01020304deadbeef0123456789abcdef", /* we write lower case */
        "z9hG4bKxx00030000fedc01020304deadbeef0123456789abcdef",
    };

    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
        assert_false(sip_branch_parse(bytes_str(foreign[i]), &b));
}

static void magic_cookie_needs_something_behind_it(void **state)
{
    assert_true(sip_branch_is_3261(BYTES("z9hG4bKx")));
    assert_false(sip_branch_is_3261(BYTES("z9hG4bK")));
    assert_false(sip_branch_is_3261(BYTES("1")));
    assert_false(sip_branch_is_3261(BYTES_NONE));
}

static void stateless_branch_depends_on_the_branch_above_only(void **state)
{
    char a[SIP_BRANCH_MAX], again[SIP_BRANCH_MAX], other[SIP_BRANCH_MAX];
    struct sip_branch b;

    sip_branch_stateless(BYTES("z9hG4bKone"), 1, a);
    sip_branch_stateless(BYTES("z9hG4bKone"), 1, again);
    sip_branch_stateless(BYTES("z9hG4bKtwo"), 1, other);
    assert_string_equal(a, again);
    assert_string_not_equal(a, other);
    assert_true(sip_branch_is_3261(bytes_str(a)));
    assert_false(sip_branch_parse(bytes_str(a), &b));
}

static uint16_t sorted(const char *via_lines)
{
    char msg[600];

    snprintf(msg, sizeof(msg), "SIP/2.0 200 OK\r\nFrom: <sip:via@x>;tag=1\r\n%sCall-ID: Via\r\n\r\n",
             via_lines);
    return sip_sort_response(bytes_str(msg), 9);
}

#define OURS "z9hG4bKsp00030000fedc01020304deadbeef0123456789abcdef"

static void response_is_sorted_by_its_first_via(void **state)
{
    assert_int_equal(sorted("Via: SIP/2.0/UDP gw;branch=" OURS "\r\n"), 3);
    assert_int_equal(sorted("v:SIP/2.0/UDP gw;branch=" OURS ";rport=1\r\n"), 3);
    assert_int_equal(sorted("VIA : SIP/2.0/UDP gw;branch=" OURS ", SIP/2.0/TLS ua;branch=z9hG4bKq\r\n"), 3);
    assert_int_equal(sorted("Via: SIP/2.0/UDP gw\r\n ;branch=" OURS "\r\n"), 3);
}

static void response_with_a_foreign_first_via_stays_here(void **state)
{
    assert_int_equal(sorted("Via: SIP/2.0/UDP ua;branch=z9hG4bKq\r\nVia: SIP/2.0/UDP gw;branch=" OURS "\r\n"),
                     9);
    assert_int_equal(sorted("Via: garbage\r\n"), 9);
    assert_int_equal(sorted(""), 9);
    assert_int_equal(sip_sort_response(BYTES("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP gw;branch=" OURS), 9), 9);
}

static void request_is_not_sorted_by_a_branch(void **state)
{
    assert_int_equal(
        sip_sort_response(BYTES("BYE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP gw;branch=" OURS "\r\n\r\n"), 9), 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_of_a_branch_is_fixed_width_with_the_magic_cookie),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(foreign_branches_are_not_ours),
        cmocka_unit_test(magic_cookie_needs_something_behind_it),
        cmocka_unit_test(stateless_branch_depends_on_the_branch_above_only),
        cmocka_unit_test(response_is_sorted_by_its_first_via),
        cmocka_unit_test(response_with_a_foreign_first_via_stays_here),
        cmocka_unit_test(request_is_not_sorted_by_a_branch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
