/* RFC 5118: the torture messages for IPv6, each with its section's verdict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "modules/sip/edit.h"
#include "sip_torture.h"

static int load(const char *name)
{
    return load_file("rfc5118", name, "sip");
}

static void assert_ip(const struct addr *a, const char *text)
{
    struct addr want;
    assert_true(addr_parse(bytes_str(text), 0, &want));
    assert_true(addr_ip_eq(a, &want));
}

/* 4.1: brackets round the address in the Request-URI. */
static void valid_reference(void **state)
{
    assert_int_equal(load("ipv6-good"), 0);
    assert_int_equal(m.ruri.host.kind, SIP_HOST_V6);
    assert_ip(&m.ruri.host.addr, "2001:db8::10");
    assert_ip(&m.via.by.addr, "2001:db8::9:1");
}

/* 4.2: none: a well-behaved element answers 400. */
static void invalid_reference(void **state)
{
    assert_true(load("ipv6-bad") < 0);
    assert_int_equal(fault.status, 400);
    assert_true(fault.answer);
}

/* 4.3: inside the brackets 5070 is the last group, and the port is the default one. */
static void port_ambiguous(void **state)
{
    assert_int_equal(load("port-ambiguous"), 0);
    assert_ip(&m.ruri.host.addr, "2001:db8::10:5070");
    assert_int_equal(m.ruri.host.port, 0);
}

/* 4.4: behind them it is the port. */
static void port_unambiguous(void **state)
{
    assert_int_equal(load("port-unambiguous"), 0);
    assert_ip(&m.ruri.host.addr, "2001:db8::10");
    assert_int_equal(m.ruri.host.port, 5070);
}

/* 4.5: received= with brackets is not in the grammar, but must be read; without is. Both lead to the same
 * place. */
static void via_received(void **state)
{
    static const char *const names[] = {"via-received-param-with-delim", "via-received-param-no-delim"};
    for (size_t i = 0; i < 2; i++) {
        struct addr to;
        assert_int_equal(load(names[i]), 0);
        assert_true(sip_via_target(&m.via, &to));
        assert_ip(&to, "2001:db8::9:255");
        assert_int_equal(to.port, 5060);
        unload(state);
    }
}

/* 4.6: IPv6 in SDP has no brackets; the body is not the codec's to judge. */
static void sdp(void **state)
{
    assert_int_equal(load("ipv6-in-sdp"), 0);
    assert_true(bytes_find(m.body, BYTES("c=IN IP6 2001:db8::20\r\n")) != BYTES_NOT_FOUND);
    unload(state);
    assert_int_equal(load("mult-ip-in-sdp"), 0);
    assert_true(bytes_find(m.body, BYTES("c=IN IP4 ")) != BYTES_NOT_FOUND);
    assert_true(bytes_find(m.body, BYTES("c=IN IP6 ")) != BYTES_NOT_FOUND);
}

/* 4.7: both families in one message, the lowest Via received from an IPv4 address. */
static void both_families_in_vias(void **state)
{
    static const enum sip_host_kind kinds[] = {SIP_HOST_V6, SIP_HOST_V4, SIP_HOST_V6};
    static const uint16_t ports[] = {6050, 5060, 5060};
    static const char *const targets[] = {"2001:db8::9:1", "192.0.2.1", "192.0.2.200"};
    struct bytes item;
    struct sip_via via;
    struct addr to;
    assert_int_equal(load("mult-ip-in-header"), 0);
    struct sip_values it = sip_values(&m, SIP_H_VIA);
    for (size_t i = 0; i < 3; i++) {
        assert_true(sip_values_next(&it, &item) && sip_via_parse(item, &via));
        assert_int_equal(via.by.kind, kinds[i]);
        assert_true(sip_via_target(&via, &to));
        assert_ip(&to, targets[i]);
        assert_int_equal(to.port, ports[i]);
    }
    assert_false(sip_values_next(&it, &item));
}

/* 4.9: IPv4-mapped addresses in Via, Contact and SDP. */
static void v4_mapped(void **state)
{
    struct sip_nameaddr na;
    assert_int_equal(load("ipv4-mapped-ipv6"), 0);
    assert_int_equal(m.via.by.kind, SIP_HOST_V6);
    assert_int_equal(m.via.by.port, 19823);
    assert_true(sip_msg_nameaddr(&m, SIP_H_CONTACT, &na));
    assert_bytes(na.uri.host.text, "[::ffff:192.0.2.2]");
}

/* 4.10: three colons come from a bug in RFC 3261's grammar; accepted, and the same address as with two. */
static void three_colons(void **state)
{
    assert_int_equal(load("ipv6-bug-abnf-3-colons"), 0);
    assert_ip(&m.ruri.host.addr, "2001:db8::c000:201");
    unload(state);
    assert_int_equal(load("ipv6-correct-abnf-2-colons"), 0);
    assert_ip(&m.ruri.host.addr, "2001:db8::c000:201");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(valid_reference, unload),
        cmocka_unit_test_teardown(invalid_reference, unload),
        cmocka_unit_test_teardown(port_ambiguous, unload),
        cmocka_unit_test_teardown(port_unambiguous, unload),
        cmocka_unit_test(via_received),
        cmocka_unit_test_teardown(sdp, unload),
        cmocka_unit_test_teardown(both_families_in_vias, unload),
        cmocka_unit_test_teardown(v4_mapped, unload),
        cmocka_unit_test_teardown(three_colons, unload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
