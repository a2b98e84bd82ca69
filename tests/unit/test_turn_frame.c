/* The framer: STUN and ChannelData on a stream and in datagrams (RFC 8656 12.4 to 12.6, RFC 7983). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/base/wire.h"
#include "modules/stun/frame.h"
#include "modules/stun/stun.h"
#include <stdlib.h>
#include <string.h>

static size_t channel(uint8_t *mem, uint16_t number, uint16_t length)
{
    store_u16(mem, number);
    store_u16(mem + 2, length);
    return 4 + (size_t)length;
}

static size_t stun(uint8_t *mem, uint16_t length)
{
    memset(mem, 0, STUN_HEADER);
    store_u16(mem, 1);
    store_u16(mem + 2, length);
    store_u32(mem + 4, STUN_MAGIC);
    return STUN_HEADER + (size_t)length;
}

/* From a heap block of exactly that size, so that reading further is seen. */
static struct frame stream(const uint8_t *mem, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    memcpy(copy, mem, n);
    struct frame f = frame_of_stream(bytes_of(copy, n));
    free(copy);
    f.body.p = NULL;
    return f;
}

/* RFC 8656 12.5: on a stream the frame is filled up to four, in a datagram it need not be. */
static void channel_data_is_padded_on_streams(void **state)
{
    uint8_t mem[64] = {0};
    for (uint16_t length = 0; length < 9; length++) {
        size_t n = channel(mem, 0x4000, length);
        size_t padded = (n + 3) & ~(size_t)3;
        for (size_t have = 0; have < padded; have++)
            assert_int_equal(stream(mem, have).kind, FRAME_MORE);
        struct frame f = stream(mem, padded);
        assert_int_equal(f.kind, FRAME_CHANNEL);
        assert_int_equal(f.size, padded);
        assert_int_equal(f.body.n, length);
        f = frame_of_datagram(bytes_of(mem, n));
        assert_int_equal(f.kind, FRAME_CHANNEL);
        assert_int_equal(f.body.n, length);
        assert_int_equal(frame_of_datagram(bytes_of(mem, padded)).body.n, length);
    }
}

/* RFC 8656 12.6: a datagram shorter than it claims is discarded. */
static void datagram_that_claims_too_much(void **state)
{
    uint8_t mem[64] = {0};
    size_t n = channel(mem, 0x4FFF, 20);
    assert_int_equal(frame_of_datagram(bytes_of(mem, n)).kind, FRAME_CHANNEL);
    assert_int_equal(frame_of_datagram(bytes_of(mem, n - 1)).kind, FRAME_BAD);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(frame_of_datagram(bytes_of(mem, i)).kind, FRAME_BAD);
    n = stun(mem, 8);
    assert_int_equal(frame_of_datagram(bytes_of(mem, n)).kind, FRAME_STUN);
    assert_int_equal(frame_of_datagram(bytes_of(mem, n - 4)).kind, FRAME_BAD);
    assert_int_equal(frame_of_datagram(bytes_of(mem, n + 4)).kind, FRAME_BAD);
}

/* Top bits 00 (RFC 8489 5) is STUN, 64 to 79 a channel (RFC 7983); the rest cannot be cut. */
static void first_byte_decides(void **state)
{
    uint8_t mem[64] = {0};
    for (unsigned first = 0; first < 256; first++) {
        stun(mem, 0);
        mem[0] = (uint8_t)first;
        struct frame f = frame_of_stream(bytes_of(mem, STUN_HEADER));
        enum frame_kind want = first < 64 ? FRAME_STUN : first < 128 ? FRAME_CHANNEL : FRAME_BAD;
        assert_int_equal(f.kind, want);
        assert_int_equal(stream(mem, 1).kind, want == FRAME_BAD ? FRAME_BAD : FRAME_MORE);
        assert_int_equal(channel_is_valid((uint16_t)(first << 8), true), want == FRAME_CHANNEL);
        assert_int_equal(channel_is_valid((uint16_t)(first << 8), false), first >= 64 && first <= 79);
    }
}

/* A stream that is out of step is noticed from the first eight bytes, not after 64 KB. */
static void stun_without_cookie(void **state)
{
    uint8_t mem[64] = {0};
    stun(mem, 0xFFFC);
    assert_int_equal(stream(mem, 8).kind, FRAME_MORE);
    mem[4] ^= 1;
    assert_int_equal(stream(mem, 7).kind, FRAME_MORE);
    assert_int_equal(stream(mem, 8).kind, FRAME_BAD);
    stun(mem, 6); /* RFC 8489 5: the last two bits of the length are 0 */
    assert_int_equal(stream(mem, 8).kind, FRAME_BAD);
}

static void many_frames_byte_by_byte(void **state)
{
    uint8_t mem[256] = {0};
    size_t n = 0, at = 0, seen = 0;
    n += channel(mem, 0x4001, 5) + 3;
    n += stun(mem + n, 4);
    n += channel(mem + n, 0x4002, 0);
    n += channel(mem + n, 0x4003, 4);
    for (size_t have = 0; have <= n; have++) {
        struct frame f = frame_of_stream(bytes_of(mem + at, have - at));
        assert_int_not_equal(f.kind, FRAME_BAD);
        if (f.kind == FRAME_MORE)
            continue;
        at += f.size;
        seen++;
    }
    assert_int_equal(seen, 4);
    assert_int_equal(at, n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channel_data_is_padded_on_streams),
        cmocka_unit_test(datagram_that_claims_too_much),
        cmocka_unit_test(first_byte_decides),
        cmocka_unit_test(stun_without_cookie),
        cmocka_unit_test(many_frames_byte_by_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
