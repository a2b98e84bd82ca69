/* The calls that an edge keeps in mind: early and confirmed, forks, what ends them, CSeqs and targets,
 * limits: RFC 3261 12 and 13, RFC 4028, TS 24.229 5.2.8. */
#include "sip_call.h"

static const struct dialog *the_dialog;
static void remember(const struct dialog *d, void *arg)
{
    if (d->is.from_phone == *(bool *)arg)
        the_dialog = d;
}

/* Alice's edge knows her call as the caller's, Bob's as the called one's. */
static const struct dialog *dialog_of(struct call *c, bool caller)
{
    the_dialog = NULL;
    dialogs_each(pcscf_of(c->world->w[caller ? 0 : 1]), remember, &caller);
    return the_dialog;
}

static bool is(const struct dialog *d, enum dialog_text which, const char *text)
{
    return bytes_eq(d->is.text[which], bytes_str(text));
}

static void a_call_is_early_then_confirmed_then_gone(void **state)
{
    struct call c = call_invites();
    assert_int_equal(early(&c) + confirmed(&c), 0);
    call_rings(&c);
    assert_int_equal(early(&c), 2); /* one for each phone */
    call_answered_with(&c, "200 OK");
    assert_int_equal(early(&c), 0);
    assert_int_equal(confirmed(&c), 2);
    alice_says(&c, "BYE", "c1", 2, c.routes_a);
    assert_int_equal(confirmed(&c), 2);
    phone_serves(&c.b, "BYE", &c.a);
    assert_int_equal(confirmed(&c), 0);
    assert_int_equal(ended(&c, DIALOG_HUNG_UP_PHONE), 1);
    assert_int_equal(ended(&c, DIALOG_HUNG_UP_FAR), 1);
    assert_int_equal(world_count(c.world, PCSCF_CALLS_ANSWERED), 2);
    call_end(&c);
}

static void both_ends_are_known(void **state)
{
    struct call c = call_begin();
    const struct dialog *d = dialog_of(&c, true);
    assert_non_null(d);
    assert_true(is(d, DIALOG_CALL_ID, "c1"));
    assert_true(is(d, DIALOG_AOR, "sip:alice@ims.test"));
    assert_true(is(d, DIALOG_PHONE_TAG, "alice-c1"));
    assert_true(is(d, DIALOG_FAR_TAG, "bob-ua"));
    assert_true(is(d, DIALOG_PHONE, header_of(c.ok, "From", 0)));
    assert_true(is(d, DIALOG_FAR, header_of(c.ok, "To", 0)));
    assert_true(is(d, DIALOG_PHONE_TARGET, c.a.contact));
    assert_true(is(d, DIALOG_FAR_TARGET, c.b.contact));
    assert_int_equal(d->is.phone_cseq, 1);
    d = dialog_of(&c, false);
    assert_non_null(d);
    assert_true(is(d, DIALOG_AOR, "sip:bob@ims.test"));
    assert_true(is(d, DIALOG_PHONE_TAG, "bob-ua"));
    assert_true(is(d, DIALOG_FAR_TARGET, c.a.contact));
    assert_true(is(d, DIALOG_PHONE_TARGET, c.b.contact));
    assert_int_equal(d->is.far_cseq, 1);
    /* Bob's route set without our own two, which stand first: what the home network and Alice's edge put in.
     */
    char all[4096] = "";
    for (unsigned i = 2; header_of(c.invite, "Record-Route", i)[0]; i++)
        snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i > 2 ? ", " : "",
                 header_of(c.invite, "Record-Route", i));
    assert_true(is(d, DIALOG_ROUTE, all));
    call_end(&c);
}

static void a_refused_call_leaves_nothing(void **state)
{
    struct call c = call_invites();
    call_rings(&c);
    phone_answers(&c.b, c.invite, "486 Busy Here");
    phone_drop(&c.a, "SIP/2.0 486");
    assert_int_equal(early(&c), 0);
    assert_int_equal(world_count(c.world, PCSCF_CALLS_REFUSED), 2);
    call_end(&c);
}

static void a_cancelled_call_leaves_nothing(void **state)
{
    struct call c = call_invites();
    call_rings(&c);
    alice_cancels(&c.a);
    phone_drop(&c.b, "CANCEL");
    phone_answers(&c.b, c.invite, "487 Request Terminated");
    phone_drop(&c.a, "SIP/2.0 487");
    assert_int_equal(early(&c), 0);
    assert_int_equal(world_count(c.world, PCSCF_CALLS_CANCELLED), 2);
    call_end(&c);
}

static void a_fork_makes_one_for_each_branch(void **state)
{
    struct call c = {.world = world_create()};
    c.a = phone_with_instance(c.world, "alice", 0, 1);
    c.b = phone_with_instance(c.world, "bob", 1, 2);
    struct fake_phone desk = phone_at(c.world, "bob", "secret-b", 1, 3);
    phone_registers(&c.a);
    phone_registers(&c.b);
    phone_registers(&desk);
    world_forget(c.world);
    phone_requests(&c.a, "INVITE", "sip:bob@ims.test", "<sip:bob@ims.test>", "c1", 1, "");
    c.invite = phone_expect(&c.b, "INVITE");
    char *other = phone_expect(&desk, "INVITE");
    call_rings(&c);
    desk.name = "desk"; /* its tag */
    phone_answers(&desk, other, "180 Ringing");
    phone_drop(&c.a, "SIP/2.0 180");
    assert_int_equal(early(&c), 4);
    phone_answers(&desk, other, "200 OK"); /* both pick up */
    phone_answers(&c.b, c.invite, "200 OK");
    assert_int_equal(confirmed(&c), 4);
    assert_int_equal(early(&c), 0);
    free(other);
    call_end(&c);
}

static void early_forks_go_with_their_invite(void **state)
{
    struct call c = call_invites();
    call_rings(&c);
    c.b.name = "bob2"; /* a gateway behind the phone: a second tag */
    phone_answers(&c.b, c.invite, "180 Ringing");
    phone_drop(&c.a, "SIP/2.0 180");
    assert_int_equal(early(&c), 4);
    c.b.name = "bob";
    call_answered_with(&c, "200 OK");
    assert_int_equal(confirmed(&c), 2);
    world_wait(c.world, 64 * 500 + 5000); /* the INVITE's transactions end */
    assert_int_equal(early(&c), 0);
    assert_int_equal(confirmed(&c), 2);
    call_end(&c);
}

static void a_target_refresh_is_learnt(void **state)
{
    struct call c = call_begin();
    snprintf(c.a.contact, sizeof(c.a.contact), "sip:alice@192.168.99.99:6000");
    alice_says(&c, "UPDATE", "c1", 5, c.routes_a);
    char *m = phone_expect(&c.b, "UPDATE");
    snprintf(c.b.contact, sizeof(c.b.contact), "sip:bob@192.168.88.88:6000");
    phone_answers(&c.b, m, "200 OK");
    phone_drop(&c.a, "SIP/2.0 200");
    free(m);
    const struct dialog *caller = dialog_of(&c, true), *called = dialog_of(&c, false);
    assert_true(is(caller, DIALOG_PHONE_TARGET, c.a.contact) && is(called, DIALOG_FAR_TARGET, c.a.contact));
    assert_true(is(caller, DIALOG_FAR_TARGET, c.b.contact) && is(called, DIALOG_PHONE_TARGET, c.b.contact));
    assert_int_equal(caller->is.phone_cseq, 5);
    assert_int_equal(called->is.far_cseq, 5);
    /* A refused one changes nothing. */
    snprintf(c.a.contact, sizeof(c.a.contact), "sip:alice@192.168.77.77:6000");
    alice_says(&c, "UPDATE", "c1", 6, c.routes_a);
    m = phone_expect(&c.b, "UPDATE");
    phone_answers(&c.b, m, "491 Request Pending");
    phone_drop(&c.a, "SIP/2.0 491");
    free(m);
    assert_false(is(dialog_of(&c, true), DIALOG_PHONE_TARGET, c.a.contact));
    call_end(&c);
}

static void a_challenged_bye_is_not_the_end(void **state)
{
    struct call c = call_begin();
    alice_says(&c, "BYE", "c1", 2, c.routes_a);
    char *m = phone_expect(&c.b, "BYE");
    phone_answers(&c.b, m, "401 Unauthorized");
    phone_drop(&c.a, "SIP/2.0 401");
    assert_int_equal(confirmed(&c), 2);
    free(m);
    alice_says(&c, "BYE", "c1", 3, c.routes_a);
    m = phone_expect(&c.b, "BYE"); /* and an unanswered one is */
    world_wait(c.world, 64 * 500 + 5000);
    assert_int_equal(confirmed(&c), 0);
    free(m);
    call_end(&c);
}

static void what_is_over_the_limit_passes_unseen(void **state)
{
    struct world *world = world_create_stored("pcscf { host = \"gw.ims.test\"\nmax_dialogs_per_phone = 1 "
                                              "}\nregistrar { domains = {\"ims.test\"} }\n",
                                              NULL);
    struct call c = call_invites_in(world, "");
    call_rings(&c);
    call_answered_with(&c, "200 OK");
    phone_requests(&c.a, "INVITE", "sip:bob@ims.test", "<sip:bob@ims.test>", "c2", 1, "");
    char *second = phone_expect(&c.b, "INVITE");
    phone_answers(&c.b, second, "200 OK");
    phone_drop(&c.a, "SIP/2.0 200");
    assert_int_equal(confirmed(&c), 2);
    assert_int_equal(world_count(world, PCSCF_DIALOGS_NOT_KEPT), 2);
    free(second);
    call_end(&c);
}

/* ---- session timer ---- */

static void a_session_that_is_not_refreshed_is_ended(void **state)
{
    struct call c = call_invites();
    call_rings(&c);
    call_answered_with(&c, "200 OK\r\nSession-Expires: 90;refresher=uac");
    world_wait(c.world, 100000);
    alice_says(&c, "UPDATE", "c1", 2, c.routes_a);
    char *m = phone_expect(&c.b, "UPDATE");
    phone_answers(&c.b, m, "200 OK\r\nSession-Expires: 120;refresher=uac");
    phone_drop(&c.a, "SIP/2.0 200");
    free(m);
    world_wait(c.world, 120000 + 31000);
    phone_expect_none(&c.a);
    assert_int_equal(confirmed(&c), 2);
    world_wait(c.world, 2000);
    assert_int_equal(confirmed(&c), 0);
    m = phone_expect(&c.a, "BYE sip:alice@192.168.7.1:5060");
    assert_non_null(strstr(header_of(m, "Reason", 0), "cause=408"));
    assert_string_equal(header_of(m, "CSeq", 0), "1 BYE");
    assert_string_equal(header_of(m, "From", 0), "<sip:bob@ims.test>;tag=bob-ua");
    phone_answers(&c.a, m, "200 OK");
    free(m);
    m = phone_expect(&c.b, "BYE sip:bob@192.168.7.2:5060");
    assert_string_equal(header_of(m, "CSeq", 0), "3 BYE");
    free(m);
    assert_int_equal(ended(&c, DIALOG_OVERDUE), 2);
    call_end(&c);
}

static void a_refresh_without_a_timer_ends_the_watch(void **state)
{
    struct call c = call_invites();
    call_answered_with(&c, "200 OK\r\nSession-Expires: 90");
    alice_says(&c, "INVITE", "c1", 2, c.routes_a);
    char *m = phone_expect(&c.b, "INVITE");
    phone_answers(&c.b, m, "200 OK");
    phone_drop(&c.a, "SIP/2.0 200");
    free(m);
    world_wait(c.world, 300000);
    assert_int_equal(confirmed(&c), 2);
    call_end(&c);
}

static struct call asked_for_by_the_edge(const char *headers)
{
    return call_invites_in(world_create_stored("pcscf { host = \"gw.ims.test\"\nsession_expires = 1800s "
                                               "}\nregistrar { domains = {\"ims.test\"} }\n",
                                               NULL),
                           headers);
}

static void the_edge_asks_for_a_timer_where_nobody_does(void **state)
{
    struct call c = asked_for_by_the_edge("Supported: timer\r\nMin-SE: 2000\r\n");
    assert_string_equal(header_of(c.invite, "Session-Expires", 0), "2000"); /* as the caller can bear */
    assert_string_equal(header_of(c.invite, "Session-Expires", 1), "");
    call_answered_with(&c, "200 OK"); /* the called one knows nothing of it: the caller is to refresh (8.2) */
    assert_string_equal(header_of(c.ok, "Session-Expires", 0), "2000;refresher=uac");
    assert_string_equal(header_of(c.ok, "Require", 0), "timer");
    assert_int_equal(dialog_of(&c, true)->session_seconds, 2000);
    call_end(&c);
}

static void where_neither_knows_the_timer_there_is_none(void **state)
{
    struct call c = asked_for_by_the_edge("");
    assert_string_equal(header_of(c.invite, "Session-Expires", 0), "1800");
    call_answered_with(&c, "200 OK");
    assert_string_equal(header_of(c.ok, "Session-Expires", 0), "");
    assert_int_equal(dialog_of(&c, true)->session_seconds, 0);
    call_end(&c);
}

static void what_the_ends_ask_for_stands(void **state)
{
    struct call c = asked_for_by_the_edge("Supported: timer\r\nSession-Expires: 600;refresher=uas\r\n");
    assert_string_equal(header_of(c.invite, "Session-Expires", 0), "600;refresher=uas");
    phone_answers(&c.b, c.invite, "422 Session Interval Too Small\r\nMin-SE: 900");
    char *m = phone_expect(&c.a, "SIP/2.0 422");
    assert_string_equal(header_of(m, "Min-SE", 0), "900");
    free(m);
    call_end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_early_then_confirmed_then_gone),
        cmocka_unit_test(both_ends_are_known),
        cmocka_unit_test(a_refused_call_leaves_nothing),
        cmocka_unit_test(a_cancelled_call_leaves_nothing),
        cmocka_unit_test(a_fork_makes_one_for_each_branch),
        cmocka_unit_test(early_forks_go_with_their_invite),
        cmocka_unit_test(a_target_refresh_is_learnt),
        cmocka_unit_test(a_challenged_bye_is_not_the_end),
        cmocka_unit_test(what_is_over_the_limit_passes_unseen),
        cmocka_unit_test(a_session_that_is_not_refreshed_is_ended),
        cmocka_unit_test(a_refresh_without_a_timer_ends_the_watch),
        cmocka_unit_test(the_edge_asks_for_a_timer_where_nobody_does),
        cmocka_unit_test(where_neither_knows_the_timer_there_is_none),
        cmocka_unit_test(what_the_ends_ask_for_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
