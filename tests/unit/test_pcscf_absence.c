/* Phones whose connection is gone in the middle of something: calls and requests go with them to the next
 * one, on whatever worker, or are ended when they stay away: RFC 5626 5.3, TS 24.229 5.2.8.1, RFC 3326. */
#include "sip_call.h"

#include "modules/pcscf/registration/whereabouts.h"

static size_t absences(struct call *c)
{
    size_t n = 0;
    for (unsigned i = 0; i < WORLD_WORKERS; i++)
        n += pcscf_of(c->world->w[i])->absences.count;
    return n;
}

/* ---- it comes back ---- */

static void call_goes_on_at(uint16_t worker)
{
    struct call c = call_begin();
    phone_vanishes(&c.b);
    assert_int_equal(absences(&c), 1);
    world_wait(c.world, 5000);
    c.b = phone_comes_back(&c.b, worker, 9);
    assert_int_equal(world_count(c.world, PCSCF_DIALOGS_MOVED), 1);
    assert_int_equal(confirmed(&c), 2);
    bob_says(&c, "INFO", 1, c.routes_b);
    phone_serves(&c.a, "INFO", &c.b);
    alice_says(&c, "INFO", "c1", 2, c.routes_a); /* with the token of the old flow */
    phone_serves(&c.b, "INFO", &c.a);
    alice_says(&c, "BYE", "c1", 3, c.routes_a);
    phone_serves(&c.b, "BYE", &c.a);
    assert_int_equal(confirmed(&c), 0);
    assert_int_equal(ended(&c, DIALOG_HUNG_UP_FAR), 1);
    world_wait(c.world, 400000);
    assert_int_equal(absences(&c), 0); /* the pointer has gone too */
    phone_expect_none(&c.b);
    call_end(&c);
}

static void a_call_goes_on_at_another_connection(void **state)
{
    call_goes_on_at(1);
}

static void a_call_goes_on_at_another_worker(void **state)
{
    call_goes_on_at(0);
}

static void a_call_moves_more_than_once(void **state)
{
    struct call c = call_begin();
    for (unsigned i = 0; i < 4; i++) {
        phone_vanishes(&c.b);
        c.b = phone_comes_back(&c.b, i % 2, (uint8_t)(20 + i));
        alice_says(&c, "INFO", "c1", 10 + i, c.routes_a);
        phone_serves(&c.b, "INFO", &c.a);
    }
    assert_int_equal(world_count(c.world, PCSCF_DIALOGS_MOVED), 4);
    bob_says(&c, "BYE", 7, c.routes_b);
    phone_serves(&c.a, "BYE", &c.b);
    assert_int_equal(confirmed(&c), 0);
    call_end(&c);
}

static void the_new_connection_may_come_before_the_old_one_ends(void **state)
{
    struct call c = call_begin();
    struct fake_phone old = c.b;
    c.b = phone_comes_back(&c.b, 0, 9);
    assert_int_equal(world_count(c.world, PCSCF_DIALOGS_MOVED), 1);
    alice_says(&c, "INFO", "c1", 2, c.routes_a);
    phone_serves(&c.b, "INFO", &c.a);
    phone_expect_none(&old);
    phone_vanishes(&old);
    alice_says(&c, "BYE", "c1", 3, c.routes_a);
    phone_serves(&c.b, "BYE", &c.a);
    call_end(&c);
}

static void another_phone_of_the_user_is_not_taken_for_it(void **state)
{
    struct call c = call_begin();
    phone_vanishes(&c.b);
    struct fake_phone other = phone_at(c.world, "bob", "secret-b", 0, 9);
    other.extra = "Supported: path, outbound\r\n";
    other.contact_params = ";+sip.instance=\"<urn:uuid:1>\";reg-id=1";
    phone_registers(&other);
    alice_says(&c, "INFO", "c1", 2, c.routes_a);
    phone_expect_none(&other);
    assert_int_equal(world_count(c.world, PCSCF_DIALOGS_MOVED), 0);
    call_end(&c);
}

static void a_phone_without_an_instance_is_known_by_its_contact(void **state)
{
    struct call c = {.world = world_create()};
    c.a = phone_with_instance(c.world, "alice", 0, 1);
    c.b = phone_at(c.world, "bob", "secret-b", 1, 2);
    phone_registers(&c.a);
    phone_registers(&c.b);
    phone_requests(&c.a, "INVITE", "sip:bob@ims.test", "<sip:bob@ims.test>", "c1", 1, "");
    c.invite = phone_expect(&c.b, "INVITE");
    call_answered_with(&c, "200 OK");
    phone_vanishes(&c.b);
    struct fake_phone back = phone_at(c.world, "bob", "secret-b", 0, 9);
    memcpy(back.contact, c.b.contact, sizeof(back.contact));
    phone_registers(&back);
    alice_says(&c, "BYE", "c1", 2, c.routes_a);
    phone_serves(&back, "BYE", &c.a);
    call_end(&c);
}

/* ---- requests on their way ---- */

static void a_request_waits_for_the_phone(void **state)
{
    struct call c = call_begin();
    phone_vanishes(&c.b);
    alice_says(&c, "BYE", "c1", 2, c.routes_a);
    phone_expect_none(&c.a);
    assert_int_equal(world_count(c.world, PCSCF_HELD), 1);
    world_wait(c.world, 8000);
    c.b = phone_comes_back(&c.b, 0, 9);
    assert_int_equal(world_count(c.world, PCSCF_RESENT), 1);
    phone_serves(&c.b, "BYE", &c.a);
    assert_int_equal(confirmed(&c), 0);
    call_end(&c);
}

static void a_request_that_was_sent_is_sent_once_more_with_its_branch(void **state)
{
    struct call c = call_begin();
    alice_says(&c, "INFO", "c1", 2, c.routes_a);
    char *first = phone_expect(&c.b, "INFO");
    phone_vanishes(&c.b);
    world_wait(c.world, 3000); /* its retransmission finds the phone gone */
    assert_int_equal(world_count(c.world, PCSCF_HELD), 1);
    world_forget(c.world);
    c.b = phone_comes_back(&c.b, 0, 9);
    char *again = phone_expect(&c.b, "INFO");
    assert_string_equal(strstr(header_of(first, "Via", 0), "branch="),
                        strstr(header_of(again, "Via", 0), "branch="));
    phone_answers(&c.b, again, "200 OK");
    phone_drop(&c.a, "SIP/2.0 200");
    free(first);
    free(again);
    call_end(&c);
}

static void a_request_does_not_wait_for_ever(void **state)
{
    struct call c = call_begin();
    phone_vanishes(&c.b);
    alice_says(&c, "INFO", "c1", 2, c.routes_a);
    phone_expect_none(&c.a);
    world_wait(c.world, 21000);
    phone_drop(&c.a, "SIP/2.0 480"); /* 430 stays between proxies */
    call_end(&c);
}

static void a_request_waits_for_a_phone_that_has_moved_and_gone_again(void **state)
{
    struct call c = call_begin();
    phone_vanishes(&c.b);
    c.b = phone_comes_back(&c.b, 0, 9);
    phone_vanishes(&c.b);
    alice_says(&c, "BYE", "c1", 2, c.routes_a); /* by the first flow's token */
    phone_expect_none(&c.a);
    world_wait(c.world, 5000);
    c.b = phone_comes_back(&c.b, 1, 10);
    phone_serves(&c.b, "BYE", &c.a);
    assert_int_equal(confirmed(&c), 0);
    call_end(&c);
}

/* On another worker meanwhile, the old connection stands still and answers. */
static void a_bye_that_the_old_connection_answers_ends_the_call(void **state)
{
    struct call c = call_begin();
    alice_says(&c, "BYE", "c1", 2, c.routes_a);
    char *bye = phone_expect(&c.b, "BYE");
    phone_comes_back(&c.b, 0, 9);
    assert_int_equal(world_count(c.world, PCSCF_DIALOGS_MOVED), 1);
    phone_answers(&c.b, bye, "200 OK");
    phone_drop(&c.a, "SIP/2.0 200");
    assert_int_equal(confirmed(&c), 0);
    free(bye);
    call_end(&c);
}

/* The letter with the dialog is underway, from where the phone was only for a moment. */
static void a_bye_may_be_answered_before_the_dialog_is_there(void **state)
{
    struct call c = call_begin();
    const struct pcscf *p = pcscf_of(c.world->w[1]);
    struct dialog *d = dialog_find(p, BYTES("c1"), BYTES("bob-ua"), BYTES("alice-c1"));
    struct flow elsewhere = c.b.flow;
    alice_says(&c, "BYE", "c1", 2, c.routes_a);
    char *bye = phone_expect(&c.b, "BYE");
    elsewhere.conn.worker = 0;
    assert_non_null(d);
    dialog_move(d, &elsewhere);
    phone_answers(&c.b, bye, "200 OK");
    phone_drop(&c.a, "SIP/2.0 200");
    assert_int_equal(confirmed(&c), 0);
    assert_int_equal(ended(&c, DIALOG_HUNG_UP_FAR), 1);
    free(bye);
    call_end(&c);
}

/* ---- what is new for it ---- */

static void alice_begins(struct call *c, const char *method)
{
    phone_requests(&c->a, method, "sip:bob@ims.test", "<sip:bob@ims.test>", "new", 1, "");
}

static struct call away_since(uint64_t ms, const char *settings)
{
    char text[300];
    snprintf(text, sizeof(text),
             "pcscf { host = \"gw.ims.test\" %s }\nregistrar { domains = {\"ims.test\"} }\n", settings);
    struct call c = {.world = world_create_stored(text, NULL)};
    c.a = phone_with_instance(c.world, "alice", 0, 1);
    c.b = phone_with_instance(c.world, "bob", 1, 2);
    phone_registers(&c.a);
    phone_registers(&c.b);
    phone_vanishes(&c.b);
    world_wait(c.world, ms);
    world_forget(c.world);
    return c;
}

static void what_is_new_waits_a_little(void **state)
{
    static const char *const methods[] = {"INVITE", "MESSAGE"};
    for (unsigned i = 0; i < 2; i++) {
        struct call c = away_since(1000, "");
        alice_begins(&c, methods[i]);
        assert_int_equal(world_count(c.world, PCSCF_HELD), 1);
        world_wait(c.world, 3000);
        c.b = phone_comes_back(&c.b, (uint16_t)i, 9);
        phone_serves(&c.b, methods[i], &c.a);
        world_wait(c.world, 400000);
        assert_int_equal(absences(&c), 0);
        call_end(&c);
    }
}

/* On another worker than that where it waited: it rings, and stands, for as long as any call. */
static void a_call_that_waited_is_one_like_others(void **state)
{
    struct call c = away_since(1000, "");
    phone_requests(&c.a, "INVITE", "sip:bob@ims.test", "<sip:bob@ims.test>", "c1", 1, "");
    c.b = phone_comes_back(&c.b, 0, 9);
    c.invite = phone_expect(&c.b, "INVITE");
    snprintf(c.routes_b, sizeof(c.routes_b), "%s", headers_as(c.invite, "Record-Route", "Route", false));
    call_rings(&c);
    world_wait(c.world, 60000);
    assert_int_equal(early(&c), 2);
    call_answered_with(&c, "200 OK");
    world_wait(c.world, 60000);
    assert_int_equal(confirmed(&c), 2);
    alice_says(&c, "BYE", "c1", 2, c.routes_a);
    phone_serves(&c.b, "BYE", &c.a);
    assert_int_equal(confirmed(&c), 0);
    call_end(&c);
}

static void but_not_as_long_as_a_call_that_stands(void **state)
{
    struct call c = away_since(1000, "");
    alice_begins(&c, "INVITE");
    world_wait(c.world, 3500);
    phone_drop(&c.a, "SIP/2.0 100");
    phone_expect_none(&c.a);
    world_wait(c.world, 1000); /* 5 s since it was gone */
    phone_drop(&c.a, "SIP/2.0 480");
    assert_int_equal(world_count(c.world, PCSCF_FLOW_FAILED), 1);
    phone_requests(&c.a, "INVITE", "sip:bob@ims.test", "<sip:bob@ims.test>", "again", 1, "");
    phone_drop(&c.a, "SIP/2.0 480"); /* at once */
    assert_int_equal(world_count(c.world, PCSCF_HELD), 1);
    world_wait(c.world, 20000);
    assert_int_equal(absences(&c), 0);
    call_end(&c);
}

static void the_operator_may_want_430_at_once(void **state)
{
    static const char *const settings[] = {"call_grace = 0s", "flow_grace = 0s",
                                           "call_grace = 30s flow_grace = 2s"};
    for (unsigned i = 0; i < 3; i++) {
        struct call c = away_since(2500, settings[i]);
        alice_begins(&c, "INVITE");
        phone_drop(&c.a, "SIP/2.0 480");
        assert_int_equal(world_count(c.world, PCSCF_HELD), 0);
        assert_int_equal(world_count(c.world, PCSCF_FLOW_FAILED), 1);
        call_end(&c);
    }
}

static void who_unregistered_is_not_waited_for(void **state)
{
    struct call c = call_invites();
    phone_answers(&c.b, c.invite, "486 Busy Here");
    free(phone_register_with(&c.b, "Contact: *\r\n", "Expires: 0\r\n"));
    phone_vanishes(&c.b);
    assert_int_equal(absences(&c), 0);
    call_end(&c);
}

static void a_caller_may_give_up_meanwhile(void **state)
{
    struct call c = away_since(0, "");
    alice_begins(&c, "INVITE");
    phone_send(&c.a,
               "CANCEL sip:bob@ims.test SIP/2.0\r\n"
               "Via: SIP/2.0/UDP 192.168.7.1:5060;branch=z9hG4bKnew.INVITE.1;rport\r\nMax-Forwards: 70\r\n"
               "From: <sip:alice@ims.test>;tag=alice-new\r\nTo: <sip:bob@ims.test>\r\nCall-ID: new\r\n"
               "CSeq: 1 CANCEL\r\nContent-Length: 0\r\n\r\n");
    phone_drop(&c.a, "SIP/2.0 200");
    world_wait(c.world, 40000);
    phone_drop(&c.a, "SIP/2.0 487");
    assert_int_equal(absences(&c), 0);
    call_end(&c);
}

static void an_answer_may_come_from_the_new_connection(void **state)
{
    struct call c = call_invites();
    call_rings(&c);
    phone_vanishes(&c.b);
    c.b = phone_comes_back(&c.b, 0, 9);
    call_answered_with(&c, "200 OK");
    assert_int_equal(confirmed(&c), 2);
    alice_says(&c, "BYE", "c1", 2, c.routes_a);
    phone_serves(&c.b, "BYE", &c.a);
    assert_int_equal(confirmed(&c), 0);
    call_end(&c);
}

static void an_answer_reaches_a_caller_who_has_moved(void **state)
{
    struct call c = call_invites();
    call_rings(&c);
    phone_vanishes(&c.a);
    c.a = phone_comes_back(&c.a, 1, 9);
    call_answered_with(&c, "200 OK");
    assert_int_equal(confirmed(&c), 2);
    bob_says(&c, "BYE", 1, c.routes_b);
    phone_serves(&c.a, "BYE", &c.b);
    assert_int_equal(confirmed(&c), 0);
    call_end(&c);
}

static void a_refusal_reaches_a_caller_who_has_moved(void **state)
{
    struct call c = call_invites();
    phone_vanishes(&c.a);
    c.a = phone_comes_back(&c.a, 1, 9);
    phone_answers(&c.b, c.invite, "486 Busy Here");
    phone_drop(&c.a, "SIP/2.0 486");
    world_wait(c.world, 400000);
    assert_int_equal(absences(&c), 0);
    call_end(&c);
}

static void an_answer_by_the_old_connection_that_still_stands_is_good(void **state)
{
    struct call c = call_invites();
    call_rings(&c);
    struct fake_phone now = phone_comes_back(&c.b, 0, 9);
    call_answered_to(&c, "200 OK", &now);
    assert_int_equal(confirmed(&c), 2);
    c.b = now;
    alice_says(&c, "BYE", "c1", 2, c.routes_a);
    phone_serves(&c.b, "BYE", &c.a);
    assert_int_equal(confirmed(&c), 0);
    world_wait(c.world, 400000);
    assert_int_equal(absences(&c), 0);
    call_end(&c);
}

static void somebody_elses_answer_is_not_taken(void **state)
{
    struct call c = call_invites();
    call_rings(&c);
    phone_vanishes(&c.b);
    struct fake_phone bob = c.b;
    c.b = phone_with_instance(c.world, "carol", 0, 9);
    phone_registers(&c.b);
    phone_answers(&c.b, c.invite, "200 OK");
    phone_expect_none(&c.a);
    c.b = phone_comes_back(&bob, 0, 10);
    call_answered_with(&c, "200 OK");
    call_end(&c);
}

/* ---- it stays away ---- */

static void a_call_is_released_when_the_phone_stays_away(void **state)
{
    struct call c = call_begin();
    alice_says(&c, "INFO", "c1", 5, c.routes_a);
    phone_serves(&c.b, "INFO", &c.a);
    phone_vanishes(&c.b);
    world_wait(c.world, 19000);
    phone_expect_none(&c.a);
    world_wait(c.world, 2000);
    char *bye = phone_expect(&c.a, "BYE sip:alice@192.168.7.1:5060");
    assert_string_equal(header_of(bye, "Reason", 0), "SIP;cause=503;text=\"Connection to the phone lost\"");
    assert_string_equal(header_of(bye, "From", 0), "<sip:bob@ims.test>;tag=bob-ua");
    assert_string_equal(header_of(bye, "To", 0), header_of(c.invite, "From", 0));
    assert_string_equal(header_of(bye, "CSeq", 0), "1 BYE");
    phone_answers(&c.a, bye, "200 OK");
    assert_int_equal(confirmed(&c), 0);
    assert_int_equal(ended(&c, DIALOG_LOST), 1);
    assert_int_equal(ended(&c, DIALOG_HUNG_UP_FAR), 1);
    assert_int_equal(absences(&c), 0);
    phone_expect_none(&c.b);
    free(bye);
    call_end(&c);
}

static void a_caller_who_stays_away_stops_the_ringing(void **state)
{
    struct call c = call_invites();
    call_rings(&c);
    phone_vanishes(&c.a);
    world_wait(c.world, 21000);
    char *cancel = phone_expect(&c.b, "CANCEL sip:bob@192.168.7.2:5060");
    assert_non_null(strstr(header_of(cancel, "Reason", 0), "cause=503"));
    phone_answers(&c.b, cancel, "200 OK");
    phone_answers(&c.b, c.invite, "487 Request Terminated");
    assert_int_equal(early(&c), 0);
    free(cancel);
    call_end(&c);
}

static void a_called_phone_that_stays_away_is_480(void **state)
{
    struct call c = call_invites();
    call_rings(&c);
    phone_vanishes(&c.b);
    world_wait(c.world, 21000);
    phone_drop(&c.a, "SIP/2.0 480");
    assert_int_equal(early(&c), 0);
    call_end(&c);
}

static void an_answer_to_a_caller_who_is_away_is_released_too(void **state)
{
    struct call c = call_invites();
    phone_vanishes(&c.a);
    phone_answers(&c.b, c.invite, "200 OK");
    assert_int_equal(confirmed(&c), 2);
    world_wait(c.world, 21000);
    char *bye = phone_expect(&c.b, "BYE sip:bob@192.168.7.2:5060");
    phone_answers(&c.b, bye, "200 OK");
    assert_int_equal(confirmed(&c), 0);
    free(bye);
    call_end(&c);
}

static void no_grace_ends_it_at_once(void **state)
{
    struct call c = call_invites_in(world_create_stored("pcscf { host = \"gw.ims.test\"\nflow_grace = 0s }\n"
                                                        "registrar { domains = {\"ims.test\"} }\n",
                                                        NULL),
                                    "");
    call_answered_with(&c, "200 OK");
    phone_vanishes(&c.b);
    phone_drop(&c.a, "BYE");
    call_end(&c);
}

/* ---- the registration ends ---- */

static void who_unregisters_hangs_up(void **state)
{
    struct call c = call_begin();
    c.b.extra = "";
    free(phone_register_with(&c.b, "Contact: *\r\n", "Expires: 0\r\n"));
    char *bye = phone_expect(&c.a, "BYE");
    assert_non_null(strstr(header_of(bye, "Reason", 0), "cause=480"));
    free(bye);
    assert_int_equal(ended(&c, DIALOG_UNREGISTERED), 1);
    call_end(&c);
}

static void a_registration_that_runs_out_ends_its_calls(void **state)
{
    struct call c = call_begin();
    phone_registers(&c.a);
    world_wait(c.world, 300000);
    phone_registers(&c.a);
    world_wait(c.world, 301000); /* Bob's 600 s are over */
    world_forget(c.world);
    assert_int_equal(confirmed(&c), 2);
    world_wait(c.world, 21000);
    phone_drop(&c.a, "BYE");
    assert_int_equal(ended(&c, DIALOG_UNREGISTERED), 1);
    call_end(&c);
}

static void a_late_refresh_keeps_the_call(void **state)
{
    struct call c = call_begin();
    world_wait(c.world, 300000);
    phone_registers(&c.a);
    world_wait(c.world, 305000);
    phone_registers(&c.b); /* a little late, on the flow that it had */
    world_wait(c.world, 30000);
    alice_says(&c, "BYE", "c1", 2, c.routes_a);
    phone_serves(&c.b, "BYE", &c.a);
    assert_int_equal(absences(&c), 0);
    call_end(&c);
}

static void a_released_call_is_known_no_more(void **state)
{
    struct call c = call_begin();
    phone_vanishes(&c.b);
    world_wait(c.world, 21000);
    c.b = phone_comes_back(&c.b, 1, 9);
    alice_says(&c, "INFO", "c1", 5, c.routes_a); /* passes by its token alone */
    phone_drop(&c.b, "INFO");
    call_end(&c);
}

/* ---- the table ---- */

static struct whereabout at(uint64_t instance, uint8_t host)
{
    return (struct whereabout){
        .owner = 1,
        .instance = instance,
        .flow = {.transport = TRANSPORT_UDP, .peer = {.family = ADDR_V4, .ip = {host}}}};
}

static void the_table_tells_who_has_to_hear(void **state)
{
    struct gateway gw = {0};
    struct whereabouts *t = whereabouts_join(&gw);
    struct whereabout one = at(7, 1), two = at(7, 2), waits = at(7, 3), other = at(8, 4), again = at(7, 5);
    struct flow old[WHEREABOUTS_OLD], found;
    waits.waits = true;
    assert_ptr_equal(whereabouts_join(&gw), t);
    assert_false(whereabouts_find(t, 1, 7, &found));
    assert_int_equal(whereabouts_add(t, &one, old), 0);
    assert_int_equal(whereabouts_add(t, &two, old), 0); /* two flows of one phone */
    assert_int_equal(whereabouts_add(t, &waits, NULL), 0);
    assert_int_equal(whereabouts_add(t, &other, old), 0);
    assert_true(whereabouts_find(t, 1, 7, &found) && flow_eq(&found, &two.flow));
    assert_int_equal(whereabouts_add(t, &again, old), 1);
    assert_true(flow_eq(&old[0], &waits.flow));
    whereabouts_remove(t, &again);
    whereabouts_remove(t, &again);
    whereabouts_remove(t, &two);
    assert_true(whereabouts_find(t, 1, 7, &found) && flow_eq(&found, &one.flow));
    whereabouts_remove(t, &one);
    assert_false(whereabouts_find(t, 1, 7, &found));
    whereabouts_remove(t, &waits);
    whereabouts_remove(t, &other);
    whereabouts_part(&gw, t);
    assert_non_null(atomic_load(&gw.whereabouts));
    whereabouts_part(&gw, t);
    assert_null(atomic_load(&gw.whereabouts));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_goes_on_at_another_connection),
        cmocka_unit_test(a_call_goes_on_at_another_worker),
        cmocka_unit_test(a_call_moves_more_than_once),
        cmocka_unit_test(the_new_connection_may_come_before_the_old_one_ends),
        cmocka_unit_test(another_phone_of_the_user_is_not_taken_for_it),
        cmocka_unit_test(a_phone_without_an_instance_is_known_by_its_contact),
        cmocka_unit_test(a_request_waits_for_the_phone),
        cmocka_unit_test(a_request_that_was_sent_is_sent_once_more_with_its_branch),
        cmocka_unit_test(a_request_does_not_wait_for_ever),
        cmocka_unit_test(a_request_waits_for_a_phone_that_has_moved_and_gone_again),
        cmocka_unit_test(a_bye_that_the_old_connection_answers_ends_the_call),
        cmocka_unit_test(a_bye_may_be_answered_before_the_dialog_is_there),
        cmocka_unit_test(what_is_new_waits_a_little),
        cmocka_unit_test(a_call_that_waited_is_one_like_others),
        cmocka_unit_test(but_not_as_long_as_a_call_that_stands),
        cmocka_unit_test(the_operator_may_want_430_at_once),
        cmocka_unit_test(who_unregistered_is_not_waited_for),
        cmocka_unit_test(a_caller_may_give_up_meanwhile),
        cmocka_unit_test(an_answer_may_come_from_the_new_connection),
        cmocka_unit_test(an_answer_reaches_a_caller_who_has_moved),
        cmocka_unit_test(a_refusal_reaches_a_caller_who_has_moved),
        cmocka_unit_test(an_answer_by_the_old_connection_that_still_stands_is_good),
        cmocka_unit_test(somebody_elses_answer_is_not_taken),
        cmocka_unit_test(a_call_is_released_when_the_phone_stays_away),
        cmocka_unit_test(a_caller_who_stays_away_stops_the_ringing),
        cmocka_unit_test(a_called_phone_that_stays_away_is_480),
        cmocka_unit_test(an_answer_to_a_caller_who_is_away_is_released_too),
        cmocka_unit_test(no_grace_ends_it_at_once),
        cmocka_unit_test(who_unregisters_hangs_up),
        cmocka_unit_test(a_registration_that_runs_out_ends_its_calls),
        cmocka_unit_test(a_late_refresh_keeps_the_call),
        cmocka_unit_test(a_released_call_is_known_no_more),
        cmocka_unit_test(the_table_tells_who_has_to_hear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
