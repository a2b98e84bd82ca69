#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/base/addr.h"
#include <arpa/inet.h>
#include <string.h>

static struct addr addr(const char *text)
{
    struct addr a;
    assert_true(addr_parse(bytes_str(text), 0, &a));
    return a;
}

static struct cidr cidr(const char *text)
{
    struct cidr c;
    assert_true(cidr_parse(bytes_str(text), &c));
    return c;
}

static void assert_ip_text(const struct addr *a, const char *want)
{
    char text[ADDR_TEXT];
    assert_int_equal(addr_format_ip(a, text), strlen(want));
    assert_string_equal(text, want);
}

static void parse_takes_every_form(void **state)
{
    struct addr a;
    assert_true(addr_parse(BYTES("192.0.2.1"), 3478, &a));
    assert_int_equal(a.family, ADDR_V4);
    assert_int_equal(a.port, 3478);
    assert_memory_equal(a.ip, "\xc0\x00\x02\x01\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    assert_true(addr_parse(BYTES("192.0.2.1:443"), 1, &a));
    assert_int_equal(a.port, 443);
    assert_true(addr_parse(BYTES("2001:db8::1"), 5061, &a));
    assert_int_equal(a.family, ADDR_V6);
    assert_int_equal(a.port, 5061);
    assert_true(addr_parse(BYTES("[2001:db8::1]"), 7, &a));
    assert_int_equal(a.port, 7);
    assert_true(addr_parse(BYTES("[2001:db8::1]:65535"), 7, &a));
    assert_int_equal(a.port, 65535);
    assert_memory_equal(a.ip, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
    assert_true(addr_parse(BYTES("[fe80::1%12]:9"), 0, &a));
    assert_int_equal(a.scope, 12);
    assert_true(addr_parse(BYTES("fe80::1%3"), 0, &a));
    assert_int_equal(a.scope, 3);
    assert_true(addr_parse(BYTES("::1:5"), 443, &a)); /* RFC 5952 section 6: no port without brackets */
    assert_int_equal(a.port, 443);
}

static void parse_refuses_what_is_not_an_address(void **state)
{
    static const char *const bad[] = {
        "",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "1.2.3.4:",
        "1.2.3.4:65536",
        "01.2.3.4",
        "1.2.3.4:x",
        " 1.2.3.4",
        "1.2.3.4 ",
        "[1.2.3.4]:5",
        "[::1",
        "[::1]5",
        "[::1]:",
        "[::1]:123456",
        "::1]",
        "[]",
        "[",
        ":::",
        "1::2::3",
        "12345::",
        "1:2:3:4:5:6:7",
        "::1%",
        "::1%eth0",
        "::1%-1",
        "1.2.3.4%1",
        "localhost",
        "1.2.3.4:-1",
        "1.2.3.4:+5",
        "[::1]:5:6",
        "0x1.2.3.4",
        "2130706433",
        "127.1",
        "1:2:3:4:5:6:7:8:9",
        "[::1%4294967296]",
        "[[::1]]",
    };
    struct addr a = {.port = 9};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (addr_parse(bytes_str(bad[i]), 1, &a))
            fail_msg("accepted: %s", bad[i]);
    }
    assert_false(addr_parse(BYTES("1.2.3.4\0"), 1, &a));
    assert_int_equal(a.port, 9); /* untouched */
}

/* RFC 5952 sections 4 and 5. */
static void format_follows_rfc5952(void **state)
{
    static const char *const want[][2] = {
        {"2001:0db8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1"}, /* 4.2.3, first of equals */
        {"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},                        /* 4.2.1 */
        {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},                  /* 4.2.2, not for one group */
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},                          /* 4.2.3, the longest */
        {"2001:DB8::AaBb", "2001:db8::aabb"},                             /* 4.3 */
        {"::", "::"},
        {"0:0:0:0:0:0:0:1", "::1"},
        {"1:0:0:0:0:0:0:0", "1::"},
        {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
        {"0:1:0:1:0:1:0:1", "0:1:0:1:0:1:0:1"},
        {"::1:2", "::1:2"},
        {"0:0:1:2:3:4:5:6", "::1:2:3:4:5:6"},
        {"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
        {"fe80::1%7", "fe80::1%7"},
        {"10.0.200.30", "10.0.200.30"},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        struct addr a = addr(want[i][0]);
        assert_ip_text(&a, want[i][1]);
    }
}

static void format_with_port_has_brackets(void **state)
{
    char text[ADDR_TEXT];
    struct addr a = addr("[2001:db8::1]:443");
    assert_int_equal(addr_format(&a, text), 17);
    assert_string_equal(text, "[2001:db8::1]:443");
    a = addr("192.0.2.1");
    assert_int_equal(addr_format(&a, text), 11);
    assert_string_equal(text, "192.0.2.1:0");
    a = addr("[1234:1234:1234:1234:1234:1234:1234:1234%4294967295]:65535"); /* the longest there is */
    assert_int_equal(addr_format(&a, text), 58);
    assert_string_equal(text, "[1234:1234:1234:1234:1234:1234:1234:1234%4294967295]:65535");
    a = (struct addr){0};
    assert_int_equal(addr_format(&a, text), 1);
    assert_string_equal(text, "-");
}

static void sockaddr_there_and_back(void **state)
{
    struct sockaddr_storage ss;
    struct addr a = addr("192.0.2.1:5060"), b;
    assert_int_equal(addr_to_sockaddr(&a, &ss), sizeof(struct sockaddr_in));
    assert_int_equal(ss.ss_family, AF_INET);
    b = addr_from_sockaddr((struct sockaddr *)&ss);
    assert_true(addr_eq(&a, &b));
    a = addr("[fe80::1%3]:5060");
    assert_int_equal(addr_to_sockaddr(&a, &ss), sizeof(struct sockaddr_in6));
    b = addr_from_sockaddr((struct sockaddr *)&ss);
    assert_true(addr_eq(&a, &b));
    assert_int_equal(b.scope, 3);
    ss.ss_family = AF_UNIX;
    b = addr_from_sockaddr((struct sockaddr *)&ss);
    assert_int_equal(b.family, ADDR_NONE);
    assert_int_equal(addr_to_sockaddr(&b, &ss), 0);
    assert_int_equal(addr_af(&b), AF_UNSPEC);
}

static void sockaddr_mapped_becomes_ipv4(void **state)
{
    struct sockaddr_in6 in = {.sin6_family = AF_INET6, .sin6_port = htons(99)};
    assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.1", &in.sin6_addr), 1);
    struct addr a = addr_from_sockaddr((struct sockaddr *)&in), want = addr("192.0.2.1:99");
    assert_true(addr_eq(&a, &want));
    assert_int_equal(addr_af(&a), AF_INET);
}

static void equality_and_hash(void **state)
{
    const struct hash_key key = {1, 2};
    struct addr a = addr("192.0.2.1:1"), b = addr("192.0.2.1:2"), c = addr("192.0.2.2:1");
    struct addr six = addr("[c000:201::]:1"); /* the same bytes in another family */
    assert_true(addr_ip_eq(&a, &b));
    assert_false(addr_eq(&a, &b));
    assert_false(addr_ip_eq(&a, &c));
    assert_false(addr_eq(&a, &six));
    assert_true(addr_hash(&key, &a) != addr_hash(&key, &b));
    assert_true(addr_hash(&key, &a) != addr_hash(&key, &c));
    assert_true(addr_hash(&key, &a) != addr_hash(&key, &six));
    assert_true(addr_ip_hash(&key, &a) == addr_ip_hash(&key, &b));
    assert_true(addr_ip_hash(&key, &a) != addr_ip_hash(&key, &c));
    assert_true(addr_ip_hash(&key, &a) != addr_ip_hash(&key, &six));
}

static void one_ipv6_64_is_one_stranger(void **state)
{
    const struct hash_key key = {1, 2};
    struct addr a = addr("2001:db8:1:2::1"), b = addr("2001:db8:1:2:ffff::9"), c = addr("2001:db8:1:3::1");
    assert_true(addr_ip_hash(&key, &a) == addr_ip_hash(&key, &b));
    assert_true(addr_ip_hash(&key, &a) != addr_ip_hash(&key, &c));
    assert_true(addr_hash(&key, &a) != addr_hash(&key, &b));
}

static void any_is_all_zero(void **state)
{
    struct addr a = addr("0.0.0.0:5"), b = addr("[::]:5"), c = addr("::1"), none = {0};
    assert_true(addr_is_any(&a));
    assert_true(addr_is_any(&b));
    assert_false(addr_is_any(&c));
    assert_false(addr_is_any(&none));
}

static void canonical_unwraps_every_wrapping(void **state)
{
    static const char *const want[][2] = {
        {"::ffff:127.0.0.1", "127.0.0.1"},  /* mapped, RFC 4291 2.5.5.2 */
        {"::10.0.0.1", "10.0.0.1"},         /* compatible, RFC 4291 2.5.5.1 */
        {"::", "0.0.0.0"},                  /* unspecified */
        {"2002:c000:0204::1", "192.0.2.4"}, /* 6to4, RFC 3056 */
        {"2002:7f00:1::", "127.0.0.1"},
        {"64:ff9b::192.0.2.33", "192.0.2.33"}, /* RFC 6052 2.4 */
        {"64:ff9b:1::10.1.2.3", "10.1.2.3"},   /* RFC 8215, as /96 */
        {"64:ff9b:1:fffe::10.1.2.3", "10.1.2.3"},
        {"64:ff9b:1:c000:2:2100::", "192.0.2.33"},              /* as /48, RFC 6052 2.2 */
        {"64:ff9b:1:33c0:0:221::", "192.0.2.33"},               /* as /56 */
        {"64:ff9b:1:3344:c0:2:2100:0", "192.0.2.33"},           /* as /64 */
        {"2001:0:4136:e378:8000:63bf:3fff:fdd2", "192.0.2.45"}, /* Teredo, RFC 4380 */
        {"2001:db8::5efe:10.0.0.1", "10.0.0.1"},                /* ISATAP, RFC 5214 6.1 */
        {"fe80::200:5efe:192.0.2.9", "192.0.2.9"},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        struct addr a = addr(want[i][0]);
        a.port = 77;
        a.scope = 2;
        struct addr c = addr_canonical(&a);
        assert_int_equal(c.family, ADDR_V4);
        assert_int_equal(c.port, 77);
        assert_int_equal(c.scope, 0);
        assert_ip_text(&c, want[i][1]);
    }
}

static void canonical_leaves_the_rest_alone(void **state)
{
    static const char *const same[] = {"::1",
                                       "192.0.2.1",
                                       "2001:db8::1",
                                       "fe80::1",
                                       "64:ff9b:2::1",
                                       "2001:1::1",
                                       "2003::1",
                                       "fd00::1",
                                       "2001:db8::100:5efe:a00:1",
                                       "::fffe:127.0.0.1",
                                       "1::ffff:127.0.0.1",
                                       "64:ff9b::1:0:0"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        struct addr a = addr(same[i]), c = addr_canonical(&a);
        if (!addr_eq(&a, &c))
            fail_msg("changed: %s", same[i]);
    }
}

static void cidr_parse_wants_clean_networks(void **state)
{
    static const char *const bad[] = {
        "10.0.0.1/8",   "10.0.0.0/33",   "10.0.0.0/", "10.0.0.0/-1",   "10.0.0.0/8/8", "/8",
        "::1/127",      "::/129",        "[::]/0",    "10.0.0.0:80/8", "10.0.0.0:80",  "fe80::%1/64",
        "10.0.0.0/08x", "10.0.0.0/0008", "",          "10.0.0.129/25"};
    struct cidr c = {.bits = 99};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (cidr_parse(bytes_str(bad[i]), &c))
            fail_msg("accepted: %s", bad[i]);
    }
    assert_int_equal(c.bits, 99);
    assert_int_equal(cidr("::1").bits, 128);
    assert_int_equal(cidr("10.0.0.1").bits, 32);
    assert_int_equal(cidr("0.0.0.0/0").bits, 0);
    assert_int_equal(cidr("10.0.0.128/25").bits, 25);
}

static void cidr_format_is_what_parse_reads(void **state)
{
    static const char *const texts[] = {"10.0.0.0/8", "192.0.2.7/32", "::/0", "2001:db8::/33", "::1/128"};
    char text[ADDR_TEXT];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct cidr c = cidr(texts[i]);
        assert_int_equal(cidr_format(&c, text), strlen(texts[i]));
        assert_string_equal(text, texts[i]);
    }
}

static bool has(const char *net, const char *ip)
{
    struct cidr c = cidr(net);
    struct addr a = addr(ip);
    return cidr_has(&c, &a);
}

static void cidr_has_looks_at_the_prefix_bits(void **state)
{
    assert_true(has("10.0.0.0/8", "10.255.255.255"));
    assert_false(has("10.0.0.0/8", "11.0.0.0"));
    assert_true(has("172.16.0.0/12", "172.31.255.255"));
    assert_false(has("172.16.0.0/12", "172.32.0.0"));
    assert_true(has("192.0.2.129/32", "192.0.2.129:5"));
    assert_false(has("192.0.2.129/32", "192.0.2.128"));
    assert_true(has("0.0.0.0/0", "255.255.255.255"));
    assert_false(has("0.0.0.0/0", "::1")); /* same family only */
    assert_false(has("::/0", "10.0.0.1"));
    assert_true(has("fc00::/7", "fdff::1"));
    assert_false(has("fc00::/7", "fe00::1"));
    assert_true(has("::1/128", "::1"));
    assert_false(has("::1/128", "::"));
}

static void assert_match(const struct cidr_set *s, const char *ip, const char *want)
{
    char text[ADDR_TEXT] = "";
    struct addr a = addr(ip);
    const struct cidr *c = cidr_set_match(s, &a);
    if (c)
        (void)cidr_format(c, text);
    assert_string_equal(text, want);
}

static void set_match_is_the_longest(void **state)
{
    static const char *const nets[] = {"0.0.0.0/0", "10.1.2.0/24", "10.0.0.0/8",
                                       "10.1.2.3",  "10.1.0.0/16", "2001:db8::/32"};
    struct cidr_set s = {0};
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++)
        assert_true(cidr_set_add(&s, cidr(nets[i])));
    assert_match(&s, "10.1.2.3", "10.1.2.3/32");
    assert_match(&s, "10.1.2.4", "10.1.2.0/24");
    assert_match(&s, "10.1.3.4", "10.1.0.0/16");
    assert_match(&s, "10.2.3.4", "10.0.0.0/8");
    assert_match(&s, "11.2.3.4", "0.0.0.0/0");
    assert_match(&s, "2001:db8::5", "2001:db8::/32");
    assert_match(&s, "2001:db9::5", "");
    cidr_set_fini(&s);
    assert_int_equal(s.n, 0);
    assert_match(&s, "10.1.2.3", "");
    cidr_set_fini(&s);
    cidr_set_fini(NULL);
}

static void set_grows(void **state)
{
    struct cidr_set s = {0};
    for (unsigned i = 0; i < 300; i++) {
        struct cidr c = cidr("10.0.0.0");
        c.net.ip[2] = (uint8_t)(i >> 8);
        c.net.ip[3] = (uint8_t)i;
        assert_true(cidr_set_add(&s, c));
    }
    assert_int_equal(s.n, 300);
    assert_match(&s, "10.0.1.43", "10.0.1.43/32");
    assert_match(&s, "10.0.1.44", "");
    cidr_set_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_takes_every_form),
        cmocka_unit_test(parse_refuses_what_is_not_an_address),
        cmocka_unit_test(format_follows_rfc5952),
        cmocka_unit_test(format_with_port_has_brackets),
        cmocka_unit_test(sockaddr_there_and_back),
        cmocka_unit_test(sockaddr_mapped_becomes_ipv4),
        cmocka_unit_test(equality_and_hash),
        cmocka_unit_test(one_ipv6_64_is_one_stranger),
        cmocka_unit_test(any_is_all_zero),
        cmocka_unit_test(canonical_unwraps_every_wrapping),
        cmocka_unit_test(canonical_leaves_the_rest_alone),
        cmocka_unit_test(cidr_parse_wants_clean_networks),
        cmocka_unit_test(cidr_format_is_what_parse_reads),
        cmocka_unit_test(cidr_has_looks_at_the_prefix_bits),
        cmocka_unit_test(set_match_is_the_longest),
        cmocka_unit_test(set_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
