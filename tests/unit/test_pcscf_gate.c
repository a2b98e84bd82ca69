/* The gate of the edge: rules of section policy, rates, and what failed registrations come to. */
#include "sip_world.h"

#define EDGE "pcscf { host = \"gw.ims.test\" }\nregistrar { domains = {\"ims.test\"} }\n"

static struct world *world_with(const char *more)
{
    char text[4096];
    snprintf(text, sizeof(text), EDGE "%s\n", more);
    struct world *world = world_create_stored(text, NULL);
    world->gw.abuse = abuse_create();
    world->gw.bans = abuse_bans(world->gw.abuse);
    assert_int_equal(abuse_configure(world->gw.abuse, config_of(world->config, &abuse_settings), NULL, 0), 0);
    return world;
}

static void close_world(struct world *world)
{
    struct abuse *a = world->gw.abuse;
    world_destroy(world);
    abuse_destroy(a);
}

static uint64_t abuse_stat(struct world *world, unsigned what)
{
    return stats_sum(world->gw.stats, &abuse_stats, what);
}

static uint64_t policy_stat(struct world *world, unsigned what)
{
    return stats_sum(world->gw.stats, &policy_stats, what);
}

/* A stranger on a TLS connection, of which no more is left than its flow. */
static struct fake_phone stranger(struct world *world, uint8_t host)
{
    struct fake_phone ph = phone_at(world, "mallory", "x", 0, host);
    ph.flow.transport = TRANSPORT_TLS;
    ph.flow.conn = (struct ref){.worker = 0, .gen = 1, .slot = host};
    return ph;
}

static void asks(struct fake_phone *ph, const char *call, unsigned cseq, const char *headers)
{
    phone_requests(ph, "OPTIONS", "sip:ims.test", "<sip:ims.test>", call, cseq, headers);
}

static unsigned answers(struct fake_phone *ph, const char *start)
{
    unsigned n = 0;
    for (char *text; (text = phone_get(ph)); free(text))
        n += strncmp(text, start, strlen(start)) == 0;
    return n;
}

/* ---- rules */

static void a_scanner_hears_nothing(void **state)
{
    struct world *world = world_with("");
    struct fake_phone ph = stranger(world, 66);
    asks(&ph, "s1", 1, "User-Agent: friendly-scanner\r\n");
    phone_expect_none(&ph);
    assert_int_equal(policy_stat(world, POLICY_DONE + POLICY_DROP), 1);
    assert_int_equal(policy_stat(world, POLICY_TAGGED + POLICY_TAG_SCANNER - 1), 1);
    assert_int_equal(sip_layer_servers(pcscf_of(world->w[0])->layer), 0);
    asks(&ph, "s2", 1, "User-Agent: phone\r\n");
    phone_drop(&ph, "SIP/2.0 403"); /* nobody is registered there */
    close_world(world);
}

static void a_refusal_has_the_rules_words_and_its_ack_ends_here(void **state)
{
    struct world *world =
        world_with("policy { rules = { 'no: method = INVITE -> reject 488 \"Not by this door\"' } }");
    struct fake_phone ph = stranger(world, 66);
    phone_requests(&ph, "INVITE", "sip:bob@ims.test", "<sip:bob@ims.test>", "i1", 1, "");
    char *refused = phone_expect(&ph, "SIP/2.0 488 Not by this door\r\n");
    char to[300];
    snprintf(to, sizeof(to), "%s", header_of(refused, "To", 0));
    assert_non_null(strstr(to, ";tag="));
    phone_requests(&ph, "ACK", "sip:bob@ims.test", to, "i1", 1, "");
    phone_expect_none(&ph);
    assert_int_equal(stats_sum(world->gw.stats, &sip_stats, SIP_STAT_STRAY_ACK), 1);
    free(refused);
    close_world(world);
}

static void a_new_configuration_counts_at_once(void **state)
{
    struct world *world = world_with("");
    struct fake_phone ph = stranger(world, 66);
    struct config *fresh = config_load_text(
        EDGE "policy { rules = { 'no: method = OPTIONS -> reject 405' } }", "new", world_tables, NULL);
    asks(&ph, "a", 1, "");
    phone_drop(&ph, "SIP/2.0 403");
    const struct config *old = world->w[0]->config;
    world->w[0]->config = config_hold(fresh);
    pcscf_module.reload(world->w[0], old);
    config_drop(old);
    asks(&ph, "b", 1, "");
    phone_drop(&ph, "SIP/2.0 405");
    config_drop(fresh);
    close_world(world);
}

static void a_rule_knows_who_asks(void **state)
{
    struct world *world =
        world_with("policy { rules = {"
                   "'a: method = MESSAGE and identity ~ /^sip:alice@/ -> reject 480 \"Alice\"',"
                   "'b: method = MESSAGE and registered -> reject 480 \"Registered\"',"
                   "'c: method = MESSAGE and direction = phone -> reject 480 \"Nobody\"',"
                   "'d: method = MESSAGE and direction = core -> drop' } }");
    struct fake_phone alice = phone_at(world, "alice", "secret-a", 0, 1),
                      bob = phone_at(world, "bob", "secret-b", 1, 2), nobody = stranger(world, 66);
    phone_registers(&alice);
    phone_registers(&bob);
    phone_requests(&alice, "MESSAGE", "sip:bob@ims.test", "<sip:bob@ims.test>", "m", 1, "");
    phone_drop(&alice, "SIP/2.0 480 Alice");
    phone_requests(&bob, "MESSAGE", "sip:bob@ims.test", "<sip:bob@ims.test>", "m", 1, "");
    phone_drop(&bob, "SIP/2.0 480 Registered");
    phone_requests(&nobody, "MESSAGE", "sip:bob@ims.test", "<sip:bob@ims.test>", "m", 1, "");
    phone_drop(&nobody, "SIP/2.0 480 Nobody");
    close_world(world);
}

static void the_core_is_held_to_rules_too(void **state)
{
    struct world *world = world_with(
        "policy { rules = { 'd: direction = core and identity ~ /alice/ -> reject 606 \"Not to us\"' } }");
    struct fake_phone alice = phone_at(world, "alice", "secret-a", 0, 1),
                      bob = phone_at(world, "bob", "secret-b", 1, 2);
    phone_registers(&alice);
    phone_registers(&bob);
    phone_requests(&alice, "MESSAGE", "sip:bob@ims.test", "<sip:bob@ims.test>", "m", 1, "");
    phone_drop(&alice, "SIP/2.0 606");
    phone_expect_none(&bob);
    close_world(world);
}

static void a_retransmission_of_what_was_let_in_is_not_refused(void **state)
{
    struct world *world = world_with(
        "policy { rules = { 'one: method = MESSAGE and direction = phone -> limit 1/1h by user' } }");
    struct fake_phone alice = phone_at(world, "alice", "secret-a", 0, 1),
                      bob = phone_at(world, "bob", "secret-b", 0, 2);
    phone_registers(&alice);
    phone_registers(&bob);
    phone_requests(&alice, "MESSAGE", "sip:bob@ims.test", "<sip:bob@ims.test>", "m1", 1, "");
    phone_requests(&alice, "MESSAGE", "sip:bob@ims.test", "<sip:bob@ims.test>", "m1", 1, "");
    assert_int_equal(answers(&alice, "SIP/2.0 503"), 0);
    phone_drop(&bob, "MESSAGE");
    phone_requests(&alice, "MESSAGE", "sip:bob@ims.test", "<sip:bob@ims.test>", "m2", 1, "");
    char *refused = phone_expect(&alice, "SIP/2.0 503");
    assert_true(atoi(header_of(refused, "Retry-After", 0)) > 0);
    free(refused);
    assert_int_equal(policy_stat(world, POLICY_LIMITED), 2);
    close_world(world);
}

static void a_way_that_is_not_there_is_503(void **state)
{
    struct world *world = world_with(
        "policy { rules = { 'r: method = MESSAGE and direction = phone -> route udp:192.0.2.1:5060' } }");
    struct fake_phone alice = phone_at(world, "alice", "secret-a", 0, 1);
    phone_registers(&alice);
    phone_requests(&alice, "MESSAGE", "sip:bob@ims.test", "<sip:bob@ims.test>", "m", 1, "");
    phone_drop(&alice, "SIP/2.0 503");
    phone_registers(&alice); /* other requests go where they went */
    close_world(world);
}

static void a_rule_bans_but_never_for_a_datagram(void **state)
{
    struct world *world =
        world_with("abuse { exempt = {} } policy { rules = { 'b: method = PING -> ban' } }");
    struct fake_phone ph = stranger(world, 66), liar = phone_at(world, "x", "x", 0, 67);
    phone_requests(&ph, "PING", "sip:a@b", "<sip:a@b>", "1", 1, "");
    phone_requests(&liar, "PING", "sip:a@b", "<sip:a@b>", "1", 1, "");
    phone_expect_none(&ph);
    assert_true(abuse_is_banned(world->w[0], &ph.flow.peer));
    assert_false(abuse_is_banned(world->w[0], &liar.flow.peer));
    asks(&ph, "2", 1, "");
    phone_expect_none(&ph);
    close_world(world);
}

/* ---- rates */

static void over_its_rate_a_connection_is_told_to_wait(void **state)
{
    struct world *world = world_with("abuse { flow_rate = 2 flow_burst = 5 exempt = {} }");
    struct fake_phone ph = stranger(world, 66), other = stranger(world, 67);
    for (unsigned i = 0; i < 20; i++)
        asks(&ph, "f", i, "");
    char *first = phone_expect(&ph, "SIP/2.0 403");
    free(first);
    assert_int_equal(answers(&ph, "SIP/2.0 503"), 15);
    assert_int_equal(abuse_stat(world, ABUSE_FLOOD_FLOW), 15);
    asks(&other, "f", 1, "");
    phone_drop(&other, "SIP/2.0 403");
    world_wait(world, 1000);
    for (unsigned i = 0; i < 20; i++)
        asks(&ph, "g", i, "");
    assert_int_equal(answers(&ph, "SIP/2.0 403"), 2);
    close_world(world);
}

static void datagrams_over_the_rate_hear_nothing(void **state)
{
    struct world *world = world_with("abuse { flow_rate = 2 flow_burst = 5 exempt = {} }");
    struct fake_phone ph = phone_at(world, "mallory", "x", 0, 66);
    for (unsigned i = 0; i < 20; i++)
        asks(&ph, "f", i, "");
    assert_int_equal(world->n_sent, 5);
    close_world(world);
}

static void an_exempt_network_has_no_rate(void **state)
{
    struct world *world = world_with("abuse { flow_rate = 2 flow_burst = 5 exempt = {\"10.0.0.64/26\"} }");
    struct fake_phone ph = stranger(world, 66);
    for (unsigned i = 0; i < 20; i++)
        asks(&ph, "f", i, "");
    assert_int_equal(answers(&ph, "SIP/2.0 403"), 20);
    close_world(world);
}

static void a_flood_of_its_address_leaves_a_phone_its_calls(void **state)
{
    struct world *world = world_with("abuse { address_rate = 1 address_burst = 10 exempt = {} }");
    struct fake_phone alice = phone_at(world, "alice", "secret-a", 0, 1),
                      bob = phone_at(world, "bob", "secret-b", 1, 2), neighbour = stranger(world, 1);
    phone_registers(&alice);
    phone_registers(&bob);
    phone_requests(&alice, "INVITE", "sip:bob@ims.test", "<sip:bob@ims.test>", "c1", 1, "");
    char *invite = phone_expect(&bob, "INVITE");
    phone_answers(&bob, invite, "200 OK");
    char *ok = phone_expect(&alice, "SIP/2.0 200");
    for (unsigned i = 0; i < 30; i++)
        asks(&neighbour, "f", i, "");
    assert_true(abuse_stat(world, ABUSE_FLOOD_ADDRESS) > 15);
    char routes[8192];
    snprintf(routes, sizeof(routes), "%s", headers_as(ok, "Record-Route", "Route", true));
    phone_requests(&alice, "ACK", "sip:bob@192.168.7.2:5060", "<sip:bob@ims.test>;tag=bob-ua", "c1", 1,
                   routes);
    phone_drop(&bob, "ACK");
    phone_requests(&alice, "BYE", "sip:bob@192.168.7.2:5060", "<sip:bob@ims.test>;tag=bob-ua", "c1", 2,
                   routes);
    phone_drop(&bob, "BYE");
    uint64_t before = abuse_stat(world, ABUSE_FLOOD_ADDRESS); /* a To tag is no key */
    phone_requests(&neighbour, "INFO", "sip:bob@ims.test", "<sip:bob@ims.test>;tag=x", "f", 99, "");
    assert_int_equal(abuse_stat(world, ABUSE_FLOOD_ADDRESS), before + 1);
    phone_requests(&neighbour, "INVITE", "urn:service:sos", "<urn:service:sos>", "help", 1, "");
    assert_int_equal(answers(&neighbour, "SIP/2.0 503"),
                     abuse_stat(world, ABUSE_FLOOD_ADDRESS)); /* all of them before */
    free(ok);
    free(invite);
    close_world(world);
}

/* ---- registering */

/* One try with that password; what is answered in the end. */
static int tries(struct fake_phone *ph, const char *password, char **last)
{
    char contact[300];
    snprintf(contact, sizeof(contact), "Contact: <%s>\r\n", ph->contact);
    ph->password = password;
    phone_register_once(ph, contact, "Expires: 600\r\n", "");
    char *text = phone_expect(ph, "SIP/2.0 ");
    if (strncmp(text, "SIP/2.0 401", 11) == 0) {
        const char *answer = phone_answer(ph, text, 0, 1);
        free(text);
        phone_register_once(ph, contact, "Expires: 600\r\n", answer);
        text = phone_expect(ph, "SIP/2.0 ");
    }
    int status = atoi(text + 8);
    if (last)
        *last = text;
    else
        free(text);
    return status;
}

static void who_guesses_passwords_waits(void **state)
{
    struct world *world = world_with("abuse { backoff_after = 3 backoff = 4s exempt = {} }");
    struct fake_phone home = phone_at(world, "alice", "secret-a", 1, 1),
                      thief = phone_at(world, "alice", "", 0, 66);
    phone_registers(&home);
    for (unsigned i = 0; i < 4; i++)
        assert_int_not_equal(tries(&thief, "guess", NULL), 503);
    char *held;
    assert_int_equal(tries(&thief, "guess", &held), 503);
    assert_string_equal(header_of(held, "Retry-After", 0), "4");
    assert_int_equal(abuse_stat(world, ABUSE_HELD), 1);
    assert_int_equal(abuse_stat(world, ABUSE_FAILURES_SIP), 4);
    assert_int_equal(tries(&home, "secret-a", NULL), 200); /* the owner does not wait for it */
    struct fake_phone other = phone_at(world, "bob", "", 0, 67);
    assert_int_equal(tries(&other, "secret-b", NULL), 200);
    free(held);
    close_world(world);
}

static void time_or_success_ends_the_wait(void **state)
{
    struct world *world = world_with("abuse { backoff_after = 1 backoff = 2s exempt = {} }");
    struct fake_phone ph = phone_at(world, "alice", "", 0, 66);
    tries(&ph, "guess", NULL);
    tries(&ph, "guess", NULL);
    assert_int_equal(tries(&ph, "secret-a", NULL), 503);
    world_wait(world, 2500);
    assert_int_equal(tries(&ph, "secret-a", NULL), 200);
    tries(&ph, "guess", NULL);
    assert_int_not_equal(tries(&ph, "guess", NULL), 503); /* somebody is registered there, and has been */
    close_world(world);
}

static void brute_force_bans_the_address(void **state)
{
    struct world *world = world_with("abuse { failures = 6 backoff_after = 2 exempt = {} }");
    struct fake_phone thief = stranger(world, 66), other = stranger(world, 67);
    thief.name = "alice";
    unsigned n = 0;
    while (!abuse_is_banned(world->w[0], &thief.flow.peer) && n++ < 50)
        tries(&thief, "guess", NULL);
    assert_true(n >= 5 && n <= 8);
    assert_int_equal(abuse_stat(world, ABUSE_BANNED + BAN_SIP_AUTH), 1);
    asks(&thief, "x", 1, "");
    phone_expect_none(&thief);
    asks(&other, "x", 1, "");
    phone_drop(&other, "SIP/2.0 403");
    close_world(world);
}

static void datagrams_ban_nobody(void **state)
{
    struct world *world = world_with("abuse { failures = 6 backoff_after = 100 exempt = {} }");
    struct fake_phone thief = phone_at(world, "alice", "", 0, 66);
    for (unsigned i = 0; i < 20; i++)
        tries(&thief, "guess", NULL);
    assert_false(abuse_is_banned(world->w[0], &thief.flow.peer));
    assert_int_equal(abuse_stat(world, ABUSE_FAILURES_SIP), 20);
    close_world(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scanner_hears_nothing),
        cmocka_unit_test(a_refusal_has_the_rules_words_and_its_ack_ends_here),
        cmocka_unit_test(a_new_configuration_counts_at_once),
        cmocka_unit_test(a_rule_knows_who_asks),
        cmocka_unit_test(the_core_is_held_to_rules_too),
        cmocka_unit_test(a_retransmission_of_what_was_let_in_is_not_refused),
        cmocka_unit_test(a_way_that_is_not_there_is_503),
        cmocka_unit_test(a_rule_bans_but_never_for_a_datagram),
        cmocka_unit_test(over_its_rate_a_connection_is_told_to_wait),
        cmocka_unit_test(datagrams_over_the_rate_hear_nothing),
        cmocka_unit_test(an_exempt_network_has_no_rate),
        cmocka_unit_test(a_flood_of_its_address_leaves_a_phone_its_calls),
        cmocka_unit_test(who_guesses_passwords_waits),
        cmocka_unit_test(time_or_success_ends_the_wait),
        cmocka_unit_test(brute_force_bans_the_address),
        cmocka_unit_test(datagrams_ban_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
