/* How long a registration may be asked for (RFC 3261 10.2.8, 10.3), and what a phone is told about keeping
 * its flow open (RFC 5626 5.4, RFC 6223). */
#include "core_lab.h"

/* What the core is asked for: "Contact|Expires"; or the status and Min-Expires that the phone gets. */
static const char *asked(struct lab *lab, const char *contact, const char *expires)
{
    static char text[512];
    phone_register_once(&lab->alice, contact, expires, "");
    char *m = phone_get(&lab->core), *refusal = phone_get(&lab->alice);
    if (m)
        snprintf(text, sizeof(text), "%s|%s", header_of(m, "Contact", 0), header_of(m, "Expires", 0));
    else
        snprintf(text, sizeof(text), "%.3s %s", refusal + 8, header_of(refusal, "Min-Expires", 0));
    free(refusal);
    free(m);
    return text;
}

#define C "Contact: <sip:alice@192.168.7.1:5060>"

static void too_brief_is_423_with_the_least(void **state)
{
    struct lab lab = lab_set("min_expires = 10m");
    assert_string_equal(asked(&lab, C "\r\n", "Expires: 599\r\n"), "423 600");
    assert_string_equal(asked(&lab, C ";expires=1\r\n", "Expires: 3600\r\n"), "423 600");
    assert_string_equal(asked(&lab, C ", <sip:alice@192.168.7.1:5070>;expires=60\r\n", "Expires: 3600\r\n"),
                        "423 600");
    assert_int_equal(world_count(lab.world, PCSCF_REFUSED_INTERVAL), 3);
    assert_string_equal(asked(&lab, C "\r\n", "Expires: 600\r\n"), "<sip:alice@192.168.7.1:5060>|600");
    assert_string_equal(asked(&lab, C ";expires=0\r\n", "Expires: 1\r\n"),
                        "<sip:alice@192.168.7.1:5060>;expires=0|1");
    assert_string_equal(asked(&lab, "Contact: *\r\n", "Expires: 0\r\n"), "*|0");
    assert_string_equal(asked(&lab, C "\r\n", ""), "<sip:alice@192.168.7.1:5060>|"); /* an hour */
    assert_string_equal(asked(&lab, "", "Expires: 1\r\n"), "|1"); /* a question has no contact */
    assert_string_equal(asked(&lab, C "\r\n", "Expires: soon\r\n"), "<sip:alice@192.168.7.1:5060>|soon");
    world_destroy(lab.world);
}

static void too_long_is_lowered_on_its_way(void **state)
{
    struct lab lab = lab_set("max_expires = 30m");
    assert_string_equal(asked(&lab, C "\r\n", "Expires: 1801\r\n"), "<sip:alice@192.168.7.1:5060>|1800");
    assert_string_equal(asked(&lab, C "\r\n", "Expires: 1800\r\n"), "<sip:alice@192.168.7.1:5060>|1800");
    assert_string_equal(asked(&lab, C ";expires=604800;q=0.5\r\n", "Expires: 60\r\n"),
                        "<sip:alice@192.168.7.1:5060>;expires=1800;q=0.5|60");
    assert_string_equal(asked(&lab, C ";expires=60\r\n", "Expires: 99999999999\r\n"),
                        "<sip:alice@192.168.7.1:5060>;expires=60|1800");
    assert_string_equal(asked(&lab, C ";expires=2000, <sip:a@b>;expires=3000\r\n", "Expires: 60\r\n"),
                        "<sip:alice@192.168.7.1:5060>;expires=1800, <sip:a@b>;expires=1800|60");
    assert_string_equal(asked(&lab, C "\r\n", ""), "<sip:alice@192.168.7.1:5060>|1800"); /* not an hour */
    assert_string_equal(asked(&lab, C ";expires=9000;q=1;expires=9001;expires\r\n", "Expires: 60\r\n"),
                        "<sip:alice@192.168.7.1:5060>;expires=1800;q=1;expires=1800;expires=1800|60");
    assert_string_equal(asked(&lab, "Contact: *\r\n", "Expires: 0\r\n"), "*|0");
    assert_string_equal(asked(&lab, "", ""), "|");
    world_destroy(lab.world);
}

static void without_the_settings_the_home_network_decides(void **state)
{
    struct lab lab = lab_set("");
    assert_string_equal(asked(&lab, C ";expires=1\r\n", ""), "<sip:alice@192.168.7.1:5060>;expires=1|");
    assert_string_equal(asked(&lab, C "\r\n", "Expires: 4294967295\r\n"),
                        "<sip:alice@192.168.7.1:5060>|4294967295");
    world_destroy(lab.world);
}

/* ---- keep (RFC 6223) ---- */

static void phone_asks(struct fake_phone *ph, const char *method, const char *keep, const char *headers)
{
    static unsigned n;
    n++;
    phone_send(ph,
               "%s sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.7.1:5060;branch=z9hG4bKk%u;rport%s\r\n"
               "Max-Forwards: 70\r\nFrom: <sip:alice@ims.test>;tag=k%u\r\nTo: <sip:alice@ims.test>\r\n"
               "Call-ID: k%u\r\nCSeq: 1 %s\r\nContact: <%s>\r\n%sContent-Length: 0\r\n\r\n",
               method, strcmp(method, "REGISTER") ? "bob@else.example" : "ims.test", n, keep, n, n, method,
               ph->contact, headers);
}

/* The Via in the answer to that; static. */
static const char *kept(struct lab *lab, const char *method, const char *keep, const char *status)
{
    static char via[512];
    char starts[16];
    phone_asks(&lab->alice, method, keep, "");
    char *m = phone_expect(&lab->core, method);
    core_answers(lab, m, status, strcmp(method, "REGISTER") ? "" : GRANTED);
    free(m);
    snprintf(starts, sizeof(starts), "SIP/2.0 %.3s", status);
    m = phone_expect(&lab->alice, starts);
    snprintf(via, sizeof(via), "%s", header_of(m, "Via", 0));
    assert_string_equal(header_of(m, "Via", 1), "");
    free(m);
    return via;
}

static void an_offer_to_keep_alive_is_taken_with_our_interval(void **state)
{
    struct lab lab = lab_set("flow_timer = 90s");
    assert_null(strstr(kept(&lab, "REGISTER", ";keep", "403 Forbidden"), "keep="));
    assert_non_null(strstr(kept(&lab, "REGISTER", ";keep", "200 OK"), ";keep=90;"));
    const struct phone *ph = phone_find(pcscf_of(lab.world->w[0]), &lab.alice.flow);
    assert_true(ph->keeps_alive);
    assert_null(strstr(kept(&lab, "REGISTER", "", "200 OK"), "keep"));
    assert_non_null(strstr(kept(&lab, "INVITE", ";keep", "180 Ringing"), ";keep=90;"));
    assert_non_null(strstr(kept(&lab, "INVITE", ";keep", "200 OK"), ";keep=90;"));
    assert_non_null(strstr(kept(&lab, "SUBSCRIBE", ";keep", "200 OK"), ";keep=90;"));
    assert_null(strstr(kept(&lab, "INVITE", ";keep", "486 Busy Here"), "keep="));
    assert_null(strstr(kept(&lab, "MESSAGE", ";keep", "200 OK"), "keep=")); /* makes no dialog */
    world_destroy(lab.world);
}

static void flow_timer_and_keep_say_the_same(void **state)
{
    struct lab lab = lab_set("flow_timer = 90s");
    phone_asks(&lab.alice, "REGISTER", ";keep", "Supported: outbound\r\n");
    char *m = phone_expect(&lab.core, "REGISTER");
    core_answers(&lab, m, "200 OK", GRANTED "Require: outbound\r\n");
    free(m);
    m = phone_expect(&lab.alice, "SIP/2.0 200");
    assert_string_equal(header_of(m, "Flow-Timer", 0), "90");
    assert_non_null(strstr(header_of(m, "Via", 0), ";keep=90;"));
    free(m);
    world_destroy(lab.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(too_brief_is_423_with_the_least),
        cmocka_unit_test(too_long_is_lowered_on_its_way),
        cmocka_unit_test(without_the_settings_the_home_network_decides),
        cmocka_unit_test(an_offer_to_keep_alive_is_taken_with_our_interval),
        cmocka_unit_test(flow_timer_and_keep_say_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
