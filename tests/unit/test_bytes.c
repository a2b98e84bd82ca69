#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/base/bytes.h"

static void str_of_null_is_empty(void **state)
{
    assert_int_equal(bytes_str(NULL).n, 0);
    assert_int_equal(bytes_str("abc").n, 3);
}

static void eq_compares_length_and_content(void **state)
{
    assert_true(bytes_eq(BYTES("abc"), BYTES("abc")));
    assert_false(bytes_eq(BYTES("abc"), BYTES("abd")));
    assert_false(bytes_eq(BYTES("abc"), BYTES("ab")));
    assert_true(bytes_eq(BYTES_NONE, BYTES("")));
    assert_true(bytes_eq_secret(BYTES("abc"), BYTES("abc")));
    assert_false(bytes_eq_secret(BYTES("abc"), BYTES("abC")));
    assert_false(bytes_eq_secret(BYTES("abc"), BYTES("abcd")));
    assert_true(bytes_eq_secret(BYTES_NONE, BYTES_NONE));
}

static void ieq_folds_ascii_letters_only(void **state)
{
    assert_true(bytes_ieq(BYTES("Via-Z"), BYTES("vIA-z")));
    /* Neighbours of the letters and bytes that differ by 0x20 elsewhere are different. */
    assert_false(bytes_ieq(BYTES("@"), BYTES("`")));
    assert_false(bytes_ieq(BYTES("["), BYTES("{")));
    assert_false(bytes_ieq(BYTES("\xc4"), BYTES("\xe4")));
    assert_false(bytes_ieq(BYTES("-"), BYTES("\r")));
}

static void starts_never_reads_past_a_short_view(void **state)
{
    assert_true(bytes_starts(BYTES("SIP/2.0"), BYTES("SIP/")));
    assert_false(bytes_starts(BYTES("SIP"), BYTES("SIP/")));
    assert_false(bytes_starts(BYTES("sip/"), BYTES("SIP/")));
    assert_true(bytes_istarts(BYTES("sip/2.0"), BYTES("SIP/")));
    assert_true(bytes_starts(BYTES_NONE, BYTES_NONE));
}

static void skip_and_first_stop_at_the_end(void **state)
{
    assert_true(bytes_eq(bytes_skip(BYTES("abcd"), 1), BYTES("bcd")));
    assert_int_equal(bytes_skip(BYTES("abcd"), 5).n, 0);
    assert_int_equal(bytes_skip(BYTES("abcd"), SIZE_MAX).n, 0);
    assert_int_equal(bytes_skip(BYTES_NONE, 3).n, 0);
    assert_true(bytes_eq(bytes_first(BYTES("abcd"), 2), BYTES("ab")));
    assert_int_equal(bytes_first(BYTES("abcd"), SIZE_MAX).n, 4);
}

static void trim_takes_white_space_of_both_ends(void **state)
{
    assert_true(bytes_eq(bytes_trim(BYTES(" \t\r\n a b \n\r\t ")), BYTES("a b")));
    assert_int_equal(bytes_trim(BYTES(" \t ")).n, 0);
    assert_int_equal(bytes_trim(BYTES_NONE).n, 0);
    assert_int_equal(bytes_trim(BYTES("\v")).n, 1);
}

static void find_gives_the_first_place(void **state)
{
    assert_int_equal(bytes_find_byte(BYTES("a:b:c"), ':'), 1);
    assert_int_equal(bytes_find_byte(BYTES("abc"), ':'), BYTES_NOT_FOUND);
    assert_int_equal(bytes_find_byte(BYTES_NONE, ':'), BYTES_NOT_FOUND);
    assert_int_equal(bytes_find(BYTES("x\r\n\r\ny"), BYTES("\r\n\r\n")), 1);
    assert_int_equal(bytes_find(BYTES("\r\n\r"), BYTES("\r\n\r\n")), BYTES_NOT_FOUND);
    assert_int_equal(bytes_find(BYTES("abc"), BYTES_NONE), 0);
}

static void split_gives_empty_items_but_none_after_the_end(void **state)
{
    struct bytes rest = BYTES("a,,b"), item;
    assert_true(bytes_split(&rest, ',', &item));
    assert_true(bytes_eq(item, BYTES("a")));
    assert_true(bytes_split(&rest, ',', &item));
    assert_int_equal(item.n, 0);
    assert_true(bytes_split(&rest, ',', &item));
    assert_true(bytes_eq(item, BYTES("b")));
    assert_false(bytes_split(&rest, ',', &item));
}

static void numbers_are_digits_that_fit(void **state)
{
    uint32_t v = 7;
    uint64_t w = 7;
    assert_true(bytes_u32(BYTES("4294967295"), &v));
    assert_int_equal(v, UINT32_MAX);
    assert_false(bytes_u32(BYTES("4294967296"), &v));
    assert_true(bytes_u64(BYTES("18446744073709551615"), &w));
    assert_true(w == UINT64_MAX);
    assert_false(bytes_u64(BYTES("18446744073709551616"), &w));
    assert_false(bytes_u64(BYTES("99999999999999999999"), &w));
    const char *bad[] = {"", " 1", "1 ", "+1", "-1", "0x1", "1e3", "1:"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(bytes_u32(bytes_str(bad[i]), &v));
    assert_int_equal(v, UINT32_MAX); /* untouched by what failed */
    assert_true(bytes_u32(BYTES("007"), &v));
    assert_int_equal(v, 7);
}

static void to_str_refuses_what_would_be_cut_by_its_nul(void **state)
{
    char dst[4] = "zzz";
    assert_true(bytes_to_str(BYTES("abc"), dst, sizeof dst));
    assert_string_equal(dst, "abc");
    assert_false(bytes_to_str(BYTES("abcd"), dst, sizeof dst));
    assert_string_equal(dst, "");
    assert_false(bytes_to_str(BYTES("a\0b"), dst, sizeof dst));
    assert_string_equal(dst, "");
    assert_true(bytes_to_str(BYTES_NONE, dst, sizeof dst));
    assert_false(bytes_to_str(BYTES("a"), dst, 0));
}

/* SipHash-1-3 of 00 01 02 ... with the key 00..0f. The values are from a second implementation that
 * yields the 2-4 vector of the paper (appendix A) and, with a zero key, what CPython's hash() gives. */
static void hash_is_siphash_1_3(void **state)
{
    static const struct {
        size_t n;
        uint64_t hash;
    } want[] = {
        {0, 0xabac0158050fc4dc},  {1, 0xc9f49bf37d57ca93},  {7, 0xd3927d989bb11140},  {8, 0x369095118d299a8e},
        {15, 0xd320d86d2a519956}, {16, 0xcc4fdd1a7d908b66}, {63, 0x9d199062b7bbb3a8},
    };
    const struct hash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    uint8_t in[64];
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        assert_true(bytes_hash(&key, bytes_of(in, want[i].n)) == want[i].hash);
    assert_true(bytes_hash(&key, BYTES_NONE) == want[0].hash);
    /* CPython 3.11, PYTHONHASHSEED=0: hash(b"sallyport"). */
    assert_true(bytes_hash(&(struct hash_key){0, 0}, BYTES("sallyport")) == 0xb04d083bfb288486);
}

/* RFC 4648 section 10. */
static void hex_rfc4648_vectors(void **state)
{
    char text[13];
    uint8_t raw[6];
    assert_int_equal(bytes_to_hex(BYTES("foobar"), text, sizeof text), 12);
    assert_string_equal(text, "666f6f626172");
    assert_int_equal(bytes_to_hex(BYTES("foobar"), text, 12), 0);
    assert_string_equal(text, "");
    assert_int_equal(bytes_from_hex(BYTES("666F6f626172"), raw, sizeof raw), 6);
    assert_memory_equal(raw, "foobar", 6);
    assert_int_equal(bytes_from_hex(BYTES("666f6f626172"), raw, 5), BYTES_NOT_FOUND);
    assert_int_equal(bytes_from_hex(BYTES("666"), raw, sizeof raw), BYTES_NOT_FOUND);
    assert_int_equal(bytes_from_hex(BYTES("6g"), raw, sizeof raw), BYTES_NOT_FOUND);
    assert_int_equal(bytes_from_hex(BYTES("6\x1a"), raw, sizeof raw), BYTES_NOT_FOUND);
    assert_int_equal(bytes_from_hex(BYTES_NONE, raw, sizeof raw), 0);
}

/* RFC 4648 section 10, the padding taken off. */
static void base64url_rfc4648_vectors(void **state)
{
    static const char *const want[][2] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},         {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}};
    char text[16];
    uint8_t raw[16];
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        struct bytes plain = bytes_str(want[i][0]), coded = bytes_str(want[i][1]);
        assert_int_equal(bytes_to_base64url(plain, text, coded.n + 1), coded.n);
        assert_string_equal(text, want[i][1]);
        if (coded.n > 0)
            assert_int_equal(bytes_to_base64url(plain, text, coded.n), 0);
        assert_int_equal(bytes_from_base64url(coded, raw, plain.n), plain.n);
        assert_memory_equal(raw, plain.p, plain.n);
        if (plain.n > 0)
            assert_int_equal(bytes_from_base64url(coded, raw, plain.n - 1), BYTES_NOT_FOUND);
    }
}

/* RFC 4648 section 5: 62 is "-", 63 is "_". */
static void base64url_uses_the_url_alphabet(void **state)
{
    char text[8];
    uint8_t raw[3];
    assert_int_equal(bytes_to_base64url(BYTES("\xfb\xef\xff"), text, sizeof text), 4);
    assert_string_equal(text, "--__");
    assert_int_equal(bytes_from_base64url(BYTES("--__"), raw, sizeof raw), 3);
    assert_memory_equal(raw, "\xfb\xef\xff", 3);
}

static void base64url_has_one_text_for_a_value(void **state)
{
    uint8_t raw[8];
    const char *bad[] = {"Zh", "Zm9", "Zg==", "Z", "Zm9v+", "Zm/v", "Zm 9v", "Zm9vY"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(bytes_from_base64url(bytes_str(bad[i]), raw, sizeof raw), BYTES_NOT_FOUND);
}

static void texts_are_kept_one_behind_the_other(void **state)
{
    uint8_t block[8], *at = block;
    struct bytes a = bytes_keep(&at, BYTES("abc")), none = bytes_keep(&at, BYTES_NONE);
    struct bytes b = bytes_keep(&at, BYTES("de"));
    assert_true(bytes_eq(a, BYTES("abc")) && bytes_eq(b, BYTES("de")) && none.n == 0);
    assert_ptr_equal(b.p, block + 3);
    assert_ptr_equal(at, block + 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_kept_one_behind_the_other),
        cmocka_unit_test(str_of_null_is_empty),
        cmocka_unit_test(eq_compares_length_and_content),
        cmocka_unit_test(ieq_folds_ascii_letters_only),
        cmocka_unit_test(starts_never_reads_past_a_short_view),
        cmocka_unit_test(skip_and_first_stop_at_the_end),
        cmocka_unit_test(trim_takes_white_space_of_both_ends),
        cmocka_unit_test(find_gives_the_first_place),
        cmocka_unit_test(split_gives_empty_items_but_none_after_the_end),
        cmocka_unit_test(numbers_are_digits_that_fit),
        cmocka_unit_test(to_str_refuses_what_would_be_cut_by_its_nul),
        cmocka_unit_test(hash_is_siphash_1_3),
        cmocka_unit_test(hex_rfc4648_vectors),
        cmocka_unit_test(base64url_rfc4648_vectors),
        cmocka_unit_test(base64url_uses_the_url_alphabet),
        cmocka_unit_test(base64url_has_one_text_for_a_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
