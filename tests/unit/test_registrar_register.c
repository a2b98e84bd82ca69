/* REGISTER through the edge to the embedded home network: RFC 3261 10 and 22, RFC 3327, RFC 3608, RFC 5626,
 * RFC 8760. */
#include "sip_world.h"

static void a_first_register_is_challenged_with_both_algorithms(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "secret-a", 0, 1);
    phone_register_once(&a, "Contact: <sip:alice@192.168.7.1:5060>\r\n", "", "");
    char *m = phone_expect(&a, "SIP/2.0 401");
    assert_non_null(strstr(header_of(m, "WWW-Authenticate", 0), "algorithm=SHA-256"));
    assert_non_null(strstr(header_of(m, "WWW-Authenticate", 1), "algorithm=MD5"));
    assert_non_null(strstr(header_of(m, "WWW-Authenticate", 0), "realm=\"ims.test\""));
    assert_null(strstr(m, "stale=true"));
    free(m);
    assert_int_equal(world_count(world, PCSCF_REGISTERED), 0);
    world_destroy(world);
}

static void a_phone_that_cannot_bear_sha256_is_challenged_with_md5_alone(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "secret-a", 0, 1);
    a.extra = "User-Agent: baresip v1.0.0 (x86_64/linux)\r\n";
    phone_register_once(&a, "Contact: <sip:alice@192.168.7.1:5060>\r\n", "", "");
    char *m = phone_expect(&a, "SIP/2.0 401");
    assert_non_null(strstr(header_of(m, "WWW-Authenticate", 0), "algorithm=MD5"));
    assert_string_equal(header_of(m, "WWW-Authenticate", 1), "");
    free(m);
    world_destroy(world);
}

static void registers_with(unsigned challenge)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "secret-a", 0, 1);
    const char *contact = "Contact: <sip:alice@192.168.7.1:5060>\r\n";
    phone_register_once(&a, contact, "Expires: 600\r\n", "");
    char *m = phone_expect(&a, "SIP/2.0 401");
    phone_register_once(&a, contact, "Expires: 600\r\n", phone_answer(&a, m, challenge, 1));
    free(m);
    m = phone_expect(&a, "SIP/2.0 200");
    assert_non_null(strstr(header_of(m, "Contact", 0), "<sip:alice@192.168.7.1:5060>"));
    assert_non_null(strstr(header_of(m, "Contact", 0), "expires=600"));
    assert_string_equal(header_of(m, "Service-Route", 0), "<sip:orig@scscf.ims.test;lr>");
    assert_string_equal(header_of(m, "P-Associated-URI", 0), "<sip:alice@ims.test>");
    assert_memory_equal(header_of(m, "Path", 0), "<sip:", 5); /* RFC 3327 5.3: comes back in a 200 */
    assert_string_equal(header_of(m, "P-Charging-Vector", 0), "");
    free(m);
    assert_int_equal(world_count(world, PCSCF_REGISTERED), 1);
    world_destroy(world);
}

static void the_right_answer_with_sha256_registers(void **state)
{
    registers_with(0);
}
static void the_right_answer_with_md5_registers(void **state)
{
    registers_with(1);
}

static void the_binding_has_a_path_with_the_sealed_flow(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "secret-a", 1, 1);
    phone_registers(&a);
    struct binding_set s;
    location_find(registrar_of(world->w[0])->location, BYTES("sip:alice@ims.test"), 0, &s);
    assert_int_equal(s.n, 1);
    struct sip_nameaddr path;
    assert_true(sip_nameaddr_parse(s.items[0]->path, &path));
    assert_true(sip_uri_param(&path.uri, BYTES("lr"), NULL));
    assert_true(sip_uri_param(&path.uri, BYTES("ob"), NULL)); /* RFC 5626 5.1 */
    struct flow_token named;
    assert_int_equal(flow_token_open(world->w[0], path.uri.user, &named), FLOW_TOKEN_OK);
    assert_true(flow_eq(&named.flow, &a.flow));
    binding_set_fini(&s);
    world_destroy(world);
}

static void rotate(struct world *world, uint8_t id)
{
    const struct token_key now = {.id = id, .key = {id}},
                           before = {.id = (uint8_t)(id - 1), .key = {(uint8_t)(id - 1)}};
    for (unsigned i = 0; i < WORLD_WORKERS; i++) {
        token_box_destroy(world->w[i]->tokens);
        world->w[i]->tokens = token_box_create(&now, &before);
    }
}

/* A flow may live longer than the key that sealed its first token. */
static void the_path_is_good_after_keys_were_rotated_away(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "secret-a", 1, 1);
    phone_registers(&a);
    for (uint8_t id = 20; id < 24; id++) {
        rotate(world, id);
        phone_registers(&a);
    }
    phone_requests(&a, "MESSAGE", "sip:alice@ims.test", "<sip:alice@ims.test>", "m1", 1, "");
    phone_drop(&a, "MESSAGE sip:alice@192.168.7.1:5060");
    phone_requests(&a, "INVITE", "sip:alice@ims.test", "<sip:alice@ims.test>", "c1", 1, "");
    char *m = phone_expect(&a, "INVITE sip:alice@192.168.7.1:5060");
    struct sip_nameaddr na;
    struct flow_token f;
    assert_true(sip_nameaddr_parse(bytes_str(header_of(m, "Record-Route", 0)), &na));
    assert_int_equal(flow_token_open(world->w[0], na.uri.user, &f), FLOW_TOKEN_OK);
    assert_true(sip_nameaddr_parse(bytes_str(header_of(m, "Record-Route", 4)), &na));
    assert_int_equal(flow_token_open(world->w[0], na.uri.user, &f), FLOW_TOKEN_OK);
    free(m);
    world_destroy(world);
}

static void a_wrong_password_is_forbidden_and_counted(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "not-hers", 0, 1);
    const char *contact = "Contact: <sip:alice@192.168.7.1:5060>\r\n";
    phone_register_once(&a, contact, "", "");
    char *m = phone_expect(&a, "SIP/2.0 401");
    phone_register_once(&a, contact, "", phone_answer(&a, m, 0, 1));
    free(m);
    phone_drop(&a, "SIP/2.0 403");
    assert_int_equal(stats_sum(world->gw.stats, &registrar_stats, REGISTRAR_AUTH_FAILED), 1);
    assert_int_equal(world_count(world, PCSCF_REGISTERED), 0);
    world_destroy(world);
}

static void an_unknown_user_is_challenged_and_then_forbidden(void **state)
{
    struct world *world = world_create();
    struct fake_phone m = phone_at(world, "mallory", "guess", 0, 1);
    phone_register_once(&m, "Contact: <sip:m@192.168.7.1>\r\n", "", "");
    char *ch = phone_expect(&m, "SIP/2.0 401");
    phone_register_once(&m, "Contact: <sip:m@192.168.7.1>\r\n", "", phone_answer(&m, ch, 0, 1));
    free(ch);
    phone_drop(&m, "SIP/2.0 403");
    world_destroy(world);
}

static void a_user_cannot_register_for_another(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "secret-a", 0, 1);
    phone_register_once(&a, "Contact: <sip:alice@192.168.7.1>\r\n", "", "");
    char *ch = phone_expect(&a, "SIP/2.0 401");
    char answer[1024];
    snprintf(answer, sizeof(answer), "%s", phone_answer(&a, ch, 0, 1));
    free(ch);
    a.name = "bob"; /* bob's address of record, alice's credentials */
    phone_register_once(&a, "Contact: <sip:alice@192.168.7.1>\r\n", "", answer);
    phone_drop(&a, "SIP/2.0 403");
    world_destroy(world);
}

static void a_used_nonce_count_is_stale(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "secret-a", 0, 1);
    const char *contact = "Contact: <sip:alice@192.168.7.1>\r\n";
    phone_register_once(&a, contact, "", "");
    char *ch = phone_expect(&a, "SIP/2.0 401");
    phone_register_once(&a, contact, "", phone_answer(&a, ch, 0, 1));
    phone_drop(&a, "SIP/2.0 200");
    phone_register_once(&a, contact, "", phone_answer(&a, ch, 0, 2)); /* counting up is fine */
    phone_drop(&a, "SIP/2.0 200");
    phone_register_once(&a, contact, "", phone_answer(&a, ch, 0, 2)); /* played again */
    char *m = phone_expect(&a, "SIP/2.0 401");
    assert_non_null(strstr(header_of(m, "WWW-Authenticate", 0), "stale=true"));
    free(m);
    free(ch);
    world_destroy(world);
}

/* Only there is it known which counts were used. */
static void a_nonce_of_another_worker_or_an_earlier_run_is_stale(void **state)
{
    const char *contact = "Contact: <sip:alice@192.168.7.1>\r\n";
    for (int restarted = 0; restarted < 2; restarted++) {
        struct world *world = world_create();
        struct fake_phone a = phone_at(world, "alice", "secret-a", 0, 1);
        phone_register_once(&a, contact, "", "");
        char *ch = phone_expect(&a, "SIP/2.0 401");
        world->gw.started += restarted;
        a.flow.conn.worker = restarted ? 0 : 1;
        phone_register_once(&a, contact, "", phone_answer(&a, ch, 0, 1));
        free(ch);
        ch = phone_expect(&a, "SIP/2.0 401");
        assert_non_null(strstr(header_of(ch, "WWW-Authenticate", 0), "stale=true"));
        free(ch);
        world_destroy(world);
    }
}

static void a_nonce_that_was_pushed_out_is_not_fresh(void **state)
{
    struct replay *r = calloc(1, sizeof(*r));
    uint64_t first = replay_number(r);
    assert_true(replay_fresh(r, first, 1));
    assert_true(replay_fresh(r, first, 2));
    assert_false(replay_fresh(r, first, 2));
    for (unsigned i = 0; i < REPLAY_ROWS; i++)
        assert_true(replay_fresh(r, replay_number(r), 1));
    assert_false(replay_fresh(r, first, 3));
    assert_false(replay_fresh(r, replay_number(r), 0));
    free(r);
}

/* 128 header fields are what a message may have; the edge adds its own. */
static void a_message_that_grew_too_large_on_its_way_is_answered(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "secret-a", 0, 1);
    char extra[2000] = "";
    for (int i = 0; i < 119; i++)
        strcat(extra, "X-Filler: 1\r\n");
    a.extra = extra;
    phone_register_once(&a, "Contact: <sip:alice@192.168.7.1>\r\n", "", "");
    phone_drop(&a, "SIP/2.0 513");
    world_destroy(world);
}

static void an_old_nonce_is_stale(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "secret-a", 0, 1);
    const char *contact = "Contact: <sip:alice@192.168.7.1>\r\n";
    phone_register_once(&a, contact, "", "");
    char *ch = phone_expect(&a, "SIP/2.0 401");
    world_wait(world, 600000);
    phone_register_once(&a, contact, "", phone_answer(&a, ch, 0, 1));
    free(ch);
    ch = phone_expect(&a, "SIP/2.0 401");
    assert_non_null(strstr(header_of(ch, "WWW-Authenticate", 0), "stale=true"));
    phone_register_once(&a, contact, "", phone_answer(&a, ch, 0, 1));
    free(ch);
    phone_drop(&a, "SIP/2.0 200");
    world_destroy(world);
}

static void too_short_an_expiry_gets_423(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "secret-a", 0, 1);
    const char *contact = "Contact: <sip:alice@192.168.7.1>;expires=10\r\n";
    phone_register_once(&a, contact, "", "");
    char *m = phone_expect(&a, "SIP/2.0 401");
    phone_register_once(&a, contact, "", phone_answer(&a, m, 0, 1));
    free(m);
    m = phone_expect(&a, "SIP/2.0 423");
    assert_string_equal(header_of(m, "Min-Expires", 0), "60");
    free(m);
    world_destroy(world);
}

static void too_long_an_expiry_is_cut(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "secret-a", 0, 1);
    char *m = phone_register_with(&a, "Contact: <sip:alice@192.168.7.1>\r\n", "Expires: 99999999\r\n");
    assert_non_null(strstr(header_of(m, "Contact", 0), "expires=7200"));
    free(m);
    world_destroy(world);
}

static void expires_0_takes_the_contact_out(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "secret-a", 0, 1);
    phone_registers(&a);
    char *m = phone_register_with(&a, "Contact: <sip:alice@192.168.7.1:5060>\r\n", "Expires: 0\r\n");
    assert_string_equal(header_of(m, "Contact", 0), "");
    free(m);
    assert_int_equal(world_count(world, PCSCF_REGISTERED), 0);
    assert_int_equal(location_count(registrar_of(world->w[0])->location), 0);
    world_destroy(world);
}

static void the_wildcard_takes_all_out(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "secret-a", 0, 1);
    free(phone_register_with(&a, "Contact: <sip:alice@192.168.7.1>, <sip:alice@192.168.7.2>\r\n", ""));
    assert_int_equal(world_count(world, PCSCF_REGISTERED), 2);
    free(phone_register_with(&a, "Contact: *\r\n", "Expires: 0\r\n"));
    assert_int_equal(world_count(world, PCSCF_REGISTERED), 0);
    assert_int_equal(location_count(registrar_of(world->w[0])->location), 0);
    world_destroy(world);
}

static void the_wildcard_without_expires_0_is_bad(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "secret-a", 0, 1);
    phone_register_once(&a, "Contact: *\r\n", "", "");
    char *m = phone_expect(&a, "SIP/2.0 401");
    phone_register_once(&a, "Contact: *\r\n", "", phone_answer(&a, m, 0, 1));
    free(m);
    phone_drop(&a, "SIP/2.0 400");
    world_destroy(world);
}

static void a_query_lists_what_is_bound(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "secret-a", 0, 1);
    free(phone_register_with(&a, "Contact: <sip:alice@192.168.7.1>;q=0.5, <sip:alice@192.168.7.2>\r\n", ""));
    char *m = phone_register_with(&a, "", "");
    assert_non_null(strstr(m, "<sip:alice@192.168.7.1>;q=0.500"));
    assert_non_null(strstr(m, "<sip:alice@192.168.7.2>"));
    free(m);
    assert_int_equal(world_count(world, PCSCF_REGISTERED), 2);
    world_destroy(world);
}

static void instance_and_reg_id_are_one_binding_wherever_they_come_from(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "secret-a", 0, 1),
                      moved = phone_at(world, "alice", "secret-a", 1, 9);
    a.contact_params = moved.contact_params =
        ";+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\";reg-id=1";
    a.extra = moved.extra = "Supported: path, outbound\r\n";
    phone_registers(&a);
    phone_registers(&moved);
    struct binding_set s;
    location_find(registrar_of(world->w[0])->location, BYTES("sip:alice@ims.test"), 0, &s);
    assert_int_equal(s.n, 1);
    assert_true(bytes_eq(s.items[0]->contact, BYTES("sip:alice@192.168.7.9:5060")));
    binding_set_fini(&s);
    world_destroy(world);
}

static void outbound_is_confirmed_and_gets_a_flow_timer(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "secret-a", 0, 1);
    a.extra = "Supported: path, outbound\r\n";
    char *m = phone_register_with(
        &a, "Contact: <sip:alice@192.168.7.1>;+sip.instance=\"<urn:uuid:1>\";reg-id=1\r\n", "");
    assert_string_equal(header_of(m, "Require", 0), "outbound");
    assert_string_equal(header_of(m, "Flow-Timer", 0), "120");
    assert_non_null(strstr(header_of(m, "Contact", 0), "reg-id=1"));
    free(m);
    world_destroy(world);
}

static void without_outbound_nothing_is_required_of_the_phone(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "secret-a", 0, 1);
    char *m = phone_register_with(&a, "Contact: <sip:alice@192.168.7.1>\r\n", "");
    assert_string_equal(header_of(m, "Require", 0), "");
    assert_string_equal(header_of(m, "Flow-Timer", 0), "");
    free(m);
    world_destroy(world);
}

static void two_live_contacts_with_reg_id_are_refused(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "secret-a", 0, 1);
    const char *contact = "Contact: <sip:a@h>;+sip.instance=\"<urn:uuid:1>\";reg-id=1, <sip:b@h>\r\n";
    phone_register_once(&a, contact, "", "");
    char *m = phone_expect(&a, "SIP/2.0 401");
    phone_register_once(&a, contact, "", phone_answer(&a, m, 0, 1));
    free(m);
    phone_drop(&a, "SIP/2.0 400");
    world_destroy(world);
}

static void an_unknown_requirement_gets_420(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "secret-a", 0, 1);
    a.extra = "Require: teleport\r\n";
    phone_register_once(&a, "Contact: <sip:a@h>\r\n", "", "");
    char *m = phone_expect(&a, "SIP/2.0 420");
    assert_string_equal(header_of(m, "Unsupported", 0), "teleport");
    free(m);
    world_destroy(world);
}

static void sec_agree_does_not_stand_in_the_way(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "secret-a", 0, 1);
    a.extra = "Require: sec-agree\r\nProxy-Require: sec-agree\r\nSecurity-Client: tls;q=0.1\r\n";
    phone_registers(&a);
    assert_int_equal(world_count(world, PCSCF_REGISTERED), 1);
    world_destroy(world);
}

static void another_domain_is_not_found(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "secret-a", 0, 1);
    phone_send(
        &a, "REGISTER sip:elsewhere.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.7.1;branch=z9hG4bKx\r\n"
            "Max-Forwards: 70\r\nFrom: <sip:a@elsewhere.example>;tag=1\r\nTo: <sip:a@elsewhere.example>\r\n"
            "Call-ID: x\r\nCSeq: 1 REGISTER\r\nContact: <sip:a@h>\r\nContent-Length: 0\r\n\r\n");
    phone_drop(&a, "SIP/2.0 404");
    world_destroy(world);
}

static void a_registration_ends_by_itself(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "secret-a", 0, 1);
    free(phone_register_with(&a, "Contact: <sip:alice@192.168.7.1>\r\n", "Expires: 60\r\n"));
    world_wait(world, 59000);
    assert_int_equal(world_count(world, PCSCF_REGISTERED), 1);
    world_wait(world, 2000);
    assert_int_equal(world_count(world, PCSCF_REGISTERED), 0);
    world_wait(world, 40000); /* the sweep comes round */
    assert_int_equal(location_count(registrar_of(world->w[0])->location), 0);
    world_destroy(world);
}

static void a_lost_flow_ends_what_was_registered_on_it_only_at_the_edge(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "secret-a", 0, 1);
    phone_registers(&a);
    pcscf_flow_closed(pcscf_of(world->w[0]), &a.flow);
    assert_int_equal(world_count(world, PCSCF_REGISTERED), 0);
    assert_int_equal(world_count(world, PCSCF_FLOWS_LOST), 1);
    assert_int_equal(location_count(registrar_of(world->w[0])->location), 1);
    world_destroy(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_first_register_is_challenged_with_both_algorithms),
        cmocka_unit_test(a_phone_that_cannot_bear_sha256_is_challenged_with_md5_alone),
        cmocka_unit_test(the_right_answer_with_sha256_registers),
        cmocka_unit_test(the_right_answer_with_md5_registers),
        cmocka_unit_test(the_binding_has_a_path_with_the_sealed_flow),
        cmocka_unit_test(the_path_is_good_after_keys_were_rotated_away),
        cmocka_unit_test(a_wrong_password_is_forbidden_and_counted),
        cmocka_unit_test(an_unknown_user_is_challenged_and_then_forbidden),
        cmocka_unit_test(a_user_cannot_register_for_another),
        cmocka_unit_test(a_used_nonce_count_is_stale),
        cmocka_unit_test(a_nonce_of_another_worker_or_an_earlier_run_is_stale),
        cmocka_unit_test(a_nonce_that_was_pushed_out_is_not_fresh),
        cmocka_unit_test(a_message_that_grew_too_large_on_its_way_is_answered),
        cmocka_unit_test(an_old_nonce_is_stale),
        cmocka_unit_test(too_short_an_expiry_gets_423),
        cmocka_unit_test(too_long_an_expiry_is_cut),
        cmocka_unit_test(expires_0_takes_the_contact_out),
        cmocka_unit_test(the_wildcard_takes_all_out),
        cmocka_unit_test(the_wildcard_without_expires_0_is_bad),
        cmocka_unit_test(a_query_lists_what_is_bound),
        cmocka_unit_test(instance_and_reg_id_are_one_binding_wherever_they_come_from),
        cmocka_unit_test(outbound_is_confirmed_and_gets_a_flow_timer),
        cmocka_unit_test(without_outbound_nothing_is_required_of_the_phone),
        cmocka_unit_test(two_live_contacts_with_reg_id_are_refused),
        cmocka_unit_test(an_unknown_requirement_gets_420),
        cmocka_unit_test(sec_agree_does_not_stand_in_the_way),
        cmocka_unit_test(another_domain_is_not_found),
        cmocka_unit_test(a_registration_ends_by_itself),
        cmocka_unit_test(a_lost_flow_ends_what_was_registered_on_it_only_at_the_edge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
