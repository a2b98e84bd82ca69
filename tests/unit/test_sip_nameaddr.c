#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "modules/sip/nameaddr.h"
#include "sip_text.h"

static struct sip_nameaddr parsed(const char *text)
{
    struct sip_nameaddr na;
    if (!sip_nameaddr_parse(bytes_str(text), &na))
        fail_msg("refused: %s", text);
    return na;
}

static void with_brackets(void **state)
{
    struct sip_nameaddr na =
        parsed("\"Mr. \\\"X\\\" <Watson>\" <sip:watson@worcester.bell-telephone.com;lr> ;tag = 7x");
    assert_bytes(na.display, "\"Mr. \\\"X\\\" <Watson>\"");
    assert_bytes(na.uri.text, "sip:watson@worcester.bell-telephone.com;lr");
    assert_true(na.angle);
    assert_bytes(sip_nameaddr_tag(&na), "7x");
    assert_true(sip_uri_param(&na.uri, BYTES("lr"), NULL));
}

/* RFC 3261 20.10: without <> the parameters belong to the header field. */
static void without_brackets(void **state)
{
    struct sip_nameaddr na = parsed("sip:c8oqz84zk7z@privacy.org;tag=hyh8;x=\"<a>\"");
    assert_false(na.angle);
    assert_bytes(na.uri.text, "sip:c8oqz84zk7z@privacy.org");
    assert_int_equal(na.uri.params.n, 0);
    assert_bytes(sip_nameaddr_tag(&na), "hyh8");
}

static void display_tokens(void **state)
{
    assert_bytes(parsed("caller<sip:caller@example.com>;tag=323").display, "caller");
    assert_bytes(parsed("Anonymous  Caller\r\n <sip:a@b.c>").display, "Anonymous  Caller");
    assert_bytes(parsed("J\xc3\xb6rg <sip:a@b.c>").display, "J\xc3\xb6rg");
    assert_int_equal(parsed("<sip:a@b.c>").display.n, 0);
    assert_bytes(parsed("\"\" <sip:a@b.c>").display, "\"\"");
}

static void no_tag(void **state)
{
    struct sip_nameaddr na = parsed("<sip:a@b.c>;x=y");
    assert_int_equal(sip_nameaddr_tag(&na).n, 0);
    assert_true(parsed(" * ").star);
}

static void malformed(void **state)
{
    static const char *const bad[] = {
        "",
        "\"Mr. J. User <sip:j.user@example.com>",
        "Bell, Alexander <sip:a.g.bell@example.com>;tag=43",
        "\"Watson, Thomas\" < sip:t.watson@example.org >",
        "sip:user@example.com?Route=%3Csip:sip.example.com%3E",
        "sip:a,b@example.com",
        "<sip:a@b.c",
        "sip:a@b.c>",
        "<>",
        "<sip:a@b.c>x",
        "<sip:a@b.c>;",
        "<sip:a@b.c>;;;",
        "<sip:a@b.c>;tag=\"x",
        "alice",
        "\"A\" sip:a@b.c",
        "\"A\"",
        "<<sip:a@b.c>>",
        "*;q=1",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct bytes b = exact(bytes_str(bad[i]));
        struct sip_nameaddr na;
        if (sip_nameaddr_parse(b, &na))
            fail_msg("taken: %s", bad[i]);
        drop(b);
    }
}

/* RFC 5626 4.2's Contact. */
static void contact_parameters(void **state)
{
    struct sip_contact c;
    assert_true(sip_contact_parse(BYTES("<sip:bob@192.0.2.2;transport=tcp;ob>;reg-id=1;Expires=120;q=0.25;"
                                        "+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>\""),
                                  &c));
    assert_true(c.has_reg_id && c.has_expires);
    assert_int_equal(c.reg_id, 1);
    assert_int_equal(c.expires, 120);
    assert_int_equal(c.q, 250);
    assert_bytes(c.instance, "<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>");
    assert_true(sip_contact_parse(BYTES("sip:bob@192.0.2.2"), &c));
    assert_false(c.has_reg_id || c.has_expires);
    assert_int_equal(c.q, SIP_Q_MAX);
    assert_int_equal(c.instance.n, 0);
}

static void contact_numbers_at_their_bounds(void **state)
{
    struct sip_contact c;
    assert_true(sip_contact_parse(BYTES("<sip:a@b.c>;expires=280297596632815"), &c));
    assert_int_equal(c.expires, UINT32_MAX);
    assert_true(sip_contact_parse(BYTES("<sip:a@b.c>;expires=soon"), &c));
    assert_int_equal(c.expires, 3600);
    assert_true(sip_contact_parse(BYTES("<sip:a@b.c>;expires=0;q=1.000"), &c));
    assert_int_equal(c.expires, 0);
    assert_true(sip_contact_parse(BYTES("<sip:a@b.c>;reg-id=2147483647;q=0"), &c));
    assert_int_equal(c.q, 0);
    assert_true(sip_contact_parse(BYTES("<sip:a@b.c>;reg-id=\"1\""), &c) && c.reg_id == 1);
    assert_false(sip_contact_parse(BYTES("<sip:a@b.c>;reg-id=2147483648"), &c));
    assert_false(sip_contact_parse(BYTES("<sip:a@b.c>;reg-id=0"), &c));
    assert_false(sip_contact_parse(BYTES("<sip:a@b.c>;reg-id=-1"), &c));
    assert_false(sip_contact_parse(BYTES("<sip:a@b.c>;q=1.001"), &c));
    assert_false(sip_contact_parse(BYTES("<sip:a@b.c>;q=0.1234"), &c));
    assert_false(sip_contact_parse(BYTES("<sip:a@b.c>;q"), &c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_brackets),
        cmocka_unit_test(without_brackets),
        cmocka_unit_test(display_tokens),
        cmocka_unit_test(no_tag),
        cmocka_unit_test(malformed),
        cmocka_unit_test(contact_parameters),
        cmocka_unit_test(contact_numbers_at_their_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
