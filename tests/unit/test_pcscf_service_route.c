/* The Service-Route of a registration is the way of its requests (RFC 3608, TS 24.229 5.2.6.3), and which
 * identities it may assert: wildcards, barred ones (TS 24.229 5.2.6.3, TS 23.003 13.4A). */
#include "core_lab.h"

static void register_with(struct lab *lab, const char *granted)
{
    free(registered_as(lab, granted));
    phone_drop(&lab->alice, "SIP/2.0 200");
}

/* The Routes that the core sees of a MESSAGE with those, or the status that the phone gets. */
static const char *sent(struct lab *lab, const char *routes)
{
    static char text[1024];
    static unsigned n;
    char call[16];
    snprintf(call, sizeof(call), "m%u", n++);
    phone_requests(&lab->alice, "MESSAGE", "sip:b@else.example", "<sip:b@else.example>", call, 1, routes);
    char *m = phone_get(&lab->core), *refusal = m ? NULL : phone_get(&lab->alice);
    snprintf(text, sizeof(text), "%s", m ? headers_as(m, "Route", "R", false) : refusal + 8);
    text[strcspn(text, m ? "\n" : " ")] = '\0';
    free(m);
    free(refusal);
    return text;
}

#define DUE "<sip:orig@10.0.0.99;lr>, <sip:second@10.0.0.98;lr>"
#define OUR "<sip:gw.ims.test:443;transport=tls;lr>"

static void the_phones_routes_give_way(void **state)
{
    struct lab lab = lab_set("");
    register_with(&lab, GRANTED);
    static const char *const routes[] = {"", "Route: " DUE "\r\n", "Route: <sip:evil.example;lr>\r\n",
                                         "Route: " OUR ", <sip:evil.example;lr>\r\n"};
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
        assert_string_equal(sent(&lab, routes[i]), "R: " DUE "\r");
    world_destroy(lab.world);
}

static void or_are_refused(void **state)
{
    struct lab lab = lab_set("service_route = \"reject\"");
    register_with(&lab, GRANTED);
    static const char *const good[] = {
        "Route: " OUR ", " DUE "\r\n",
        "Route: " OUR "\r\nRoute: <sip:orig@10.0.0.99;lr>\r\nRoute: <sip:second@10.0.0.98;lr>\r\n",
        "Route: " DUE "\r\n",
        "Route: <sip:orig@10.0.0.99;lr>, \"x\" <SIP:second@10.0.0.98;LR>\r\n",
    };
    static const char *const bad[] = {
        "",
        "Route: " OUR "\r\n",
        "Route: " OUR ", <sip:orig@10.0.0.99;lr>\r\n",
        "Route: " OUR ", " DUE ", <sip:evil.example;lr>\r\n",
        "Route: <sip:second@10.0.0.98;lr>, <sip:orig@10.0.0.99;lr>\r\n",
        "Route: <sip:evil.example;lr>, " DUE "\r\n",
        "Route: <sip:ORIG@10.0.0.99;lr>, <sip:second@10.0.0.98;lr>\r\n",
        "Route: <sip:orig@10.0.0.99;lr>, " OUR ", <sip:second@10.0.0.98;lr>\r\n",
        "Route: " OUR ", " OUR ", " DUE "\r\n",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_string_equal(sent(&lab, good[i]), "R: " DUE "\r");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_string_equal(sent(&lab, bad[i]), "400");
    world_destroy(lab.world);
}

static void without_a_service_route_nothing_but_us_is_right(void **state)
{
    struct lab lab = lab_set("service_route = \"reject\"");
    register_with(&lab, "Contact: <sip:alice@192.168.7.1:5060>;expires=600\r\n");
    assert_string_equal(sent(&lab, ""), "");
    assert_string_equal(sent(&lab, "Route: " OUR "\r\n"), "");
    assert_string_equal(sent(&lab, "Route: <sip:evil.example;lr>\r\n"), "400");
    world_destroy(lab.world);
}

/* ---- identities ---- */

/* What is asserted for a preferred identity; static. */
static const char *asserted(struct lab *lab, const char *preferred)
{
    static char text[512];
    static unsigned n;
    char call[16], line[300] = "";
    snprintf(call, sizeof(call), "i%u", n++);
    if (preferred[0])
        snprintf(line, sizeof(line), "P-Preferred-Identity: %s\r\n", preferred);
    phone_requests(&lab->alice, "MESSAGE", "sip:b@else.example", "<sip:b@else.example>", call, 1, line);
    char *m = phone_expect(&lab->core, "MESSAGE");
    snprintf(text, sizeof(text), "%s", header_of(m, "P-Asserted-Identity", 0));
    free(m);
    return text;
}

#define CONTACT "Contact: <sip:alice@192.168.7.1:5060>;expires=600\r\n"

static void a_wildcard_covers_who_is_behind_the_phone(void **state)
{
    struct lab lab = lab_set("");
    register_with(&lab, CONTACT "P-Associated-URI: <sip:desk-!.*!@ims.test>, \"Desk\" <sip:desk@ims.test>, "
                                "<tel:+1555!%5B0-9%5D*!>\r\n");
    assert_string_equal(asserted(&lab, ""), "\"Desk\" <sip:desk@ims.test>"); /* no wildcard is the default */
    assert_string_equal(asserted(&lab, "<sip:desk-42@ims.test>"), "<sip:desk-42@ims.test>");
    assert_string_equal(asserted(&lab, "<tel:+15551234>"), "<tel:+15551234>");
    assert_string_equal(asserted(&lab, "<sip:boss@ims.test>"), "\"Desk\" <sip:desk@ims.test>");
    assert_string_equal(asserted(&lab, "<sip:desk-!.*!@ims.test>"), "\"Desk\" <sip:desk@ims.test>");
    assert_string_equal(asserted(&lab, "<tel:+16661234>"), "\"Desk\" <sip:desk@ims.test>");
    world_destroy(lab.world);
}

static void a_registered_identity_that_is_not_listed_is_barred(void **state)
{
    struct lab lab = lab_set("");
    register_with(&lab, CONTACT "P-Associated-URI: <sip:public@ims.test>\r\n");
    assert_string_equal(asserted(&lab, "<sip:alice@ims.test>"), "<sip:public@ims.test>");
    register_with(&lab, CONTACT); /* none listed: it is the only one there is */
    assert_string_equal(asserted(&lab, "<sip:alice@ims.test>"), "<sip:alice@ims.test>");
    world_destroy(lab.world);
}

static void where_all_are_wildcards_nothing_is_the_default(void **state)
{
    struct lab lab = lab_set("");
    register_with(&lab, CONTACT "P-Associated-URI: <sip:desk-!.*!@ims.test>\r\n");
    assert_string_equal(asserted(&lab, ""), "");
    assert_string_equal(asserted(&lab, "<sip:desk-1@ims.test>"), "<sip:desk-1@ims.test>");
    world_destroy(lab.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_phones_routes_give_way),
        cmocka_unit_test(or_are_refused),
        cmocka_unit_test(without_a_service_route_nothing_but_us_is_right),
        cmocka_unit_test(a_wildcard_covers_who_is_behind_the_phone),
        cmocka_unit_test(a_registered_identity_that_is_not_listed_is_barred),
        cmocka_unit_test(where_all_are_wildcards_nothing_is_the_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
