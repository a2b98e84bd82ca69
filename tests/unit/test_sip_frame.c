#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "modules/sip/frame.h"
#include "sip_text.h"

static const struct sip_frame_limits limits = {.head = 8192, .body = 65536};

#define HEAD "OPTIONS sip:a@b.c SIP/2.0\r\nVia: SIP/2.0/TLS x;branch=z9hG4bK1\r\n"

static struct sip_frame whole(const char *text)
{
    struct sip_framer f = {0};
    return sip_frame_next(&f, &limits, bytes_str(text));
}

static void messages_back_to_back(void **state)
{
    const char *text = HEAD "Content-Length: 3\r\n\r\nabc" HEAD "l : 0\r\n\r\nrest";
    struct sip_framer f = {0};
    struct bytes in = bytes_str(text);
    struct sip_frame r = sip_frame_next(&f, &limits, in);
    assert_int_equal(r.kind, SIP_FRAME_MESSAGE);
    in = bytes_skip(in, r.len);
    assert_true(bytes_starts(in, BYTES("OPTIONS")));
    r = sip_frame_next(&f, &limits, in);
    assert_int_equal(r.kind, SIP_FRAME_MESSAGE);
    assert_bytes(bytes_skip(in, r.len), "rest");
}

static void byte_by_byte_gives_the_same(void **state)
{
    const char *text = "\r\n" HEAD "Content-Length:\r\n 5\r\n\r\n\r\n\r\na\r\n\r\n" HEAD "l: 0\r\n\r\n";
    static const enum sip_frame_kind want[] = {SIP_FRAME_CRLF, SIP_FRAME_MESSAGE, SIP_FRAME_PING,
                                               SIP_FRAME_MESSAGE};
    struct sip_framer f = {0};
    size_t start = 0, seen = 0, all = strlen(text);
    for (size_t end = 1; end <= all; end++) {
        struct bytes in = exact(bytes_of(text + start, end - start));
        struct sip_frame r = sip_frame_next(&f, &limits, in);
        drop(in);
        if (r.kind == SIP_FRAME_MORE)
            continue;
        assert_true(seen < 4);
        assert_int_equal(r.kind, want[seen]);
        seen++;
        start += r.len;
        end = start; /* all that was there has to be looked at again */
    }
    assert_int_equal(seen, 4);
    assert_int_equal(start, all);
}

/* Fed byte by byte, no byte of a long line may be looked at twice: with 1 MB that would be 500 GB. */
static void long_lines_are_scanned_once(void **state)
{
    static const struct sip_frame_limits big = {.head = 1 << 20, .body = 0};
    size_t n = (1 << 20) - 1;
    char *text = malloc(n);
    assert_non_null(text);
    memset(text, 'A', n);
    struct sip_framer f = {0};
    for (size_t i = 1; i <= n; i++)
        assert_int_equal(sip_frame_next(&f, &big, bytes_of(text, i)).kind, SIP_FRAME_MORE);
    assert_int_equal(f.scanned, n);
    free(text);
}

/* RFC 5626 4.4.1 */
static void keep_alives(void **state)
{
    static const struct sip_frame_limits client = {.head = 100, .body = 0, .pong = true};
    struct sip_framer f = {0};
    assert_int_equal(whole("\r\n\r\n").kind, SIP_FRAME_PING);
    assert_int_equal(whole("\r\n\r\n").len, 4);
    assert_int_equal(whole("").kind, SIP_FRAME_MORE);
    assert_int_equal(whole("\r").kind, SIP_FRAME_MORE);
    assert_int_equal(whole("\r\n").kind, SIP_FRAME_MORE);
    assert_int_equal(whole("\r\n\r").kind, SIP_FRAME_MORE);
    assert_int_equal(whole("\r\nO").kind, SIP_FRAME_CRLF);
    assert_int_equal(whole("\rO").kind, SIP_FRAME_BAD);
    assert_int_equal(whole("\r\n\rO").kind, SIP_FRAME_BAD);
    assert_int_equal(sip_frame_next(&f, &client, BYTES("\r\n")).kind, SIP_FRAME_CRLF);
    assert_int_equal(sip_frame_next(&f, &client, BYTES("\r\n")).len, 2);
}

static void refused(void **state)
{
    static const struct {
        const char *text, *reason;
        bool head; /* can be answered */
    } rows[] = {
        {HEAD "\r\n", "Missing Content-Length header", true},
        {HEAD "Content-Length: -1\r\n\r\n", "Malformed Content-Length header", true},
        {HEAD "Content-Length: \r\n\r\n", "Malformed Content-Length header", true},
        {HEAD "Content-Length: 1 2\r\n\r\n", "Malformed Content-Length header", true},
        {HEAD "Content-Length: 0x10\r\n\r\n", "Malformed Content-Length header", true},
        {HEAD "Content-Length: 18446744073709551616\r\n\r\n", "Malformed Content-Length header", true},
        {HEAD "Content-Length: 5\r\nl: 6\r\n\r\n", "Duplicate Content-Length header", true},
        {HEAD "Content-Length: 5\r\nCONTENT-LENGTH: 5\r\n\r\n", "Duplicate Content-Length header", true},
        {HEAD "X: a\nb\r\n\r\n", "LF without CR", true},
        {"OPTIONS sip:a SIP/2.0\n", "LF without CR", false},
        {"\n", "Not SIP", false},
        {"\x16\x03\x01", "Not SIP", false},
        {" INVITE", "Not SIP", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sip_frame r = whole(rows[i].text);
        assert_int_equal(r.kind, SIP_FRAME_BAD);
        assert_int_equal(r.status, 400);
        assert_string_equal(r.reason, rows[i].reason);
        assert_int_equal(r.head_len > 0, rows[i].head);
    }
}

/* A name that only ends alike, or stands in a value or a fold, is no Content-Length. */
static void only_the_header_field_counts(void **state)
{
    struct sip_frame r =
        whole(HEAD "X-Content-Length: 9\r\nSubject: a\r\n l: 7\r\nContent-Length: 1\r\n\r\nx");
    assert_int_equal(r.kind, SIP_FRAME_MESSAGE);
    assert_int_equal(
        r.len, sizeof(HEAD "X-Content-Length: 9\r\nSubject: a\r\n l: 7\r\nContent-Length: 1\r\n\r\nx") - 1);
}

static void limits_are_exact(void **state)
{
    static const char text[] = HEAD "Content-Length: 4\r\n\r\nabcd";
    const size_t head = sizeof(text) - 1 - 4;
    struct sip_frame_limits l = {.head = head, .body = 4};
    struct sip_framer f = {0};
    assert_int_equal(sip_frame_next(&f, &l, bytes_str(text)).kind, SIP_FRAME_MESSAGE);
    l.body = 3;
    struct sip_frame r = sip_frame_next(&f, &l, bytes_first(bytes_str(text), head));
    assert_int_equal(r.kind, SIP_FRAME_TOO_BIG);
    assert_int_equal(r.status, 513);
    assert_int_equal(r.head_len, head);
    f = (struct sip_framer){0};
    l = (struct sip_frame_limits){.head = head - 1, .body = 4};
    r = sip_frame_next(&f, &l, bytes_str(text));
    assert_int_equal(r.kind, SIP_FRAME_TOO_BIG);
}

/* The answer to a head that is too long goes by the Via that was seen. */
static void too_big_can_be_answered(void **state)
{
    static const struct sip_frame_limits small = {.head = 100, .body = 4};
    static struct sip_msg m;
    struct sip_fault fault;
    struct sip_framer f = {0};
    char text[400] = HEAD "X: ";
    memset(text + strlen(text), 'x', 300);
    struct bytes in = bytes_str(text);
    struct sip_frame r = sip_frame_next(&f, &small, in);
    assert_int_equal(r.kind, SIP_FRAME_TOO_BIG);
    assert_int_equal(r.head_len, sizeof(HEAD) - 1);
    assert_true(sip_msg_parse(&m, bytes_first(in, r.head_len), SIP_STREAM, &fault) < 0);
    assert_true(fault.answer);
    assert_bytes(m.via.by.text, "x");
}

static void a_huge_length_does_not_wrap(void **state)
{
    struct sip_frame r = whole(HEAD "Content-Length: 18446744073709551615\r\n\r\n");
    assert_int_equal(r.kind, SIP_FRAME_TOO_BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_back_to_back),
        cmocka_unit_test(byte_by_byte_gives_the_same),
        cmocka_unit_test(long_lines_are_scanned_once),
        cmocka_unit_test(keep_alives),
        cmocka_unit_test(refused),
        cmocka_unit_test(only_the_header_field_counts),
        cmocka_unit_test(limits_are_exact),
        cmocka_unit_test(too_big_can_be_answered),
        cmocka_unit_test(a_huge_length_does_not_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
