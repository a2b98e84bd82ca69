/* Calls for help at the edge: what is one, and the 380 where no E-CSCF is set (TS 24.229 5.2.10, 7.6; RFC
 * 5031). The way to an E-CSCF needs a socket: tests/flow/test_emergency.py. */
#include "core_lab.h"
#include "modules/pcscf/emergency.h"

#define EDGE "pcscf { host = \"gw.ims.test\" }\nregistrar { domains = {\"ims.test\"} }\n"

static void is_called(struct lab *lab, const char *uri, bool wanted)
{
    struct sip_uri u;
    assert_true(sip_uri_parse(bytes_str(uri), &u));
    if (emergency_is_called(pcscf_of(lab->world->w[0]), &u) != wanted)
        fail_msg("%s: wanted %d", uri, wanted);
}

static void what_calls_for_help(void **state)
{
    static const char *const yes[] = {
        "urn:service:sos",
        "urn:service:sos.fire",
        "URN:Service:SOS.Police",
        "urn:service:sos.country-specific.de.110",
        "tel:112",
        "tel:1-1-2",
        "tel:112;phone-context=+49",
        "sip:112@ims.test",
        "sips:112@ims.test",
        "sip:112@else.example:5070;user=phone",
        "sip:112;phone-context=ims.test@ims.test;user=phone",
        "sip:112@ims.test;user=dialstring",
        "sip:112;phone-context=x@ims.test;user=dialstring",
        "sip:%31%31%32@ims.test",
        "sip:(11).2@ims.test",
        "sip:911@192.0.2.1",
    };
    static const char *const no[] = {
        "urn:service:sosx",
        "urn:service:so",
        "urn:service:counseling",
        "urn:service:test.sos",
        "urn:x:service:sos",
        "tel:+112",
        "tel:1123",
        "tel:12",
        "sip:112x@ims.test",
        "sip:112%00@ims.test",
        "sip:@ims.test",
        "sip:ims.test",
        "sip:sos@ims.test",
        "sip:1112@ims.test",
        "sip:%3112%@ims.test",
        "mailto:112",
        "sip:112%3b@ims.test",
        "sip:999@ims.test",
    };
    struct lab lab = lab_of(EDGE);
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
        is_called(&lab, yes[i], true);
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        struct sip_uri u;
        if (sip_uri_parse(bytes_str(no[i]), &u))
            is_called(&lab, no[i], false);
    }
    is_called(&lab, "sip:1111111111111111111111111111111111111111111111111111@ims.test", false);
    world_destroy(lab.world);
    lab = lab_of(EDGE "emergency { numbers = {\"110\", \"*55#\"} }\n");
    is_called(&lab, "sip:110@ims.test", true);
    is_called(&lab, "sip:*55%23@ims.test", true);
    is_called(&lab, "sip:112@ims.test", false);
    is_called(&lab, "urn:service:sos", true);
    world_destroy(lab.world);
    lab = lab_of(EDGE "emergency { numbers = {} }\n");
    is_called(&lab, "sip:112@ims.test", false);
    world_destroy(lab.world);
}

static void settings_that_cannot_work_are_refused(void **state)
{
    static const char *const bad[] = {
        "emergency { numbers = {\"+112\"} }",
        "emergency { numbers = {\"one\"} }",
        "emergency { numbers = {\"\"} }",
        "emergency { numbers = {\"01234567890123456789012345678901\"} }",
        "emergency { reason = \"call <b>112</b>\" }",
        "emergency { reason = \"you & me\" }",
        "emergency { ecscf = \"somewhere\" }",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct config_problem *problems = NULL;
        if (config_load_text(bad[i], "test", world_tables, &problems))
            fail_msg("taken: %s", bad[i]);
        assert_non_null(problems);
        config_problems_free(problems);
    }
}

static const char *body_of(const char *m)
{
    const char *body = strstr(m, "\r\n\r\n");
    assert_non_null(body);
    assert_int_equal(strtoul(header_of(m, "Content-Length", 0), NULL, 10), strlen(body + 4));
    assert_string_equal(header_of(m, "Content-Type", 0), "application/3gpp-ims+xml");
    return body + 4;
}

#define BODY(reason, action)                                                                                 \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n"                                                         \
    "<ims-3gpp version=\"1\"><alternative-service><type>emergency</type><reason>" reason                     \
    "</reason><action>" action "</action></alternative-service></ims-3gpp>\r\n"
#define REASON "Emergency calls are not taken here"

static void a_registered_phone_is_sent_elsewhere_by_whom_it_knows(void **state)
{
    struct lab lab = lab_of(EDGE);
    char *reg = registered(&lab, "");
    world_forget(lab.world);
    phone_requests(&lab.alice, "INVITE", "sip:112@ims.test", "<sip:112@ims.test>", "c1", 1, "");
    char *m = phone_expect(&lab.alice, "SIP/2.0 380 Alternative Service");
    assert_string_equal(body_of(m), BODY(REASON, "emergency-registration"));
    assert_string_equal(header_of(m, "P-Asserted-Identity", 0), header_of(reg, "Path", 0));
    assert_string_equal(header_of(m, "Contact", 0), "<urn:service:sos>");
    assert_non_null(strstr(header_of(m, "To", 0), ";tag="));
    free(m);
    free(reg);
    phone_requests(&lab.alice, "INVITE", "urn:service:sos.fire", "<urn:service:sos.fire>", "c2", 1, "");
    m = phone_expect(&lab.alice, "SIP/2.0 380");
    assert_string_equal(header_of(m, "Contact", 0), "<urn:service:sos.fire>");
    free(m);
    phone_requests(&lab.alice, "MESSAGE", "tel:911", "<tel:911>", "m1", 1, "");
    phone_drop(&lab.alice, "SIP/2.0 380");
    phone_expect_none(&lab.core);
    assert_int_equal(world_count(lab.world, PCSCF_EMERGENCY_ELSEWHERE), 3);
    world_destroy(lab.world);
}

static void who_is_not_registered_hears_whether_he_may_call_so(void **state)
{
    static const struct {
        const char *settings, *body;
    } cases[] = {
        {EDGE, BODY(REASON, "emergency-registration")},
        {EDGE "emergency { unregistered = yes reason = \"Ask 'next door'\" }",
         BODY("Ask 'next door'", "anonymous-emergencycall")},
    };
    for (size_t i = 0; i < 2; i++) {
        struct lab lab = lab_of(cases[i].settings);
        phone_requests(&lab.alice, "INVITE", "urn:service:sos", "<urn:service:sos>", "c1", 1, "");
        char *m = phone_expect(&lab.alice, "SIP/2.0 380");
        assert_string_equal(body_of(m), cases[i].body);
        assert_string_equal(header_of(m, "P-Asserted-Identity", 0), "<sip:10.9.9.9:5060>");
        free(m);
        phone_requests(&lab.alice, "INVITE", "sip:bob@ims.test", "<sip:bob@ims.test>", "c2", 1, "");
        phone_drop(&lab.alice, "SIP/2.0 403");
        world_destroy(lab.world);
    }
}

/* RFC 3261 17.2.1: it is a final response like any other. */
static void the_380_is_repeated_until_its_ack(void **state)
{
    struct lab lab = lab_of(EDGE);
    phone_requests(&lab.alice, "INVITE", "urn:service:sos", "<urn:service:sos>", "c1", 1, "");
    phone_drop(&lab.alice, "SIP/2.0 380");
    world_wait(lab.world, 500);
    char *m = phone_expect(&lab.alice, "SIP/2.0 380");
    phone_send(
        &lab.alice,
        "ACK urn:service:sos SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.7.1:5060;branch=z9hG4bKc1.INVITE.1;rport\r\n"
        "Max-Forwards: 70\r\nFrom: <sip:alice@ims.test>;tag=alice-c1\r\nTo: %s\r\nCall-ID: c1\r\n"
        "CSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n",
        header_of(m, "To", 0));
    free(m);
    world_wait(lab.world, 6000);
    phone_expect_none(&lab.alice);
    phone_expect_none(&lab.core);
    world_destroy(lab.world);
}

/* TS 24.229 5.2.10.3. */
static void an_emergency_registration_is_for_that_alone(void **state)
{
    struct lab lab = lab_of(EDGE);
    const char *contact = "Contact: <sip:alice@192.168.7.1:5060;sos>\r\n";
    phone_register_once(&lab.alice, contact, "Expires: 600\r\n", "");
    char *m = phone_expect(&lab.core, "REGISTER");
    assert_non_null(strstr(header_of(m, "Contact", 0), ";sos>"));
    core_answers(&lab, m, "200 OK", "Contact: <sip:alice@192.168.7.1:5060;sos>;expires=600\r\n");
    free(m);
    phone_drop(&lab.alice, "SIP/2.0 200");
    phone_requests(&lab.alice, "INVITE", "sip:bob@ims.test", "<sip:bob@ims.test>", "c1", 1, "");
    phone_drop(&lab.alice, "SIP/2.0 403");
    phone_requests(&lab.alice, "INVITE", "urn:service:sos", "<urn:service:sos>", "c2", 1, "");
    phone_drop(&lab.alice, "SIP/2.0 380");
    free(registered(&lab, "")); /* and then as usual too */
    phone_drop(&lab.alice, "SIP/2.0 200");
    phone_requests(&lab.alice, "INVITE", "sip:bob@ims.test", "<sip:bob@ims.test>", "c3", 1, "");
    phone_drop(&lab.core, "INVITE");
    world_destroy(lab.world);
}

/* TS 24.229 5.2.1: before everything else. The table is full of calls that a core does not answer. */
static void it_goes_above_the_limits(void **state)
{
    struct lab lab = lab_of(EDGE "sip { max_transactions = 16 }\n");
    free(registered(&lab, ""));
    phone_drop(&lab.alice, "SIP/2.0 200");
    for (unsigned i = 0; i < 20; i++) {
        char call[16];
        snprintf(call, sizeof(call), "full%u", i);
        phone_requests(&lab.alice, "INVITE", "sip:bob@ims.test", "<sip:bob@ims.test>", call, 1, "");
    }
    phone_drop(&lab.alice, "SIP/2.0 503");
    phone_requests(&lab.alice, "REGISTER", "sip:ims.test", "<sip:alice@ims.test>", "r", 1, "");
    phone_drop(&lab.alice, "SIP/2.0 503");
    world_forget(lab.world);
    phone_requests(&lab.alice, "INVITE", "urn:service:sos", "<urn:service:sos>", "help", 1, "");
    phone_drop(&lab.alice, "SIP/2.0 380");
    /* what ends a call too: it has no Route of ours, so the answer is 403 and not 503 */
    phone_requests(&lab.alice, "BYE", "sip:bob@ims.test", "<sip:bob@ims.test>;tag=1", "over", 1, "");
    phone_drop(&lab.alice, "SIP/2.0 403");
    /* but not without any end */
    for (unsigned i = 0; i < 20; i++) {
        char call[16];
        snprintf(call, sizeof(call), "sos%u", i);
        phone_requests(&lab.alice, "INVITE", "urn:service:sos", "<urn:service:sos>", call, 1, "");
        if (i < 14)
            phone_drop(&lab.alice, "SIP/2.0 380");
    }
    phone_drop(&lab.alice, "SIP/2.0 503");
    world_destroy(lab.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_calls_for_help),
        cmocka_unit_test(settings_that_cannot_work_are_refused),
        cmocka_unit_test(a_registered_phone_is_sent_elsewhere_by_whom_it_knows),
        cmocka_unit_test(who_is_not_registered_hears_whether_he_may_call_so),
        cmocka_unit_test(the_380_is_repeated_until_its_ack),
        cmocka_unit_test(an_emergency_registration_is_for_that_alone),
        cmocka_unit_test(it_goes_above_the_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
