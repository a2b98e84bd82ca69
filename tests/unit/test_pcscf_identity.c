/* Who is asserted, and in whose words: RFC 3325 6 and 9, TS 24.229 5.2.6.3 and 5.2.6.4. */
#include "core_lab.h"

#define CONTACT "Contact: <sip:alice@192.168.7.1:5060>;expires=600\r\n"
#define ALICE                                                                                                \
    CONTACT                                                                                                  \
    "P-Associated-URI: \"Alice A.\" <sip:alice@ims.test>, <sip:office@ims.test;p=1>, <tel:+1555001>, "       \
    "<sip:+1555002@ims.test;user=phone>\r\n"

static struct lab alice_with(const char *granted)
{
    struct lab lab = lab_create();
    free(registered_as(&lab, granted));
    phone_drop(&lab.alice, "SIP/2.0 200");
    return lab;
}

/* The only line of it, as a static copy. */
static const char *asserted_in(const char *m)
{
    static char value[1024];
    snprintf(value, sizeof(value), "%s", header_of(m, "P-Asserted-Identity", 0));
    assert_string_equal(header_of(m, "P-Asserted-Identity", 1), "");
    assert_string_equal(header_of(m, "P-Preferred-Identity", 0), "");
    return value;
}

/* The P-Asserted-Identity that the core sees of a MESSAGE with these header lines. */
static const char *asserted(struct lab *lab, const char *from, const char *lines)
{
    static unsigned n;
    char call[16];
    snprintf(call, sizeof(call), "m%u", ++n);
    phone_send(&lab->alice,
               "MESSAGE sip:bob@else.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.7.1;branch=z9hG4bK%s\r\n"
               "Max-Forwards: 70\r\nFrom: %s;tag=1\r\nTo: <sip:bob@else.example>\r\nCall-ID: %s\r\n"
               "CSeq: 1 MESSAGE\r\n%sContent-Length: 0\r\n\r\n",
               call, from, call, lines);
    char *m = phone_expect(&lab->core, "MESSAGE");
    const char *value = asserted_in(m);
    core_answers(lab, m, "200 OK", "");
    phone_drop(&lab->alice, "SIP/2.0 200");
    free(m);
    return value;
}

static const struct {
    const char *preferred, *asserted;
} cases[] = {
    {"", "\"Alice A.\" <sip:alice@ims.test>"},
    {"<sip:alice@ims.test>", "\"Alice A.\" <sip:alice@ims.test>"},
    {"\"I am the president\" <sip:alice@ims.test>", "\"Alice A.\" <sip:alice@ims.test>"},
    {"<sip:office@ims.test>", "<sip:office@ims.test;p=1>"},
    {"sip:office@IMS.test", "<sip:office@ims.test;p=1>"},
    {"<sips:office@ims.test>", "<sip:office@ims.test;p=1>"},
    {"<sip:%6fffice@ims.test:5060;p=2?Subject=x>", "<sip:office@ims.test;p=1>"},
    {"<tel:+1-555-001>", "<tel:+1555001>"},
    {"<tel:+1555001;cpc=operator>", "<tel:+1555001>"},
    /* one kind each (RFC 3325 9.1) */
    {"<sip:office@ims.test>, <tel:+1555001>", "<sip:office@ims.test;p=1>, <tel:+1555001>"},
    {"<tel:+1555001>, <sip:office@ims.test>", "<tel:+1555001>, <sip:office@ims.test;p=1>"},
    {"<sip:office@ims.test>\r\nP-Preferred-Identity: <tel:+1555001>",
     "<sip:office@ims.test;p=1>, <tel:+1555001>"},
    {"<sip:office@ims.test>, <sip:alice@ims.test>", "<sip:office@ims.test;p=1>"},
    {"<sip:office@ims.test>, <sip:alice@ims.test>, <tel:+1555001>",
     "<sip:office@ims.test;p=1>, <tel:+1555001>"},
    {"<sip:office@ims.test>, <tel:+1555999>", "<sip:office@ims.test;p=1>"},
    /* a hint that is none of theirs (RFC 3325 6) */
    {"<sip:president@ims.test>", "\"Alice A.\" <sip:alice@ims.test>"},
    {"<sip:president@ims.test>, <sip:office@ims.test>", "<sip:office@ims.test;p=1>"},
    {"<sip:president@ims.test>, <tel:+1555001>", "<tel:+1555001>"},
    {"<sip:office@ims.test.evil>", "\"Alice A.\" <sip:alice@ims.test>"},
    {"<tel:1555001>", "\"Alice A.\" <sip:alice@ims.test>"},
    {"nothing at all", "\"Alice A.\" <sip:alice@ims.test>"},
    {"<sip:office@ims.test", "\"Alice A.\" <sip:alice@ims.test>"},
    {"<sip:office@ims.test>, <sip:", "<sip:office@ims.test;p=1>"},
    /* one number in two dresses (RFC 3261 19.1.6) */
    {"<tel:+1-555-002>", "<sip:+1555002@ims.test;user=phone>"},
    {"<sip:+1555001@anywhere;user=phone>", "<tel:+1555001>"},
    {"<sip:+1555001@anywhere>", "\"Alice A.\" <sip:alice@ims.test>"},
    {"<sip:+1555003@ims.test;user=phone>", "\"Alice A.\" <sip:alice@ims.test>"},
};

static void the_preferred_identity_is_asserted_as_registered(void **state)
{
    struct lab lab = alice_with(ALICE);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char line[512] = "";
        if (cases[i].preferred[0])
            snprintf(line, sizeof(line), "P-Preferred-Identity: %s\r\n", cases[i].preferred);
        const char *got = asserted(&lab, "<sip:alice@ims.test>", line);
        if (strcmp(got, cases[i].asserted) != 0)
            fail_msg("%s: %s, wanted %s", cases[i].preferred, got, cases[i].asserted);
    }
    world_destroy(lab.world);
}

static void the_phones_own_assertion_counts_for_nothing(void **state)
{
    struct lab lab = alice_with(ALICE);
    assert_string_equal(
        asserted(&lab, "<sip:alice@ims.test>", "P-Asserted-Identity: <sip:office@ims.test>\r\n"),
        "\"Alice A.\" <sip:alice@ims.test>");
    world_destroy(lab.world);
}

/* RFC 3323 4.1: who hides from the callee does not hide from the network. */
static void an_anonymous_from_is_asserted_all_the_same(void **state)
{
    struct lab lab = alice_with(ALICE);
    const char *nobody = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";
    assert_string_equal(asserted(&lab, nobody, "Privacy: id\r\n"), "\"Alice A.\" <sip:alice@ims.test>");
    assert_string_equal(asserted(&lab, nobody, "Privacy: id\r\nP-Preferred-Identity: <tel:+1555001>\r\n"),
                        "<tel:+1555001>");
    world_destroy(lab.world);
}

static void without_associated_uris_it_is_the_address_of_record(void **state)
{
    struct lab lab = alice_with(CONTACT);
    assert_string_equal(asserted(&lab, "<sip:bob@ims.test>", ""), "<sip:alice@ims.test>");
    assert_string_equal(
        asserted(&lab, "<sip:alice@ims.test>", "P-Preferred-Identity: <sip:ALICE@ims.test>\r\n"),
        "<sip:alice@ims.test>");
    assert_string_equal(
        asserted(&lab, "<sip:alice@ims.test>", "P-Preferred-Identity: \"x\" <sip:%61lice@ims.test;x=y>\r\n"),
        "<sip:alice@ims.test>");
    world_destroy(lab.world);
}

/* The second user of one connection is chosen by From, and cannot borrow of the first. */
static void two_users_on_one_flow_are_kept_apart(void **state)
{
    struct lab lab = alice_with(ALICE);
    lab.alice.name = "bob";
    lab.alice.call = 77;
    free(registered_as(&lab, CONTACT "P-Associated-URI: <sip:bob@ims.test>, <tel:+1777>\r\n"));
    phone_drop(&lab.alice, "SIP/2.0 200");
    assert_string_equal(asserted(&lab, "<sip:bob@ims.test>", ""), "<sip:bob@ims.test>");
    assert_string_equal(asserted(&lab, "<sip:office@ims.test>", ""), "\"Alice A.\" <sip:alice@ims.test>");
    assert_string_equal(
        asserted(&lab, "<sip:x@y>", "P-Preferred-Identity: <sip:office@ims.test>, <tel:+1777>\r\n"),
        "<sip:office@ims.test;p=1>");
    world_destroy(lab.world);
}

/* ---- the called side ---- */

/* What the core sees of the phone's 200, whose own words are `lines`. */
static const char *answered(struct lab *lab, const char *path, const char *called, const char *lines)
{
    static unsigned n;
    n++;
    core_send(
        lab,
        "MESSAGE sip:alice@192.168.7.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.99:5060;branch=z9hG4bKt%u\r\n"
        "Max-Forwards: 60\r\nRoute: %s\r\nFrom: <sip:bob@else.example>;tag=b\r\nTo: <sip:alice@ims.test>\r\n"
        "Call-ID: in%u\r\nCSeq: 1 MESSAGE\r\n%sContent-Length: 0\r\n\r\n",
        n, path, n, called);
    char *m = phone_expect(&lab->alice, "MESSAGE");
    char vias[8192];
    snprintf(vias, sizeof(vias), "%s", headers_as(m, "Via", "Via", false));
    phone_send(&lab->alice,
               "SIP/2.0 200 OK\r\n%sFrom: %s\r\nTo: %s;tag=1\r\nCall-ID: %s\r\nCSeq: %s\r\n%s"
               "Content-Length: 0\r\n\r\n",
               vias, header_of(m, "From", 0), header_of(m, "To", 0), header_of(m, "Call-ID", 0),
               header_of(m, "CSeq", 0), lines);
    free(m);
    m = phone_expect(&lab->core, "SIP/2.0 200");
    const char *value = asserted_in(m);
    free(m);
    return value;
}

static void the_called_party_is_asserted_in_its_responses(void **state)
{
    struct lab lab = lab_create();
    char *reg = registered_as(&lab, ALICE);
    char path[1024];
    snprintf(path, sizeof(path), "%s", header_of(reg, "Path", 0));
    free(reg);
    phone_drop(&lab.alice, "SIP/2.0 200");
    const char *own = "P-Preferred-Identity: <sip:office@ims.test>\r\nP-Asserted-Identity: <sip:x@y>\r\n";
    /* as it was called, whatever the phone would prefer */
    assert_string_equal(answered(&lab, path, "P-Called-Party-ID: <tel:+1-555-001>\r\n", own),
                        "<tel:+1555001>");
    assert_string_equal(answered(&lab, path, "P-Called-Party-ID: <sip:alice@ims.test>\r\n", ""),
                        "\"Alice A.\" <sip:alice@ims.test>");
    /* the core knows a name for it that the edge does not: by its contact, then */
    assert_string_equal(answered(&lab, path, "P-Called-Party-ID: <sip:other@ims.test>\r\n", own),
                        "\"Alice A.\" <sip:alice@ims.test>");
    assert_string_equal(answered(&lab, path, "", ""), "\"Alice A.\" <sip:alice@ims.test>");
    world_destroy(lab.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_preferred_identity_is_asserted_as_registered),
        cmocka_unit_test(the_phones_own_assertion_counts_for_nothing),
        cmocka_unit_test(an_anonymous_from_is_asserted_all_the_same),
        cmocka_unit_test(without_associated_uris_it_is_the_address_of_record),
        cmocka_unit_test(two_users_on_one_flow_are_kept_apart),
        cmocka_unit_test(the_called_party_is_asserted_in_its_responses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
