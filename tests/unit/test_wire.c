#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/base/wire.h"

static void reads_network_byte_order(void **state)
{
    struct wire_in in = wire_in(BYTES("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
                                      "abc"));
    assert_int_equal(wire_u8(&in), 0x01);
    assert_int_equal(wire_u16(&in), 0x0203);
    assert_int_equal(wire_u32(&in), 0x04050607);
    assert_true(wire_u64(&in) == 0x08090a0b0c0d0e0f);
    assert_true(bytes_eq(wire_bytes(&in, 3), BYTES("abc")));
    assert_int_equal(wire_left(&in), 0);
    assert_int_equal(wire_bytes(&in, 0).n, 0);
    assert_false(in.bad);
}

static void read_past_the_end_is_zero_and_bad(void **state)
{
    struct wire_in in = wire_in(BYTES("\xff\xff\xff"));
    assert_int_equal(wire_u32(&in), 0);
    assert_true(in.bad);
    /* The three bytes are not handed out to a later, smaller read: the frame is out of step. */
    assert_int_equal(wire_u8(&in), 0);
    assert_int_equal(wire_bytes(&in, 1).n, 0);
}

static void read_of_a_huge_length_is_bad(void **state)
{
    struct wire_in in = wire_in(BYTES("abc"));
    assert_int_equal(wire_bytes(&in, SIZE_MAX).n, 0);
    assert_true(in.bad);
}

static void empty_view_is_bad_at_once(void **state)
{
    struct wire_in in = wire_in(BYTES_NONE);
    assert_int_equal(wire_left(&in), 0);
    assert_int_equal(wire_u8(&in), 0);
    assert_true(in.bad);
}

static void writes_network_byte_order(void **state)
{
    uint8_t mem[20];
    struct wire_out out = wire_out(mem, sizeof mem);
    wire_put_u8(&out, 1);
    wire_put_u16(&out, 0x0203);
    wire_put_u32(&out, 0x04050607);
    wire_put_u64(&out, 0x08090a0b0c0d0e0f);
    wire_put_zeros(&out, 2);
    wire_put_bytes(&out, BYTES("abc"));
    wire_put_bytes(&out, BYTES_NONE);
    assert_false(out.full);
    assert_int_equal(wire_len(&out), 20);
    assert_memory_equal(mem, "\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\0\0abc", 20);
}

static void write_past_the_end_writes_nothing(void **state)
{
    uint8_t mem[4] = {9, 9, 9, 9};
    struct wire_out out = wire_out(mem, 3);
    wire_put_u32(&out, 0);
    assert_true(out.full);
    wire_put_u8(&out, 0);
    assert_int_equal(wire_len(&out), 0);
    assert_memory_equal(mem, "\x09\x09\x09\x09", 4);
    out = wire_out(mem, 3);
    wire_put_zeros(&out, SIZE_MAX);
    assert_true(out.full);
    assert_int_equal(wire_len(&out), 0);
}

static void stores_are_what_loads_read(void **state)
{
    uint8_t mem[8];
    store_u64(mem, 0x0102030405060708);
    assert_memory_equal(mem, "\1\2\3\4\5\6\7\x08", 8);
    assert_true(load_u64(mem) == 0x0102030405060708);
    store_u16(mem, 0xfffe);
    assert_int_equal(load_u16(mem), 0xfffe);
    store_u32(mem, 0x80000001);
    assert_true(load_u32(mem) == 0x80000001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_network_byte_order),     cmocka_unit_test(read_past_the_end_is_zero_and_bad),
        cmocka_unit_test(read_of_a_huge_length_is_bad), cmocka_unit_test(empty_view_is_bad_at_once),
        cmocka_unit_test(writes_network_byte_order),    cmocka_unit_test(write_past_the_end_writes_nothing),
        cmocka_unit_test(stores_are_what_loads_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
