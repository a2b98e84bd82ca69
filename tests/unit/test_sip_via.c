#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "modules/sip/via.h"
#include "sip_text.h"

static struct sip_via parsed(const char *text)
{
    struct sip_via v;
    if (!sip_via_parse(bytes_str(text), &v))
        fail_msg("refused: %s", text);
    return v;
}

static struct addr address(const char *text)
{
    struct addr a;
    assert_true(addr_parse(bytes_str(text), 0, &a));
    return a;
}

/* RFC 3261 20.42's own tortured example, and the parameters of the extensions. */
static void all_the_parts(void **state)
{
    struct sip_via v =
        parsed("SIP / 2.0 / UDP first.example.com: 4000;ttl=16 ;maddr=224.2.0.1 ;branch=z9hG4bKa7c6a8dlze.1");
    assert_int_equal(v.transport, SIP_VIA_UDP);
    assert_bytes(v.by.text, "first.example.com");
    assert_int_equal(v.by.port, 4000);
    assert_bytes(v.maddr, "224.2.0.1");
    assert_bytes(v.branch, "z9hG4bKa7c6a8dlze.1");
    assert_true(sip_via_is_3261(&v));
    v = parsed("SIP/2.0/TLS [2001:db8::1]:5061;RPORT;received=[2001:db8::9];alias;keep=30;branch=x");
    assert_int_equal(v.transport, SIP_VIA_TLS);
    assert_true(v.has_rport && v.has_alias && v.has_keep);
    assert_int_equal(v.rport.n, 0);
    assert_bytes(v.keep, "30");
    assert_bytes(v.received, "[2001:db8::9]");
    assert_false(sip_via_is_3261(&v));
    v = parsed("SIP/2.0/UNKNOWN 1.2.3.4");
    assert_int_equal(v.transport, SIP_VIA_OTHER);
    assert_bytes(v.transport_name, "UNKNOWN");
    assert_int_equal(v.branch.n, 0);
}

/* RFC 4475 3.2.1: the cookie alone is no branch. */
static void cookie_alone(void **state)
{
    struct sip_via v = parsed("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK");
    assert_false(sip_via_is_3261(&v));
}

static void malformed(void **state)
{
    static const char *const bad[] = {
        "",
        "SIP/2.0/UDP",
        "SIP/2.0/UDP ",
        "SIP/2.0 UDP a.b",
        "SIP/2.0/ a.b",
        "/2.0/UDP a.b",
        "SIP/3.0/UDP a.b",
        "HTTP/2.0/UDP a.b",
        "SIP/2.0/UDP a.b:",
        "SIP/2.0/UDP a.b:0",
        "SIP/2.0/UDP a.b:70000",
        "SIP/2.0/UDP a.b x",
        "SIP/2.0/UDP a.b;branch=",
        "SIP/2.0/UDP [::1;branch=a",
        "SIP/2.0/UDP ;branch=a",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct bytes b = exact(bytes_str(bad[i]));
        struct sip_via v;
        if (sip_via_parse(b, &v))
            fail_msg("taken: %s", bad[i]);
        drop(b);
    }
}

static void bad_parameters_leave_where_to_answer(void **state)
{
    struct sip_via v;
    assert_false(sip_via_parse(BYTES("SIP/2.0/UDP 192.0.2.15;;"), &v));
    assert_bytes(v.by.text, "192.0.2.15");
}

/* RFC 3261 18.2.2, RFC 3581 4. */
static void where_responses_go(void **state)
{
    static const char *const rows[][2] = {
        {"SIP/2.0/UDP 192.0.2.1", "192.0.2.1:5060"},
        {"SIP/2.0/TLS 192.0.2.1", "192.0.2.1:5061"},
        {"SIP/2.0/UDP 192.0.2.1:5070", "192.0.2.1:5070"},
        {"SIP/2.0/UDP host.invalid;received=192.0.2.9", "192.0.2.9:5060"},
        {"SIP/2.0/UDP 10.0.0.1:5070;received=192.0.2.9;rport=4711", "192.0.2.9:4711"},
        {"SIP/2.0/UDP 10.0.0.1:5070;received=2001:db8::9;rport=4711", "[2001:db8::9]:4711"},
        {"SIP/2.0/UDP 10.0.0.1;received=[2001:db8::9]", "[2001:db8::9]:5060"},
        {"SIP/2.0/UDP 10.0.0.1:5070;maddr=192.0.2.7;received=192.0.2.9;rport=4711", "192.0.2.7:5070"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sip_via v = parsed(rows[i][0]);
        struct addr to, want = address(rows[i][1]);
        assert_true(sip_via_target(&v, &to));
        assert_true(addr_eq(&to, &want));
    }
    struct sip_via v = parsed("SIP/2.0/UDP host.invalid");
    struct addr to;
    assert_false(sip_via_target(&v, &to));
}

static void source_is_written_in(void **state)
{
    static const struct {
        const char *via, *source, *want;
    } rows[] = {
        /* same address, no rport: nothing to add (RFC 3261 18.2.1) */
        {"SIP/2.0/UDP 192.0.2.1:5070;branch=a", "192.0.2.1:5070", "SIP/2.0/UDP 192.0.2.1:5070;branch=a"},
        {"SIP/2.0/UDP 192.0.2.1;branch=a", "192.0.2.2:9",
         "SIP/2.0/UDP 192.0.2.1;branch=a;received=192.0.2.2"},
        {"SIP/2.0/TLS bob.invalid;branch=a", "192.0.2.2:9",
         "SIP/2.0/TLS bob.invalid;branch=a;received=192.0.2.2"},
        /* RFC 3581 4: received always with rport */
        {"SIP/2.0/UDP 192.0.2.1;rport;branch=a", "192.0.2.1:4711",
         "SIP/2.0/UDP 192.0.2.1;branch=a;received=192.0.2.1;rport=4711"},
        /* what the sender says about it does not count */
        {"SIP/2.0/UDP 192.0.2.1;received=6.6.6.6;branch=a;rport=1", "192.0.2.2:4711",
         "SIP/2.0/UDP 192.0.2.1;branch=a;received=192.0.2.2;rport=4711"},
        {"SIP/2.0/UDP 192.0.2.1;received=6.6.6.6;branch=a", "192.0.2.1:1", "SIP/2.0/UDP 192.0.2.1;branch=a"},
        {"SIP/2.0/TCP a.b;keep;x=\"y\"", "[2001:db8::1]:9",
         "SIP/2.0/TCP a.b;keep;x=\"y\";received=2001:db8::1"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sip_via v = parsed(rows[i].via);
        struct addr source = address(rows[i].source);
        struct buf out;
        buf_init(&out);
        sip_via_write_source(&v, &source, &out);
        buf_append(&out, BYTES("\0"));
        assert_false(out.failed);
        assert_string_equal((const char *)buf_bytes(&out).p, rows[i].want);
        buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_the_parts),      cmocka_unit_test(cookie_alone),
        cmocka_unit_test(malformed),          cmocka_unit_test(bad_parameters_leave_where_to_answer),
        cmocka_unit_test(where_responses_go), cmocka_unit_test(source_is_written_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
