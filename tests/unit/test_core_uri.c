/* How pcscf.core and its like write a destination (RFC 3261 19.1, RFC 3263 4.1), what is refused and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "modules/pcscf/core/core_link.h"
#include "modules/pcscf/core/core_uri.h"
#include <cmocka.h>

static const struct good {
    const char *text;
    uint8_t transport;
    uint16_t port;
    const char *name, *addr; /* "": to be looked up */
    bool secure;
} goods[] = {
    /* as it always was */
    {"udp:10.0.0.1:5062", TRANSPORT_UDP, 5062, "10.0.0.1", "10.0.0.1:5062", false},
    {"udp:10.0.0.1", TRANSPORT_UDP, 5060, "10.0.0.1", "10.0.0.1:5060", false},
    {"tcp:[::1]:5060", TRANSPORT_TCP, 5060, "::1", "[::1]:5060", false},
    {"udp:::1", TRANSPORT_UDP, 5060, "::1", "[::1]:5060", false},
    {"tls:10.0.0.1", TRANSPORT_TLS, 5061, "10.0.0.1", "10.0.0.1:5061", false},
    {"TLS:10.0.0.1:443", TRANSPORT_TLS, 443, "10.0.0.1", "10.0.0.1:443", false},
    /* names: what is not written is asked for */
    {"udp:Core.Example.NET", TRANSPORT_UDP, 0, "core.example.net", "", false},
    {"tcp:core.example.net:5070", TRANSPORT_TCP, 5070, "core.example.net", "", false},
    {"dns:icscf.example.net", TRANSPORT_NONE, 0, "icscf.example.net", "", false},
    {"dns:icscf.example.net.", TRANSPORT_NONE, 0, "icscf.example.net", "", false},
    {"dns:icscf.example.net:5080", TRANSPORT_UDP, 5080, "icscf.example.net", "", false},
    {"sip:icscf.example.net", TRANSPORT_NONE, 0, "icscf.example.net", "", false},
    {"sip:icscf.example.net;lr;transport=TCP", TRANSPORT_TCP, 0, "icscf.example.net", "", false},
    {"sip:icscf.example.net:5090", TRANSPORT_UDP, 5090, "icscf.example.net", "", false},
    {"sips:icscf.example.net", TRANSPORT_TLS, 0, "icscf.example.net", "", true},
    {"sips:icscf.example.net;transport=tcp", TRANSPORT_TLS, 0, "icscf.example.net", "", true},
    {"sip:10.0.0.1", TRANSPORT_UDP, 5060, "10.0.0.1", "10.0.0.1:5060", false},
    {"sip:[2001:db8::1]:5066;transport=tls", TRANSPORT_TLS, 5066, "2001:db8::1", "[2001:db8::1]:5066", false},
    /* where to go, and whom to meet there */
    {"sips:icscf.example.net;maddr=10.0.0.1", TRANSPORT_TLS, 5061, "icscf.example.net", "10.0.0.1:5061",
     true},
    {"sip:icscf.example.net:5070;maddr=10.0.0.1;transport=tcp", TRANSPORT_TCP, 5070, "icscf.example.net",
     "10.0.0.1:5070", false},
};

static void what_is_written_is_understood(void **state)
{
    for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++) {
        const struct good *g = &goods[i];
        struct core_uri u;
        const char *why = "";
        char addr[ADDR_TEXT];
        if (!core_uri_parse(bytes_str(g->text), &u, &why))
            fail_msg("%s: %s", g->text, why);
        if (u.transport != g->transport || u.port != g->port || u.secure != g->secure)
            fail_msg("%s: transport %u port %u", g->text, u.transport, u.port);
        assert_string_equal(u.name, g->name);
        addr_format(&u.addr, addr);
        assert_string_equal(u.addr.family ? addr : "", g->addr);
    }
}

static void what_is_wrong_is_said(void **state)
{
    static const char *const bads[][2] = {
        {"", "write udp:"},
        {"10.0.0.1:5060", "write udp:"},
        {"http://core", "write udp:"},
        {"udp:", "behind the colon"},
        {"udp:0.0.0.0:5060", "cannot be connected"},
        {"udp:host name", "behind the colon"},
        {"udp:host:99999", "behind the colon"},
        {"dns:10.0.0.1", "has no DNS records"},
        {"sip:alice@example.net", "no user"},
        {"sip:example.net;transport=sctp", "udp, tcp or tls"},
        {"sip:example.net;transport", "udp, tcp or tls"},
        {"sips:example.net;transport=udp", "never sent over UDP"},
        {"sip:example.net;maddr=host", "maddr"},
        {"sip:example.net;maddr=0.0.0.0", "maddr"},
        {"sip:", "no SIP URI"},
        {"sip:example.net?subject=x", "no user and no headers"},
    };
    struct core_uri u;
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
        const char *why = "nothing was said";
        if (core_uri_parse(bytes_str(bads[i][0]), &u, &why))
            fail_msg("\"%s\" was taken", bads[i][0]);
        if (!strstr(why, bads[i][1]))
            fail_msg("\"%s\": %s", bads[i][0], why);
        assert_false(core_uri_parse(bytes_str(bads[i][0]), &u, NULL));
    }
    char longest[5 + 260] = "dns:";
    memset(longest + 4, 'a', 255);
    assert_false(core_uri_parse(bytes_str(longest), &u, NULL));
}

static void a_place_is_several(void **state)
{
    const char *why = "";
    assert_true(core_link_check_place("", &why));
    assert_true(core_link_check_place("udp:10.0.0.1:5060 tls:10.0.0.2", &why));
    assert_false(core_link_check_place("udp:10.0.0.1:5060 10.0.0.2", &why));
    assert_non_null(strstr(why, "write udp:"));
    assert_false(core_link_check_place("udp:a udp:b udp:c udp:d udp:e udp:f udp:g udp:h udp:i", &why));
    assert_non_null(strstr(why, "too many"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_understood),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(a_place_is_several),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
