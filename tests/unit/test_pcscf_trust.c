/* The trust table, walked whole: each header field that TS 24.229 4.4 and 5.2.6 or its RFC speaks of, in a
 * request and in a response, from a phone and to one. What is expected stands here once more, from the
 * standards and not from the code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "modules/pcscf/trust.h"
#include <cmocka.h>

/* '-' is cut, '+' passes, '?' is cut unless the operator trusts phones with it. */
static const struct row {
    const char *name, *value;
    const char *from_phone, *to_phone; /* request, response */
} rows[] = {
    {"P-Asserted-Identity", "<sip:a@x>", "--", "++"},
    {"P-Preferred-Identity", "<sip:a@x>", "--", "--"},
    {"P-Associated-URI", "<sip:a@x>", "--", "++"},
    {"P-Called-Party-ID", "<sip:a@x>", "--", "+-"},
    {"P-Served-User", "<sip:a@x>;sescase=orig;regstate=reg", "--", "--"},
    {"P-Profile-Key", "<sip:a@x>", "--", "--"},
    {"P-User-Database", "<aaa://hss.x>", "--", "--"},
    {"History-Info", "<sip:a@x>;index=1", "++", "++"},
    {"Attestation-Info", "A", "--", "--"},
    {"Origination-Id", "00000000-0000-0000-0000-000000000000", "--", "--"},
    {"Priority-Verstat", "TN-Validation-Passed", "--", "++"},
    {"Additional-Identity", "<sip:a@x>", "++", "++"},
    {"Identity", "x;info=<https://x>", "++", "++"},
    {"P-Asserted-Service", "urn:urn-7:3gpp-service.ims.icsi.mmtel", "--", "--"},
    {"P-Preferred-Service", "urn:urn-7:3gpp-service.ims.icsi.mmtel", "+-", "--"},
    {"P-Private-Network-Indication", "x", "??", "--"},
    {"Resource-Priority", "wps.1", "??", "++"},
    {"Priority", "urgent", "++", "++"},
    {"Priority", "psap-callback", "-+", "++"},
    {"Priority", "PSAP-Callback", "-+", "++"},
    {"P-Early-Media", "supported", "+?", "++"},
    {"P-Early-Media", "sendrecv", "??", "++"},
    {"P-Early-Media", "supported, sendonly", "??", "++"},
    {"P-Media-Authorization", "00", "--", "++"},
    {"Feature-Caps", "*;+g.3gpp.srvcc", "--", "++"},
    {"Reason", "Q.850;cause=16", "+?", "++"},
    {"Response-Source", "urn:3gpp:fe:ue;side=term", "-+", "--"},
    {"Service-Interact-Info", "1", "--", "--"},
    {"Restoration-Info", "noresponse", "--", "--"},
    {"P-Access-Network-Info", "IEEE-802.11;i-wlan-node-id=01", "++", "--"},
    {"P-Access-Network-Info", "IEEE-802.11;network-provided", "--", "--"},
    {"P-Access-Network-Info", "IEEE-802.11, 3GPP-NR; Network-Provided", "--", "--"},
    {"Cellular-Network-Info", "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=1;cell-info-age=3", "++", "--"},
    {"Cellular-Network-Info", "3GPP-E-UTRAN-FDD;network-provided", "--", "--"},
    {"P-Visited-Network-ID", "\"x\"", "--", "--"},
    {"P-Charging-Function-Addresses", "ccf=192.0.2.1", "--", "--"},
    {"P-Charging-Vector", "icid-value=1", "--", "--"},
    {"Relayed-Charge", "x", "--", "--"},
    {"P-DCS-Billing-Info", "x", "--", "--"},
    {"P-DCS-LAES", "x", "--", "--"},
    {"P-DCS-OSPS", "x", "--", "--"},
    {"P-DCS-Redirect", "x", "--", "--"},
    {"P-DCS-Trace-Party-ID", "<sip:a@x>", "--", "--"},
    {"Security-Client", "tls", "--", "--"},
    {"Security-Server", "tls", "--", "--"},
    {"Security-Verify", "tls", "--", "--"},
    {"Service-Route", "<sip:a@x;lr>", "--", "-+"},
    {"Path", "<sip:a@x;lr>", "--", "-+"},
    /* no row of the table: they pass */
    {"Privacy", "none", "++", "++"},
    {"Geolocation", "<cid:a@x>", "++", "++"},
    {"Geolocation-Routing", "yes", "++", "++"},
    {"P-Answer-State", "Unconfirmed", "++", "++"},
    {"P-Refused-URI-List", "<sip:a@x>", "++", "++"},
    {"P-Nobody-Knows", "x", "++", "++"},
    {"X-Nobody-Knows", "x", "++", "++"},
    {"Accept-Contact", "*;+g.3gpp.icsi-ref=\"urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel\"", "++", "++"},
    {"Contact", "<sip:a@192.0.2.1>;+g.3gpp.icsi-ref=\"urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel\"", "++",
     "++"},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const char *const choices[] = {"P-Early-Media", "P-Private-Network-Indication", "Reason",
                                      "Resource-Priority"};
static const struct string_list nobody = {NULL, 0};

static void frame(bool request, const char *lines, char *dst, size_t cap)
{
    snprintf(dst, cap,
             "%s\r\nVia: SIP/2.0/TLS x;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>;tag=2\r\n"
             "Call-ID: 1\r\nCSeq: 1 INVITE\r\n%sMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
             request ? "INVITE sip:b@x SIP/2.0" : "SIP/2.0 200 OK", lines);
}

/* What is left of a message with these header lines. */
static const char *crossed(bool request, enum trust_border border, const char *lines,
                           const struct string_list *trusted)
{
    static char in[4096], result[4096];
    static struct sip_msg m;
    static struct sip_edit e;
    struct sip_fault fault;
    struct buf out;
    frame(request, lines, in, sizeof(in));
    assert_int_equal(sip_msg_parse(&m, bytes_str(in), SIP_STREAM, &fault), 0);
    sip_edit_init(&e, &m);
    trust_apply(&m, border, trusted, &e);
    buf_init(&out);
    assert_int_equal(sip_edit_apply(&e, &out), 0);
    assert_true(bytes_to_str(buf_bytes(&out), result, sizeof(result)));
    buf_fini(&out);
    return result;
}

static void expect(bool request, enum trust_border border, const char *lines, const char *left)
{
    char wanted[4096];
    frame(request, left, wanted, sizeof(wanted));
    assert_string_equal(crossed(request, border, lines, &nobody), wanted);
}

static void walk_row(const struct row *row, bool all_trusted)
{
    static const struct string_list everything = {(const char **)(uintptr_t)choices, 4};
    char line[512], wanted[4096];
    snprintf(line, sizeof(line), "%s: %s\r\n", row->name, row->value);
    for (int border = TRUST_FROM_PHONE; border < TRUST_BORDERS; border++) {
        for (int response = 0; response < 2; response++) {
            char cell = (border == TRUST_FROM_PHONE ? row->from_phone : row->to_phone)[response];
            bool passes = cell == '+' || (cell == '?' && all_trusted);
            frame(!response, passes ? line : "", wanted, sizeof(wanted));
            const char *got =
                crossed(!response, (enum trust_border)border, line, all_trusted ? &everything : &nobody);
            if (strcmp(got, wanted) != 0)
                fail_msg("%s: %s, %s %s a phone: wanted %c, got\n%s", row->name, row->value,
                         response ? "response" : "request", border == TRUST_FROM_PHONE ? "from" : "to", cell,
                         got);
        }
    }
}

static void the_whole_table_in_both_directions(void **state)
{
    for (size_t i = 0; i < ROWS; i++) {
        walk_row(&rows[i], false);
        walk_row(&rows[i], true);
    }
}

static void each_rule_is_expected_here(void **state)
{
    for (size_t i = 0; i < trust_rules_n; i++) {
        bool found = false;
        for (size_t k = 0; k < ROWS && !found; k++)
            found = sip_header_of(bytes_str(rows[k].name)) == trust_rules[i].id;
        if (!found)
            fail_msg("no expectation for %s", sip_header_name(trust_rules[i].id));
    }
}

static void an_operator_may_trust_phones_with_four(void **state)
{
    size_t n = 0;
    for (size_t i = 0; i < ROWS; i++) {
        bool asked = strchr(rows[i].from_phone, '?') != NULL;
        if (strcmp(rows[i].name, "P-Early-Media") != 0)
            assert_int_equal(trust_is_choice(bytes_str(rows[i].name)), asked);
    }
    for (size_t i = 0; i < 4; i++)
        n += trust_is_choice(bytes_str(choices[i]));
    assert_int_equal(n, 4);
    assert_true(trust_is_choice(BYTES("resource-priority")));
    assert_false(trust_is_choice(BYTES("P-Asserted-Identity")));
    assert_false(trust_is_choice(BYTES("Nothing")));
    assert_false(trust_is_choice(BYTES_NONE));
}

static void several_lines_and_folds_go_together(void **state)
{
    expect(true, TRUST_FROM_PHONE,
           "P-Asserted-Identity: <sip:a@x>,\r\n <tel:+1>\r\nSubject: s\r\np-asserted-identity : <sip:c@x>\r\n"
           "P-Access-Network-Info: a\r\nP-Access-Network-Info: b;\r\n network-provided\r\n",
           "Subject: s\r\nP-Access-Network-Info: a\r\n");
}

/* RFC 3325 7, 9.3; RFC 3323 4.2. */
static void privacy_id_takes_the_asserted_identity_from_the_phone_only(void **state)
{
    static const struct {
        const char *privacy;
        bool kept;
    } cases[] = {
        {"id", false},
        {"ID", false},
        {"header;id", false},
        {"user; id ;critical", false},
        {"id,header", false},
        {"header, id", false},
        {"none", true},
        {"header", true},
        {"user;header", true},
        {"idle", true},
        {"\"id\"", true},
        {"session", true},
        {"", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char lines[256], privacy[64];
        snprintf(privacy, sizeof(privacy), "Privacy: %s\r\n", cases[i].privacy);
        snprintf(lines, sizeof(lines), "P-Asserted-Identity: <sip:a@x>, <tel:+1>\r\n%s", privacy);
        expect(true, TRUST_TO_PHONE, lines, cases[i].kept ? lines : privacy);
        expect(false, TRUST_TO_PHONE, lines, cases[i].kept ? lines : privacy);
        expect(true, TRUST_FROM_PHONE, lines, privacy);
    }
    expect(true, TRUST_TO_PHONE, "P-Asserted-Identity: <sip:a@x>\r\nPrivacy: none\r\nPrivacy: id\r\n",
           "Privacy: none\r\nPrivacy: id\r\n");
}

#define NOBODY "sip:anonymous@anonymous.invalid"

/* RFC 7044 10.1.2. */
static void history_is_hidden_where_privacy_asks_for_it(void **state)
{
    const char *history =
        "History-Info: <sip:b@x?Reason=SIP%3Bcause%3D302>;index=1, \"Carol\" <sip:c@x>;index=1.1\r\n"
        "History-Info: <sip:d@x>;index=1.2;mp=1\r\n";
    const char *hidden = "History-Info: <" NOBODY ">;index=1,  <" NOBODY ">;index=1.1\r\n"
                         "History-Info: <" NOBODY ">;index=1.2;mp=1\r\n";
    static const struct {
        const char *asked, *left;
    } words[] = {
        {"Privacy: history\r\n", ""},
        {"Privacy: History;id\r\n", "Privacy: id\r\n"},
        {"Privacy: id;history\r\n", "Privacy: id\r\n"},
        {"Privacy: id;history;critical\r\n", "Privacy: id;critical\r\n"},
        {"Privacy: header\r\n", "Privacy: header\r\n"},
        {"Privacy: session\r\n", "Privacy: session\r\n"},
    };
    char lines[1024], left[1024];
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        snprintf(lines, sizeof(lines), "%s%s", history, words[i].asked);
        snprintf(left, sizeof(left), "%s%s", hidden, words[i].left);
        expect(true, TRUST_TO_PHONE, lines, left);
        expect(false, TRUST_TO_PHONE, lines, left);
        expect(true, TRUST_FROM_PHONE, lines, lines);
    }
    snprintf(lines, sizeof(lines), "%sPrivacy: id\r\n", history);
    expect(true, TRUST_TO_PHONE, lines, lines);
}

static void one_entry_of_the_history_may_be_private(void **state)
{
    expect(true, TRUST_TO_PHONE,
           "History-Info: <sip:b@x?privacy=history&Reason=x>;index=1, <sip:c@x>;index=1.1\r\n"
           "History-Info: <sip:d@x?Privacy=none>;index=1.2\r\n",
           "History-Info: <" NOBODY ">;index=1, <sip:c@x>;index=1.1\r\n"
           "History-Info: <sip:d@x?Privacy=none>;index=1.2\r\n");
    /* what cannot be read may hold what should be hidden */
    expect(true, TRUST_TO_PHONE, "History-Info: <sip:b@x?Privacy=history;index=1\r\nSubject: s\r\n",
           "Subject: s\r\n");
    expect(true, TRUST_TO_PHONE, "History-Info: <sip:b@x>;index=1, nothing\r\nPrivacy: history\r\n", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_table_in_both_directions),
        cmocka_unit_test(each_rule_is_expected_here),
        cmocka_unit_test(an_operator_may_trust_phones_with_four),
        cmocka_unit_test(several_lines_and_folds_go_together),
        cmocka_unit_test(privacy_id_takes_the_asserted_identity_from_the_phone_only),
        cmocka_unit_test(history_is_hidden_where_privacy_asks_for_it),
        cmocka_unit_test(one_entry_of_the_history_may_be_private),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
