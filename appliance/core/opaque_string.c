#include "appliance/core/opaque_string.h"
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

/* RFC 8264 9.9: conjoining jamo are what is left when NFC could make no syllable of them. */
static bool is_old_jamo(ucs4_t c)
{
    return (c >= 0x1100 && c <= 0x11ff) || (c >= 0xa960 && c <= 0xa97c) || (c >= 0xd7b0 && c <= 0xd7fb);
}

/* FreeformClass (RFC 8264 4.3): letters, marks, digits, symbols, punctuation and spaces. The two joiners,
 * which RFC 5892 allows between certain letters, are refused with the rest of what cannot be seen. */
static bool may_stand(ucs4_t c)
{
    const uc_general_category_t good = uc_general_category_or(
        uc_general_category_or(UC_LETTER, UC_MARK),
        uc_general_category_or(uc_general_category_or(UC_NUMBER, UC_SYMBOL),
                               uc_general_category_or(UC_PUNCTUATION, UC_SPACE_SEPARATOR)));
    return uc_is_general_category(c, good) && !uc_is_property_default_ignorable_code_point(c) &&
           !is_old_jamo(c);
}

/* Non-ASCII spaces become ASCII ones, before NFC (RFC 8265 4.2.2). Never longer than it was. */
static size_t map_spaces(struct bytes text, uint8_t *out)
{
    size_t n = 0;
    for (size_t at = 0; at < text.n;) {
        ucs4_t c;
        int len = u8_mbtouc(&c, text.p + at, text.n - at);
        if (uc_is_general_category(c, UC_SPACE_SEPARATOR)) {
            out[n++] = ' ';
        } else {
            memcpy(out + n, text.p + at, (size_t)len);
            n += (size_t)len;
        }
        at += (size_t)len;
    }
    return n;
}

static bool all_may_stand(const uint8_t *text, size_t n)
{
    for (size_t at = 0; at < n;) {
        ucs4_t c;
        at += (size_t)u8_mbtouc(&c, text + at, n - at);
        if (!may_stand(c))
            return false;
    }
    return true;
}

static int give(const uint8_t *text, size_t n, char *dst, size_t cap)
{
    if (!all_may_stand(text, n))
        return -EINVAL;
    if (n >= cap)
        return -ENOBUFS;
    memcpy(dst, text, n);
    dst[n] = '\0';
    return (int)n;
}

int opaque_string(struct bytes text, char *dst, size_t cap)
{
    if (text.n == 0 || u8_check(text.p, text.n))
        return -EINVAL;
    if (text.n > 4 * cap) /* NFC makes nothing four times shorter */
        return -ENOBUFS;
    uint8_t *mapped = malloc(text.n);
    if (!mapped)
        return -ENOMEM;
    size_t n = map_spaces(text, mapped), composed_n = 0;
    uint8_t *composed = u8_normalize(UNINORM_NFC, mapped, n, NULL, &composed_n);
    int rc = composed ? give(composed, composed_n, dst, cap) : -ENOMEM;
    OPENSSL_cleanse(mapped, text.n);
    free(mapped);
    if (composed)
        OPENSSL_cleanse(composed, composed_n);
    free(composed);
    return rc;
}
