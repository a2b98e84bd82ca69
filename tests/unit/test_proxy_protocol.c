/* proxy_protocol: headers of versions 1 and 2, by the examples and rules of HAProxy's proxy-protocol.txt. */
#include "mux/proxy_protocol.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
/* last */
#include <cmocka.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

/* In memory of exactly that size, so that a read past the end is seen. */
static enum proxy_verdict parse(const void *p, size_t n, struct proxy_header *h)
{
    uint8_t *copy = malloc(n ? n : 1);
    memcpy(copy, p, n);
    enum proxy_verdict v = proxy_parse(bytes_of(copy, n), h);
    free(copy);
    return v;
}

static void assert_addr(const struct addr *a, const char *text)
{
    char got[ADDR_TEXT];
    addr_format(a, got);
    assert_string_equal(got, text);
}

static void assert_whole(const char *p, size_t n, const char *source, const char *destination)
{
    struct proxy_header h;
    for (size_t i = 0; i < n; i++)
        assert_int_equal(parse(p, i, &h), PROXY_MORE);
    assert_int_equal(parse(p, n, &h), PROXY_DONE);
    assert_int_equal(h.length, n);
    assert_int_equal(h.has_addresses, source != NULL);
    if (!source)
        return;
    assert_addr(&h.source, source);
    assert_addr(&h.destination, destination);
}

#define WHOLE(text, source, destination) assert_whole((text), sizeof(text) - 1, (source), (destination))

static void assert_bad(const char *p, size_t n)
{
    struct proxy_header h;
    assert_int_equal(parse(p, n, &h), PROXY_BAD);
}
#define BAD(text) assert_bad((text), sizeof(text) - 1)

static void v1(void **state)
{
    WHOLE("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255:65535",
          "255.255.255.255:65535");
    WHOLE("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n", "192.168.0.1:56324", "192.168.0.11:443");
    WHOLE("PROXY TCP6 2001:db8::1 ::1 0 443\r\n", "[2001:db8::1]:0", "[::1]:443");
    WHOLE("PROXY UNKNOWN\r\n", NULL, NULL);
    WHOLE("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
          "65535 65535\r\n",
          NULL, NULL);
}

static void bad_v1(void **state)
{
    BAD("PROXY TCP4 192.168.0.1 192.168.0.11 56324\r\n");
    BAD("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443 9\r\n");
    BAD("PROXY TCP4 192.168.0.1  192.168.0.11 56324 443\r\n");
    BAD("PROXY TCP4 192.168.0.1 192.168.0.11 56324 65536\r\n");
    BAD("PROXY TCP4 192.168.0.1 192.168.0.11 056 443\r\n");
    BAD("PROXY TCP4 192.168.0.1:5 192.168.0.11 56324 443\r\n");
    BAD("PROXY TCP4 ::1 ::1 56324 443\r\n");
    BAD("PROXY TCP6 1.2.3.4 1.2.3.4 56324 443\r\n");
    BAD("PROXY TCP6 [::1] ::1 56324 443\r\n");
    BAD("PROXY TCP6 fe80::1%1 ::1 56324 443\r\n");
    BAD("PROXY UDP4 1.2.3.4 1.2.3.4 56324 443\r\n");
    BAD("PROXY \r\n");
    BAD("PROXYTCP4");
    BAD("GET / HTTP/1.1\r\n");
    BAD("\x16\x03\x01");
}

/* Section 2.1: 107 bytes are the most; without CRLF in them it is no header. */
static void v1_without_end(void **state)
{
    char line[107];
    struct proxy_header h;
    memset(line, '1', sizeof line);
    memcpy(line, "PROXY TCP4 ", 11);
    assert_int_equal(parse(line, 106, &h), PROXY_MORE);
    assert_int_equal(parse(line, 107, &h), PROXY_BAD);
}

static void v2(void **state)
{
    WHOLE(SIGNATURE "\x21\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x02\x12\x34\x01\xbb", "192.0.2.1:4660",
          "198.51.100.2:443");
    WHOLE(SIGNATURE "\x21\x21\x00\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
                    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x00\x01\x01\xbb",
          "[2001:db8::1]:1", "[2001:db8::2]:443");
    /* v4 in v6 is IPv4 */
    WHOLE(SIGNATURE "\x21\x21\x00\x24\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x01"
                    "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x02\x00\x01\x01\xbb",
          "192.0.2.1:1", "192.0.2.2:443");
    /* TLVs behind the addresses are skipped */
    WHOLE(SIGNATURE
          "\x21\x11\x00\x12\xc0\x00\x02\x01\xc6\x33\x64\x02\x12\x34\x01\xbb\x04\x00\x03\x00\x00\x00",
          "192.0.2.1:4660", "198.51.100.2:443");
    WHOLE(SIGNATURE "\x20\x00\x00\x00", NULL, NULL);         /* LOCAL */
    WHOLE(SIGNATURE "\x20\x11\x00\x02\x00\x00", NULL, NULL); /* LOCAL: what follows is skipped */
    WHOLE(SIGNATURE "\x21\x00\x00\x00", NULL, NULL);         /* UNSPEC */
}

static void bad_v2(void **state)
{
    BAD(SIGNATURE "\x11\x11\x00\x00");                       /* version 1 */
    BAD(SIGNATURE "\x22\x11\x00\x00");                       /* command 2 */
    BAD(SIGNATURE "\x21\x11\x00\x0b\0\0\0\0\0\0\0\0\0\0\0"); /* too short for IPv4 */
    BAD(SIGNATURE "\x21\x41\x00\x00");                       /* family 4 */
    BAD(SIGNATURE "\x21\x13\x00\x00");                       /* protocol 3 */
    BAD(SIGNATURE "\x21\x11\xff\xff");                       /* longer than anything sane */
    BAD("\r\n\r\n\r");
}

static void looks(void **state)
{
    assert_true(proxy_looks_like(bytes_str("PROXY TCP4 ")));
    assert_true(proxy_looks_like(BYTES(SIGNATURE)));
    assert_false(proxy_looks_like(bytes_str("PROXY")));
    assert_false(proxy_looks_like(bytes_str("\r\n\r\n")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(v1), cmocka_unit_test(bad_v1), cmocka_unit_test(v1_without_end),
        cmocka_unit_test(v2), cmocka_unit_test(bad_v2), cmocka_unit_test(looks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
