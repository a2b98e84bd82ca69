#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/base/token.h"
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

static const struct token_key key_a = {.id = 1, .key = "0123456789abcdef0123456789abcde"};
static const struct token_key key_b = {.id = 2, .key = "fedcba9876543210fedcba987654321"};
static const struct token_key key_c = {.id = 1, .key = "an unrelated key of the same id"};

#define PLAIN BYTES("worker 3, slot 17")

static struct token_box *box_of(const struct token_key *current, const struct token_key *previous)
{
    struct token_box *box = token_box_create(current, previous);
    assert_non_null(box);
    return box;
}

static void what_was_sealed_opens(void **state)
{
    struct token_box *box = box_of(&key_a, NULL);
    uint8_t sealed[TOKEN_PLAIN_MAX + TOKEN_OVERHEAD], plain[TOKEN_PLAIN_MAX];
    uint8_t in[TOKEN_PLAIN_MAX];
    memset(in, 0x5a, sizeof in);
    for (size_t n = 0; n <= TOKEN_PLAIN_MAX; n++) { /* the cached contexts serve many */
        size_t len = token_seal(box, TOKEN_FLOW, bytes_of(in, n), sealed, sizeof sealed);
        assert_int_equal(len, n + TOKEN_OVERHEAD);
        assert_int_equal(token_open(box, TOKEN_FLOW, bytes_of(sealed, len), plain, sizeof plain), n);
        assert_memory_equal(plain, in, n);
    }
    token_box_destroy(box);
    token_box_destroy(NULL);
}

static void sizes_are_checked(void **state)
{
    struct token_box *box = box_of(&key_a, NULL);
    uint8_t sealed[TOKEN_PLAIN_MAX + TOKEN_OVERHEAD + 1], plain[TOKEN_PLAIN_MAX + 1] = {0};
    char text[TOKEN_TEXT_MAX];
    assert_int_equal(token_seal(box, TOKEN_FLOW, bytes_of(plain, sizeof plain), sealed, sizeof sealed), 0);
    assert_int_equal(token_seal(box, TOKEN_FLOW, PLAIN, sealed, PLAIN.n + TOKEN_OVERHEAD - 1), 0);
    size_t len = token_seal(box, TOKEN_FLOW, PLAIN, sealed, PLAIN.n + TOKEN_OVERHEAD);
    assert_int_equal(len, PLAIN.n + TOKEN_OVERHEAD);
    assert_int_equal(token_open(box, TOKEN_FLOW, bytes_of(sealed, len), plain, PLAIN.n - 1), BYTES_NOT_FOUND);
    assert_int_equal(token_open(box, TOKEN_FLOW, bytes_of(sealed, len), plain, PLAIN.n), PLAIN.n);
    /* TOKEN_TEXT_MAX holds the longest, and not a byte less would do. */
    assert_int_equal(token_seal_text(box, TOKEN_FLOW, bytes_of(plain, TOKEN_PLAIN_MAX), text, sizeof text),
                     sizeof text - 1);
    assert_int_equal(
        token_seal_text(box, TOKEN_FLOW, bytes_of(plain, TOKEN_PLAIN_MAX), text, sizeof text - 1), 0);
    assert_string_equal(text, "");
    token_box_destroy(box);
}

static void any_changed_bit_opens_nothing(void **state)
{
    struct token_box *box = box_of(&key_a, &key_b);
    uint8_t sealed[128], plain[TOKEN_PLAIN_MAX];
    size_t len = token_seal(box, TOKEN_TICKET, PLAIN, sealed, sizeof sealed);
    for (size_t bit = 0; bit < len * 8; bit++) {
        sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        memset(plain, 0xcc, sizeof plain);
        assert_int_equal(token_open(box, TOKEN_TICKET, bytes_of(sealed, len), plain, sizeof plain),
                         BYTES_NOT_FOUND);
        assert_int_equal(plain[0], 0xcc); /* nothing unverified is shown */
        sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(token_open(box, TOKEN_TICKET, bytes_of(sealed, len), plain, sizeof plain), PLAIN.n);
    token_box_destroy(box);
}

static void cut_or_lengthened_opens_nothing(void **state)
{
    struct token_box *box = box_of(&key_a, NULL);
    uint8_t sealed[256] = {0}, plain[TOKEN_PLAIN_MAX];
    size_t len = token_seal(box, TOKEN_NONCE, PLAIN, sealed, sizeof sealed);
    for (size_t n = 0; n < sizeof sealed; n++) {
        size_t want = n == len ? PLAIN.n : BYTES_NOT_FOUND;
        assert_int_equal(token_open(box, TOKEN_NONCE, bytes_of(sealed, n), plain, sizeof plain), want);
    }
    assert_int_equal(token_open(box, TOKEN_NONCE, BYTES_NONE, plain, sizeof plain), BYTES_NOT_FOUND);
    token_box_destroy(box);
}

static void one_purpose_does_not_open_another(void **state)
{
    struct token_box *box = box_of(&key_a, NULL);
    uint8_t sealed[128], plain[TOKEN_PLAIN_MAX];
    for (int made = TOKEN_FLOW; made <= TOKEN_RESERVATION; made++) {
        size_t len = token_seal(box, (enum token_purpose)made, PLAIN, sealed, sizeof sealed);
        for (int used = TOKEN_FLOW; used <= TOKEN_RESERVATION; used++) {
            size_t got =
                token_open(box, (enum token_purpose)used, bytes_of(sealed, len), plain, sizeof plain);
            assert_int_equal(got, made == used ? PLAIN.n : BYTES_NOT_FOUND);
        }
    }
    token_box_destroy(box);
}

static void rotation_keeps_the_previous_key_for_opening(void **state)
{
    struct token_box *old = box_of(&key_a, NULL), *rotated = box_of(&key_b, &key_a),
                     *later = box_of(&key_b, NULL);
    uint8_t sealed[128], plain[TOKEN_PLAIN_MAX];
    size_t len = token_seal(old, TOKEN_FLOW, PLAIN, sealed, sizeof sealed);
    assert_int_equal(sealed[0], key_a.id);
    assert_int_equal(token_open(rotated, TOKEN_FLOW, bytes_of(sealed, len), plain, sizeof plain), PLAIN.n);
    assert_int_equal(token_open(later, TOKEN_FLOW, bytes_of(sealed, len), plain, sizeof plain),
                     BYTES_NOT_FOUND);
    len = token_seal(rotated, TOKEN_FLOW, PLAIN, sealed, sizeof sealed);
    assert_int_equal(sealed[0], key_b.id);
    assert_int_equal(token_open(later, TOKEN_FLOW, bytes_of(sealed, len), plain, sizeof plain), PLAIN.n);
    assert_int_equal(token_open(old, TOKEN_FLOW, bytes_of(sealed, len), plain, sizeof plain),
                     BYTES_NOT_FOUND);
    token_box_destroy(old);
    token_box_destroy(rotated);
    token_box_destroy(later);
}

static void foreign_key_with_our_id_opens_nothing(void **state)
{
    struct token_box *ours = box_of(&key_a, NULL), *theirs = box_of(&key_c, NULL);
    uint8_t sealed[128], plain[TOKEN_PLAIN_MAX];
    size_t len = token_seal(theirs, TOKEN_FLOW, PLAIN, sealed, sizeof sealed);
    assert_int_equal(token_open(ours, TOKEN_FLOW, bytes_of(sealed, len), plain, sizeof plain),
                     BYTES_NOT_FOUND);
    token_box_destroy(ours);
    token_box_destroy(theirs);
}

/* Ids are one byte and come round: with equal ids both keys are tried. */
static void equal_ids_try_both_keys(void **state)
{
    struct token_box *old = box_of(&key_a, NULL), *both = box_of(&key_c, &key_a);
    uint8_t sealed[128], plain[TOKEN_PLAIN_MAX];
    size_t len = token_seal(old, TOKEN_FLOW, PLAIN, sealed, sizeof sealed);
    assert_int_equal(token_open(both, TOKEN_FLOW, bytes_of(sealed, len), plain, sizeof plain), PLAIN.n);
    token_box_destroy(old);
    token_box_destroy(both);
}

static void two_seals_of_one_plain_differ(void **state)
{
    struct token_box *box = box_of(&key_a, NULL);
    uint8_t one[128], two[128];
    size_t len = token_seal(box, TOKEN_FLOW, PLAIN, one, sizeof one);
    assert_int_equal(token_seal(box, TOKEN_FLOW, PLAIN, two, sizeof two), len);
    assert_memory_not_equal(one + 1, two + 1, 12);
    assert_memory_not_equal(one + 13, two + 13, PLAIN.n);
    token_box_destroy(box);
}

static void text_is_fit_for_a_sip_user_part(void **state)
{
    struct token_box *box = box_of(&key_a, NULL);
    char text[TOKEN_TEXT_MAX];
    uint8_t plain[TOKEN_PLAIN_MAX];
    size_t len = token_seal_text(box, TOKEN_FLOW, PLAIN, text, sizeof text);
    assert_int_equal(len, ((PLAIN.n + TOKEN_OVERHEAD) * 4 + 2) / 3);
    /* RFC 3261 section 25.1: user = unreserved, and these are unreserved. */
    assert_int_equal(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), len);
    assert_int_equal(token_open_text(box, TOKEN_FLOW, bytes_of(text, len), plain, sizeof plain), PLAIN.n);
    assert_memory_equal(plain, PLAIN.p, PLAIN.n);
    assert_int_equal(token_open_text(box, TOKEN_FLOW, bytes_of(text, len - 1), plain, sizeof plain),
                     BYTES_NOT_FOUND);
    text[4] = '=';
    assert_int_equal(token_open_text(box, TOKEN_FLOW, bytes_of(text, len), plain, sizeof plain),
                     BYTES_NOT_FOUND);
    assert_int_equal(token_open_text(box, TOKEN_FLOW, BYTES("alice"), plain, sizeof plain), BYTES_NOT_FOUND);
    token_box_destroy(box);
}

/* OpenSSL's allocations from here on; -1: none fails, 0: the next one does. */
static long fail_after = -1;

static bool must_fail(void)
{
    return fail_after >= 0 && fail_after-- == 0;
}

static void *failing_malloc(size_t n, const char *file, int line)
{
    return must_fail() ? NULL : malloc(n);
}

static void *failing_realloc(void *p, size_t n, const char *file, int line)
{
    return must_fail() ? NULL : realloc(p, n);
}

static void plain_free(void *p, const char *file, int line)
{
    free(p);
}

static void every_failed_allocation_is_survived(void **state)
{
    token_box_destroy(box_of(&key_a, &key_b)); /* what OpenSSL makes once is made */
    long nth = 0;
    bool went_through = false;
    while (!went_through && nth < 1000) {
        fail_after = nth++;
        struct token_box *box = token_box_create(&key_a, &key_b);
        went_through = fail_after >= 0; /* nothing was left to fail */
        fail_after = -1;
        if (went_through)
            assert_non_null(box);
        token_box_destroy(box);
    }
    assert_true(went_through && nth > 3);
}

/* --- the short form --- */

static void short_ones_open_and_are_short(void **state)
{
    struct token_box *box = box_of(&key_a, NULL);
    uint8_t sealed[TOKEN_PLAIN_MAX + TOKEN_SHORT_OVERHEAD], plain[TOKEN_PLAIN_MAX], in[TOKEN_PLAIN_MAX];
    memset(in, 0x5a, sizeof in);
    assert_int_equal(token_seal_short(box, TOKEN_TICKET, BYTES_NONE, sealed, sizeof sealed), 0);
    for (size_t n = 1; n <= TOKEN_PLAIN_MAX; n++) {
        assert_int_equal(token_seal_short(box, TOKEN_TICKET, bytes_of(in, n), sealed, n + 15), 0);
        assert_int_equal(token_seal_short(box, TOKEN_TICKET, bytes_of(in, n), sealed, n + 16), n + 16);
        struct bytes b = bytes_of(sealed, n + 16);
        assert_int_equal(token_open_short(box, TOKEN_TICKET, b, plain, n - 1), BYTES_NOT_FOUND);
        assert_int_equal(token_open_short(box, TOKEN_TICKET, b, plain, n), n);
        assert_memory_equal(plain, in, n);
    }
    token_box_destroy(box);
}

static void a_changed_short_one_opens_nothing(void **state)
{
    struct token_box *box = box_of(&key_a, &key_b);
    uint8_t sealed[64], plain[TOKEN_PLAIN_MAX];
    size_t n = token_seal_short(box, TOKEN_TICKET, PLAIN, sealed, sizeof sealed);
    assert_int_equal(n, PLAIN.n + TOKEN_SHORT_OVERHEAD);
    for (size_t bit = 0; bit < n * 8; bit++) {
        sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(token_open_short(box, TOKEN_TICKET, bytes_of(sealed, n), plain, sizeof plain),
                         BYTES_NOT_FOUND);
        sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t cut = 0; cut < n; cut++)
        assert_int_equal(token_open_short(box, TOKEN_TICKET, bytes_of(sealed, cut), plain, sizeof plain),
                         BYTES_NOT_FOUND);
    assert_int_equal(token_open_short(box, TOKEN_FLOW, bytes_of(sealed, n), plain, sizeof plain),
                     BYTES_NOT_FOUND);
    assert_int_equal(token_open_short(box, TOKEN_TICKET, bytes_of(sealed, n), plain, sizeof plain), PLAIN.n);
    token_box_destroy(box);
}

static void the_previous_key_opens_short_ones(void **state)
{
    struct token_box *before = box_of(&key_a, NULL), *after = box_of(&key_b, &key_a),
                     *other = box_of(&key_c, NULL);
    uint8_t sealed[64], plain[TOKEN_PLAIN_MAX];
    size_t n = token_seal_short(before, TOKEN_TICKET, PLAIN, sealed, sizeof sealed);
    assert_int_equal(token_open_short(after, TOKEN_TICKET, bytes_of(sealed, n), plain, sizeof plain),
                     PLAIN.n);
    assert_int_equal(token_open_short(other, TOKEN_TICKET, bytes_of(sealed, n), plain, sizeof plain),
                     BYTES_NOT_FOUND);
    n = token_seal_short(after, TOKEN_TICKET, PLAIN, sealed, sizeof sealed);
    assert_int_equal(token_open_short(before, TOKEN_TICKET, bytes_of(sealed, n), plain, sizeof plain),
                     BYTES_NOT_FOUND);
    token_box_destroy(before);
    token_box_destroy(after);
    token_box_destroy(other);
}

int main(void)
{
    if (CRYPTO_set_mem_functions(failing_malloc, failing_realloc, plain_free) != 1)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_sealed_opens),
        cmocka_unit_test(sizes_are_checked),
        cmocka_unit_test(any_changed_bit_opens_nothing),
        cmocka_unit_test(cut_or_lengthened_opens_nothing),
        cmocka_unit_test(one_purpose_does_not_open_another),
        cmocka_unit_test(rotation_keeps_the_previous_key_for_opening),
        cmocka_unit_test(foreign_key_with_our_id_opens_nothing),
        cmocka_unit_test(equal_ids_try_both_keys),
        cmocka_unit_test(two_seals_of_one_plain_differ),
        cmocka_unit_test(text_is_fit_for_a_sip_user_part),
        cmocka_unit_test(every_failed_allocation_is_survived),
        cmocka_unit_test(short_ones_open_and_are_short),
        cmocka_unit_test(a_changed_short_one_opens_nothing),
        cmocka_unit_test(the_previous_key_opens_short_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
