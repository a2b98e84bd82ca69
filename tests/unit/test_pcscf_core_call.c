/* A call between a phone and a core of another make: what the core sees when the phone's connection is lost,
 * and where what it sends by the old Record-Route arrives: TS 24.229 5.2.8.1, RFC 3261 12.2.1.1, RFC 3326. */
#include "core_lab.h"

struct core_call {
    struct lab lab;
    char *invite, *ok;
    char to_phone[2048]; /* the core's Route lines towards the phone */
    char to_core[2048];  /* and the phone's towards the core */
};

static struct core_call core_call_begin(const char *more)
{
    struct core_call c = {.lab = lab_create()};
    char answer[4096], records[2048];
    free(registered(&c.lab, ""));
    phone_drop(&c.lab.alice, "SIP/2.0 200");
    phone_requests(&c.lab.alice, "INVITE", "sip:far@else.test", "<sip:far@else.test>", "c1", 1, "");
    c.invite = phone_expect(&c.lab.core, "INVITE sip:far@else.test");
    snprintf(records, sizeof(records), "%.2000s",
             headers_as(c.invite, "Record-Route", "Record-Route", false));
    snprintf(
        answer, sizeof(answer),
        "Record-Route: <sip:ibcf.else.test;lr>\r\nRecord-Route: <sip:mo@10.0.0.99:5070;lr>\r\n%sContact: "
        "<sip:far@192.0.2.50:5066;x=y>\r\n%s",
        records, more);
    core_answers(&c.lab, c.invite, "200 OK", answer);
    c.ok = phone_expect(&c.lab.alice, "SIP/2.0 200");
    snprintf(c.to_phone, sizeof(c.to_phone), "%.2000s", headers_as(c.invite, "Record-Route", "Route", false));
    snprintf(c.to_core, sizeof(c.to_core), "%.2000s", headers_as(c.ok, "Record-Route", "Route", true));
    return c;
}

static void core_call_end(struct core_call *c)
{
    free(c->invite);
    free(c->ok);
    world_destroy(c->lab.world);
}

static void core_says(struct core_call *c, const char *method, unsigned cseq)
{
    core_send(&c->lab,
              "%s sip:alice@192.168.7.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.99;branch=z9hG4bKcore%u\r\n"
              "Max-Forwards: 60\r\n%sFrom: <sip:far@else.test>;tag=core\r\nTo: %s\r\nCall-ID: c1\r\n"
              "CSeq: %u %s\r\nContent-Length: 0\r\n\r\n",
              method, cseq, c->to_phone, header_of(c->invite, "From", 0), cseq, method);
}

static void phone_goes(struct core_call *c)
{
    pcscf_flow_closed(pcscf_of(c->lab.world->w[c->lab.alice.flow.conn.worker]), &c->lab.alice.flow);
    world_run(c->lab.world);
}

static void the_core_gets_a_bye_by_the_dialogs_route(void **state)
{
    struct core_call c = core_call_begin("");
    core_says(&c, "INFO", 41);
    phone_drop(&c.lab.alice, "INFO");
    phone_goes(&c);
    world_wait(c.lab.world, 19000);
    world_forget(c.lab.world);
    world_wait(c.lab.world, 2000);
    char *bye = phone_expect(&c.lab.core, "BYE sip:far@192.0.2.50:5066;x=y SIP/2.0");
    assert_string_equal(header_of(bye, "Route", 0), "<sip:mo@10.0.0.99:5070;lr>, <sip:ibcf.else.test;lr>");
    assert_string_equal(header_of(bye, "Route", 1), "");
    assert_string_equal(header_of(bye, "From", 0), header_of(c.invite, "From", 0));
    assert_string_equal(header_of(bye, "To", 0), "<sip:far@else.test>;tag=core");
    assert_string_equal(header_of(bye, "CSeq", 0), "2 BYE");
    assert_string_equal(header_of(bye, "Reason", 0), "SIP;cause=503;text=\"Connection to the phone lost\"");
    assert_non_null(strstr(header_of(bye, "Via", 0), "SIP/2.0/UDP 10.9.9.9:5060;"));
    assert_string_equal(header_of(bye, "Via", 1), "");
    free(bye);
    core_call_end(&c);
}

static void the_cores_bye_by_the_old_route_reaches_the_phone_on_the_other_worker(void **state)
{
    struct core_call c = core_call_begin("");
    phone_goes(&c);
    core_says(&c, "UPDATE", 41); /* while it is away */
    phone_expect_none(&c.lab.core);
    c.lab.alice.flow.conn.worker = 1;
    c.lab.alice.flow.peer.ip[3] = 77;
    free(registered(&c.lab, ""));
    char *update = phone_expect(&c.lab.alice, "UPDATE sip:alice@192.168.7.1:5060");
    phone_answers(&c.lab.alice, update, "200 OK");
    phone_drop(&c.lab.core, "SIP/2.0 200");
    core_says(&c, "BYE", 42);
    char *bye = phone_expect(&c.lab.alice, "BYE sip:alice@192.168.7.1:5060");
    assert_string_equal(header_of(bye, "Route", 0), "");
    phone_answers(&c.lab.alice, bye, "200 OK");
    phone_drop(&c.lab.core, "SIP/2.0 200");
    assert_int_equal(world_count(c.lab.world, PCSCF_DIALOGS_CONFIRMED), 0);
    free(update);
    free(bye);
    core_call_end(&c);
}

static void the_phone_is_held_to_the_cores_route(void **state)
{
    struct core_call c = core_call_begin("");
    char routes[4096];
    phone_requests(&c.lab.alice, "BYE", "sip:far@192.0.2.50:5066;x=y", "<sip:far@else.test>;tag=core", "c1",
                   2, c.to_core);
    char *bye = phone_expect(&c.lab.core, "BYE sip:far@192.0.2.50:5066;x=y");
    assert_string_equal(header_of(bye, "Route", 0), "<sip:mo@10.0.0.99:5070;lr>");
    free(bye);
    snprintf(routes, sizeof(routes), "%sRoute: <sip:pstn.else.test;lr>\r\n", c.to_core);
    phone_requests(&c.lab.alice, "BYE", "sip:+1900@pstn", "<sip:far@else.test>;tag=core", "c1", 3, routes);
    phone_drop(&c.lab.alice, "SIP/2.0 400");
    phone_expect_none(&c.lab.core);
    core_call_end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_core_gets_a_bye_by_the_dialogs_route),
        cmocka_unit_test(the_cores_bye_by_the_old_route_reaches_the_phone_on_the_other_worker),
        cmocka_unit_test(the_phone_is_held_to_the_cores_route),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
