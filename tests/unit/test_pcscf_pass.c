/* What an edge must not touch: bodies byte for byte, the extensions that phones agree on among themselves,
 * and the races of a call: RFC 3261 9.1, 14.1, 3262, 3311, 3515, 3891, 4975, 8839. */
#include "sip_call.h"

/* With bytes that are no UTF-8, bare line ends and what looks like a header. */
#define ICE                                                                                                  \
    "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=audio 9 RTP/SAVPF 111\r\n"                         \
    "a=ice-ufrag:8hhY\r\na=ice-pwd:asd88fgpdd777uzjYhagZg\r\n"                                               \
    "a=candidate:1 1 UDP 2130706431 10.0.1.1 8998 typ host\r\n"                                              \
    "a=candidate:2 1 UDP 1694498815 192.0.2.3 45664 typ srflx raddr 10.0.1.1 rport 8998\n"                   \
    "a=candidate:3 1 TCP 2105524479 fe80::1 9 typ host tcptype active\r\n"                                   \
    "m=message 7394 TCP/TLS/MSRP *\r\na=accept-types:text/plain\r\n"                                         \
    "a=path:msrps://alice.example:7394/2s93i9ek2a;tcp\r\n\r\nVia: x\r\nx-\x01\xff\xfe\t \r\n"

static void a_body_passes_byte_for_byte(void **state)
{
    struct call c = call_begin();
    phone_send(
        &c.a,
        "INVITE sip:bob@192.168.7.2:5060 SIP/2.0\r\n"
        "Via: SIP/2.0/UDP 192.168.7.1:5060;branch=z9hG4bKbody;rport\r\nMax-Forwards: 70\r\n"
        "From: <sip:alice@ims.test>;tag=alice-c1\r\nTo: <sip:bob@ims.test>;tag=bob-ua\r\nCall-ID: c1\r\n"
        "CSeq: 2 INVITE\r\nContact: <%s>\r\n%sContent-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
        c.a.contact, c.routes_a, sizeof(ICE) - 1, ICE);
    char *m = phone_expect(&c.b, "INVITE");
    const char *body = strstr(m, "\r\n\r\n") + 4;
    assert_int_equal(strlen(body), sizeof(ICE) - 1);
    assert_memory_equal(body, ICE, sizeof(ICE) - 1);
    free(m);
    call_end(&c);
}

static void headers_of_extensions_pass(void **state)
{
    static const char *const lines[][2] = {
        {"Refer-To", "<sip:carol@ims.test?Replaces=c9%40x%3Bto-tag%3D1%3Bfrom-tag%3D2>"},
        {"Replaces", "c9@x;to-tag=1;from-tag=2"},
        {"Referred-By", "<sip:alice@ims.test>;cid=\"1@x\""},
        {"RAck", "17 1 INVITE"},
        {"Event", "refer;id=93809824"},
        {"Subscription-State", "active;expires=60"},
        {"Require", "100rel, replaces, tdialog"},
        {"Accept-Contact", "*;+g.3gpp.icsi-ref=\"urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel\";explicit"},
        {"X-Unheard-Of", "as it came ;;, \"x"}};
    struct call c = call_begin();
    char all[8400] = "";
    for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s: %s\r\n", lines[i][0], lines[i][1]);
    snprintf(all + strlen(all), sizeof(all) - strlen(all), "%.4000s", c.routes_a);
    alice_says(&c, "REFER", "c1", 2, all);
    char *m = phone_expect(&c.b, "REFER");
    for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        assert_string_equal(header_of(m, lines[i][0], 0), lines[i][1]);
    phone_answers(&c.b, m, "202 Accepted");
    phone_drop(&c.a, "SIP/2.0 202");
    free(m);
    call_end(&c);
}

static void reinvites_that_cross_are_refused_by_the_phones(void **state)
{
    struct call c = call_begin();
    alice_says(&c, "INVITE", "c1", 2, c.routes_a);
    bob_says(&c, "INVITE", 1, c.routes_b);
    char *at_bob = phone_expect(&c.b, "INVITE"), *at_alice = phone_expect(&c.a, "INVITE");
    phone_answers(&c.b, at_bob, "491 Request Pending");
    phone_answers(&c.a, at_alice, "491 Request Pending");
    phone_drop(&c.a, "SIP/2.0 491");
    phone_drop(&c.b, "SIP/2.0 491");
    assert_int_equal(confirmed(&c), 2);
    free(at_bob);
    free(at_alice);
    call_end(&c);
}

static void several_provisionals_with_several_tags_pass(void **state)
{
    struct call c = call_invites();
    static const char *const tags[] = {"one", "two", "three"};
    for (unsigned i = 0; i < 3; i++) {
        c.b.name = tags[i];
        phone_answers(&c.b, c.invite, "183 Session Progress\r\nRequire: 100rel\r\nRSeq: 1");
        char *m = phone_expect(&c.a, "SIP/2.0 183");
        char tag[32];
        snprintf(tag, sizeof(tag), ";tag=%s-ua", tags[i]);
        assert_non_null(strstr(header_of(m, "To", 0), tag));
        assert_string_equal(header_of(m, "RSeq", 0), "1");
        free(m);
    }
    assert_int_equal(early(&c), 6);
    c.b.name = "two";
    phone_answers(&c.b, c.invite, "200 OK");
    phone_drop(&c.a, "SIP/2.0 200");
    c.b.name = "three"; /* a second answer, after the dialog stands */
    phone_answers(&c.b, c.invite, "200 OK");
    phone_drop(&c.a, "SIP/2.0 200");
    assert_int_equal(confirmed(&c), 4);
    world_wait(c.world, 40000);
    assert_int_equal(early(&c), 0);
    call_end(&c);
}

static void an_answer_that_crosses_a_cancel_counts(void **state)
{
    struct call c = call_invites();
    call_rings(&c);
    alice_cancels(&c.a);
    phone_drop(&c.a, "SIP/2.0 200"); /* to the CANCEL */
    phone_drop(&c.b, "CANCEL");
    call_answered_with(&c, "200 OK");
    assert_int_equal(confirmed(&c), 2);
    alice_says(&c, "BYE", "c1", 2, c.routes_a);
    phone_serves(&c.b, "BYE", &c.a);
    assert_int_equal(confirmed(&c), 0);
    call_end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_passes_byte_for_byte),
        cmocka_unit_test(headers_of_extensions_pass),
        cmocka_unit_test(reinvites_that_cross_are_refused_by_the_phones),
        cmocka_unit_test(several_provisionals_with_several_tags_pass),
        cmocka_unit_test(an_answer_that_crosses_a_cancel_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
