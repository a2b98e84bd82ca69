#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "modules/sip/uri.h"
#include "sip_text.h"

static struct sip_uri parsed(const char *text)
{
    struct sip_uri u;
    if (!sip_uri_parse(bytes_str(text), &u))
        fail_msg("refused: %s", text);
    return u;
}

static void all_the_parts(void **state)
{
    struct sip_uri u =
        parsed("SIPS:alice;x=%41:se%2Fcret&=@Atlanta.Example.com:5070;lr;Transport=tcp?subject=a%20b&p=q");
    struct bytes v, name;
    assert_int_equal(u.scheme, SIP_URI_SIPS);
    assert_bytes(u.user, "alice;x=%41");
    assert_true(u.has_password);
    assert_bytes(u.password, "se%2Fcret&=");
    assert_bytes(u.host.text, "Atlanta.Example.com");
    assert_int_equal(u.host.kind, SIP_HOST_NAME);
    assert_int_equal(u.host.port, 5070);
    assert_bytes(u.params, ";lr;Transport=tcp");
    assert_true(sip_uri_param(&u, BYTES("LR"), NULL));
    assert_true(sip_uri_param(&u, BYTES("transport"), &v));
    assert_bytes(v, "tcp");
    assert_false(sip_uri_param(&u, BYTES("ob"), NULL));
    assert_int_equal(sip_uri_header_next(&u.headers, &name, &v), 1);
    assert_bytes(name, "subject");
    assert_bytes(v, "a%20b");
    assert_int_equal(sip_uri_header_next(&u.headers, &name, &v), 1);
    assert_int_equal(sip_uri_header_next(&u.headers, &name, &v), 0);
}

static void hosts(void **state)
{
    struct sip_uri u = parsed("sip:[2001:DB8::10]:5070");
    assert_int_equal(u.host.kind, SIP_HOST_V6);
    assert_bytes(u.host.text, "[2001:DB8::10]");
    assert_int_equal(u.host.port, 5070);
    assert_int_equal(u.host.addr.port, 5070);
    assert_int_equal(u.host.addr.ip[15], 0x10);
    u = parsed("sip:192.0.2.4");
    assert_int_equal(u.host.kind, SIP_HOST_V4);
    assert_int_equal(u.host.port, 0);
    u = parsed("sip:a@example.com.:65535");
    assert_int_equal(u.host.port, 65535);
    u = parsed("sip:a@4you.example");
    assert_int_equal(u.host.kind, SIP_HOST_NAME);
}

static void other_schemes(void **state)
{
    struct sip_uri u = parsed("tel:+1-201-555-0123;ext=5");
    struct bytes v;
    assert_int_equal(u.scheme, SIP_URI_TEL);
    assert_bytes(u.user, "+1-201-555-0123");
    assert_true(sip_uri_param(&u, BYTES("ext"), &v));
    u = parsed("urn:service:sos");
    assert_int_equal(u.scheme, SIP_URI_URN);
    assert_bytes(u.rest, "service:sos");
    u = parsed("nobodyKnowsThisScheme:totallyopaquecontent");
    assert_int_equal(u.scheme, SIP_URI_OTHER);
    assert_bytes(u.scheme_name, "nobodyKnowsThisScheme");
    assert_int_equal(parsed("sip:0398765432100").host.kind, SIP_HOST_NAME); /* as IMS cores write it */
    assert_int_equal(parsed("soap.beep://192.0.2.103:3002").scheme, SIP_URI_OTHER);
}

static void not_uris(void **state)
{
    static const char *const bad[] = {
        "",
        "sip",
        "sip:",
        ":a",
        "1sip:a",
        "s p:a",
        "sip:@example.com",
        "sip:a@",
        "sip:a@b@c",
        "sip:a:b:c@example.com",
        "sip:a b@example.com",
        "sip:a@example.com ",
        "<sip:a@example.com>",
        "sip:a%4@example.com",
        "sip:a%zz@example.com",
        "sip:%",
        "sip:a@exa mple.com",
        "sip:a@example..com",
        "sip:a@.example.com",
        "sip:a@example.com:",
        "sip:a@example.com:0",
        "sip:a@example.com:65536",
        "sip:a@example.com:99999999999999999999",
        "sip:a@example.com:50x",
        "sip:a@[::1",
        "sip:a@[::1]x",
        "sip:a@[]",
        "sip:a@[::g]",
        "sip:a@[::1%25eth0]",
        "sip:a@2001:db8::10",
        "sip:a@1.2.3",
        "sip:a@1.2.3.256",
        "sip:a@1.2.3.4.5",
        "sip:a@010.0.0.1",
        "sip:a@example.com;",
        "sip:a@example.com;;lr",
        "sip:a@example.com;=b",
        "sip:a@example.com;a=%",
        "sip:a@example.com?",
        "sip:a@example.com?a",
        "sip:a@example.com?a=b&",
        "sip:a@example.com?=b",
        "sip:a\x01@example.com",
        "sip:\xc3\xa9@example.com",
        "tel:",
        "tel:+",
        "tel:+49a",
        "tel:-",
        "tel:12 34",
        "urn:",
        "http://a b/",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct bytes b = exact(bytes_str(bad[i]));
        struct sip_uri u;
        if (sip_uri_parse(b, &u))
            fail_msg("taken: %s", bad[i]);
        drop(b);
    }
}

/* The examples of RFC 3261 19.1.4, both ways round. */
static void equal_by_19_1_4(void **state)
{
    static const char *const same[][2] = {
        {"sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"},
        {"sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"},
        {"sip:carol@chicago.com", "sip:carol@chicago.com;security=on"},
        {"sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
         "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com"},
        {"sip:alice@atlanta.com?subject=project%20x&priority=urgent",
         "sip:alice@atlanta.com?priority=urgent&subject=project%20x"},
        {"sip:a@[2001:db8::1]", "sip:a@[2001:0DB8:0::0001]"},
        {"tel:+1-201-555-0123", "tel:+1.201.555.0123"},
        {"urn:service:sos.fire", "URN:service:SOS.fire"},
    };
    static const char *const differ[][2] = {
        {"SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"},
        {"sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"},
        {"sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"},
        {"sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"},
        {"sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"},
        {"sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"},
        {"sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"},
        {"sip:a@b.com", "sips:a@b.com"},
        {"sip:a@b.com", "sip:a:@b.com"},
        {"sip:a;b@c.com", "sip:a%3Bb@c.com"},
        {"sip:a@b.com;maddr=1.2.3.4", "sip:a@b.com"},
        {"sip:a@b.com;user=phone", "sip:a@b.com"},
        {"tel:+12015550123", "tel:+12015550124"},
        {"tel:123;phone-context=a.com", "tel:123"},
    };
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        struct sip_uri a = parsed(same[i][0]), b = parsed(same[i][1]);
        if (!sip_uri_eq(&a, &b) || !sip_uri_eq(&b, &a))
            fail_msg("should be the same: %s %s", same[i][0], same[i][1]);
    }
    for (size_t i = 0; i < sizeof(differ) / sizeof(differ[0]); i++) {
        struct sip_uri a = parsed(differ[i][0]), b = parsed(differ[i][1]);
        if (sip_uri_eq(&a, &b) || sip_uri_eq(&b, &a))
            fail_msg("should differ: %s %s", differ[i][0], differ[i][1]);
    }
}

static void addresses_of_record(void **state)
{
    static const char *const rows[][2] = {
        {"sip:alice@ims.test", "sip:alice@ims.test"},
        {"SIPS:alice:secret@IMS.Test.:443;transport=tls?a=b", "sip:alice@ims.test"},
        {"sip:%61l%69ce@ims.test", "sip:alice@ims.test"},
        {"sip:Alice@ims.test", "sip:Alice@ims.test"},
        {"sip:null-%00-null@example.com", "sip:null-%00-null@example.com"},
        {"sip:a%3bb@c.com", "sip:a%3Bb@c.com"},
        {"sip:a;b@c.com", "sip:a;b@c.com"},
        {"sip:*21#@c.com", "sip:*21%23@c.com"},
        {"sip:*21%23@c.com", "sip:*21%23@c.com"},
        {"sip:example.com", "sip:example.com"},
        {"sip:a@[2001:0db8::0:1]", "sip:a@[2001:db8::1]"},
        {"sip:a@192.0.2.1:5060", "sip:a@192.0.2.1"},
        {"tel:+1-201-555-0123;ext=7", "tel:+12015550123"},
        {"tel:(0)55-1;phone-context=Example.COM", "tel:0551;phone-context=example.com"},
    };
    char dst[SIP_AOR_MAX];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sip_uri u = parsed(rows[i][0]);
        assert_int_equal(sip_aor(&u, dst, sizeof(dst)), strlen(rows[i][1]));
        assert_string_equal(dst, rows[i][1]);
        assert_int_equal(sip_aor(&u, dst, strlen(rows[i][1])), 0); /* no room for the NUL */
    }
    struct sip_uri urn = parsed("urn:service:sos");
    assert_int_equal(sip_aor(&urn, dst, sizeof(dst)), 0);
}

static void escapes(void **state)
{
    uint8_t raw[16];
    char text[16];
    assert_int_equal(sip_unescape(BYTES("a%00%2541"), raw, sizeof(raw)), 5);
    assert_memory_equal(raw, "a\0%41", 5);
    assert_int_equal(sip_unescape(BYTES("a%4"), raw, sizeof(raw)), BYTES_NOT_FOUND);
    assert_int_equal(sip_unescape(BYTES("abc"), raw, 2), BYTES_NOT_FOUND);
    assert_int_equal(sip_escape_user(BYTES("a@\"b"), text, sizeof(text)), 8);
    assert_string_equal(text, "a%40%22b");
    assert_int_equal(sip_escape_user(BYTES("abc"), text, 3), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_the_parts),   cmocka_unit_test(hosts),
        cmocka_unit_test(other_schemes),   cmocka_unit_test(not_uris),
        cmocka_unit_test(equal_by_19_1_4), cmocka_unit_test(addresses_of_record),
        cmocka_unit_test(escapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
