/* Calls and messages between phones through edge and home network: RFC 3261 16, RFC 3325, RFC 3608, RFC 5626
 * 5 and 7. */
#include "sip_world.h"

struct pair {
    struct world *world;
    struct fake_phone a, b;
};

/* Alice on worker 0, Bob on the given one. */
static struct pair two_phones(uint16_t worker_of_bob)
{
    struct pair p = {.world = world_create()};
    p.a = phone_at(p.world, "alice", "secret-a", 0, 1);
    p.b = phone_at(p.world, "bob", "secret-b", worker_of_bob, 2);
    phone_registers(&p.a);
    phone_registers(&p.b);
    world_forget(p.world);
    return p;
}

static void alice_calls(struct pair *p, const char *call)
{
    phone_requests(&p->a, "INVITE", "sip:bob@ims.test", "<sip:bob@ims.test>", call, 1, "");
}

static unsigned record_routes(const char *m)
{
    unsigned n = 0;
    while (header_of(m, "Record-Route", n)[0])
        n++;
    return n;
}

static void a_call_from_end_to_end(uint16_t worker_of_bob)
{
    struct pair p = two_phones(worker_of_bob);
    alice_calls(&p, "c1");
    phone_drop(&p.a, "SIP/2.0 100");
    char *invite = phone_expect(&p.b, "INVITE sip:bob@192.168.7.2:5060 SIP/2.0");
    /* two of Alice's edge, one of the home network, two of Bob's edge (RFC 5658) */
    assert_int_equal(record_routes(invite), 5);
    assert_string_equal(header_of(invite, "P-Asserted-Identity", 0), "<sip:alice@ims.test>");
    assert_string_equal(header_of(invite, "P-Called-Party-ID", 0), "<sip:bob@ims.test>");
    assert_string_equal(header_of(invite, "P-Charging-Vector", 0), "");
    assert_string_equal(header_of(invite, "Route", 0), "");
    phone_answers(&p.b, invite, "180 Ringing");
    phone_drop(&p.a, "SIP/2.0 180");
    phone_answers(&p.b, invite, "200 OK");
    char *ok = phone_expect(&p.a, "SIP/2.0 200");
    assert_string_equal(header_of(ok, "Via", 1), ""); /* only Alice's own is left */
    assert_non_null(strstr(header_of(ok, "Via", 0), "z9hG4bKc1.INVITE.1"));

    char routes[8192];
    snprintf(routes, sizeof(routes), "%s", headers_as(ok, "Record-Route", "Route", true));
    phone_requests(&p.a, "ACK", "sip:bob@192.168.7.2:5060", "<sip:bob@ims.test>;tag=bob-ua", "c1", 1, routes);
    char *ack = phone_expect(&p.b, "ACK sip:bob@192.168.7.2:5060");
    assert_string_equal(header_of(ack, "Route", 0), "");
    free(ack);

    /* Bob hangs up: his route set is the Record-Route of the INVITE in its order (RFC 3261 12.1.1). */
    char back[8192];
    snprintf(back, sizeof(back), "%s", headers_as(invite, "Record-Route", "Route", false));
    phone_send(&p.b,
               "BYE %s SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.7.2;branch=z9hG4bKbye\r\nMax-Forwards: 70\r\n"
               "From: <sip:bob@ims.test>;tag=bob-ua\r\nTo: %s\r\nCall-ID: c1\r\nCSeq: 9 BYE\r\n%s"
               "Content-Length: 0\r\n\r\n",
               p.a.contact, header_of(invite, "From", 0), back);
    char *bye = phone_expect(&p.a, "BYE sip:alice@192.168.7.1:5060");
    assert_string_equal(header_of(bye, "Route", 0), "");
    phone_answers(&p.a, bye, "200 OK");
    phone_drop(&p.b, "SIP/2.0 200");
    free(bye);
    free(ok);
    free(invite);
    world_wait(p.world, 40000);
    assert_int_equal(sip_layer_servers(pcscf_of(p.world->w[0])->layer), 0);
    assert_int_equal(sip_layer_clients(pcscf_of(p.world->w[0])->layer), 0);
    assert_int_equal(sip_layer_clients(registrar_of(p.world->w[0])->layer), 0);
    world_destroy(p.world);
}

static void a_call_on_one_worker(void **state)
{
    a_call_from_end_to_end(0);
}
static void a_call_between_two_workers(void **state)
{
    a_call_from_end_to_end(1);
}

static void the_caller_hangs_up(void **state)
{
    struct pair p = two_phones(1);
    alice_calls(&p, "c1");
    char *invite = phone_expect(&p.b, "INVITE");
    phone_answers(&p.b, invite, "200 OK");
    char *ok = phone_expect(&p.a, "SIP/2.0 200");
    char routes[8192];
    snprintf(routes, sizeof(routes), "%s", headers_as(ok, "Record-Route", "Route", true));
    phone_requests(&p.a, "ACK", "sip:bob@192.168.7.2:5060", "<sip:bob@ims.test>;tag=bob-ua", "c1", 1, routes);
    phone_drop(&p.b, "ACK");
    phone_requests(&p.a, "BYE", "sip:bob@192.168.7.2:5060", "<sip:bob@ims.test>;tag=bob-ua", "c1", 2, routes);
    char *bye = phone_expect(&p.b, "BYE sip:bob@192.168.7.2:5060");
    phone_answers(&p.b, bye, "200 OK");
    phone_drop(&p.a, "SIP/2.0 200");
    free(bye);
    free(ok);
    free(invite);
    world_destroy(p.world);
}

static void a_message_crosses(void **state)
{
    struct pair p = two_phones(1);
    phone_requests(&p.a, "MESSAGE", "sip:bob@ims.test", "<sip:bob@ims.test>", "m1", 1, "");
    char *m = phone_expect(&p.b, "MESSAGE sip:bob@192.168.7.2:5060");
    assert_int_equal(record_routes(m), 0);
    phone_answers(&p.b, m, "200 OK");
    phone_drop(&p.a, "SIP/2.0 200");
    free(m);
    world_destroy(p.world);
}

static void a_cancel_reaches_the_other_phone(void **state)
{
    struct pair p = two_phones(1);
    alice_calls(&p, "c1");
    char *invite = phone_expect(&p.b, "INVITE");
    phone_answers(&p.b, invite, "180 Ringing");
    phone_drop(&p.a, "SIP/2.0 180");
    alice_cancels(&p.a);
    phone_drop(&p.a, "SIP/2.0 200");
    char *cancel = phone_expect(&p.b, "CANCEL sip:bob@192.168.7.2:5060");
    phone_answers(&p.b, cancel, "200 OK");
    phone_answers(&p.b, invite, "487 Request Terminated");
    phone_drop(&p.b, "ACK");
    phone_drop(&p.a, "SIP/2.0 487");
    free(cancel);
    free(invite);
    world_destroy(p.world);
}

static void a_refusal_is_acknowledged_at_each_hop(void **state)
{
    struct pair p = two_phones(1);
    alice_calls(&p, "c1");
    char *invite = phone_expect(&p.b, "INVITE");
    phone_answers(&p.b, invite, "486 Busy Here");
    char *ack = phone_expect(&p.b, "ACK sip:bob@192.168.7.2:5060"); /* by the edge, before Alice's own */
    assert_non_null(strstr(header_of(ack, "To", 0), "tag=bob-ua"));
    phone_drop(&p.a, "SIP/2.0 486");
    phone_send(
        &p.a,
        "ACK sip:bob@ims.test SIP/2.0\r\n"
        "Via: SIP/2.0/UDP 192.168.7.1:5060;branch=z9hG4bKc1.INVITE.1;rport\r\nMax-Forwards: 70\r\n"
        "From: <sip:alice@ims.test>;tag=alice-c1\r\nTo: <sip:bob@ims.test>;tag=bob-ua\r\nCall-ID: c1\r\n"
        "CSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n");
    world_wait(p.world, 2000);
    phone_expect_none(&p.a); /* the 486 is not sent again: its ACK has come */
    phone_expect_none(&p.b);
    free(ack);
    free(invite);
    world_destroy(p.world);
}

static void two_phones_of_one_user_ring_and_the_loser_is_cancelled(void **state)
{
    struct pair p = two_phones(1);
    struct fake_phone second = phone_at(p.world, "bob", "secret-b", 0, 3);
    phone_registers(&second);
    alice_calls(&p, "c1");
    char *one = phone_expect(&p.b, "INVITE sip:bob@192.168.7.2:5060");
    char *two = phone_expect(&second, "INVITE sip:bob@192.168.7.3:5060");
    phone_answers(&p.b, one, "180 Ringing");
    phone_answers(&second, two, "180 Ringing");
    phone_answers(&second, two, "200 OK");
    phone_drop(&p.a, "SIP/2.0 200");
    char *cancel = phone_expect(&p.b, "CANCEL");
    phone_answers(&p.b, cancel, "200 OK");
    phone_answers(&p.b, one, "487 Request Terminated");
    phone_drop(&p.b, "ACK");
    free(cancel);
    free(one);
    free(two);
    world_destroy(p.world);
}

static void the_lower_q_rings_only_when_the_higher_has_failed(void **state)
{
    struct pair p = two_phones(0);
    struct fake_phone second = phone_at(p.world, "bob", "secret-b", 1, 3);
    second.contact_params = ";q=0.3";
    phone_registers(&second);
    alice_calls(&p, "c1");
    char *one = phone_expect(&p.b, "INVITE");
    phone_expect_none(&second);
    phone_answers(&p.b, one, "480 Temporarily Unavailable");
    phone_drop(&second, "INVITE sip:bob@192.168.7.3:5060");
    free(one);
    world_destroy(p.world);
}

static void an_unregistered_phone_is_forbidden(void **state)
{
    struct pair p = two_phones(0);
    struct fake_phone stranger = phone_at(p.world, "alice", "secret-a", 0, 77);
    phone_requests(&stranger, "INVITE", "sip:bob@ims.test", "<sip:bob@ims.test>", "x", 1, "");
    phone_drop(&stranger, "SIP/2.0 403");
    phone_requests(&stranger, "ACK", "sip:bob@ims.test", "<sip:bob@ims.test>;tag=1", "y", 1, "");
    phone_expect_none(&stranger);
    phone_expect_none(&p.b);
    assert_int_equal(world_count(p.world, PCSCF_REFUSED_UNREGISTERED), 2);
    world_destroy(p.world);
}

static void an_unknown_user_is_not_found(void **state)
{
    struct pair p = two_phones(0);
    phone_requests(&p.a, "INVITE", "sip:nobody@ims.test", "<sip:nobody@ims.test>", "x", 1, "");
    phone_drop(&p.a, "SIP/2.0 404");
    phone_requests(&p.a, "INVITE", "sip:bob@elsewhere.example", "<sip:bob@elsewhere.example>", "y", 1, "");
    phone_drop(&p.a, "SIP/2.0 404");
    world_destroy(p.world);
}

static void a_user_who_is_not_registered_is_unavailable(void **state)
{
    struct pair p = two_phones(0);
    phone_requests(&p.a, "INVITE", "sip:carol@ims.test", "<sip:carol@ims.test>", "x", 1, "");
    phone_drop(&p.a, "SIP/2.0 480");
    world_destroy(p.world);
}

static void a_lost_flow_is_480_for_the_caller_and_the_binding_goes(void **state)
{
    struct pair p = two_phones(1);
    pcscf_flow_closed(pcscf_of(p.world->w[1]), &p.b.flow);
    assert_int_equal(location_count(registrar_of(p.world->w[0])->location), 2);
    alice_calls(&p, "c1");
    world_wait(p.world, 5500); /* pcscf.call_grace */
    phone_drop(&p.a, "SIP/2.0 480"); /* 430 stays between proxies (RFC 5626 11.5) */
    assert_int_equal(world_count(p.world, PCSCF_FLOW_FAILED), 1);
    assert_int_equal(location_count(registrar_of(p.world->w[0])->location), 1);
    world_destroy(p.world);
}

static void another_flow_of_the_same_instance_takes_over(void **state)
{
    struct pair p = {.world = world_create()};
    p.a = phone_at(p.world, "alice", "secret-a", 0, 1);
    p.b = phone_at(p.world, "bob", "secret-b", 1, 2);
    struct fake_phone other = phone_at(p.world, "bob", "secret-b", 0, 3);
    other.extra = p.b.extra = "Supported: path, outbound\r\n";
    other.contact_params = ";+sip.instance=\"<urn:uuid:1>\";reg-id=1";
    p.b.contact_params = ";+sip.instance=\"<urn:uuid:1>\";reg-id=2";
    phone_registers(&p.a);
    phone_registers(&other);
    phone_registers(&p.b); /* the newest flow is tried first */
    world_forget(p.world);
    p.world->broken = p.b.flow; /* closes under the INVITE */
    alice_calls(&p, "c1");
    phone_expect_none(&p.b);
    char *invite = phone_expect(&other, "INVITE sip:bob@192.168.7.3:5060");
    phone_answers(&other, invite, "200 OK");
    phone_drop(&p.a, "SIP/2.0 200");
    assert_int_equal(world_count(p.world, PCSCF_FLOW_FAILED), 1);
    free(invite);
    world_destroy(p.world);
}

static void only_one_flow_of_an_instance_rings(void **state)
{
    struct pair p = two_phones(1);
    struct fake_phone one = phone_at(p.world, "carol", "secret-c", 0, 3),
                      two = phone_at(p.world, "carol", "secret-c", 1, 4);
    one.extra = two.extra = "Supported: path, outbound\r\n";
    one.contact_params = ";+sip.instance=\"<urn:uuid:1>\";reg-id=1";
    two.contact_params = ";+sip.instance=\"<urn:uuid:1>\";reg-id=2";
    phone_registers(&one);
    phone_registers(&two);
    phone_requests(&p.a, "INVITE", "sip:carol@ims.test", "<sip:carol@ims.test>", "x", 1, "");
    phone_drop(&two, "INVITE");
    phone_expect_none(&one);
    world_destroy(p.world);
}

static void the_phones_own_words_about_identity_count_for_nothing(void **state)
{
    struct pair p = two_phones(0);
    phone_requests(
        &p.a, "INVITE", "sip:bob@ims.test", "<sip:bob@ims.test>", "c1", 1,
        "P-Asserted-Identity: <sip:president@ims.test>\r\nP-Preferred-Identity: <sip:carol@ims.test>\r\n"
        "P-Charging-Vector: icid-value=mine\r\nP-Served-User: <sip:carol@ims.test>\r\n");
    char *m = phone_expect(&p.b, "INVITE");
    assert_string_equal(header_of(m, "P-Asserted-Identity", 0), "<sip:alice@ims.test>");
    assert_string_equal(header_of(m, "P-Asserted-Identity", 1), "");
    assert_string_equal(header_of(m, "P-Preferred-Identity", 0), "");
    assert_string_equal(header_of(m, "P-Served-User", 0), "");
    assert_null(strstr(m, "icid-value=mine"));
    free(m);
    world_destroy(p.world);
}

static void a_from_of_another_user_is_forbidden(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "secret-a", 0, 1),
                      b = phone_at(world, "bob", "secret-b", 1, 2);
    phone_registers(&a);
    phone_registers(&b);
    a.name = "carol"; /* in From */
    phone_requests(&a, "MESSAGE", "sip:bob@ims.test", "<sip:bob@ims.test>", "m1", 1, "");
    phone_drop(&a, "SIP/2.0 403");
    phone_expect_none(&b);
    a.name = "anonymous"; /* nobody of that name here */
    phone_requests(&a, "MESSAGE", "sip:bob@ims.test", "<sip:bob@ims.test>", "m2", 1, "");
    char *m = phone_expect(&b, "MESSAGE ");
    assert_string_equal(header_of(m, "P-Asserted-Identity", 0), "<sip:alice@ims.test>");
    free(m);
    world_destroy(world);
}

static void privacy_id_hides_the_asserted_identity(void **state)
{
    struct pair p = two_phones(0);
    phone_requests(&p.a, "INVITE", "sip:bob@ims.test", "<sip:bob@ims.test>", "c1", 1, "Privacy: id\r\n");
    char *m = phone_expect(&p.b, "INVITE");
    assert_string_equal(header_of(m, "P-Asserted-Identity", 0), ""); /* RFC 3325 7 */
    free(m);
    world_destroy(p.world);
}

static void the_phones_own_route_gives_way_to_the_service_route(void **state)
{
    struct pair p = two_phones(0);
    phone_requests(&p.a, "INVITE", "sip:bob@ims.test", "<sip:bob@ims.test>", "c1", 1,
                   "Route: <sip:gw.ims.test:443;transport=tls;lr>\r\nRoute: <sip:evil.example;lr>\r\n");
    char *m = phone_expect(&p.b, "INVITE");
    assert_null(strstr(m, "evil.example"));
    free(m);
    world_destroy(p.world);
}

static void a_dialog_route_of_another_flow_is_forbidden(void **state)
{
    struct pair p = two_phones(0);
    alice_calls(&p, "c1");
    char *invite = phone_expect(&p.b, "INVITE");
    phone_answers(&p.b, invite, "200 OK");
    char *ok = phone_expect(&p.a, "SIP/2.0 200");
    struct fake_phone carol = phone_at(p.world, "carol", "secret-c", 0, 3);
    phone_registers(&carol);
    char routes[8192];
    snprintf(routes, sizeof(routes), "%s", headers_as(ok, "Record-Route", "Route", true));
    phone_requests(&carol, "BYE", "sip:bob@192.168.7.2:5060", "<sip:bob@ims.test>;tag=bob-ua", "c1", 2,
                   routes);
    phone_drop(&carol, "SIP/2.0 403");
    phone_requests(&carol, "BYE", "sip:bob@192.168.7.2:5060", "<sip:bob@ims.test>;tag=bob-ua", "c2", 2, "");
    phone_drop(&carol, "SIP/2.0 403");
    phone_requests(&carol, "BYE", "sip:bob@192.168.7.2:5060", "<sip:bob@ims.test>;tag=bob-ua", "c3", 2,
                   "Route: <sip:forged@gw.ims.test;lr>\r\n");
    phone_drop(&carol, "SIP/2.0 403");
    phone_expect_none(&p.b);
    free(ok);
    free(invite);
    world_destroy(p.world);
}

static void a_phone_that_moved_to_a_new_flow_can_hang_up(void **state)
{
    struct pair p = two_phones(1);
    alice_calls(&p, "c1");
    char *invite = phone_expect(&p.b, "INVITE");
    phone_answers(&p.b, invite, "200 OK");
    char *ok = phone_expect(&p.a, "SIP/2.0 200");
    char routes[8192];
    snprintf(routes, sizeof(routes), "%s", headers_as(ok, "Record-Route", "Route", true));
    pcscf_flow_closed(pcscf_of(p.world->w[0]), &p.a.flow);
    struct fake_phone moved = phone_at(p.world, "alice", "secret-a", 1, 9);
    phone_requests(&moved, "BYE", "sip:bob@192.168.7.2:5060", "<sip:bob@ims.test>;tag=bob-ua", "c1", 2,
                   routes);
    phone_drop(&moved, "SIP/2.0 403"); /* not before it has registered */
    phone_registers(&moved);
    phone_requests(&moved, "BYE", "sip:bob@192.168.7.2:5060", "<sip:bob@ims.test>;tag=bob-ua", "c1", 3,
                   routes);
    char *bye = phone_expect(&p.b, "BYE sip:bob@192.168.7.2:5060");
    phone_answers(&p.b, bye, "200 OK");
    phone_drop(&moved, "SIP/2.0 200");
    free(bye);
    free(ok);
    free(invite);
    world_destroy(p.world);
}

static void max_forwards_0_is_refused(void **state)
{
    struct pair p = two_phones(0);
    phone_send(
        &p.a,
        "MESSAGE sip:bob@ims.test SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.7.1;branch=z9hG4bKm\r\n"
        "Max-Forwards: 0\r\nFrom: <sip:alice@ims.test>;tag=1\r\nTo: <sip:bob@ims.test>\r\nCall-ID: m\r\n"
        "CSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n");
    phone_drop(&p.a, "SIP/2.0 483");
    world_destroy(p.world);
}

static void a_proxy_requirement_that_we_do_not_know_gets_420(void **state)
{
    struct pair p = two_phones(0);
    phone_requests(&p.a, "INVITE", "sip:bob@ims.test", "<sip:bob@ims.test>", "c1", 1,
                   "Proxy-Require: teleport\r\n");
    char *m = phone_expect(&p.a, "SIP/2.0 420");
    assert_string_equal(header_of(m, "Unsupported", 0), "teleport");
    free(m);
    world_destroy(p.world);
}

static void a_broken_message_is_answered(void **state)
{
    struct pair p = two_phones(0);
    phone_send(
        &p.a,
        "MESSAGE sip:bob@ims.test SIP/7.0\r\nVia: SIP/2.0/UDP 192.168.7.1;branch=z9hG4bKv\r\n"
        "Max-Forwards: 70\r\nFrom: <sip:alice@ims.test>;tag=1\r\nTo: <sip:bob@ims.test>\r\nCall-ID: m\r\n"
        "CSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n");
    phone_drop(&p.a, "SIP/2.0 505"); /* RFC 4475 3.1.2.16 */
    phone_send(&p.a, "MESSAGE sip:bob@ims.test SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.7.1;branch=z9hG4bKn\r\n"
                     "Max-Forwards: 70\r\nFrom: <sip:alice@ims.test>;tag=1\r\nTo: <sip:bob@ims.test>\r\n"
                     "CSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n");
    phone_drop(&p.a, "SIP/2.0 400");
    phone_send(&p.a, "complete nonsense\r\n\r\n");
    phone_expect_none(&p.a);
    assert_int_equal(world_count(p.world, PCSCF_UNANSWERABLE), 1);
    world_destroy(p.world);
}

static void the_called_partys_identity_is_asserted_in_its_answers(void **state)
{
    struct pair p = two_phones(0);
    alice_calls(&p, "c1");
    char *invite = phone_expect(&p.b, "INVITE");
    phone_answers(&p.b, invite, "180 Ringing\r\nP-Asserted-Identity: <sip:carol@ims.test>");
    char *m = phone_expect(&p.a, "SIP/2.0 180");
    assert_string_equal(header_of(m, "P-Asserted-Identity", 0), "<sip:bob@ims.test>");
    assert_string_equal(header_of(m, "P-Asserted-Identity", 1), "");
    free(m);
    free(invite);
    world_destroy(p.world);
}

static void nobody_answers_and_the_caller_hears_of_it(void **state)
{
    struct pair p = two_phones(1);
    alice_calls(&p, "c1");
    world_wait(p.world, 64 * 500 + 2000); /* timer B */
    phone_drop(&p.a, "SIP/2.0 408");
    world_destroy(p.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_on_one_worker),
        cmocka_unit_test(a_call_between_two_workers),
        cmocka_unit_test(the_caller_hangs_up),
        cmocka_unit_test(a_message_crosses),
        cmocka_unit_test(a_cancel_reaches_the_other_phone),
        cmocka_unit_test(a_refusal_is_acknowledged_at_each_hop),
        cmocka_unit_test(two_phones_of_one_user_ring_and_the_loser_is_cancelled),
        cmocka_unit_test(the_lower_q_rings_only_when_the_higher_has_failed),
        cmocka_unit_test(an_unregistered_phone_is_forbidden),
        cmocka_unit_test(an_unknown_user_is_not_found),
        cmocka_unit_test(a_user_who_is_not_registered_is_unavailable),
        cmocka_unit_test(a_lost_flow_is_480_for_the_caller_and_the_binding_goes),
        cmocka_unit_test(another_flow_of_the_same_instance_takes_over),
        cmocka_unit_test(only_one_flow_of_an_instance_rings),
        cmocka_unit_test(the_phones_own_words_about_identity_count_for_nothing),
        cmocka_unit_test(a_from_of_another_user_is_forbidden),
        cmocka_unit_test(privacy_id_hides_the_asserted_identity),
        cmocka_unit_test(the_phones_own_route_gives_way_to_the_service_route),
        cmocka_unit_test(a_dialog_route_of_another_flow_is_forbidden),
        cmocka_unit_test(a_phone_that_moved_to_a_new_flow_can_hang_up),
        cmocka_unit_test(max_forwards_0_is_refused),
        cmocka_unit_test(a_proxy_requirement_that_we_do_not_know_gets_420),
        cmocka_unit_test(a_broken_message_is_answered),
        cmocka_unit_test(the_called_partys_identity_is_asserted_in_its_answers),
        cmocka_unit_test(nobody_answers_and_the_caller_hears_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
