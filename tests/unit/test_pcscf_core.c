/* The edge against a core of another make over UDP, played by the test: what the core sees of a phone, and
 * what a phone sees of the core (TS 24.229 5.2, RFC 3327, RFC 3608, RFC 7315, RFC 5626 5.3.1). */
#include "core_lab.h"

static void a_register_reaches_the_core_with_what_the_edge_owes_it(void **state)
{
    struct lab lab = lab_create();
    char *m = registered(&lab, "Route: <sip:gw.ims.test:443;lr>\r\nP-Visited-Network-ID: mine\r\n"
                               "P-Access-Network-Info: IEEE-802.11;network-provided\r\n"
                               "Security-Client: tls\r\nRequire: sec-agree\r\nProxy-Require: sec-agree\r\n");
    struct sip_nameaddr path;
    assert_true(sip_nameaddr_parse(bytes_str(header_of(m, "Path", 0)), &path));
    assert_true(bytes_eq(path.uri.host.text, BYTES("10.9.9.9")));
    assert_true(sip_uri_param(&path.uri, BYTES("ob"), NULL));
    assert_string_equal(header_of(m, "Require", 0), "path");
    assert_string_equal(header_of(m, "Require", 1), "");
    assert_string_equal(header_of(m, "Proxy-Require", 0), "");
    assert_string_equal(header_of(m, "Security-Client", 0), "");
    assert_string_equal(header_of(m, "Route", 0), "");
    assert_string_equal(header_of(m, "P-Visited-Network-ID", 0), "\"gw.ims.test\"");
    assert_string_equal(header_of(m, "P-Visited-Network-ID", 1), "");
    assert_string_equal(header_of(m, "P-Access-Network-Info", 0), "");
    assert_non_null(strstr(header_of(m, "P-Charging-Vector", 0), "icid-value="));
    assert_non_null(strstr(header_of(m, "Via", 0), "SIP/2.0/UDP 10.9.9.9:5060;"));
    free(m);
    m = phone_expect(&lab.alice, "SIP/2.0 200");
    /* RFC 3327 5.3; the phone knows a 380 of ours by it (TS 24.229 5.1.3.1) */
    assert_string_equal(header_of(m, "Path", 0), "<sip:token@10.9.9.9;lr>");
    assert_string_equal(header_of(m, "P-Charging-Function-Addresses", 0), "");
    assert_non_null(strstr(header_of(m, "Service-Route", 0), "orig@10.0.0.99"));
    free(m);
    world_destroy(lab.world);
}

/* RFC 5626 5.1: a proxy of the phone's own stands between, and its flow is not ours to promise. */
static void behind_another_proxy_the_path_has_no_ob(void **state)
{
    struct lab lab = lab_create();
    struct sip_nameaddr path;
    char *m = registered(&lab, "Via: SIP/2.0/UDP 192.168.7.9;branch=z9hG4bKfirst\r\n");
    assert_true(sip_nameaddr_parse(bytes_str(header_of(m, "Path", 0)), &path));
    assert_true(path.uri.user.n > 0);
    assert_false(sip_uri_param(&path.uri, BYTES("ob"), NULL));
    free(m);
    world_destroy(lab.world);
}

static void the_phones_integrity_protected_is_taken_out(void **state)
{
    static const char *const places[] = {
        "Authorization: Digest "
        "username=\"a\",realm=\"r\",nonce=\"n\",uri=\"sip:x\",response=\"\",integrity-protected=yes\r\n",
        "Authorization: Digest "
        "username=\"a\",integrity-protected=\"tls-yes\",realm=\"r\",nonce=\"n\",uri=\"sip:x\",response="
        "\"\"\r\n",
    };
    for (size_t i = 0; i < 2; i++) {
        struct lab lab = lab_create();
        char *m = registered(&lab, places[i]);
        const char *left = header_of(m, "Authorization", 0);
        struct digest_credentials c;
        assert_null(strstr(left, "integrity-protected"));
        assert_int_equal(digest_credentials_parse(bytes_str(left), &c), 0);
        assert_true(bytes_eq(c.username, BYTES("a")));
        assert_true(bytes_eq(c.realm, BYTES("r")));
        free(m);
        world_destroy(lab.world);
    }
}

/* What one reader takes for text may be a parameter for the next: the core must see none of it. */
static void an_integrity_protected_that_hides_does_not_get_through(void **state)
{
    static const char *const hidden[] = {
        "username=\"a\",integrity-protected=\"no\",realm=\"r\",integrity-protected=\"tls-yes\"",
        "integrity-protected=no,integrity-protected=tls-yes,username=\"a\"",
        "username=\"integrity-protected,a\",integrity-protected=\"tls-yes\",realm=\"r\"",
        "username=\"a\",x=<,integrity-protected=\"tls-yes\",y=>",
        "username=\"a\",,integrity-protected=\"tls-yes\"",
        "username=\"a\\\",integrity-protected=\"tls-yes\"",
        "username=\"a\",\r\n Integrity-Protected\r\n =\r\n \"tls-yes\"",
        "integrity-protected=\"tls-yes\"",
    };
    for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
        struct lab lab = lab_create();
        char lines[512];
        snprintf(lines, sizeof(lines), "Authorization: Digest realm=\"one\"\r\nAuthorization: Digest %s\r\n",
                 hidden[i]);
        char *m = registered(&lab, lines);
        assert_null(strcasestr(m, "integrity-protected"));
        assert_string_equal(header_of(m, "Authorization", 0), "Digest realm=\"one\"");
        free(m);
        world_destroy(lab.world);
    }
}

static void answer_as(struct lab *lab, const struct flow *flow, const char *request)
{
    struct fake_phone ph = {.world = lab->world, .name = "somebody", .flow = *flow};
    snprintf(ph.contact, sizeof(ph.contact), "sip:x@192.168.7.66");
    phone_answers(&ph, request, "200 OK");
}

/* The Via list of a request is seen by all whom it passes, so the branch alone makes no one the core. */
static void nobody_but_the_core_answers_for_the_core(void **state)
{
    struct lab lab = lab_create();
    free(registered(&lab, ""));
    phone_drop(&lab.alice, "SIP/2.0 200");
    phone_requests(&lab.alice, "INVITE", "sip:bob@else.example", "<sip:bob@else.example>", "c1", 1, "");
    phone_drop(&lab.alice, "SIP/2.0 100");
    char *m = phone_expect(&lab.core, "INVITE sip:bob@else.example");
    struct flow stranger = phone_at(lab.world, "stranger", "", 0, 66).flow;
    struct flow spoofed = lab.core.flow; /* the core's address, on the phones' listener */
    spoofed.udp_index = 1;
    spoofed.conn.worker = 0;
    answer_as(&lab, &stranger, m);
    answer_as(&lab, &spoofed, m);
    answer_as(&lab, &lab.alice.flow, m);
    phone_expect_none(&lab.alice);
    core_answers(&lab, m, "180 Ringing", "");
    phone_drop(&lab.alice, "SIP/2.0 180");
    free(m);
    world_destroy(lab.world);
}

static void the_cores_address_counts_only_on_the_cores_listener(void **state)
{
    struct lab lab = lab_create();
    struct fake_phone spoofer = lab.core;
    spoofer.flow.udp_index = 1;
    phone_requests(&spoofer, "OPTIONS", "sip:10.9.9.9:5060", "<sip:10.9.9.9:5060>", "ping", 1, "");
    phone_drop(&spoofer, "SIP/2.0 403");
    world_destroy(lab.world);
}

static void a_call_goes_out_by_the_service_route_with_the_default_identity(void **state)
{
    struct lab lab = lab_create();
    free(registered(&lab, ""));
    phone_drop(&lab.alice, "SIP/2.0 200");
    /* TS 24.229 5.2.6.3: none is preferred, so it is the default one, whatever From says */
    phone_requests(&lab.alice, "INVITE", "sip:bob@else.example", "<sip:bob@else.example>", "c1", 1, "");
    char *m = phone_expect(&lab.core, "INVITE sip:bob@else.example");
    char routes[8192];
    snprintf(routes, sizeof(routes), "%s", headers_as(m, "Route", "Route", false));
    assert_non_null(strstr(routes, "sip:orig@10.0.0.99;lr"));
    assert_non_null(strstr(routes, "sip:second@10.0.0.98;lr"));
    assert_true(strstr(routes, "orig@") < strstr(routes, "second@"));
    assert_string_equal(header_of(m, "P-Asserted-Identity", 0), "<sip:first@ims.test>");
    free(m);
    phone_requests(&lab.alice, "MESSAGE", "sip:bob@else.example", "<sip:bob@else.example>", "m1", 1,
                   "P-Preferred-Identity: <tel:+1-555-1234>\r\n");
    m = phone_expect(&lab.core, "MESSAGE");
    assert_string_equal(header_of(m, "P-Asserted-Identity", 0), "<tel:+15551234>"); /* as registered */
    free(m);
    world_destroy(lab.world);
}

static void the_cores_request_finds_the_phone_by_its_path(void **state)
{
    struct lab lab = lab_create();
    char *reg = registered(&lab, "");
    phone_drop(&lab.alice, "SIP/2.0 200");
    core_send(
        &lab,
        "INVITE sip:alice@192.168.7.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.99:5060;branch=z9hG4bKcore\r\n"
        "Max-Forwards: 60\r\nRoute: %s\r\nFrom: <sip:bob@else.example>;tag=b\r\nTo: <sip:alice@ims.test>\r\n"
        "Call-ID: in\r\nCSeq: 1 INVITE\r\nContact: <sip:bob@else.example>\r\n"
        "P-Charging-Vector: icid-value=x\r\nContent-Length: 0\r\n\r\n",
        header_of(reg, "Path", 0));
    char *m = phone_expect(&lab.alice, "INVITE sip:alice@192.168.7.1:5060");
    assert_string_equal(header_of(m, "P-Charging-Vector", 0), "");
    assert_string_equal(header_of(m, "Max-Forwards", 0), "59");
    phone_answers(&lab.alice, m, "200 OK");
    char *ok = phone_expect(&lab.core, "SIP/2.0 200");
    assert_non_null(strstr(header_of(ok, "Via", 0), "z9hG4bKcore"));
    /* the value nearest to the core stands last in the response's list: the one it can reach */
    assert_non_null(strstr(header_of(ok, "Record-Route", 1), "@10.9.9.9:5060;lr"));
    free(ok);
    free(m);
    free(reg);
    world_destroy(lab.world);
}

static void route_with_token(struct lab *lab, const char *token, const char *status)
{
    core_send(
        lab,
        "MESSAGE sip:alice@192.168.7.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.99:5060;branch=z9hG4bK%s\r\n"
        "Max-Forwards: 60\r\nRoute: <sip:%s@10.9.9.9:5060;lr>\r\nFrom: <sip:bob@else.example>;tag=b\r\n"
        "To: <sip:alice@ims.test>\r\nCall-ID: in\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n",
        status + 8, token);
    phone_drop(&lab->core, status);
}

static void a_dead_flow_is_430_a_forged_token_403_no_token_404(void **state)
{
    struct lab lab = lab_create();
    struct flow dead = {.transport = TRANSPORT_TLS, .conn = {.worker = 0, .slot = 3, .gen = 7}};
    dead.peer = lab.alice.flow.peer;
    char token[TOKEN_TEXT_MAX];
    assert_true(phone_token(lab.world->w[0], &dead, BYTES("sip:alice@ims.test"), token));
    route_with_token(&lab, token, "SIP/2.0 430");
    route_with_token(&lab, "bm90LWEtdG9rZW4", "SIP/2.0 403");
    core_send(
        &lab,
        "MESSAGE sip:alice@192.168.7.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.99:5060;branch=z9hG4bKn\r\n"
        "Max-Forwards: 60\r\nFrom: <sip:bob@else.example>;tag=b\r\nTo: <sip:alice@ims.test>\r\n"
        "Call-ID: in\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n");
    phone_drop(&lab.core, "SIP/2.0 404");
    world_destroy(lab.world);
}

static void the_core_may_ask_whether_we_are_alive(void **state)
{
    struct lab lab = lab_create();
    core_send(
        &lab,
        "OPTIONS sip:10.9.9.9:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.99:5060;branch=z9hG4bKo\r\n"
        "Max-Forwards: 60\r\nFrom: <sip:core@ims.test>;tag=b\r\nTo: <sip:10.9.9.9:5060>\r\nCall-ID: o\r\n"
        "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n");
    phone_drop(&lab.core, "SIP/2.0 200");
    world_destroy(lab.world);
}

static void a_refused_or_shortened_registration_is_learnt_as_it_is(void **state)
{
    struct lab lab = lab_create();
    phone_register_once(&lab.alice, "Contact: <sip:alice@192.168.7.1:5060>\r\n", "Expires: 600\r\n", "");
    char *m = phone_expect(&lab.core, "REGISTER");
    core_answers(&lab, m, "403 Forbidden", "");
    free(m);
    phone_drop(&lab.alice, "SIP/2.0 403");
    assert_int_equal(world_count(lab.world, PCSCF_REGISTERED), 0);

    phone_register_once(&lab.alice, "Contact: <sip:alice@192.168.7.1:5060>\r\n", "Expires: 600\r\n", "");
    m = phone_expect(&lab.core, "REGISTER");
    core_answers(&lab, m, "200 OK", "Contact: <sip:alice@192.168.7.1:5060>;expires=20\r\n");
    free(m);
    assert_int_equal(world_count(lab.world, PCSCF_REGISTERED), 1);
    world_wait(lab.world, 21000);
    assert_int_equal(world_count(lab.world, PCSCF_REGISTERED), 0);
    world_destroy(lab.world);
}

/* Before the core binds what the phone would not be reached by. */
static void a_contact_too_many_is_refused_at_the_edge(void **state)
{
    struct lab lab = lab_create();
    char contacts[2000] = "Contact: <sip:alice@192.168.7.1:5060>";
    for (int i = 2; i <= 17; i++)
        snprintf(contacts + strlen(contacts), 60, ", <sip:alice@192.168.7.1:%d>", 5060 + i);
    strcat(contacts, "\r\n");
    phone_register_once(&lab.alice, contacts, "Expires: 600\r\n", "");
    phone_drop(&lab.alice, "SIP/2.0 403");
    phone_expect_none(&lab.core);
    phone_register_once(&lab.alice, contacts, "Expires: 0\r\n", ""); /* taking out is always fine */
    phone_drop(&lab.core, "REGISTER ");
    world_destroy(lab.world);
}

/* What a core says to an INVITE is the caller's to understand: a 3xx with its Contact too (RFC 3261 16.7 item
 * 5 lets a proxy recurse, it need not). */
static void a_redirection_by_the_core_reaches_the_phone(void **state)
{
    struct lab lab = lab_create();
    free(registered(&lab, ""));
    phone_drop(&lab.alice, "SIP/2.0 200");
    phone_requests(&lab.alice, "INVITE", "sip:bob@else.example", "<sip:bob@else.example>", "c1", 1, "");
    char *m = phone_expect(&lab.core, "INVITE sip:bob@else.example");
    core_answers(&lab, m, "302 Moved Temporarily", "Contact: <sip:bob@third.example>\r\n");
    free(m);
    phone_drop(&lab.core, "ACK ");
    m = phone_expect(&lab.alice, "SIP/2.0 302");
    assert_string_equal(header_of(m, "Contact", 0), "<sip:bob@third.example>");
    free(m);
    world_destroy(lab.world);
}

static void a_call_to_a_silent_core_ends_with_408(void **state)
{
    struct lab lab = lab_create();
    free(registered(&lab, ""));
    phone_drop(&lab.alice, "SIP/2.0 200");
    phone_requests(&lab.alice, "INVITE", "sip:bob@else.example", "<sip:bob@else.example>", "c1", 1, "");
    phone_drop(&lab.alice, "SIP/2.0 100");
    world_wait(lab.world, 31500);
    phone_expect_none(&lab.alice);
    world_wait(lab.world, 1500);
    phone_drop(&lab.alice, "SIP/2.0 408");
    world_wait(lab.world, 40000);
    assert_int_equal(sip_layer_servers(pcscf_of(lab.world->w[0])->layer), 0);
    assert_int_equal(sip_layer_clients(pcscf_of(lab.world->w[0])->layer), 0);
    world_destroy(lab.world);
}

/* Without a Record-Route of the core's: our pair is all the Route there is, and the Request-URI names the
 * core. */
static void a_dialog_of_the_core_itself_runs_both_ways(void **state)
{
    struct lab lab = lab_create();
    char *reg = registered(&lab, ""), path[1024], routes[8192], back[8192];
    snprintf(path, sizeof(path), "%s", header_of(reg, "Path", 0));
    free(reg);
    phone_drop(&lab.alice, "SIP/2.0 200");
    core_send(&lab,
              "SUBSCRIBE sip:alice@192.168.7.1:5060 SIP/2.0\r\n"
              "Via: SIP/2.0/UDP 10.0.0.99:5060;branch=z9hG4bKsub\r\nMax-Forwards: 70\r\nRoute: %s\r\n"
              "From: <sip:as@ims.test>;tag=as\r\nTo: <sip:alice@ims.test>\r\nCall-ID: sub\r\n"
              "CSeq: 1 SUBSCRIBE\r\nContact: <sip:as@10.0.0.99>\r\nEvent: x\r\nContent-Length: 0\r\n\r\n",
              path);
    char *m = phone_expect(&lab.alice, "SUBSCRIBE sip:alice@192.168.7.1:5060");
    phone_answers(&lab.alice, m, "200 OK");
    snprintf(routes, sizeof(routes), "%s", headers_as(m, "Record-Route", "Route", false));
    free(m);
    m = phone_expect(&lab.core, "SIP/2.0 200");
    snprintf(back, sizeof(back), "%s", headers_as(m, "Record-Route", "Route", true));
    free(m);
    phone_requests(&lab.alice, "NOTIFY", "sip:as@10.0.0.99", "<sip:as@ims.test>;tag=as", "sub", 1, routes);
    m = phone_expect(&lab.core, "NOTIFY sip:as@10.0.0.99");
    assert_string_equal(header_of(m, "Route", 0), "");
    core_answers(&lab, m, "200 OK", "");
    free(m);
    phone_drop(&lab.alice, "SIP/2.0 200");
    core_send(&lab,
              "SUBSCRIBE sip:alice@192.168.7.1:5060 SIP/2.0\r\n"
              "Via: SIP/2.0/UDP 10.0.0.99:5060;branch=z9hG4bKsub2\r\nMax-Forwards: 70\r\n%s"
              "From: <sip:as@ims.test>;tag=as\r\nTo: <sip:alice@ims.test>;tag=alice-ua\r\nCall-ID: sub\r\n"
              "CSeq: 2 SUBSCRIBE\r\nContact: <sip:as@10.0.0.99>\r\nEvent: x\r\nContent-Length: 0\r\n\r\n",
              back);
    phone_drop(&lab.alice, "SUBSCRIBE sip:alice@192.168.7.1:5060");
    world_destroy(lab.world);
}

static void a_silent_core_is_a_timeout_that_nobody_sees(void **state)
{
    struct lab lab = lab_create();
    phone_register_once(&lab.alice, "Contact: <sip:alice@192.168.7.1:5060>\r\n", "Expires: 600\r\n", "");
    world_wait(lab.world, 40000);
    char *m;
    while ((m = phone_get(&lab.alice))) { /* RFC 4320 4.2: no 408 to what is no INVITE */
        assert_null(strstr(m, "SIP/2.0 408"));
        free(m);
    }
    assert_int_equal(world_count(lab.world, PCSCF_REGISTER_FAILED), 1);
    world_destroy(lab.world);
}

static bool starts_with(struct world *world, const char *settings)
{
    struct worker *w = world->w[0];
    struct config_problem *problems = NULL;
    const struct config *old = w->config;
    pcscf_destroy(pcscf_of(w));
    w->config = config_load_text(settings, "test", world_tables, &problems);
    config_problems_free(problems);
    bool ok = w->config && pcscf_create(w, world_send);
    pcscf_destroy(pcscf_of(w));
    config_drop(w->config);
    w->config = old;
    return ok;
}

static void settings_that_cannot_work_stop_the_start(void **state)
{
    struct world *world = world_create();
    world->w[0]->log.level = LOG_ERROR + 1;
    assert_true(starts_with(world, "pcscf { host = \"gw.ims.test\" }"));
    assert_true(starts_with(world, "pcscf { host = \"[2001:db8::1]\" }"));
    assert_false(starts_with(world, "pcscf { host = \"no such host\" }"));
    assert_false(starts_with(world, "pcscf { host = \"gw.ims.test:443\" }"));
    assert_false(starts_with(world, "pcscf { core = \"10.0.0.1\" }"));
    assert_false(starts_with(world, "pcscf { core = \"udp:10.0.0.1:5060\" }")); /* no sip+udp listener */
    assert_false(starts_with(world, "pcscf { core = \"tcp:10.0.0.1:5060\" }")); /* where does it reach us? */
    assert_true(
        starts_with(world, "pcscf { core = \"tcp:10.0.0.1:5060\" core_address = \"10.0.0.2:5060\" }"));
    assert_non_null(pcscf_create(world->w[0], world_send));
    world_destroy(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_register_reaches_the_core_with_what_the_edge_owes_it),
        cmocka_unit_test(behind_another_proxy_the_path_has_no_ob),
        cmocka_unit_test(the_phones_integrity_protected_is_taken_out),
        cmocka_unit_test(an_integrity_protected_that_hides_does_not_get_through),
        cmocka_unit_test(nobody_but_the_core_answers_for_the_core),
        cmocka_unit_test(the_cores_address_counts_only_on_the_cores_listener),
        cmocka_unit_test(a_call_goes_out_by_the_service_route_with_the_default_identity),
        cmocka_unit_test(the_cores_request_finds_the_phone_by_its_path),
        cmocka_unit_test(a_dead_flow_is_430_a_forged_token_403_no_token_404),
        cmocka_unit_test(the_core_may_ask_whether_we_are_alive),
        cmocka_unit_test(a_refused_or_shortened_registration_is_learnt_as_it_is),
        cmocka_unit_test(a_contact_too_many_is_refused_at_the_edge),
        cmocka_unit_test(a_redirection_by_the_core_reaches_the_phone),
        cmocka_unit_test(a_call_to_a_silent_core_ends_with_408),
        cmocka_unit_test(a_dialog_of_the_core_itself_runs_both_ways),
        cmocka_unit_test(a_silent_core_is_a_timeout_that_nobody_sees),
        cmocka_unit_test(settings_that_cannot_work_stop_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
