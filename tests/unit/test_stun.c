/* The STUN reader and writer: RFC 5769 messages, RFC 8489 5 and 14, and lengths that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "modules/stun/stun.h"
#include "stun_vectors.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct addr text_addr(const char *text)
{
    struct addr a;
    assert_true(addr_parse(bytes_str(text), 0, &a));
    return a;
}

static void rfc5769_request(void **state)
{
    struct stun_message m;
    struct bytes v;
    uint32_t priority;
    assert_int_equal(stun_read(RFC5769_REQUEST, &m), 0);
    assert_int_equal(m.class, STUN_REQUEST);
    assert_int_equal(m.method, STUN_BINDING);
    assert_memory_equal(m.id, "\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae", 12);
    assert_true(stun_find(&m, STUN_A_SOFTWARE, &v));
    assert_true(bytes_eq(v, BYTES("STUN test client")));
    assert_true(stun_find(&m, STUN_A_USERNAME, &v));
    assert_true(bytes_eq(v, BYTES("evtj:h6vY")));
    assert_true(stun_find_u32(&m, STUN_A_PRIORITY, &priority));
    assert_int_equal(priority, 0x6e0001ff);
    assert_true(stun_find(&m, STUN_A_ICE_CONTROLLED, &v));
    assert_true(bytes_eq(v, BYTES("\x93\x2f\xf9\xb1\x51\x26\x3b\x36")));
}

static void rfc5769_response_v4(void **state)
{
    struct stun_message m;
    struct addr a, want = text_addr("192.0.2.1:32853");
    assert_int_equal(stun_read(RFC5769_RESPONSE_V4, &m), 0);
    assert_int_equal(m.class, STUN_SUCCESS);
    assert_true(stun_find_xor(&m, STUN_A_XOR_MAPPED_ADDRESS, &a));
    assert_true(addr_eq(&a, &want));
}

static void rfc5769_response_v6(void **state)
{
    struct stun_message m;
    struct addr a, want = text_addr("[2001:db8:1234:5678:11:2233:4455:6677]:32853");
    assert_int_equal(stun_read(RFC5769_RESPONSE_V6, &m), 0);
    assert_true(stun_find_xor(&m, STUN_A_XOR_MAPPED_ADDRESS, &a));
    assert_true(addr_eq(&a, &want));
}

static void rfc5769_long_term(void **state)
{
    struct stun_message m;
    struct bytes v;
    assert_int_equal(stun_read(RFC5769_LONG_TERM, &m), 0);
    assert_true(stun_find(&m, STUN_A_USERNAME, &v));
    assert_true(bytes_eq(v, BYTES(RFC5769_LONG_TERM_NAME)));
    assert_true(stun_find(&m, STUN_A_NONCE, &v));
    assert_true(bytes_eq(v, BYTES("f//499k954d6OL34oL9FSTvy64sA")));
    assert_true(stun_find(&m, STUN_A_REALM, &v));
    assert_true(bytes_eq(v, BYTES("example.org")));
}

/* RFC 8489 appendix A: the type of each class of Binding, and a method with bits in all three parts. */
static void type_bits(void **state)
{
    assert_int_equal(stun_type(STUN_REQUEST, STUN_BINDING), 0x0001);
    assert_int_equal(stun_type(STUN_INDICATION, STUN_BINDING), 0x0011);
    assert_int_equal(stun_type(STUN_SUCCESS, STUN_BINDING), 0x0101);
    assert_int_equal(stun_type(STUN_ERROR, STUN_BINDING), 0x0111);
    assert_int_equal(stun_type(STUN_SUCCESS, 0xFFF), 0x3FEF);
    for (unsigned type = 0; type < 0x4000; type++) {
        uint8_t mem[STUN_HEADER] = {0};
        struct stun_message m;
        store_u16(mem, (uint16_t)type);
        store_u32(mem + 4, STUN_MAGIC);
        assert_int_equal(stun_read(bytes_of(mem, sizeof(mem)), &m), 0);
        assert_int_equal(stun_type(m.class, m.method), type);
    }
}

static void refuses_what_is_no_stun(void **state)
{
    uint8_t mem[STUN_HEADER + 4] = {0};
    struct stun_message m;
    store_u16(mem, 1);
    store_u16(mem + 2, 4);
    store_u32(mem + 4, STUN_MAGIC);
    store_u16(mem + 20, STUN_A_SOFTWARE);
    assert_int_equal(stun_read(bytes_of(mem, sizeof(mem)), &m), 0);
    assert_int_equal(stun_read(BYTES_NONE, &m), -EBADMSG);
    for (size_t n = 0; n < sizeof(mem); n++)
        assert_int_equal(stun_read(bytes_of(mem, n), &m), -EBADMSG);
    for (unsigned top = 0x40; top < 0x100; top += 0x40) {
        mem[0] = (uint8_t)top; /* RFC 8489 5: the first two bits are 0 */
        assert_int_equal(stun_read(bytes_of(mem, sizeof(mem)), &m), -EBADMSG);
    }
    mem[0] = 0;
    mem[7] ^= 1;
    assert_int_equal(stun_read(bytes_of(mem, sizeof(mem)), &m), -EBADMSG);
}

/* The length of a message, and of an attribute, that says more or less than there is. */
static void refuses_lengths_that_lie(void **state)
{
    for (unsigned length = 0; length <= 0xFFFF; length++) {
        uint8_t mem[STUN_HEADER + 8] = {0};
        struct stun_message m;
        store_u16(mem, 1);
        store_u16(mem + 2, 8);
        store_u32(mem + 4, STUN_MAGIC);
        store_u16(mem + 20, STUN_A_SOFTWARE);
        store_u16(mem + 22, (uint16_t)length);
        /* 0 leaves four bytes that read as an attribute of length 0. */
        assert_int_equal(stun_read(bytes_of(mem, sizeof(mem)), &m), length <= 4 ? 0 : -EBADMSG);
        store_u16(mem + 22, 4);
        store_u16(mem + 2, (uint16_t)length);
        assert_int_equal(stun_read(bytes_of(mem, sizeof(mem)), &m), length == 8 ? 0 : -EBADMSG);
    }
}

static void writes_what_it_reads(void **state)
{
    uint8_t mem[512];
    struct stun_writer w;
    struct stun_message m;
    struct addr a, v4 = text_addr("203.0.113.9:5000"), v6 = text_addr("[2001:db8::7]:65535");
    struct bytes v;
    uint8_t byte;
    memset(mem, 0xEE, sizeof(mem));
    stun_begin(&w, mem, sizeof(mem), stun_type(STUN_SUCCESS, STUN_ALLOCATE), (const uint8_t *)"0123456789ab");
    stun_put_xor(&w, STUN_A_XOR_RELAYED_ADDRESS, &v4);
    stun_put_xor(&w, STUN_A_XOR_PEER_ADDRESS, &v6);
    stun_put(&w, STUN_A_SOFTWARE, BYTES("abcde"));
    stun_put_byte(&w, STUN_A_REQUESTED_TRANSPORT, 17);
    stun_put_channel(&w, 0x4001);
    size_t n = stun_end(&w);
    assert_int_equal(n, 20 + 12 + 24 + 12 + 8 + 8);
    assert_int_equal(stun_read(bytes_of(mem, n), &m), 0);
    assert_true(stun_find_xor(&m, STUN_A_XOR_RELAYED_ADDRESS, &a));
    assert_true(addr_eq(&a, &v4));
    assert_true(stun_find_xor(&m, STUN_A_XOR_PEER_ADDRESS, &a));
    assert_true(addr_eq(&a, &v6));
    assert_true(stun_find(&m, STUN_A_SOFTWARE, &v));
    assert_true(bytes_eq(v, BYTES("abcde")));
    assert_memory_equal(v.p + 5, "\0\0\0", 3); /* CVE-2020-4067 */
    assert_true(stun_find_byte(&m, STUN_A_REQUESTED_TRANSPORT, &byte));
    assert_int_equal(byte, 17);
    assert_true(stun_find(&m, STUN_A_CHANNEL_NUMBER, &v));
    assert_true(bytes_eq(v, BYTES("\x40\x01\0\0")));
}

static void writer_never_writes_past_its_end(void **state)
{
    struct addr v6 = text_addr("[2001:db8::7]:65535");
    for (size_t cap = 0; cap < 160; cap++) {
        uint8_t *mem = malloc(cap ? cap : 1);
        uint16_t types[3] = {1, 2, 3};
        struct stun_writer w;
        stun_begin(&w, mem, cap, 1, (const uint8_t *)"0123456789ab");
        stun_put_error(&w, 420);
        stun_put_unknown(&w, types, 3);
        stun_put_xor(&w, STUN_A_XOR_MAPPED_ADDRESS, &v6);
        stun_put_integrity(&w, BYTES("key"));
        stun_put_fingerprint(&w);
        size_t n = stun_end(&w);
        assert_int_equal(n, cap >= 20 + 28 + 12 + 24 + 24 + 8 ? 116 : 0);
        free(mem);
    }
}

static void error_codes(void **state)
{
    static const unsigned codes[] = {300, 400, 401, 403, 420, 437, 438, 440,
                                     441, 442, 443, 446, 447, 486, 500, 508};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        uint8_t mem[128];
        struct stun_writer w;
        struct stun_message m;
        struct bytes reason;
        stun_begin(&w, mem, sizeof(mem), stun_type(STUN_ERROR, STUN_REFRESH),
                   (const uint8_t *)"0123456789ab");
        stun_put_error(&w, codes[i]);
        assert_int_equal(stun_read(bytes_of(mem, stun_end(&w)), &m), 0);
        assert_int_equal(stun_error_code(&m, &reason), codes[i]);
        assert_true(reason.n > 0);
        assert_true(bytes_eq(reason, bytes_str(stun_reason(codes[i]))));
    }
    assert_string_equal(stun_reason(437), "Allocation Mismatch"); /* RFC 8656 19 */
    assert_string_equal(stun_reason(999), "");
}

/* RFC 8489 14.8: the class is 3 to 6, the number 0 to 99. */
static void error_codes_out_of_range(void **state)
{
    static const uint8_t bad[][4] = {{0, 0, 2, 0}, {0, 0, 7, 0}, {0, 0, 4, 100}, {0, 0, 0, 0}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint8_t mem[64];
        struct stun_writer w;
        struct stun_message m;
        stun_begin(&w, mem, sizeof(mem), stun_type(STUN_ERROR, STUN_REFRESH),
                   (const uint8_t *)"0123456789ab");
        stun_put(&w, STUN_A_ERROR_CODE, bytes_of(bad[i], 4));
        assert_int_equal(stun_read(bytes_of(mem, stun_end(&w)), &m), 0);
        assert_int_equal(stun_error_code(&m, NULL), 0);
    }
}

/* RFC 8489 14.13 and 6.3.1: comprehension-required ones, each once. */
static void unknown_attributes(void **state)
{
    static const uint16_t known[] = {STUN_A_USERNAME};
    uint8_t mem[128];
    uint16_t out[2];
    struct stun_writer w;
    struct stun_message m;
    stun_begin(&w, mem, sizeof(mem), 1, (const uint8_t *)"0123456789ab");
    stun_put(&w, STUN_A_USERNAME, BYTES("a"));
    stun_put(&w, 0x7F01, BYTES(""));
    stun_put(&w, 0xFF01, BYTES("")); /* optional */
    stun_put(&w, 0x7F01, BYTES("again"));
    stun_put(&w, 0x7F02, BYTES(""));
    stun_put(&w, 0x7F03, BYTES(""));
    assert_int_equal(stun_read(bytes_of(mem, stun_end(&w)), &m), 0);
    assert_int_equal(stun_unknown(&m, known, 1, out, 2), 2);
    assert_int_equal(out[0], 0x7F01);
    assert_int_equal(out[1], 0x7F02);
}

/* RFC 8489 14: of duplicates the first counts. */
static void first_of_duplicates(void **state)
{
    uint8_t mem[64];
    struct stun_writer w;
    struct stun_message m;
    uint32_t v;
    stun_begin(&w, mem, sizeof(mem), 1, (const uint8_t *)"0123456789ab");
    stun_put_u32(&w, STUN_A_LIFETIME, 1);
    stun_put_u32(&w, STUN_A_LIFETIME, 2);
    assert_int_equal(stun_read(bytes_of(mem, stun_end(&w)), &m), 0);
    assert_true(stun_find_u32(&m, STUN_A_LIFETIME, &v));
    assert_int_equal(v, 1);
}

static void attributes_of_wrong_size(void **state)
{
    static const char *const addresses[] = {"\0\1\0\0\1\2\3", "\0\1\0\0\1\2\3\4\5", "\0\3\0\0\1\2\3\4", "\0"};
    static const size_t sizes[] = {7, 9, 8, 1};
    uint8_t mem[128];
    struct stun_writer w;
    struct stun_message m;
    uint32_t v;
    uint8_t byte;
    struct addr a;
    stun_begin(&w, mem, sizeof(mem), 1, (const uint8_t *)"0123456789ab");
    stun_put(&w, STUN_A_LIFETIME, BYTES("abc"));
    stun_put(&w, STUN_A_REQUESTED_TRANSPORT, BYTES("\x11"));
    assert_int_equal(stun_read(bytes_of(mem, stun_end(&w)), &m), 0);
    assert_false(stun_find_u32(&m, STUN_A_LIFETIME, &v));
    assert_false(stun_find_byte(&m, STUN_A_REQUESTED_TRANSPORT, &byte));
    for (size_t i = 0; i < 4; i++)
        assert_false(stun_address_decode(bytes_of(addresses[i], sizes[i]), &a));
}

/* The head that is written in front of a payload gives the same message as the writer. */
static void indication_head(void **state)
{
    static const char *const peers[] = {"192.0.2.5:7000", "[2001:db8::5]:7000"};
    for (size_t p = 0; p < 2; p++) {
        for (size_t n = 0; n < 9; n++) {
            uint8_t mem[128] = {0}, *payload = mem + 64, want[128];
            struct addr peer = text_addr(peers[p]);
            struct stun_writer w;
            memcpy(payload, "abcdefgh", n);
            stun_begin(&w, want, sizeof(want), stun_type(STUN_INDICATION, STUN_DATA),
                       (const uint8_t *)"0123456789ab");
            stun_put_xor(&w, STUN_A_XOR_PEER_ADDRESS, &peer);
            stun_put(&w, STUN_A_DATA, bytes_of("abcdefgh", n));
            size_t total = stun_end(&w);
            size_t head = stun_indication_head(payload, n, STUN_DATA, &peer, (const uint8_t *)"0123456789ab");
            assert_true(head > 0 && head <= STUN_INDICATION_HEAD);
            assert_int_equal(head + ((n + 3) & ~3u), total);
            assert_memory_equal(payload - head, want, total);
        }
    }
}

/* 65535 bytes of length are not enough for the largest IPv6 datagram in a Data indication. */
static void indication_that_does_not_fit(void **state)
{
    uint8_t mem[64];
    struct addr peer = text_addr("[2001:db8::5]:7000");
    assert_int_equal(stun_indication_head(mem + 64, 65527, STUN_DATA, &peer, (const uint8_t *)"0123456789ab"),
                     0);
    assert_int_equal(stun_indication_head(mem + 64, 65480, STUN_DATA, &peer, (const uint8_t *)"0123456789ab"),
                     48);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc5769_request),
        cmocka_unit_test(rfc5769_response_v4),
        cmocka_unit_test(rfc5769_response_v6),
        cmocka_unit_test(rfc5769_long_term),
        cmocka_unit_test(type_bits),
        cmocka_unit_test(refuses_what_is_no_stun),
        cmocka_unit_test(refuses_lengths_that_lie),
        cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(writer_never_writes_past_its_end),
        cmocka_unit_test(error_codes),
        cmocka_unit_test(error_codes_out_of_range),
        cmocka_unit_test(unknown_attributes),
        cmocka_unit_test(first_of_duplicates),
        cmocka_unit_test(attributes_of_wrong_size),
        cmocka_unit_test(indication_head),
        cmocka_unit_test(indication_that_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
