#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "modules/sip/params.h"
#include "sip_text.h"

static void walks_parameters(void **state)
{
    struct bytes rest = BYTES(" ; tag = abc ;lr;\r\n q=\"a;\\\"b\" ;received=[::1];x=2001:db8::9");
    struct sip_param p;
    assert_int_equal(sip_param_next(&rest, &p), 1);
    assert_bytes(p.name, "tag");
    assert_bytes(p.value, "abc");
    assert_int_equal(sip_param_next(&rest, &p), 1);
    assert_bytes(p.name, "lr");
    assert_false(p.has_value);
    assert_int_equal(sip_param_next(&rest, &p), 1);
    assert_bytes(p.value, "\"a;\\\"b\"");
    assert_int_equal(sip_param_next(&rest, &p), 1);
    assert_bytes(p.value, "[::1]");
    assert_int_equal(sip_param_next(&rest, &p), 1);
    assert_bytes(p.value, "2001:db8::9");
    assert_int_equal(sip_param_next(&rest, &p), 0);
}

static void malformed_parameters(void **state)
{
    static const char *const bad[] = {";",         ";;a", "a=b", ";a=",     ";a=b c", ";a=\"b",
                                      ";a=\"\\\"", ";=b", ";a;", ";a=b;;c", ";a=<b>"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct bytes b = exact(bytes_str(bad[i]));
        if (sip_params_ok(b))
            fail_msg("taken: %s", bad[i]);
        drop(b);
    }
    assert_true(sip_params_ok(BYTES("")));
    assert_true(sip_params_ok(BYTES("  ")));
    assert_true(sip_params_ok(BYTES(";a;b=c")));
}

static void finds_by_name(void **state)
{
    struct bytes v;
    assert_true(sip_param_value(BYTES(";a=1;TAG=x;tag=y"), BYTES("tag"), &v));
    assert_bytes(v, "x");
    assert_true(sip_param_value(BYTES(";ob"), BYTES("OB"), &v));
    assert_int_equal(v.n, 0);
    assert_false(sip_param_value(BYTES(";ob"), BYTES("o"), &v));
    /* a name inside a quoted string is no name */
    assert_false(sip_param_value(BYTES(";a=\";tag=z\""), BYTES("tag"), &v));
}

static void cuts_lists(void **state)
{
    struct bytes rest = BYTES("a , \"b,\\\",c\" <sip:d,e@f>;x=\"1,2\"\r\n\t,g"), item;
    assert_int_equal(sip_list_next(&rest, &item), 1);
    assert_bytes(item, "a");
    assert_int_equal(sip_list_next(&rest, &item), 1);
    assert_bytes(item, "\"b,\\\",c\" <sip:d,e@f>;x=\"1,2\"");
    assert_int_equal(sip_list_next(&rest, &item), 1);
    assert_bytes(item, "g");
    assert_int_equal(sip_list_next(&rest, &item), 0);
}

static void malformed_lists(void **state)
{
    static const char *const bad[] = {",a", "a,", "a,,b", "a, ", "\"a", "<a", "a,\"b", ","};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct bytes b = exact(bytes_str(bad[i])), rest = b, item;
        int rc;
        while ((rc = sip_list_next(&rest, &item)) == 1)
            ;
        if (rc == 0)
            fail_msg("taken: %s", bad[i]);
        drop(b);
    }
}

static void quoting(void **state)
{
    uint8_t dst[16];
    assert_int_equal(sip_unquote(BYTES("\"a\\\"b\\\\\""), dst, sizeof(dst)), 4);
    assert_memory_equal(dst, "a\"b\\", 4);
    assert_int_equal(sip_unquote(BYTES("plain\\x"), dst, sizeof(dst)), 7);
    assert_int_equal(sip_unquote(BYTES("\"abc\""), dst, 2), BYTES_NOT_FOUND);
    assert_int_equal(sip_unquote(BYTES("\"\""), dst, sizeof(dst)), 0);
    assert_int_equal(sip_unquote(BYTES("\"a\r\n  b\""), dst, sizeof(dst)), 3);
    assert_memory_equal(dst, "a b", 3);
    assert_int_equal(sip_quoted_len(BYTES("\"a\\\"\" x")), 5);
    assert_int_equal(sip_quoted_len(BYTES("\"a\\\"")), 0);
    assert_int_equal(sip_quoted_len(BYTES("a\"")), 0);
}

static void folds(void **state)
{
    uint8_t dst[32];
    assert_true(sip_is_folded(BYTES("a\r\n b")));
    assert_false(sip_is_folded(BYTES("a b")));
    assert_int_equal(sip_unfold(BYTES("I know\r\n\t \r\n you"), dst, sizeof(dst)), 10);
    assert_memory_equal(dst, "I know you", 10);
    assert_int_equal(sip_lws_len(BYTES(" \t\r\n x")), 5);
    assert_int_equal(sip_lws_len(BYTES("\r\nx")), 0);
    assert_int_equal(sip_lws_len(BYTES("\r\n")), 0);
}

static void tokens(void **state)
{
    assert_true(sip_is_token(BYTES("!interesting-Method0123456789_*+`.%indeed'~")));
    assert_false(sip_is_token(BYTES("")));
    assert_false(sip_is_token(BYTES("a b")));
    assert_false(sip_is_token(BYTES("a/b")));
    assert_false(sip_is_token(BYTES("a\x80")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walks_parameters),
        cmocka_unit_test(malformed_parameters),
        cmocka_unit_test(finds_by_name),
        cmocka_unit_test(cuts_lists),
        cmocka_unit_test(malformed_lists),
        cmocka_unit_test(quoting),
        cmocka_unit_test(folds),
        cmocka_unit_test(tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
