#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "modules/sip/names.h"
#include <ctype.h>
#include <string.h>

static void every_name_is_found_in_any_case(void **state)
{
    for (int id = 1; id < SIP_H_COUNT; id++) {
        char upper[64] = "", lower[64] = "";
        const char *name = sip_header_name((enum sip_header_id)id);
        assert_true(strlen(name) > 0 && strlen(name) < sizeof(upper));
        for (size_t i = 0; name[i]; i++) {
            upper[i] = (char)toupper(name[i]);
            lower[i] = (char)tolower(name[i]);
        }
        assert_int_equal(sip_header_of(bytes_str(name)), id);
        assert_int_equal(sip_header_of(bytes_str(upper)), id);
        assert_int_equal(sip_header_of(bytes_str(lower)), id);
    }
}

/* RFC 3261 20 and the IANA registry of compact forms. */
static void compact_forms(void **state)
{
    static const struct {
        const char *compact, *name;
    } rows[] = {
        {"a", "Accept-Contact"},
        {"u", "Allow-Events"},
        {"i", "Call-ID"},
        {"m", "Contact"},
        {"e", "Content-Encoding"},
        {"l", "Content-Length"},
        {"c", "Content-Type"},
        {"o", "Event"},
        {"f", "From"},
        {"y", "Identity"},
        {"r", "Refer-To"},
        {"b", "Referred-By"},
        {"x", "Session-Expires"},
        {"s", "Subject"},
        {"k", "Supported"},
        {"t", "To"},
        {"v", "Via"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char upper[2] = {(char)toupper(rows[i].compact[0]), 0};
        assert_string_equal(sip_header_name(sip_header_of(bytes_str(rows[i].compact))), rows[i].name);
        assert_string_equal(sip_header_name(sip_header_of(bytes_str(upper))), rows[i].name);
    }
}

static void other_names_are_other(void **state)
{
    static const char *const names[] = {"",   "z", "Vi", "Vias", "X-Via", "Call_ID",
                                        "P-", "1", "@",  "\x7f", "Froms"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_int_equal(sip_header_of(bytes_str(names[i])), SIP_H_OTHER);
}

static void methods_are_case_sensitive(void **state)
{
    for (int m = 1; m < SIP_METHOD_COUNT; m++)
        assert_int_equal(sip_method_of(bytes_str(sip_method_name((enum sip_method)m))), m);
    assert_int_equal(sip_method_of(BYTES("invite")), SIP_OTHER_METHOD);
    assert_int_equal(sip_method_of(BYTES("RE%47IST%45R")), SIP_OTHER_METHOD);
    assert_int_equal(sip_method_of(BYTES("")), SIP_OTHER_METHOD);
    assert_string_equal(sip_method_name(SIP_OTHER_METHOD), "");
}

static void single_headers(void **state)
{
    assert_true(sip_header_is_single(SIP_H_CALL_ID));
    assert_true(sip_header_is_single(SIP_H_CONTENT_LENGTH));
    assert_false(sip_header_is_single(SIP_H_VIA));
    assert_false(sip_header_is_single(SIP_H_CONTACT));
    assert_false(sip_header_is_single(SIP_H_OTHER));
}

static void reasons(void **state)
{
    assert_string_equal(sip_reason(200), "OK");
    assert_string_equal(sip_reason(430), "Flow Failed");
    assert_string_equal(sip_reason(513), "Message Too Large");
    assert_string_equal(sip_reason(499), "Request Failure");
    assert_string_equal(sip_reason(99), "Unknown");
    assert_string_equal(sip_reason(700), "Unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_is_found_in_any_case),
        cmocka_unit_test(compact_forms),
        cmocka_unit_test(other_names_are_other),
        cmocka_unit_test(methods_are_case_sensitive),
        cmocka_unit_test(single_headers),
        cmocka_unit_test(reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
