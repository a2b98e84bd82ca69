/* RFC 4475: the torture messages, what becomes of each here, and the RFC's reason. They are read as datagrams
 * except where the table of streams says otherwise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "modules/sip/digest.h"
#include "modules/sip/edit.h"
#include "modules/sip/frame.h"
#include "sip_torture.h"
#include <errno.h>

static int load(const char *name)
{
    return load_file("rfc4475", name, "dat");
}

/* status 0: accepted by the codec; what an element does with it then is in `why`. */
static const struct verdict {
    const char *file;
    uint16_t status;
    bool answer;
    const char *reason;
    const char *why;
} verdicts[] = {
    /* 3.1.1 valid messages */
    {"wsinv", 0, 0, "", "3.1.1.1: a proxy forwards it; folds and spaces wherever the grammar lets them"},
    {"intmeth", 0, 0, "", "3.1.1.2: every character the grammar allows; a proxy forwards it"},
    {"esc01", 0, 0, "", "3.1.1.3: valid use of %; the Request-URI's user is not a URI to follow"},
    {"escnull", 0, 0, "", "3.1.1.4: %00 does not end a string; two contacts"},
    {"esc02", 0, 0, "", "3.1.1.5: % is no escape in a method, a display name or a header name"},
    {"lwsdisp", 0, 0, "", "3.1.1.6: no white space before <; to be accepted"},
    {"longreq", 0, 0, "", "3.1.1.7: long values are no fault"},
    {"dblreq", 0, 0, "", "3.1.1.8: octets after the body of a datagram are ignored"},
    {"semiuri", 0, 0, "", "3.1.1.9: the user part holds a semicolon: its user is \"user;par=u@example.net\""},
    {"transports", 0, 0, "", "3.1.1.10: unknown transports below the top Via do not matter"},
    {"mpart01", 0, 0, "", "3.1.1.11: a body with any octets"},
    {"unreason", 0, 0, "", "3.1.1.12: UTF-8 in the reason phrase"},
    {"noreason", 0, 0, "", "3.1.1.13: an empty reason phrase"},
    /* 3.1.2 invalid messages */
    {"badinv01", 400, 1, "Malformed Via header", "3.1.2.1: extra separators; should be answered 400"},
    {"clerr", 400, 1, "Content-Length beyond the message",
     "3.1.2.2: over UDP the request should be refused with 400"},
    {"ncl", 400, 1, "Malformed Content-Length header", "3.1.2.3: negative length; an error response"},
    {"scalar02", 400, 1, "Malformed CSeq header",
     "3.1.2.4: scalars out of range in CSeq, Max-Forwards, Expires: 400"},
    {"scalarlg", 400, 0, "Malformed CSeq header", "3.1.2.5: the same in a response: discarded"},
    {"quotbal", 400, 1, "Malformed To header",
     "3.1.2.6: open quote; should be 400, guessing it is allowed only"},
    {"ltgtruri", 400, 1, "Malformed Request-URI", "3.1.2.7: <> round the Request-URI; 400 is reasonable"},
    {"lwsruri", 400, 1, "Malformed Request-URI", "3.1.2.8: white space in the Request-URI; 400"},
    {"lwsstart", 400, 1, "Malformed Request-URI",
     "3.1.2.9: several spaces in the start line; may be refused"},
    {"trws", 400, 1, "Malformed Request-Line", "3.1.2.10: spaces after the version; may be refused"},
    {"escruri", 400, 1, "Headers in Request-URI",
     "3.1.2.11: header fields in the Request-URI; 400 is acceptable"},
    {"baddate", 0, 0, "", "3.1.2.12: not GMT; should not be refused by whoever does not need the Date"},
    {"regbadct", 0, 0, "",
     "3.1.2.13: '?' in a Contact without <>; the registrar answers 400 (see bad_contact)"},
    {"badaspec", 400, 1, "Malformed To header", "3.1.2.14: spaces within addr-spec; 400 is acceptable"},
    {"baddn", 400, 1, "Malformed From header",
     "3.1.2.15: a comma in a display name without quotes; 400 is reasonable"},
    {"badvers", 505, 1, "Version Not Supported", "3.1.2.16: unknown protocol version: 505"},
    {"mismatch01", 400, 1, "CSeq method mismatch", "3.1.2.17: 400"},
    {"mismatch02", 400, 1, "CSeq method mismatch",
     "3.1.2.18: 501 is better for an element that knows no NEWMETHOD; a "
     "proxy may say 400"},
    {"bigcode", 400, 0, "Malformed Status-Line",
     "3.1.2.19: status code out of range: the response is dropped"},
    /* 3.2, 3.3, 3.4: well-formed, the meaning is the question */
    {"badbranch", 0, 0, "", "3.2.1: the cookie alone is no branch: matched by the rules of RFC 2543"},
    {"insuf", 400, 1, "Missing Call-ID header", "3.3.1: required fields missing: ideally 400"},
    {"unkscm", 0, 0, "", "3.3.2: 416 is for whoever has to route by that URI"},
    {"novelsc", 0, 0, "", "3.3.3: as before, a scheme that is registered"},
    {"unksm2", 0, 0, "",
     "3.3.4: unknown schemes in To, From, Contact: a proxy forwards, a registrar says 400"},
    {"bext01", 0, 0, "", "3.3.5: Proxy-Require that nobody knows: 420 is said by the proxy"},
    {"invut", 0, 0, "", "3.3.6: unknown Content-Type: an endpoint's 415"},
    {"regaut01", 0, 0, "",
     "3.3.7: unknown scheme in Authorization: passed on, or challenged as if it were not there"},
    {"multi01", 400, 1, "Duplicate CSeq header", "3.3.8: several values of single fields: 400"},
    {"mcl01", 400, 1, "Duplicate Content-Length header", "3.3.9: several Content-Length: an error response"},
    {"bcast", 0, 0, "",
     "3.3.10: a well-formed response; the second Via is a broadcast address, which the proxy layer drops"},
    {"zeromf", 0, 0, "", "3.3.11: Max-Forwards 0 is legal; a proxy answers 483"},
    {"cparam01", 0, 0, "", "3.3.12: without <> the parameter is the Contact's"},
    {"cparam02", 0, 0, "", "3.3.13: with <> it is the URI's"},
    {"regescrt", 0, 0, "", "3.3.14: an escaped Route header in a contact URI is kept"},
    {"sdp01", 0, 0, "", "3.3.15: an Accept nobody can fulfil: an endpoint's 406"},
    {"inv2543", 0, 0, "", "3.4.1: an INVITE of RFC 2543 is to be accepted"},
    /* in the archive, not in the text */
    {"test", 400, 0, "Malformed Request-Line", "no SIP-Version and no Via"},
};

#define N_VERDICTS (sizeof(verdicts) / sizeof(verdicts[0]))

static void every_message_has_its_verdict(void **state)
{
    assert_int_equal(N_VERDICTS, 50);
    for (size_t i = 0; i < N_VERDICTS; i++) {
        const struct verdict *v = &verdicts[i];
        int rc = load(v->file);
        if (fault.status != v->status || (rc == 0) != (v->status == 0))
            fail_msg("%s: %d %s, not %d (%s)", v->file, fault.status, rc ? fault.reason : "", v->status,
                     v->why);
        if (rc < 0 && strcmp(fault.reason, v->reason) != 0)
            fail_msg("%s: \"%s\", not \"%s\"", v->file, fault.reason, v->reason);
        if (fault.answer != v->answer)
            fail_msg("%s: can be answered: %d", v->file, fault.answer);
        unload(state);
    }
}

static void accepted_ones_pass_unchanged(void **state)
{
    for (size_t i = 0; i < N_VERDICTS; i++) {
        static struct sip_edit e;
        struct buf out;
        if (load(verdicts[i].file) == 0) {
            buf_init(&out);
            sip_edit_init(&e, &m);
            assert_int_equal(sip_edit_apply(&e, &out), 0);
            assert_true(bytes_eq(buf_bytes(&out), m.raw));
            buf_fini(&out);
        }
        unload(state);
    }
}

/* On a stream, what says where a message ends has to be right: otherwise 400, and the connection is closed.
 */
static void on_a_stream(void **state)
{
    static const struct {
        const char *file;
        enum sip_frame_kind kind;
        const char *reason;
    } rows[] = {
        {"ncl", SIP_FRAME_BAD, "Malformed Content-Length header"},
        {"mcl01", SIP_FRAME_BAD, "Duplicate Content-Length header"},
        {"clerr", SIP_FRAME_MORE, NULL}, /* 3.1.2.2: waits for the rest until the deadline */
        {"inv2543", SIP_FRAME_BAD, "Missing Content-Length header"},
        {"esc02", SIP_FRAME_MESSAGE, NULL},
        {"wsinv", SIP_FRAME_MESSAGE, NULL},
        {"intmeth", SIP_FRAME_MESSAGE, NULL},
        {"mpart01", SIP_FRAME_MESSAGE, NULL},
    };
    static const struct sip_frame_limits limits = {.head = 65536, .body = 65536};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sip_framer f = {0};
        load(rows[i].file);
        struct sip_frame r = sip_frame_next(&f, &limits, file);
        assert_int_equal(r.kind, rows[i].kind);
        if (r.kind == SIP_FRAME_BAD)
            assert_string_equal(r.reason, rows[i].reason);
        unload(state);
    }
}

static void wsinv(void **state)
{
    struct sip_nameaddr na;
    struct sip_contact c;
    uint8_t dst[64];
    assert_int_equal(load("wsinv"), 0);
    assert_bytes(m.to_tag, "1918181833n");
    assert_bytes(m.from_tag, "98asjd8");
    assert_int_equal(m.max_forwards, 68);
    assert_int_equal(m.cseq.number, 9);
    assert_bytes(m.via.by.text, "192.0.2.2");
    assert_bytes(m.via.branch, "390skdjuw");
    assert_int_equal(sip_values_count(&m, SIP_H_VIA), 3);
    assert_true(sip_msg_nameaddr(&m, SIP_H_ROUTE, &na));
    assert_true(sip_uri_param(&na.uri, BYTES("lr"), NULL));
    assert_true(sip_contact_parse(sip_msg_value(&m, SIP_H_CONTACT), &c));
    assert_int_equal(c.q, 330);
    assert_int_equal(sip_unquote(m.from.display, dst, sizeof(dst)), 14);
    assert_memory_equal(dst, "J Rosenberg \\\"", 14);
    assert_bytes(sip_msg_named(&m, BYTES("UnknownHeaderWithUnusualValue"))->value, ";;,,;;,;");
    assert_int_equal(sip_unfold(sip_msg_named(&m, BYTES("NewFangledHeader"))->value, dst, sizeof(dst)), 43);
    assert_memory_equal(dst, "newfangled value continued newfangled value", 43);
}

static void intmeth(void **state)
{
    uint8_t dst[64];
    assert_int_equal(load("intmeth"), 0);
    assert_bytes(m.method_name, "!interesting-Method0123456789_*+`.%indeed'~");
    assert_bytes(m.ruri.user, "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*");
    assert_bytes(m.ruri.password, "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)");
    assert_int_equal(sip_unquote(m.to.display, dst, sizeof(dst)), 17);
    assert_memory_equal(dst, "BEL:\a NUL:\0 DEL:\x7f", 17);
    assert_bytes(m.from_tag, "_token~1'+`*%!-.");
    assert_int_equal(m.max_forwards, 255);
}

static void escapes(void **state)
{
    struct sip_nameaddr na;
    struct bytes value;
    uint8_t dst[64];
    assert_int_equal(load("esc01"), 0);
    assert_int_equal(m.ruri.scheme, SIP_URI_SIP);
    assert_int_equal(sip_unescape(m.ruri.user, dst, sizeof(dst)), 21);
    assert_memory_equal(dst, "sips:user@example.com", 21);
    assert_bytes(m.ruri.host.text, "example.net");
    assert_true(sip_msg_nameaddr(&m, SIP_H_CONTACT, &na));
    assert_true(sip_uri_param(&na.uri, BYTES("lr"), NULL));
    assert_true(sip_uri_param(&na.uri, BYTES("name"), &value));
    assert_int_equal(sip_unescape(value, dst, sizeof(dst)), 8);
    assert_memory_equal(dst, "value%41", 8); /* once, not twice */
}

static void escaped_nul(void **state)
{
    char a[SIP_AOR_MAX], b[SIP_AOR_MAX];
    struct sip_nameaddr na;
    struct bytes item;
    assert_int_equal(load("escnull"), 0);
    struct sip_values it = sip_values(&m, SIP_H_CONTACT);
    assert_true(sip_values_next(&it, &item) && sip_nameaddr_parse(item, &na) &&
                sip_aor(&na.uri, a, sizeof(a)));
    assert_true(sip_values_next(&it, &item) && sip_nameaddr_parse(item, &na) &&
                sip_aor(&na.uri, b, sizeof(b)));
    assert_string_not_equal(a, b);
    assert_false(sip_values_next(&it, &item));
}

static void percent_is_no_escape_in_names(void **state)
{
    assert_int_equal(load("esc02"), 0);
    assert_int_equal(m.method, SIP_OTHER_METHOD);
    assert_int_equal(sip_values_count(&m, SIP_H_CONTACT), 2);
}

static void trailing_octets_and_odd_users(void **state)
{
    uint8_t dst[64];
    assert_int_equal(load("dblreq"), 0);
    assert_int_equal(m.method, SIP_REGISTER);
    assert_int_equal(m.body.n, 0);
    assert_true(m.raw.n < file.n);
    unload(state);
    assert_int_equal(load("semiuri"), 0);
    assert_int_equal(sip_unescape(m.ruri.user, dst, sizeof(dst)), 22);
    assert_memory_equal(dst, "user;par=u@example.net", 22);
    assert_int_equal(m.ruri.params.n, 0);
}

static void responses(void **state)
{
    assert_int_equal(load("unreason"), 0);
    assert_int_equal(m.status, 200);
    assert_true(bytes_find(m.reason, BYTES("\xd0\xbd\xd0\xbe")) != BYTES_NOT_FOUND); /* Cyrillic */
    unload(state);
    assert_int_equal(load("noreason"), 0);
    assert_int_equal(m.status, 100);
    assert_int_equal(m.reason.n, 0);
    unload(state);
    assert_int_equal(load("bcast"), 0);
    assert_int_equal(sip_values_count(&m, SIP_H_VIA), 2);
}

static void bad_contact(void **state)
{
    struct sip_contact c;
    assert_int_equal(load("regbadct"), 0);
    assert_false(sip_contact_parse(sip_msg_value(&m, SIP_H_CONTACT), &c));
}

static void contact_parameters(void **state)
{
    struct sip_contact c;
    struct sip_param p;
    struct bytes name, value;
    assert_int_equal(load("cparam01"), 0);
    assert_true(sip_contact_parse(sip_msg_value(&m, SIP_H_CONTACT), &c));
    assert_true(sip_param_find(c.na.params, BYTES("unknownparam"), &p));
    assert_false(sip_uri_param(&c.na.uri, BYTES("unknownparam"), NULL));
    unload(state);
    assert_int_equal(load("cparam02"), 0);
    assert_true(sip_contact_parse(sip_msg_value(&m, SIP_H_CONTACT), &c));
    assert_false(sip_param_find(c.na.params, BYTES("unknownparam"), &p));
    assert_true(sip_uri_param(&c.na.uri, BYTES("unknownparam"), NULL));
    unload(state);
    assert_int_equal(load("regescrt"), 0);
    assert_true(sip_contact_parse(sip_msg_value(&m, SIP_H_CONTACT), &c));
    struct bytes headers = c.na.uri.headers;
    assert_int_equal(sip_uri_header_next(&headers, &name, &value), 1);
    assert_bytes(name, "Route");
}

static void what_the_next_one_decides(void **state)
{
    struct digest_credentials cred;
    char aor[SIP_AOR_MAX];
    assert_int_equal(load("unkscm"), 0);
    assert_int_equal(m.ruri.scheme, SIP_URI_OTHER);
    unload(state);
    assert_int_equal(load("unksm2"), 0);
    assert_int_equal(sip_aor(&m.to.uri, aor, sizeof(aor)), 0);
    unload(state);
    assert_int_equal(load("bext01"), 0);
    assert_true(sip_msg_has_token(&m, SIP_H_PROXY_REQUIRE, BYTES("norDoAnyProxiesSupportThis")));
    unload(state);
    assert_int_equal(load("regaut01"), 0);
    assert_int_equal(digest_credentials_parse(sip_msg_value(&m, SIP_H_AUTHORIZATION), &cred),
                     -EPROTONOSUPPORT);
    unload(state);
    assert_int_equal(load("zeromf"), 0);
    assert_int_equal(m.max_forwards, 0);
    unload(state);
    assert_int_equal(load("badbranch"), 0);
    assert_false(sip_via_is_3261(&m.via));
    unload(state);
    assert_int_equal(load("inv2543"), 0);
    assert_int_equal(m.max_forwards, -1);
    assert_int_equal(m.via.branch.n, 0);
    assert_int_equal(m.from_tag.n, 0);
    assert_true(m.body.n > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_has_its_verdict),
        cmocka_unit_test(accepted_ones_pass_unchanged),
        cmocka_unit_test(on_a_stream),
        cmocka_unit_test_teardown(wsinv, unload),
        cmocka_unit_test_teardown(intmeth, unload),
        cmocka_unit_test_teardown(escapes, unload),
        cmocka_unit_test_teardown(escaped_nul, unload),
        cmocka_unit_test_teardown(percent_is_no_escape_in_names, unload),
        cmocka_unit_test_teardown(trailing_octets_and_odd_users, unload),
        cmocka_unit_test_teardown(responses, unload),
        cmocka_unit_test_teardown(bad_contact, unload),
        cmocka_unit_test_teardown(contact_parameters, unload),
        cmocka_unit_test_teardown(what_the_next_one_decides, unload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
