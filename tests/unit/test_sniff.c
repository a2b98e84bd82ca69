/* sniff: whose first bytes these are. Requests from RFC 3261, RFC 4475 and RFC 9112, STUN from RFC 5769. */
#include "mux/sniff.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
/* last */
#include <cmocka.h>

/* Every prefix says MORE, until `whole` bytes are there; from then on YES. */
static void assert_text(enum sniff_pattern p, const char *text, size_t whole)
{
    for (size_t n = 0; n < whole; n++)
        assert_int_equal(sniff_text(bytes_of(text, n), p), SNIFF_MORE);
    for (size_t n = whole; n <= strlen(text); n++)
        assert_int_equal(sniff_text(bytes_of(text, n), p), SNIFF_YES);
}

#define IS_SIP(line, more)  assert_text(SNIFF_SIP, line more, sizeof(line) - 1)
#define IS_HTTP(line, more) assert_text(SNIFF_HTTP, line more, sizeof(line) - 1)
static void assert_no(enum sniff_pattern p, const char *text)
{
    assert_int_equal(sniff_text(bytes_str(text), p), SNIFF_NO);
}

static void sip_requests(void **state)
{
    IS_SIP("REGISTER sip:ims.test SIP/2.0\r\n", "Via: x");
    IS_SIP("OPTIONS sip:user@example.com SIP/2.0\n", "");
    IS_SIP("INVITE sips:1234@[2001:db8::1]:5061;lr SIP/2.0\r\n", "");
    /* RFC 4475 3.1.1.1: a method is any token */
    IS_SIP("!interesting-Method0123456789_*+`.%indeed'~ sip:1_unusual.URI~(to-be!sure)&isn't+it$@example.com "
           "SIP/2.0\r\n",
           "");
}

static void sip_responses(void **state)
{
    IS_SIP("SIP/2.0 ", "200 OK\r\n");
}

/* RFC 3261 7.5, RFC 5626 4.4.1: a keep-alive may be the first thing on a flow. */
static void a_leading_crlf_is_sip(void **state)
{
    IS_SIP("\r\n", "\r\nREGISTER sip:ims.test SIP/2.0\r\n");
    assert_no(SNIFF_HTTP, "\r\n");
}

/* RFC 4475: what is wrong but has an answer in SIP must reach SIP. */
static void wrong_sip_is_still_sip(void **state)
{
    IS_SIP("OPTIONS sip:t.watson@example.org SIP/7.0\r\n", "");        /* 3.1.2.16: 505 */
    IS_SIP("INVITE  sip:user@example.com  SIP/2.0\r\n", "");           /* 3.1.2.10 */
    IS_SIP("INVITE sip:user@example.com; lr SIP/2.0\r\n", "");         /* 3.1.2.9 */
    IS_SIP("OPTIONS sip:remote-target@example.com SIP/2.0  \r\n", ""); /* 3.1.2.11 */
}

static void http_requests(void **state)
{
    IS_HTTP("GET / HTTP/1.1\r\n", "Host: x\r\n");
    IS_HTTP("OPTIONS * HTTP/1.0\r\n", "");
    IS_HTTP("GET /?q=SIP/2.0 HTTP/1.1\n", "");
}

static void each_line_is_one_protocols(void **state)
{
    assert_no(SNIFF_HTTP, "OPTIONS sip:user@example.com SIP/2.0\r\n");
    assert_no(SNIFF_HTTP, "OPTIONS http://x/ HTTP/2.0\r\n");
    assert_no(SNIFF_SIP, "OPTIONS http://x/?SIP/2.0 HTTP/1.1\r\n");
    assert_no(SNIFF_HTTP, "GET /\r\n");
}

static void neither(void **state)
{
    static const char *const others[] = {
        "\x16\x03\x01", "SSH-2.0-OpenSSH_9.2p1\r\n", "{\"a\":1}\n", " GET / HTTP/1.1\r\n", "\rX", "\n"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_no(SNIFF_SIP, others[i]);
        assert_no(SNIFF_HTTP, others[i]);
    }
    assert_int_equal(sniff_text(bytes_of("\0\0\0", 3), SNIFF_SIP), SNIFF_NO);
    /* a method that never ends */
    char word[66];
    memset(word, 'A', sizeof word);
    assert_int_equal(sniff_text(bytes_of(word, 64), SNIFF_SIP), SNIFF_MORE);
    assert_int_equal(sniff_text(bytes_of(word, 65), SNIFF_SIP), SNIFF_NO);
}

/* The longest line a door can be set to keep, made to backtrack. */
static void a_long_line_costs_little(void **state)
{
    static char line[65536];
    for (size_t i = 0; i + 5 < sizeof line; i += 5)
        memcpy(line + i, " SIP/", 5);
    memcpy(line, "INVITE ", 7);
    assert_int_equal(sniff_text(bytes_of(line, sizeof line - 1), SNIFF_SIP), SNIFF_MORE);
    line[sizeof line - 1] = '\n';
    assert_int_equal(sniff_text(bytes_of(line, sizeof line), SNIFF_SIP), SNIFF_NO);
}

static void stun(void **state)
{
    static const uint8_t request[] = {0x00, 0x01, 0x00, 0x58, 0x21,
                                      0x12, 0xa4, 0x42, 0xb7, 0xe7}; /* RFC 5769 2.1 */
    for (size_t n = 0; n < 8; n++)
        assert_int_equal(sniff_stun(bytes_of(request, n)), SNIFF_MORE);
    assert_int_equal(sniff_stun(bytes_of(request, 8)), SNIFF_YES);
    assert_int_equal(sniff_stun(bytes_of(request, sizeof request)), SNIFF_YES);
    assert_int_equal(sniff_text(bytes_of(request, 1), SNIFF_SIP), SNIFF_NO);
}

static void not_stun(void **state)
{
    assert_int_equal(sniff_stun(bytes_of("\x40\x00\x00\x04", 4)), SNIFF_NO);             /* ChannelData */
    assert_int_equal(sniff_stun(bytes_of("\x00\x01\x00\x03", 4)), SNIFF_NO);             /* length not 4n */
    assert_int_equal(sniff_stun(bytes_of("\x00\x01\x00\x00\x21\x12\xa5", 7)), SNIFF_NO); /* cookie */
    assert_int_equal(sniff_stun(bytes_str("GET /")), SNIFF_NO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sip_requests),
        cmocka_unit_test(sip_responses),
        cmocka_unit_test(a_leading_crlf_is_sip),
        cmocka_unit_test(wrong_sip_is_still_sip),
        cmocka_unit_test(http_requests),
        cmocka_unit_test(each_line_is_one_protocols),
        cmocka_unit_test(neither),
        cmocka_unit_test(a_long_line_costs_little),
        cmocka_unit_test(stun),
        cmocka_unit_test(not_stun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
