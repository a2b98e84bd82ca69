/* P-Charging-Vector at the edge (RFC 7315 4.6, TS 24.229 5.2.2.1, 5.2.6.3, 5.2.6.4), and where a phone is
 * (RFC 7315 4.4). */
#include "core_lab.h"
#include "modules/pcscf/registration/charging.h"

static bool reads(const char *value, struct charging_vector *v)
{
    return charging_vector_parse(bytes_str(value), v);
}

static void a_vector_is_read(void **state)
{
    struct charging_vector v;
    assert_true(
        reads("icid-value=\"a;b\";icid-generated-at=[2001:db8::1];orig-ioi=home1.net;term-ioi=\"x y\"", &v));
    assert_true(bytes_eq(v.icid, BYTES("\"a;b\"")));
    assert_true(bytes_eq(v.generated_at, BYTES("[2001:db8::1]")));
    assert_true(bytes_eq(v.orig_ioi, BYTES("home1.net")));
    assert_true(bytes_eq(v.term_ioi, BYTES("\"x y\"")));
    assert_true(
        reads("ICID-Value = AyretyU0dm+6O2IrT5tAFrbHLso=023551024 ; unknown ; transit-ioi=\"a.1\"", &v));
    assert_true(bytes_eq(v.icid, BYTES("AyretyU0dm+6O2IrT5tAFrbHLso=023551024")));
    assert_false(v.orig_ioi.n);
    assert_true(reads("orig-ioi=a;icid-value=b", &v)); /* in whatever order */
    static const char *const bad[] = {"",
                                      ";",
                                      "icid-value",
                                      "icid-value=",
                                      "icid-value=\"a",
                                      "orig-ioi=a",
                                      ";icid-value=a",
                                      "icid-value=a;;orig-ioi=b",
                                      "icid-value=a,b",
                                      "icid-value=a b"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (reads(bad[i], &v))
            fail_msg("taken: %s", bad[i]);
    }
}

static struct charging_vector vector_of(const char *m)
{
    struct charging_vector v;
    assert_true(reads(header_of(m, "P-Charging-Vector", 0), &v));
    assert_string_equal(header_of(m, "P-Charging-Vector", 1), "");
    return v;
}

static void each_thing_that_begins_here_has_an_icid_of_its_own(void **state)
{
    struct lab lab = lab_set("");
    char icids[4][64];
    char *m =
        registered(&lab, "P-Charging-Vector: icid-value=mine\r\nP-Charging-Function-Addresses: ccf=me\r\n");
    snprintf(icids[0], sizeof(icids[0]), "%.*s", BYTES_FMT(vector_of(m).icid));
    assert_true(bytes_eq(vector_of(m).orig_ioi, BYTES("\"gw.ims.test\"")));
    assert_true(bytes_eq(vector_of(m).generated_at, BYTES("gw.ims.test")));
    assert_string_equal(header_of(m, "P-Charging-Function-Addresses", 0), "");
    free(m);
    phone_drop(&lab.alice, "SIP/2.0 200");
    for (unsigned i = 1; i < 4; i++) {
        char call[8];
        snprintf(call, sizeof(call), "c%u", i);
        phone_requests(&lab.alice, i == 1 ? "MESSAGE" : "INVITE", "sip:b@else.example",
                       "<sip:b@else.example>", call, 1,
                       "P-Charging-Vector: icid-value=mine;orig-ioi=mine\r\n");
        m = phone_expect(&lab.core, i == 1 ? "MESSAGE" : "INVITE");
        snprintf(icids[i], sizeof(icids[i]), "%.*s", BYTES_FMT(vector_of(m).icid));
        free(m);
    }
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(strlen(icids[i]), 34); /* with its quotes */
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(icids[i], icids[j]);
    }
    world_destroy(lab.world);
}

static void what_the_network_answers_stays_here(void **state)
{
    struct lab lab = lab_set("visited_network = \"visited.test\"");
    phone_register_once(&lab.alice, "Contact: <sip:alice@192.168.7.1:5060>\r\n", "Expires: 600\r\n", "");
    char *m = phone_expect(&lab.core, "REGISTER");
    assert_true(bytes_eq(vector_of(m).orig_ioi, BYTES("\"visited.test\"")));
    core_answers(&lab, m, "200 OK",
                 GRANTED "P-Charging-Vector: icid-value=1;orig-ioi=visited.test;term-ioi=\"home.test\"\r\n");
    free(m);
    m = phone_expect(&lab.alice, "SIP/2.0 200");
    assert_string_equal(header_of(m, "P-Charging-Vector", 0), "");
    assert_string_equal(header_of(m, "P-Charging-Function-Addresses", 0), "");
    free(m);
    const struct phone *ph = phone_find(pcscf_of(lab.world->w[0]), &lab.alice.flow);
    const struct registration *r = container_of(ph->registrations.next, struct registration, link);
    assert_true(bytes_eq(r->term_ioi, BYTES("home.test")));
    assert_true(bytes_eq(r->charging, BYTES("ccf=192.0.2.1")));
    world_destroy(lab.world);
}

/* The phone that is called sees nothing of it, and the core gets it back with our name. */
static char *called(struct lab *lab, const char *vector)
{
    char *reg = registered(lab, "");
    phone_drop(&lab->alice, "SIP/2.0 200");
    core_send(
        lab,
        "INVITE sip:alice@192.168.7.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.99:5060;branch=z9hG4bKin\r\n"
        "Max-Forwards: 60\r\nRoute: %s\r\nFrom: <sip:b@else.example>;tag=b\r\nTo: <sip:alice@ims.test>\r\n"
        "Call-ID: in\r\nCSeq: 1 INVITE\r\nContact: <sip:b@else.example>\r\n%sContent-Length: 0\r\n\r\n",
        header_of(reg, "Path", 0), vector);
    free(reg);
    char *m = phone_expect(&lab->alice, "INVITE");
    assert_string_equal(header_of(m, "P-Charging-Vector", 0), "");
    return m;
}

static void the_answers_of_a_called_phone_carry_the_networks_icid_and_our_ioi(void **state)
{
    struct lab lab = lab_set("ioi = \"Type 1visited.test\"");
    char *m = called(&lab, "P-Charging-Vector: icid-value=\"net\";orig-ioi=home.test;transit-ioi=x\r\n");
    static const char *const wanted = "icid-value=\"net\";orig-ioi=home.test;term-ioi=\"Type 1visited.test\"";
    phone_answers(&lab.alice, m, "180 Ringing\r\nP-Charging-Vector: icid-value=forged");
    char *answer = phone_expect(&lab.core, "SIP/2.0 180");
    assert_string_equal(header_of(answer, "P-Charging-Vector", 0), wanted);
    assert_string_equal(header_of(answer, "P-Charging-Vector", 1), "");
    free(answer);
    phone_answers(&lab.alice, m, "200 OK");
    answer = phone_expect(&lab.core, "SIP/2.0 200");
    assert_string_equal(header_of(answer, "P-Charging-Vector", 0), wanted);
    free(answer);
    free(m);
    world_destroy(lab.world);
}

static void a_refusal_and_what_had_none_carry_none(void **state)
{
    static const char *const vectors[] = {"P-Charging-Vector: icid-value=\"net\"\r\n", "",
                                          "P-Charging-Vector: nonsense\r\n"};
    for (size_t i = 0; i < 3; i++) {
        struct lab lab = lab_set("");
        char *m = called(&lab, vectors[i]);
        phone_answers(&lab.alice, m, i ? "200 OK" : "486 Busy Here");
        char *answer = phone_expect(&lab.core, i ? "SIP/2.0 200" : "SIP/2.0 486");
        assert_string_equal(header_of(answer, "P-Charging-Vector", 0), "");
        free(answer);
        free(m);
        world_destroy(lab.world);
    }
}

/* ---- access network ---- */

/* ---- within a call (RFC 7315 4.6: mid-dialog requests) ---- */

static void within(struct lab *lab, const char *method, const char *ids, const char *routes)
{
    phone_send(&lab->alice,
               "%s sip:b@else.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.7.1;branch=z9hG4bKw%s\r\n"
               "Max-Forwards: 70\r\n%sCSeq: 2 %s\r\nP-Charging-Vector: icid-value=forged\r\n"
               "%sContent-Length: 0\r\n\r\n",
               method, method, ids, method, routes);
}

static void the_core_sees(struct lab *lab, const char *start, const char *vector)
{
    char *m = phone_expect(&lab->core, start);
    assert_string_equal(header_of(m, "P-Charging-Vector", 0), vector);
    assert_string_equal(header_of(m, "P-Charging-Vector", 1), "");
    if (strncmp(start, "SIP/", 4) != 0 && strcmp(start, "ACK") != 0)
        phone_answers(&lab->core, m, "200 OK");
    free(m);
}

static void a_calling_phones_requests_go_on_its_accounts(void **state)
{
    struct lab lab = lab_set("");
    char vector[200], icid[64];
    free(registered(&lab, ""));
    phone_drop(&lab.alice, "SIP/2.0 200");
    phone_requests(&lab.alice, "INVITE", "sip:b@else.example", "<sip:b@else.example>", "c", 1, "");
    char *invite = phone_expect(&lab.core, "INVITE");
    snprintf(icid, sizeof(icid), "%.*s", BYTES_FMT(vector_of(invite).icid));
    phone_answers(&lab.core, invite,
                  "180 Ringing\r\nP-Charging-Vector: icid-value=x;term-ioi=\"early.test\"");
    phone_answers(&lab.core, invite, "200 OK\r\nP-Charging-Vector: icid-value=x;term-ioi=home.test");
    snprintf(vector, sizeof(vector), "icid-value=%s;orig-ioi=\"gw.ims.test\";term-ioi=\"home.test\"", icid);
    phone_drop(&lab.alice, "SIP/2.0 180");
    char *ok = phone_expect(&lab.alice, "SIP/2.0 200"), routes[8192];
    assert_string_equal(header_of(ok, "P-Charging-Vector", 0), "");
    snprintf(routes, sizeof(routes), "%s", headers_as(ok, "Record-Route", "Route", true));
    static const char ids[] =
        "From: <sip:alice@ims.test>;tag=alice-c\r\nTo: <sip:b@else.example>;tag=core-ua\r\n"
        "Call-ID: c\r\n";
    within(&lab, "ACK", ids, routes);
    the_core_sees(&lab, "ACK", ""); /* RFC 7315 5.7 */
    within(&lab, "INFO", ids, routes);
    the_core_sees(&lab, "INFO", vector);
    core_send(&lab,
              "UPDATE sip:alice@192.168.7.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.99;branch=z9hG4bKup\r\n"
              "Max-Forwards: 70\r\nFrom: <sip:b@else.example>;tag=core-ua\r\n"
              "To: <sip:alice@ims.test>;tag=alice-c\r\nCall-ID: c\r\nCSeq: 1 UPDATE\r\n"
              "P-Charging-Vector: icid-value=y\r\n%sContent-Length: 0\r\n\r\n",
              headers_as(invite, "Record-Route", "Route", false));
    char *update = phone_expect(&lab.alice, "UPDATE");
    assert_string_equal(header_of(update, "P-Charging-Vector", 0), "");
    phone_answers(&lab.alice, update, "200 OK");
    the_core_sees(&lab, "SIP/2.0 200", vector);
    within(&lab, "BYE", ids, routes);
    the_core_sees(&lab, "BYE", vector);
    free(invite);
    free(ok);
    free(update);
    world_destroy(lab.world);
}

static void a_called_phones_requests_go_on_the_networks_accounts(void **state)
{
    struct lab lab = lab_set("ioi = \"visited.test\"");
    static const char wanted[] = "icid-value=\"net\";orig-ioi=\"home.test\";term-ioi=\"visited.test\"";
    char *invite = called(&lab, "P-Charging-Vector: icid-value=net;orig-ioi=\"home.test\"\r\n"), routes[8192];
    snprintf(routes, sizeof(routes), "%s", headers_as(invite, "Record-Route", "Route", false));
    static const char ids[] = "From: <sip:alice@ims.test>;tag=alice-ua\r\nTo: <sip:b@else.example>;tag=b\r\n"
                              "Call-ID: in\r\n";
    within(&lab, "INFO", ids, routes); /* no call yet, and none that is known */
    the_core_sees(&lab, "INFO", "");
    phone_answers(&lab.alice, invite, "200 OK");
    within(&lab, "UPDATE", ids, routes);
    the_core_sees(&lab, "UPDATE", wanted);
    /* and what the edge says for a phone that is gone */
    pcscf_flow_closed(pcscf_of(lab.world->w[0]), &lab.alice.flow);
    world_wait(lab.world, 21000);
    the_core_sees(&lab, "BYE", wanted);
    free(invite);
    world_destroy(lab.world);
}

static void the_operator_may_say_where_phones_are(void **state)
{
    struct lab lab = lab_set("access_network = \"IEEE-802.11;i-wlan-node-id=ffffffffffff\"");
    char *m = registered(&lab, "P-Access-Network-Info: IEEE-802.11;i-wlan-node-id=000000000001\r\n"
                               "P-Access-Network-Info: 3GPP-NR;network-provided\r\n");
    assert_string_equal(header_of(m, "P-Access-Network-Info", 0), "IEEE-802.11;i-wlan-node-id=000000000001");
    assert_string_equal(header_of(m, "P-Access-Network-Info", 1),
                        "IEEE-802.11;i-wlan-node-id=ffffffffffff;network-provided");
    assert_string_equal(header_of(m, "P-Access-Network-Info", 2), "");
    free(m);
    phone_drop(&lab.alice, "SIP/2.0 200");
    phone_requests(&lab.alice, "MESSAGE", "sip:b@else.example", "<sip:b@else.example>", "m", 1, "");
    m = phone_expect(&lab.core, "MESSAGE");
    assert_string_equal(header_of(m, "P-Access-Network-Info", 0),
                        "IEEE-802.11;i-wlan-node-id=ffffffffffff;network-provided");
    free(m);
    world_destroy(lab.world);
}

static bool loads(const char *settings)
{
    char text[256];
    struct config_problem *problems = NULL;
    snprintf(text, sizeof(text), "pcscf { %s }", settings);
    struct config *c = config_load_text(text, "test", world_tables, &problems);
    config_problems_free(problems);
    config_drop(c);
    return c != NULL;
}

static void settings_that_would_break_a_header_are_refused(void **state)
{
    assert_true(loads("access_network = \"3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=1\""));
    assert_true(loads("access_network = \"\""));
    assert_false(loads("access_network = \"IEEE-802.11, other\""));
    assert_false(loads("access_network = \";x\""));
    assert_false(loads("access_network = \"IEEE-802.11\\r\\nX: y\""));
    assert_false(loads("ioi = \"a\\\"b\""));
    assert_false(loads("service_route = \"maybe\""));
    assert_false(loads("min_expires = 2h"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_vector_is_read),
        cmocka_unit_test(each_thing_that_begins_here_has_an_icid_of_its_own),
        cmocka_unit_test(what_the_network_answers_stays_here),
        cmocka_unit_test(the_answers_of_a_called_phone_carry_the_networks_icid_and_our_ioi),
        cmocka_unit_test(a_refusal_and_what_had_none_carry_none),
        cmocka_unit_test(a_calling_phones_requests_go_on_its_accounts),
        cmocka_unit_test(a_called_phones_requests_go_on_the_networks_accounts),
        cmocka_unit_test(the_operator_may_say_where_phones_are),
        cmocka_unit_test(settings_that_would_break_a_header_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
