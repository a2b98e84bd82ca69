/* The way of a dialog, sealed into our Record-Route, and what a phone may do with it: TS 24.229 5.2.6.3, RFC
 * 3261 12.1, RFC 5658. */
#include "sip_call.h"

#include "modules/pcscf/call/route_digest.h"

static void the_two_values_of_the_caller_are_sealed_anew(void **state)
{
    struct call c = call_begin();
    char sent[1024], back[1024];
    unsigned n = 0;
    while (header_of(c.invite, "Record-Route", n)[0])
        n++;
    /* The called side has the caller's edge last in its list; the caller has it with another token. */
    snprintf(sent, sizeof(sent), "%s", header_of(c.invite, "Record-Route", n - 1));
    snprintf(back, sizeof(back), "%s", header_of(c.ok, "Record-Route", n - 1));
    assert_string_not_equal(sent, back);
    assert_string_equal(strchr(sent, '@'), strchr(back, '@'));
    for (unsigned i = 0; i + 2 < n; i++)
        assert_string_equal(header_of(c.invite, "Record-Route", i), header_of(c.ok, "Record-Route", i));
    alice_says(&c, "INFO", "c1", 2, c.routes_a);
    phone_drop(&c.b, "INFO");
    bob_says(&c, "INFO", 1, c.routes_b);
    phone_drop(&c.a, "INFO");
    call_end(&c);
}

/* Ways that are not the dialog's. */
static void a_further_route_is_refused(void **state)
{
    struct call c = call_begin();
    char routes[8400];
    snprintf(routes, sizeof(routes), "%sRoute: <sip:victim.example;lr>\r\n", c.routes_a);
    alice_says(&c, "INFO", "c1", 2, routes);
    phone_drop(&c.a, "SIP/2.0 400");
    snprintf(routes, sizeof(routes), "%sRoute: <sip:victim.example;lr>\r\n", c.routes_b);
    bob_says(&c, "INFO", 1, routes);
    phone_drop(&c.b, "SIP/2.0 400");
    phone_expect_none(&c.a);
    phone_expect_none(&c.b);
    assert_int_equal(world_count(c.world, PCSCF_REFUSED_ROUTE), 2);
    snprintf(routes, sizeof(routes), "%sRoute: <sip:victim.example;lr>\r\n", c.routes_a);
    alice_says(&c, "ACK", "c1", 1, routes);
    phone_expect_none(&c.b);
    call_end(&c);
}

static void a_changed_or_missing_route_is_refused(void **state)
{
    static const char *const changes[][2] = {{"scscf.ims.test", "scscf.evil.test"},
                                             {"scscf.ims.test;lr", "scscf.ims.test:99;lr"},
                                             {"scscf.ims.test;lr", "x@scscf.ims.test;lr"},
                                             {"scscf.ims.test;lr", "scscf.ims.test;lr;maddr=1.2.3.4"},
                                             {"<sip:scscf", "<sips:scscf"}};
    struct call c = call_begin();
    for (unsigned i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        char routes[8400], *at;
        snprintf(routes, sizeof(routes), "%s", c.routes_a);
        at = strstr(routes, changes[i][0]);
        assert_non_null(at);
        snprintf(at, sizeof(routes) - (size_t)(at - routes), "%s%s", changes[i][1],
                 strstr(c.routes_a, changes[i][0]) + strlen(changes[i][0]));
        alice_says(&c, "INFO", "c1", 10 + i, routes);
        phone_drop(&c.a, "SIP/2.0 400");
    }
    char *last = strrchr(c.routes_a, 'R'); /* without the last one */
    *last = '\0';
    alice_says(&c, "INFO", "c1", 2, c.routes_a);
    phone_drop(&c.a, "SIP/2.0 400");
    phone_expect_none(&c.b);
    call_end(&c);
}

static void a_way_is_good_for_its_own_dialog_only(void **state)
{
    struct call c = call_begin();
    alice_says(&c, "INFO", "another", 2, c.routes_a);
    phone_drop(&c.a, "SIP/2.0 400");
    /* nor is the token good that the other side has of us: it says nothing of a way */
    char routes[8400];
    snprintf(routes, sizeof(routes), "%s", headers_as(c.invite, "Record-Route", "Route", true));
    alice_says(&c, "INFO", "c1", 3, routes);
    phone_drop(&c.a, "SIP/2.0 400");
    phone_expect_none(&c.b);
    call_end(&c);
}

static void what_phones_change_in_a_route_does_not_count(void **state)
{
    struct call c = call_begin();
    char routes[8400], *at;
    snprintf(routes, sizeof(routes), "%s", c.routes_a);
    at = strstr(routes, "scscf.ims.test");
    assert_non_null(at);
    memcpy(at, "SCSCF.IMS.TEST", 14);
    at = strstr(routes, "<sip:SCSCF");
    memcpy(at, "<SIP:", 5);
    alice_says(&c, "INFO", "c1", 2, routes);
    phone_drop(&c.b, "INFO");
    call_end(&c);
}

static void a_wrong_way_is_put_right_by_setting(void **state)
{
    struct call c =
        call_invites_in(world_create_stored("pcscf { host = \"gw.ims.test\"\ndialog_route = \"replace\" }\n"
                                            "registrar { domains = {\"ims.test\"} }\n",
                                            NULL),
                        "");
    call_answered_with(&c, "200 OK");
    char routes[8400];
    snprintf(routes, sizeof(routes), "%sRoute: <sip:victim.example;lr>\r\n", c.routes_a);
    alice_says(&c, "INFO", "c1", 2, routes);
    phone_serves(&c.b, "INFO", &c.a);
    bob_says(&c, "INFO", 2, ""); /* none at all */
    phone_serves(&c.a, "INFO", &c.b);
    alice_says(&c, "INFO", "unknown", 2, routes); /* no call of ours */
    phone_drop(&c.a, "SIP/2.0 400");
    phone_expect_none(&c.b);
    call_end(&c);
}

static void the_way_is_still_known_after_a_restart(void **state)
{
    struct call c = call_begin();
    char routes[8400];
    c.world->gw.started++; /* every token is an old one now */
    alice_says(&c, "INFO", "c1", 2, c.routes_a);
    phone_drop(&c.b, "INFO"); /* by its user's name, since the flow in the token is another process's */
    snprintf(routes, sizeof(routes), "%sRoute: <sip:victim.example;lr>\r\n", c.routes_a);
    alice_says(&c, "BYE", "c1", 3, routes);
    phone_drop(&c.a, "SIP/2.0 400");
    call_end(&c);
}

/* ---- the digest alone ---- */

static bool same(const char *a, const char *b)
{
    uint8_t one[ROUTE_DIGEST], other[ROUTE_DIGEST];
    struct sip_route_set s = {.items = {bytes_str(a)}, .n = 1};
    assert_true(route_digest(&s, BYTES("c"), BYTES("t"), one));
    s.items[0] = bytes_str(b);
    assert_true(route_digest(&s, BYTES("c"), BYTES("t"), other));
    return memcmp(one, other, sizeof(one)) == 0;
}

static void a_digest_tells_hops_apart(void **state)
{
    assert_true(same("<sip:a@b.c;lr;x=1>", "<SIP:a@B.C;x=1;LR>"));
    assert_true(same("<sip:b;lr>", "\"Name\" <sip:b;lr>;param"));
    assert_false(same("<sip:a@b;lr>", "<sip:A@b;lr>"));
    assert_false(same("<sip:b;lr>", "<sip:b>"));
    assert_false(same("<sip:b;lr>", "<sip:b:5060;lr>"));
    assert_false(same("<sip:b;lr;x=1>", "<sip:b;lr;x=2>"));
    assert_false(same("<sip:ab@c;lr>", "<sip:a:b@c;lr>"));
    assert_false(same("<sip:b;lr>", "<sip:b;lr;lr>"));
    assert_false(same("<sip:b;lr>", "<sip:b;lr?x=y>"));
    uint8_t d[ROUTE_DIGEST];
    const struct sip_route_set bad = {.items = {BYTES("nothing")}, .n = 1};
    assert_false(route_digest(&bad, BYTES("c"), BYTES("t"), d));
}

static void more_hops_than_anybody_needs_are_refused(void **state)
{
    struct call c = call_begin();
    char routes[8400];
    size_t n = (size_t)snprintf(routes, sizeof(routes), "%s", c.routes_a);
    for (unsigned i = 0; i <= SIP_ROUTE_SET_MAX; i++)
        n += (size_t)snprintf(routes + n, sizeof(routes) - n, "Route: <sip:h%u;lr>\r\n", i);
    alice_says(&c, "INFO", "c1", 2, routes);
    phone_drop(&c.a, "SIP/2.0 400");
    call_end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_two_values_of_the_caller_are_sealed_anew),
        cmocka_unit_test(a_further_route_is_refused),
        cmocka_unit_test(a_changed_or_missing_route_is_refused),
        cmocka_unit_test(a_way_is_good_for_its_own_dialog_only),
        cmocka_unit_test(what_phones_change_in_a_route_does_not_count),
        cmocka_unit_test(a_wrong_way_is_put_right_by_setting),
        cmocka_unit_test(the_way_is_still_known_after_a_restart),
        cmocka_unit_test(a_digest_tells_hops_apart),
        cmocka_unit_test(more_hops_than_anybody_needs_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
