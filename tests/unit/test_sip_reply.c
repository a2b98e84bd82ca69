#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "modules/sip/reply.h"
#include "sip_text.h"
#include <errno.h>

#define HEAD                                                                                                 \
    "INVITE sip:bob@biloxi.com SIP/2.0\r\n"                                                                  \
    "Via: SIP/2.0/TLS a.com;branch=z9hG4bK1;rport , SIP/2.0/UDP b.com\r\n"                                   \
    "v: SIP/2.0/TCP c.com\r\nMax-Forwards: 70\r\nRecord-Route: <sip:r1;lr>\r\nTimestamp: 54\r\n"             \
    "Record-Route: <sip:r2;lr>\r\nf: <sip:a@b>;tag=1\r\ni: x\r\nCSeq: 1 INVITE\r\n"

static struct sip_msg m;
static struct sip_fault fault;

static void expect(const struct sip_reply *r, const char *want)
{
    struct buf out;
    buf_init(&out);
    assert_int_equal(sip_reply_write(r, &out), 0);
    buf_append(&out, BYTES("\0"));
    assert_string_equal((const char *)buf_bytes(&out).p, want);
    buf_fini(&out);
}

static int setup(void **state)
{
    return sip_msg_parse(&m, BYTES(HEAD "To: <sip:b@c>\r\nl: 0\r\n\r\n"), SIP_STREAM, &fault);
}

#define COPIED "From: <sip:a@b>;tag=1\r\n"
#define IDS    "Call-ID: x\r\nCSeq: 1 INVITE\r\n"

/* RFC 3261 8.2.6.1: a 100 has the Timestamp and no tag. */
static void trying(void **state)
{
    struct sip_reply r = {.request = &m, .status = 100};
    expect(&r, "SIP/2.0 100 Trying\r\nVia: SIP/2.0/TLS a.com;branch=z9hG4bK1;rport , SIP/2.0/UDP b.com\r\n"
               "Via: SIP/2.0/TCP c.com\r\n" COPIED "To: <sip:b@c>\r\n" IDS
               "Timestamp: 54\r\nContent-Length: 0\r\n\r\n");
}

static void final_with_everything(void **state)
{
    struct addr source;
    assert_true(addr_parse(BYTES("192.0.2.9:4711"), 0, &source));
    struct sip_reply r = {
        .request = &m,
        .status = 200,
        .reason = "Fine",
        .to_tag = BYTES("tt"),
        .source = &source,
        .record_route = true,
        .headers = BYTES("Contact: <sip:b@d>\r\n"),
        .content_type = BYTES("text/plain"),
        .body = BYTES("hello"),
    };
    expect(&r, "SIP/2.0 200 Fine\r\n"
               "Via: SIP/2.0/TLS a.com;branch=z9hG4bK1;received=192.0.2.9;rport=4711 , SIP/2.0/UDP b.com\r\n"
               "Via: SIP/2.0/TCP c.com\r\nRecord-Route: <sip:r1;lr>\r\nRecord-Route: <sip:r2;lr>\r\n" COPIED
               "To: <sip:b@c>;tag=tt\r\n" IDS "Contact: <sip:b@d>\r\nContent-Type: text/plain\r\n"
               "Content-Length: 5\r\n\r\nhello");
}

static void a_tag_that_is_there_stays(void **state)
{
    assert_int_equal(sip_msg_parse(&m, BYTES(HEAD "To: sip:b@c;tag=old\r\nl: 0\r\n\r\n"), SIP_STREAM, &fault),
                     0);
    struct sip_reply r = {.request = &m, .status = 486, .to_tag = BYTES("tt")};
    expect(&r, "SIP/2.0 486 Busy Here\r\nVia: SIP/2.0/TLS a.com;branch=z9hG4bK1;rport , SIP/2.0/UDP b.com\r\n"
               "Via: SIP/2.0/TCP c.com\r\n" COPIED "To: sip:b@c;tag=old\r\n" IDS "Content-Length: 0\r\n\r\n");
}

static void a_refused_request_is_answered_with_what_it_has(void **state)
{
    struct buf out;
    buf_init(&out);
    assert_int_equal(sip_msg_parse(&m,
                                   BYTES("INVITE sip:a@b SIP/2.0\r\nCSeq: 193942 INVITE\r\n"
                                         "Via: SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKkdj.insuf\r\n\r\n"),
                                   SIP_DATAGRAM, &fault),
                     -EBADMSG);
    assert_true(fault.answer);
    assert_int_equal(sip_reply_fault(&m, &fault, BYTES("tt"), &out), 0);
    buf_append(&out, BYTES("\0"));
    assert_string_equal(
        (const char *)buf_bytes(&out).p,
        "SIP/2.0 400 Missing Call-ID header\r\nVia: SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKkdj.insuf\r\n"
        "CSeq: 193942 INVITE\r\nContent-Length: 0\r\n\r\n");
    buf_fini(&out);
}

static void what_we_write_we_read(void **state)
{
    struct buf out;
    buf_init(&out);
    struct sip_reply r = {.request = &m, .status = 404, .to_tag = BYTES("tt")};
    assert_int_equal(sip_reply_write(&r, &out), 0);
    struct bytes text = exact(buf_bytes(&out));
    buf_fini(&out);
    assert_int_equal(sip_msg_parse(&m, text, SIP_STREAM, &fault), 0);
    assert_int_equal(m.status, 404);
    assert_bytes(m.to_tag, "tt");
    assert_int_equal(sip_values_count(&m, SIP_H_VIA), 3);
    drop(text);
}

static void no_room(void **state)
{
    uint8_t mem[40];
    struct buf out;
    struct sip_reply r = {.request = &m, .status = 404};
    buf_fixed(&out, mem, sizeof(mem));
    assert_int_equal(sip_reply_write(&r, &out), -ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(trying, setup),
        cmocka_unit_test_setup(final_with_everything, setup),
        cmocka_unit_test_setup(a_tag_that_is_there_stays, setup),
        cmocka_unit_test_setup(a_refused_request_is_answered_with_what_it_has, setup),
        cmocka_unit_test_setup(what_we_write_we_read, setup),
        cmocka_unit_test_setup(no_room, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
