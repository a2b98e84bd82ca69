/* Dialogs that no table knows, of SUBSCRIBE, REFER and the NOTIFY that may come first (RFC 6665, 3515): they
 * rest on the sealed token of our Record-Route alone. What they open to a phone, and what they do not
 * (TS 24.229 5.2.6.3: no open relay into the core); NOTIFY for a phone that has moved, or is about to. */
#include "core_lab.h"

#define CORE_ROUTE "<sip:scscf.ims.test;lr>"
#define TARGET     "sip:watched@10.0.0.98"

struct sub {
    struct lab lab;
    char *request; /* as the core got it */
    char routes[8192];
    const char *call;
};

static void registers(struct lab *lab, struct fake_phone *ph)
{
    char contact[200], grant[200];
    snprintf(contact, sizeof(contact), "Contact: <%s>;+sip.instance=\"<urn:uuid:%s>\";reg-id=1\r\n",
             ph->contact, ph->name);
    snprintf(grant, sizeof(grant), "Contact: <%s>;expires=600\r\n", ph->contact);
    phone_register_once(ph, contact, "Expires: 600\r\n", "");
    char *m = phone_expect(&lab->core, "REGISTER");
    core_answers(lab, m, "200 OK", grant);
    phone_drop(ph, "SIP/2.0 200");
    free(m);
}

/* The phone's request outside a dialog, answered by a core that records itself. */
static struct sub begins(const char *method)
{
    struct sub s = {.lab = lab_set(""), .call = "sub"};
    char more[9000];
    registers(&s.lab, &s.lab.alice);
    phone_requests(&s.lab.alice, method, "sip:watched@ims.test", "<sip:watched@ims.test>", s.call, 1,
                   "Event: presence\r\n");
    s.request = phone_expect(&s.lab.core, method);
    snprintf(more, sizeof(more),
             "Record-Route: " CORE_ROUTE "\r\n%sContact: <" TARGET ">\r\nExpires: 600\r\n",
             headers_as(s.request, "Record-Route", "Record-Route", false));
    core_answers(&s.lab, s.request, "200 OK", more);
    char *ok = phone_expect(&s.lab.alice, "SIP/2.0 200");
    snprintf(s.routes, sizeof(s.routes), "%s", headers_as(ok, "Record-Route", "Route", true));
    free(ok);
    return s;
}

static void ends(struct sub *s)
{
    free(s->request);
    world_destroy(s->lab.world);
}

struct again {
    const char *method, *call, *to_tag, *routes;
};

static void sends(struct fake_phone *ph, const struct again *a)
{
    static unsigned serial;
    serial++;
    phone_send(
        ph,
        "%s " TARGET " SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.7.1;branch=z9hG4bKs%u\r\nMax-Forwards: 70\r\n"
        "From: <sip:alice@ims.test>;tag=alice-sub\r\nTo: <sip:watched@ims.test>;tag=%s\r\nCall-ID: %s\r\n"
        "CSeq: %u %s\r\n%sContent-Length: 0\r\n\r\n",
        a->method, serial, a->to_tag, a->call, 10 + serial, a->method, a->routes);
}

static void passes(struct sub *s, const struct again *a)
{
    sends(&s->lab.alice, a);
    char *m = phone_expect(&s->lab.core, a->method);
    assert_string_equal(header_of(m, "Route", 0), CORE_ROUTE);
    assert_string_equal(header_of(m, "Route", 1), "");
    core_answers(&s->lab, m, "200 OK", "");
    phone_drop(&s->lab.alice, "SIP/2.0 200");
    free(m);
}

static void is_refused(struct sub *s, struct fake_phone *ph, const struct again *a, const char *status)
{
    sends(ph, a);
    phone_drop(ph, status);
    phone_expect_none(&s->lab.core);
}

static void the_core_notifies(struct sub *s, unsigned cseq, const char *tag, const char *more)
{
    core_send(
        &s->lab,
        "NOTIFY %s SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.99;branch=z9hG4bKn%u%s\r\nMax-Forwards: 70\r\n%s%s"
        "From: <sip:watched@ims.test>;tag=%s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %u NOTIFY\r\n"
        "Contact: <" TARGET ">\r\nEvent: presence\r\nSubscription-State: active\r\nContent-Length: 0\r\n\r\n",
        s->lab.alice.contact, cseq, tag, headers_as(s->request, "Record-Route", "Route", false), more, tag,
        header_of(s->request, "From", 0), s->call, cseq);
}

static void reaches_alice(struct sub *s)
{
    char *m = phone_expect(&s->lab.alice, "NOTIFY");
    phone_answers(&s->lab.alice, m, "200 OK");
    phone_drop(&s->lab.core, "SIP/2.0 200");
    free(m);
}

/* ---- what they open */

static void the_way_of_the_dialog_is_open(void **state)
{
    static const char *const methods[] = {"SUBSCRIBE", "REFER"};
    for (unsigned i = 0; i < 2; i++) {
        struct sub s = begins(methods[i]);
        passes(&s, &(struct again){methods[i], s.call, "core", s.routes});
        the_core_notifies(&s, 1, "core", "");
        reaches_alice(&s);
        ends(&s);
    }
}

/* RFC 6665 4.4.1: who hears of it first by NOTIFY takes his route set from there. */
static void a_notify_may_be_what_begins_it(void **state)
{
    struct sub s = begins("SUBSCRIBE");
    the_core_notifies(&s, 1, "fork", "Record-Route: " CORE_ROUTE "\r\n");
    char *m = phone_expect(&s.lab.alice, "NOTIFY"), routes[8192];
    snprintf(routes, sizeof(routes), "%s", headers_as(m, "Record-Route", "Route", false));
    phone_answers(&s.lab.alice, m, "200 OK");
    phone_drop(&s.lab.core, "SIP/2.0 200");
    free(m);
    passes(&s, &(struct again){"SUBSCRIBE", s.call, "fork", routes});
    ends(&s);
}

/* ---- and what not */

static const char *with_route(const struct sub *s, const char *route)
{
    static char out[9000];
    snprintf(out, sizeof(out), "%s", s->routes);
    char *at = strstr(out, CORE_ROUTE);
    assert_non_null(at);
    snprintf(at, sizeof(out) - (size_t)(at - out), "%s\r\n", route);
    return out;
}

static void it_is_no_way_to_anywhere_else(void **state)
{
    static const char *const methods[] = {"SUBSCRIBE", "INVITE", "MESSAGE", "NOTIFY", "BYE", "REFER", "ODD"};
    struct sub s = begins("SUBSCRIBE");
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        struct again a = {methods[i], s.call, "core", ""};
        is_refused(&s, &s.lab.alice, &a, "SIP/2.0 403"); /* no Route of ours */
        a.routes = "Route: " CORE_ROUTE "\r\n";
        is_refused(&s, &s.lab.alice, &a, "SIP/2.0 403");
        a.routes = with_route(&s, "<sip:mgcf.ims.test;lr>");
        is_refused(&s, &s.lab.alice, &a, "SIP/2.0 400");
        a.routes = with_route(&s, CORE_ROUTE ", <sip:mgcf.ims.test;lr>");
        is_refused(&s, &s.lab.alice, &a, "SIP/2.0 400");
        a.routes = with_route(&s, "<sip:scscf.ims.test:5070;lr>");
        is_refused(&s, &s.lab.alice, &a, "SIP/2.0 400");
        a.routes = with_route(&s, "<sip:scscf.ims.test;lr;orig>");
        is_refused(&s, &s.lab.alice, &a, "SIP/2.0 400");
    }
    passes(&s, &(struct again){"SUBSCRIBE", s.call, "core", s.routes});
    ends(&s);
}

static void it_is_no_other_dialogs(void **state)
{
    struct sub s = begins("SUBSCRIBE");
    is_refused(&s, &s.lab.alice, &(struct again){"SUBSCRIBE", "other", "core", s.routes}, "SIP/2.0 400");
    is_refused(&s, &s.lab.alice, &(struct again){"INVITE", s.call, "made-up", s.routes}, "SIP/2.0 400");
    /* what the core was given is not what the phone was given */
    char out[9000];
    snprintf(out, sizeof(out), "%sRoute: " CORE_ROUTE "\r\n",
             headers_as(s.request, "Record-Route", "Route", false));
    is_refused(&s, &s.lab.alice, &(struct again){"SUBSCRIBE", s.call, "core", out}, "SIP/2.0 400");
    ends(&s);
}

static void nor_another_phones(void **state)
{
    struct sub s = begins("SUBSCRIBE");
    struct fake_phone bob = phone_at(s.lab.world, "bob", "secret-b", 0, 2);
    const struct again a = {"SUBSCRIBE", s.call, "core", s.routes};
    is_refused(&s, &bob, &a, "SIP/2.0 403");
    registers(&s.lab, &bob);
    is_refused(&s, &bob, &a, "SIP/2.0 403");
    ends(&s);
}

/* ---- the phone moves ---- */

static void vanishes(struct sub *s)
{
    pcscf_flow_closed(pcscf_of(s->lab.world->w[s->lab.alice.flow.conn.worker]), &s->lab.alice.flow);
    world_run(s->lab.world);
}

static void comes_back(struct sub *s, uint16_t worker)
{
    struct fake_phone old = s->lab.alice;
    s->lab.alice = phone_at(s->lab.world, "alice", "secret-a", worker, 9);
    memcpy(s->lab.alice.contact, old.contact, sizeof(old.contact));
    registers(&s->lab, &s->lab.alice);
}

static void a_notify_finds_a_phone_that_has_moved(void **state)
{
    for (uint16_t worker = 0; worker < 2; worker++) {
        struct sub s = begins("SUBSCRIBE");
        vanishes(&s);
        world_wait(s.lab.world, 300000); /* however late */
        comes_back(&s, worker);
        the_core_notifies(&s, 1, "core", "");
        reaches_alice(&s);
        passes(&s, &(struct again){"SUBSCRIBE", s.call, "core", s.routes}); /* RFC 5626 5.3.2 */
        ends(&s);
    }
}

static void a_notify_waits_for_a_phone_that_is_away(void **state)
{
    struct sub s = begins("SUBSCRIBE");
    vanishes(&s);
    world_wait(s.lab.world, 10000);
    the_core_notifies(&s, 1, "core", "");
    phone_expect_none(&s.lab.core);
    assert_int_equal(world_count(s.lab.world, PCSCF_HELD), 1);
    comes_back(&s, 1);
    reaches_alice(&s);
    vanishes(&s);
    the_core_notifies(&s, 2, "core", "");
    world_wait(s.lab.world, 21000); /* but not for ever */
    phone_drop(&s.lab.core, "SIP/2.0 430");
    ends(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_way_of_the_dialog_is_open),
        cmocka_unit_test(a_notify_may_be_what_begins_it),
        cmocka_unit_test(it_is_no_way_to_anywhere_else),
        cmocka_unit_test(it_is_no_other_dialogs),
        cmocka_unit_test(nor_another_phones),
        cmocka_unit_test(a_notify_finds_a_phone_that_has_moved),
        cmocka_unit_test(a_notify_waits_for_a_phone_that_is_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
