/* MESSAGE-INTEGRITY, MESSAGE-INTEGRITY-SHA256 and FINGERPRINT: RFC 5769, RFC 8489 B.1, and every byte
 * changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/core/directory.h"
#include "modules/stun/stun.h"
#include "stun_vectors.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAME     BYTES(RFC5769_LONG_TERM_NAME)
#define REALM    BYTES("example.org")
#define PASSWORD BYTES("TheMatrIX") /* after OpaqueString */

static void rfc5769_short_term(void **state)
{
    const struct bytes vectors[] = {RFC5769_REQUEST, RFC5769_RESPONSE_V4, RFC5769_RESPONSE_V6};
    for (size_t i = 0; i < 3; i++) {
        struct stun_message m;
        assert_int_equal(stun_read(vectors[i], &m), 0);
        assert_true(stun_integrity_ok(&m, BYTES(RFC5769_PASSWORD)));
        assert_false(stun_integrity_ok(&m, BYTES("VOkJxbRl1RmTxUk/WvJxBT")));
        assert_false(stun_integrity256_ok(&m, BYTES(RFC5769_PASSWORD)));
        assert_true(stun_fingerprint_ok(&m));
        assert_int_not_equal(m.fingerprint_at, 0);
    }
}

/* RFC 8489 9.2.2: the key is MD5(username:realm:password), which the directory keeps as SIP's HA1. */
static void rfc5769_long_term(void **state)
{
    struct stun_message m;
    struct user_key key;
    assert_int_equal(user_key_derive(REALM, NAME, PASSWORD, &key), 0);
    assert_int_equal(stun_read(RFC5769_LONG_TERM, &m), 0);
    assert_true(stun_integrity_ok(&m, bytes_of(key.md5, 16)));
    key.md5[0] ^= 1;
    assert_false(stun_integrity_ok(&m, bytes_of(key.md5, 16)));
}

static void rfc8489_b1(void **state)
{
    struct stun_message m;
    struct user_key key;
    assert_int_equal(user_key_derive(REALM, NAME, PASSWORD, &key), 0);
    assert_int_equal(stun_read(RFC8489_B1, &m), 0);
    assert_true(stun_integrity256_ok(&m, bytes_of(key.sha256, 32)));
    assert_false(stun_integrity256_ok(&m, bytes_of(key.md5, 16)));
    assert_false(stun_integrity_ok(&m, bytes_of(key.sha256, 32)));
}

/* Its length field lies, so it is dropped (RFC 8489 6.3). */
static void rfc8489_b1_as_printed(void **state)
{
    struct stun_message m;
    assert_int_equal(stun_read(RFC8489_B1_AS_PRINTED, &m), -EBADMSG);
}

/* The example of RFC 8489 9.2.2: user:realm:pass. */
static void key_of_rfc8489_9_2_2(void **state)
{
    struct user_key key;
    assert_int_equal(user_key_derive(BYTES("realm"), BYTES("user"), BYTES("pass"), &key), 0);
    assert_memory_equal(key.md5, "\x84\x93\xfb\xc5\x3b\xa5\x82\xfb\x4c\x04\x4c\x45\x6b\xdc\x40\xeb", 16);
}

/* No byte of the message may change: it is then no STUN, or one of the two checks fails. */
static void every_byte_is_covered(void **state)
{
    struct bytes v = RFC5769_REQUEST;
    for (size_t i = 0; i < v.n; i++) {
        uint8_t mem[128];
        struct stun_message m;
        memcpy(mem, v.p, v.n);
        mem[i] ^= 0x04;
        if (stun_read(bytes_of(mem, v.n), &m) < 0)
            continue;
        bool integrity = stun_integrity_ok(&m, BYTES(RFC5769_PASSWORD));
        bool fingerprint = m.fingerprint_at && stun_fingerprint_ok(&m);
        assert_false(integrity && fingerprint);
    }
}

static size_t signed_message(uint8_t *mem, size_t cap, bool sha1, bool sha256)
{
    struct stun_writer w;
    stun_begin(&w, mem, cap, 1, (const uint8_t *)"0123456789ab");
    stun_put(&w, STUN_A_USERNAME, BYTES("alice"));
    if (sha1)
        stun_put_integrity(&w, BYTES("key"));
    if (sha256)
        stun_put_integrity256(&w, BYTES("key"));
    stun_put_fingerprint(&w);
    return stun_end(&w);
}

static void own_signatures(void **state)
{
    for (int i = 1; i < 4; i++) {
        uint8_t mem[256];
        struct stun_message m;
        size_t n = signed_message(mem, sizeof(mem), i & 1, i & 2);
        assert_int_equal(stun_read(bytes_of(mem, n), &m), 0);
        assert_int_equal(stun_integrity_ok(&m, BYTES("key")), i & 1);
        assert_int_equal(stun_integrity256_ok(&m, BYTES("key")), i >> 1);
        assert_true(stun_fingerprint_ok(&m));
    }
}

/* RFC 8489 14.5: what follows MESSAGE-INTEGRITY is ignored. coturn honoured it until 4.15. */
static void nothing_counts_after_integrity(void **state)
{
    uint8_t mem[256];
    struct stun_writer w;
    struct stun_message m;
    struct stun_attr a;
    size_t cursor = 0;
    uint16_t unknown[4];
    stun_begin(&w, mem, sizeof(mem), 1, (const uint8_t *)"0123456789ab");
    stun_put(&w, STUN_A_USERNAME, BYTES("alice"));
    stun_put_integrity(&w, BYTES("key"));
    stun_put_u32(&w, STUN_A_LIFETIME, 0);
    stun_put(&w, 0x7FFF, BYTES(""));
    assert_int_equal(stun_read(bytes_of(mem, stun_end(&w)), &m), 0);
    assert_true(stun_integrity_ok(&m, BYTES("key")));
    assert_false(stun_has(&m, STUN_A_LIFETIME));
    assert_int_equal(stun_unknown(&m, NULL, 0, unknown, 4), 1);
    assert_int_equal(unknown[0], STUN_A_USERNAME);
    assert_true(stun_next(&m, &cursor, &a));
    assert_false(stun_next(&m, &cursor, &a));
}

/* A MESSAGE-INTEGRITY behind FINGERPRINT or MESSAGE-INTEGRITY-SHA256 is one of those ignored attributes. */
static void integrity_out_of_place(void **state)
{
    uint8_t mem[256];
    struct stun_writer w;
    struct stun_message m;
    stun_begin(&w, mem, sizeof(mem), 1, (const uint8_t *)"0123456789ab");
    stun_put_integrity256(&w, BYTES("key"));
    stun_put_integrity(&w, BYTES("key"));
    assert_int_equal(stun_read(bytes_of(mem, stun_end(&w)), &m), 0);
    assert_false(stun_integrity_ok(&m, BYTES("key")));
    assert_true(stun_integrity256_ok(&m, BYTES("key")));
    stun_begin(&w, mem, sizeof(mem), 1, (const uint8_t *)"0123456789ab");
    stun_put_fingerprint(&w);
    stun_put_integrity(&w, BYTES("key"));
    assert_int_equal(stun_read(bytes_of(mem, stun_end(&w)), &m), 0);
    assert_false(stun_integrity_ok(&m, BYTES("key")));
    assert_false(stun_fingerprint_ok(&m)); /* it is not the last attribute */
}

/* RFC 8489 14.6: cut values are for usages that allow them. */
static void cut_signatures(void **state)
{
    for (size_t n = 0; n <= 32; n += 4) {
        uint8_t mem[256], whole[256];
        struct stun_writer w;
        struct stun_message m;
        signed_message(whole, sizeof(whole), false, true);
        stun_begin(&w, mem, sizeof(mem), 1, (const uint8_t *)"0123456789ab");
        stun_put(&w, STUN_A_USERNAME, BYTES("alice"));
        stun_put(&w, STUN_A_MESSAGE_INTEGRITY_SHA256, bytes_of(whole + 20 + 12 + 4, n));
        assert_int_equal(stun_read(bytes_of(mem, stun_end(&w)), &m), 0);
        assert_int_equal(stun_integrity256_ok(&m, BYTES("key")), n == 32);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc5769_short_term),
        cmocka_unit_test(rfc5769_long_term),
        cmocka_unit_test(rfc8489_b1),
        cmocka_unit_test(rfc8489_b1_as_printed),
        cmocka_unit_test(key_of_rfc8489_9_2_2),
        cmocka_unit_test(every_byte_is_covered),
        cmocka_unit_test(own_signatures),
        cmocka_unit_test(nothing_counts_after_integrity),
        cmocka_unit_test(integrity_out_of_place),
        cmocka_unit_test(cut_signatures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
