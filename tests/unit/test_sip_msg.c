#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "modules/sip/msg.h"
#include "sip_text.h"

static struct sip_msg m;
static struct sip_fault fault;

#define START   "INVITE sip:bob@biloxi.com SIP/2.0\r\n"
#define VIA     "Via: SIP/2.0/TLS pc33.atlanta.com;branch=z9hG4bKnashds8\r\n"
#define PARTIES "To: Bob <sip:bob@biloxi.com>\r\nFrom: \"Alice\" <sip:alice@atlanta.com>;tag=1928301774\r\n"
#define ID      "Call-ID: a84b4c76e66710\r\n"
#define SEQ     "CSeq: 314159 INVITE\r\n"
#define REST    "Max-Forwards: 70\r\n"
#define ALL     VIA PARTIES ID SEQ REST

static int parse(const char *text, enum sip_carrier carrier)
{
    return sip_msg_parse(&m, bytes_str(text), carrier, &fault);
}

static void a_request(void **state)
{
    assert_int_equal(parse("\r\n\r\n" START ALL "Content-Length: 4\r\n\r\nbodyextra", SIP_DATAGRAM), 0);
    assert_true(m.request);
    assert_int_equal(m.method, SIP_INVITE);
    assert_bytes(m.ruri.user, "bob");
    assert_bytes(m.via.branch, "z9hG4bKnashds8");
    assert_bytes(m.call_id, "a84b4c76e66710");
    assert_int_equal(m.cseq.number, 314159);
    assert_bytes(m.from_tag, "1928301774");
    assert_int_equal(m.to_tag.n, 0);
    assert_int_equal(m.max_forwards, 70);
    assert_int_equal(m.content_length, 4);
    assert_bytes(m.body, "body");
    assert_int_equal(m.raw.n, m.head_len + 4);
    assert_int_equal(m.raw.p[0], 'I');
}

static void a_response(void **state)
{
    assert_int_equal(parse("SIP/2.0 180 Ringing\r\n" VIA PARTIES ID SEQ "l:0\r\n\r\n", SIP_STREAM), 0);
    assert_false(m.request);
    assert_int_equal(m.status, 180);
    assert_bytes(m.reason, "Ringing");
    assert_int_equal(m.method, SIP_INVITE);
    assert_int_equal(m.max_forwards, -1);
}

/* Compact and long forms are one field; folds belong to the value; instances keep their order. */
static void header_fields(void **state)
{
    assert_int_equal(parse(START "v: SIP/2.0/TCP a.com;branch=z9hG4bK1 ,\r\n SIP/2.0/TCP b.com\r\n" ALL
                                 "Subject: I know you're there,\r\n\tpick up\r\nX-Own : value\r\nSubject:\r\n"
                                 "VIA:SIP/2.0/UDP c.com\r\nl: 0\r\n\r\n",
                           SIP_STREAM),
                     0);
    static const char *const hosts[] = {"a.com", "b.com", "pc33.atlanta.com", "c.com"};
    struct sip_values it = sip_values(&m, SIP_H_VIA);
    struct bytes item;
    struct sip_via via;
    size_t n = 0;
    for (; sip_values_next(&it, &item); n++) {
        assert_true(n < 4 && sip_via_parse(item, &via));
        assert_true(bytes_eq(via.by.text, bytes_str(hosts[n])));
    }
    assert_int_equal(n, 4);
    assert_false(it.bad);
    assert_int_equal(sip_values_count(&m, SIP_H_VIA), 4);
    assert_bytes(m.via.by.text, "a.com");
    assert_bytes(sip_msg_value(&m, SIP_H_SUBJECT), "I know you're there,\r\n\tpick up");
    assert_bytes(sip_msg_named(&m, BYTES("x-own"))->value, "value");
    assert_bytes(sip_msg_named(&m, BYTES("i"))->value, "a84b4c76e66710");
    assert_null(sip_msg_named(&m, BYTES("X-Other")));
    const struct sip_header *h = sip_msg_first(&m, SIP_H_SUBJECT);
    assert_int_equal(sip_msg_next(&m, h)->value.n, 0);
    assert_null(sip_msg_next(&m, sip_msg_next(&m, h)));
    assert_false(sip_msg_has(&m, SIP_H_ROUTE));
    assert_int_equal(sip_msg_value(&m, SIP_H_ROUTE).n, 0);
}

static void lists_and_tokens(void **state)
{
    assert_int_equal(parse(START ALL "Supported: path, outbound\r\nk:\r\nSupported: GRUU\r\n"
                                     "Route: <sip:a.com;lr>, <sip:b.com;lr>\r\nRequire: ,\r\n"
                                     "P-Asserted-Identity: \"A, B\" <sip:a@b.c>, <tel:+1>\r\nl: 0\r\n\r\n",
                           SIP_STREAM),
                     0);
    assert_true(sip_msg_has_token(&m, SIP_H_SUPPORTED, BYTES("Outbound")));
    assert_true(sip_msg_has_token(&m, SIP_H_SUPPORTED, BYTES("gruu")));
    assert_false(sip_msg_has_token(&m, SIP_H_SUPPORTED, BYTES("out")));
    assert_false(sip_msg_has_token(&m, SIP_H_REQUIRE, BYTES("path")));
    struct sip_nameaddr na;
    assert_true(sip_msg_nameaddr(&m, SIP_H_ROUTE, &na));
    assert_bytes(na.uri.host.text, "a.com");
    assert_int_equal(sip_values_count(&m, SIP_H_P_ASSERTED_IDENTITY), 2);
    struct sip_values it = sip_values(&m, SIP_H_REQUIRE);
    struct bytes item;
    assert_false(sip_values_next(&it, &item));
    assert_true(it.bad);
    assert_false(sip_msg_nameaddr(&m, SIP_H_PATH, &na));
}

struct row {
    const char *text;
    uint16_t status;
    const char *reason;
    bool answer;
};

static void check(const struct row *rows, size_t n, enum sip_carrier carrier)
{
    for (size_t i = 0; i < n; i++) {
        struct bytes b = exact(bytes_str(rows[i].text));
        int rc = sip_msg_parse(&m, b, carrier, &fault);
        if (rc == 0 || fault.status != rows[i].status || strcmp(fault.reason, rows[i].reason) != 0)
            fail_msg("row %zu: %d %d %s", i, rc, fault.status, rc ? fault.reason : "");
        assert_int_equal(fault.answer, rows[i].answer);
        drop(b);
    }
}

#define END "l: 0\r\n\r\n"

static void refused(void **state)
{
    static const struct row rows[] = {
        {START PARTIES ID SEQ REST END, 400, "Missing Via header", false},
        {START VIA PARTIES SEQ REST END, 400, "Missing Call-ID header", true},
        {START VIA PARTIES ID REST END, 400, "Missing CSeq header", true},
        {START VIA ID SEQ "To: sip:a@b\r\n" END, 400, "Missing From header", true},
        {START VIA ID SEQ "From: sip:a@b\r\n" END, 400, "Missing To header", true},
        {START ALL "i: b\r\n" END, 400, "Duplicate Call-ID header", true},
        {START ALL "CSeq: 314159 INVITE\r\n" END, 400, "Duplicate CSeq header", true},
        {START ALL "f: sip:a@b\r\n" END, 400, "Duplicate From header", true},
        {START ALL "t: sip:a@b\r\n" END, 400, "Duplicate To header", true},
        {START ALL "Max-Forwards: 70\r\n" END, 400, "Duplicate Max-Forwards header", true},
        {START ALL "Content-Length: 0\r\n" END, 400, "Duplicate Content-Length header", true},
        {START ALL "c: a/b\r\nc: a/b\r\n" END, 400, "Duplicate Content-Type header", true},
        {START ALL "Expires: 1\r\nExpires: 1\r\n" END, 400, "Duplicate Expires header", true},
        {START VIA PARTIES ID "CSeq: 1 BYE\r\n" END, 400, "CSeq method mismatch", true},
        {START VIA PARTIES ID "CSeq: -1 INVITE\r\n" END, 400, "Malformed CSeq header", true},
        {START VIA PARTIES ID "CSeq: 2147483648 INVITE\r\n" END, 400, "Malformed CSeq header", true},
        {START VIA PARTIES "Call-ID: a b\r\n" SEQ END, 400, "Malformed Call-ID header", true},
        {START VIA PARTIES "Call-ID:\r\n" SEQ END, 400, "Malformed Call-ID header", true},
        {START VIA PARTIES ID SEQ "Max-Forwards: 256\r\n" END, 400, "Malformed Max-Forwards header", true},
        {START VIA PARTIES ID SEQ "Max-Forwards: -1\r\n" END, 400, "Malformed Max-Forwards header", true},
        {START ALL "l: -1\r\n\r\n", 400, "Malformed Content-Length header", true},
        {START ALL "l: 4294967296\r\n\r\n", 400, "Malformed Content-Length header", true},
        {START ALL "l: 1\r\n\r\n", 400, "Content-Length beyond the message", true},
        {START ALL "\r\n", 400, "Missing Content-Length header", true},
        {START "Via: SIP/2.0/TLS\r\n" PARTIES ID SEQ END, 400, "Malformed Via header", false},
        {START "Via: SIP/2.0/TLS a.com;;\r\n" PARTIES ID SEQ END, 400, "Malformed Via header", true},
        {START "Via:\r\n" PARTIES ID SEQ END, 400, "Malformed Via header", false},
        {START VIA "Via: ,\r\n" PARTIES ID SEQ END, 400, "Malformed Via header", true},
        {START VIA "To: *\r\nFrom: sip:a@b\r\n" ID SEQ END, 400, "Malformed To header", true},
        {START ALL "No colon here\r\n" END, 400, "Malformed header line", true},
        {START ALL ": empty\r\n" END, 400, "Malformed header line", true},
        {START " folded first\r\n" ALL END, 400, "Malformed header line", true},
        {START ALL "X: a\rb\r\n" END, 400, "Bad line end in header", true},
        {START ALL "X: a\n" END, 400, "Bad line end in header", true},
        {START ALL, 400, "Incomplete header", true},
        {START ALL "X: a", 400, "Bad line end in header", true},
        {"INVITE sip:a@b", 400, "Incomplete start line", false},
        {"", 400, "Incomplete start line", false},
        {"INVITE  sip:a@b.c SIP/2.0\r\n" ALL END, 400, "Malformed Request-URI", true},
        {"INVITE sip:a@b.c  SIP/2.0\r\n" ALL END, 400, "Malformed Request-URI", true},
        {"INVITE sip:a@b.c SIP/2.0 \r\n" ALL END, 400, "Malformed Request-Line", true},
        {"INVITE sip:a@b.c\r\n" ALL END, 400, "Malformed Request-Line", true},
        {"INVITE\r\n" ALL END, 400, "Malformed Request-Line", true},
        {"INVITE SIP/2.0\r\n" ALL END, 400, "Malformed Request-Line", true},
        {"INV@ITE sip:a@b.c SIP/2.0\r\n" ALL END, 400, "Malformed Request-Line", true},
        {"INVITE <sip:a@b.c> SIP/2.0\r\n" ALL END, 400, "Malformed Request-URI", true},
        {"INVITE sip:a@b.c?Route=x SIP/2.0\r\n" ALL END, 400, "Headers in Request-URI", true},
        {"INVITE sip:a@b.c SIP/7.0\r\n" ALL END, 505, "Version Not Supported", true},
        {"INVITE sip:a@b.c HTTP/1.1\r\n" ALL END, 400, "Malformed Request-Line", true},
        /* an ACK is never answered, nor is a response */
        {"ACK sip:a@b.c SIP/7.0\r\n" VIA PARTIES ID "CSeq: 1 ACK\r\n" END, 505, "Version Not Supported",
         false},
        {"SIP/2.0 99 Low\r\n" ALL END, 400, "Malformed Status-Line", false},
        {"SIP/2.0 700 High\r\n" ALL END, 400, "Malformed Status-Line", false},
        {"SIP/2.0 2000 Long\r\n" ALL END, 400, "Malformed Status-Line", false},
        {"SIP/2.0\r\n" ALL END, 400, "Malformed Status-Line", false},
        {"SIP/2.1 200 OK\r\n" ALL END, 505, "Version Not Supported", false},
        {"SIP/2.0 200 OK\r\n" VIA PARTIES SEQ END, 400, "Missing Call-ID header", false},
    };
    check(rows, sizeof(rows) / sizeof(rows[0]), SIP_STREAM);
}

/* What is missing for RFC 2543's sake, and a reason phrase with nothing in it, is no fault. */
static void tolerated(void **state)
{
    static const char *const rows[] = {
        START "Via: SIP/2.0/UDP a.com\r\nTo: sip:a@b\r\nFrom: sip:c@d\r\n" ID SEQ "\r\nall of it",
        "SIP/2.0 100\r\n" VIA PARTIES ID SEQ "\r\n",
        "SIP/2.0 100 \r\n" VIA PARTIES ID SEQ "\r\n",
        "INVITE sip:a@b.c sip/2.0\r\n" ALL "\r\n",
        "INVITE urn:service:sos SIP/2.0\r\n" ALL "\r\n",
        START ALL "Contact: <sip:broken\r\nDate: when?\r\nExpires: soon\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (parse(rows[i], SIP_DATAGRAM) != 0)
            fail_msg("row %zu: %s", i, fault.reason);
    parse(rows[0], SIP_DATAGRAM);
    assert_bytes(m.body, "all of it");
    assert_int_equal(m.content_length, -1);
}

static void nul_bytes(void **state)
{
    static const char quoted[] = START VIA "To: \"a\\\0b\" <sip:a@b>\r\nFrom: sip:a@b\r\n" ID SEQ END;
    static const char bare[] = START ALL "X: a\0b\r\n" END;
    assert_int_equal(sip_msg_parse(&m, bytes_of(quoted, sizeof(quoted) - 1), SIP_STREAM, &fault), 0);
    assert_true(sip_msg_parse(&m, bytes_of(bare, sizeof(bare) - 1), SIP_STREAM, &fault) < 0);
    assert_string_equal(fault.reason, "NUL in header");
}

static void header_flood(void **state)
{
    struct bytes line = BYTES("X: y\r\n");
    char text[2000] = START ALL;
    for (size_t i = 0; i < SIP_HEADERS_MAX - 7; i++)
        memcpy(text + strlen(text), line.p, line.n);
    size_t n = strlen(text);
    memcpy(text + n, "l: 0\r\n\r\n", 9);
    assert_int_equal(parse(text, SIP_STREAM), 0);
    assert_int_equal(m.n_headers, SIP_HEADERS_MAX);
    memcpy(text + n, "X: y\r\nl: 0\r\n\r\n", 15);
    assert_true(parse(text, SIP_STREAM) < 0);
    assert_int_equal(fault.status, 513);
    assert_true(fault.answer);
}

/* Any piece of a message, cut anywhere, is read without looking past its end. */
static void every_cut(void **state)
{
    const char *text = START ALL "Route: <sip:a;lr>, <sip:b>\r\nl: 4\r\n\r\nbody";
    for (size_t i = 0; i < strlen(text); i++) {
        struct bytes b = exact(bytes_of(text, i));
        assert_true(sip_msg_parse(&m, b, SIP_STREAM, &fault) < 0);
        drop(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request),        cmocka_unit_test(a_response),   cmocka_unit_test(header_fields),
        cmocka_unit_test(lists_and_tokens), cmocka_unit_test(refused),      cmocka_unit_test(tolerated),
        cmocka_unit_test(nul_bytes),        cmocka_unit_test(header_flood), cmocka_unit_test(every_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
