#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "modules/sip/headers.h"
#include "sip_text.h"

static void cseq(void **state)
{
    struct sip_cseq c;
    assert_true(sip_cseq_parse(BYTES("0009\r\n  INVITE"), &c));
    assert_int_equal(c.number, 9);
    assert_int_equal(c.method, SIP_INVITE);
    assert_true(sip_cseq_parse(BYTES("2147483647 NEWMETHOD"), &c));
    assert_int_equal(c.number, SIP_CSEQ_MAX);
    assert_int_equal(c.method, SIP_OTHER_METHOD);
    assert_bytes(c.method_name, "NEWMETHOD");
    assert_true(sip_cseq_parse(BYTES("0 ACK"), &c));
    static const char *const bad[] = {"",
                                      "1",
                                      "1 ",
                                      "INVITE",
                                      "1INVITE",
                                      "-1 BYE",
                                      "+1 BYE",
                                      "1 A B",
                                      "2147483648 BYE",
                                      "4294967296 BYE",
                                      "1 BY<E",
                                      "1.0 BYE",
                                      "36893488147419103232 REGISTER"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct bytes b = exact(bytes_str(bad[i]));
        if (sip_cseq_parse(b, &c))
            fail_msg("taken: %s", bad[i]);
        drop(b);
    }
}

static void rack(void **state)
{
    struct sip_rack r;
    assert_true(sip_rack_parse(BYTES("776656 1 INVITE"), &r));
    assert_int_equal(r.rseq, 776656);
    assert_int_equal(r.cseq.number, 1);
    assert_false(sip_rack_parse(BYTES("776656 INVITE"), &r));
    assert_false(sip_rack_parse(BYTES("4294967296 1 INVITE"), &r));
    assert_false(sip_rack_parse(BYTES(""), &r));
}

static void numbers(void **state)
{
    uint32_t v;
    uint8_t hops;
    assert_true(sip_number_parse(BYTES(" 004294967295 "), &v));
    assert_int_equal(v, UINT32_MAX);
    assert_false(sip_number_parse(BYTES("4294967296"), &v));
    assert_false(sip_number_parse(BYTES("-1"), &v));
    assert_false(sip_number_parse(BYTES(""), &v));
    assert_false(sip_number_parse(BYTES("1 2"), &v));
    assert_true(sip_max_forwards_parse(BYTES("0068"), &hops));
    assert_int_equal(hops, 68);
    assert_true(sip_max_forwards_parse(BYTES("255"), &hops));
    assert_false(sip_max_forwards_parse(BYTES("256"), &hops));
    assert_false(sip_max_forwards_parse(BYTES("-1"), &hops));
}

static void expires(void **state)
{
    assert_int_equal(sip_expires_value(BYTES("0")), 0);
    assert_int_equal(sip_expires_value(BYTES("600")), 600);
    assert_int_equal(sip_expires_value(BYTES("4294967295")), UINT32_MAX);
    assert_int_equal(sip_expires_value(BYTES("99999999999999999999999")), UINT32_MAX);
    assert_int_equal(sip_expires_value(BYTES("")), 3600);
    assert_int_equal(sip_expires_value(BYTES("-5")), 3600);
    assert_int_equal(sip_expires_value(BYTES("Thu, 01 Dec 1994 16:00:00 GMT")), 3600);
}

static void deltas(void **state)
{
    struct sip_delta d;
    assert_true(sip_delta_parse(BYTES("120 (I'm (really) in a meeting);duration=60"), &d));
    assert_int_equal(d.seconds, 120);
    assert_bytes(d.comment, "I'm (really) in a meeting");
    assert_bytes(d.params, ";duration=60");
    assert_true(sip_delta_parse(BYTES("1800;refresher=uac"), &d));
    assert_int_equal(d.comment.n, 0);
    assert_false(sip_delta_parse(BYTES("soon"), &d));
    assert_false(sip_delta_parse(BYTES("1 (open"), &d));
    assert_false(sip_delta_parse(BYTES("1 (a\\)"), &d));
    assert_false(sip_delta_parse(BYTES("1x"), &d));
    assert_false(sip_delta_parse(BYTES("4294967296"), &d));
}

static void words(void **state)
{
    struct sip_worded w;
    assert_true(sip_worded_parse(BYTES("presence.winfo ;id=7"), &w));
    assert_bytes(w.word, "presence.winfo");
    assert_true(sip_worded_parse(BYTES("\"Visited network number 1\""), &w));
    assert_bytes(w.word, "\"Visited network number 1\"");
    assert_true(sip_worded_parse(BYTES("SIP ;cause=200 ;text=\"Call completed elsewhere\""), &w));
    assert_false(sip_worded_parse(BYTES(""), &w));
    assert_false(sip_worded_parse(BYTES(";a"), &w));
    assert_false(sip_worded_parse(BYTES("a b"), &w));
    assert_false(sip_worded_parse(BYTES("\"a"), &w));
}

static void media_types(void **state)
{
    struct sip_media_type t;
    assert_true(sip_media_type_parse(BYTES("multipart / Mixed; boundary=\"--a;b\""), &t));
    assert_true(sip_media_type_is(&t, "multipart", "mixed"));
    assert_false(sip_media_type_is(&t, "multipart", "signed"));
    assert_bytes(t.params, "; boundary=\"--a;b\"");
    assert_false(sip_media_type_parse(BYTES("text"), &t));
    assert_false(sip_media_type_parse(BYTES("text/"), &t));
    assert_false(sip_media_type_parse(BYTES("/plain"), &t));
    assert_false(sip_media_type_parse(BYTES("text/plain;"), &t));
}

static void call_ids(void **state)
{
    assert_true(sip_call_id_ok(BYTES("f81d4fae-7dec-11d0-a765-00a0c91e6bf6@foo.bar.com")));
    assert_true(sip_call_id_ok(BYTES("intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{")));
    assert_false(sip_call_id_ok(BYTES("")));
    assert_false(sip_call_id_ok(BYTES("a b")));
    assert_false(sip_call_id_ok(BYTES("a\x7f")));
    assert_false(sip_call_id_ok(BYTES("a\r\n b")));
}

static void qvalues(void **state)
{
    static const struct {
        const char *text;
        int want; /* -1: refused */
    } rows[] = {{"0", 0},        {"1", 1000},   {"0.", 0},     {"0.5", 500}, {"0.05", 50}, {"0.001", 1},
                {"1.000", 1000}, {"1.0", 1000}, {"1.001", -1}, {"2", -1},    {"", -1},     {".5", -1},
                {"0.1234", -1},  {"0,5", -1},   {"0.x", -1},   {"-0", -1},   {"00", -1}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint16_t q = 0;
        bool ok = sip_qvalue_parse(bytes_str(rows[i].text), &q);
        assert_int_equal(ok ? q : -1, rows[i].want);
    }
}

/* RFC 3329 2.6.2 */
static void mechanisms(void **state)
{
    struct sip_mechanism m;
    assert_true(sip_mechanism_parse(BYTES("ipsec-ike;q=0.1"), &m));
    assert_bytes(m.name, "ipsec-ike");
    assert_int_equal(m.q, 100);
    assert_true(sip_mechanism_parse(BYTES("tls"), &m));
    assert_int_equal(m.q, 1000);
    assert_false(sip_mechanism_parse(BYTES("tls;q=7"), &m));
    assert_false(sip_mechanism_parse(BYTES("\"tls\""), &m));
    assert_false(sip_mechanism_parse(BYTES(""), &m));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cseq),        cmocka_unit_test(rack),     cmocka_unit_test(numbers),
        cmocka_unit_test(expires),     cmocka_unit_test(deltas),   cmocka_unit_test(words),
        cmocka_unit_test(media_types), cmocka_unit_test(call_ids), cmocka_unit_test(qvalues),
        cmocka_unit_test(mechanisms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
