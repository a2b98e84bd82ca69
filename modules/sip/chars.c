#include "modules/sip/chars.h"

/* Shorthands for the sets of RFC 3261 25.1. */
#define ALNUM                                                                                                \
    (SIP_C_TOKEN | SIP_C_USER | SIP_C_PASSWORD | SIP_C_PARAM | SIP_C_HEADER | SIP_C_HOST | SIP_C_URIC |      \
     SIP_C_UNRESERVED)
#define MARK (SIP_C_USER | SIP_C_PASSWORD | SIP_C_PARAM | SIP_C_HEADER | SIP_C_URIC | SIP_C_UNRESERVED)

const uint8_t sip_chars[256] = {
    ['0' ... '9'] = ALNUM,
    ['A' ... 'Z'] = ALNUM,
    ['a' ... 'z'] = ALNUM,
    /* mark; the parentheses are no token */
    ['-'] = MARK | SIP_C_TOKEN | SIP_C_HOST,
    ['_'] = MARK | SIP_C_TOKEN | SIP_C_HOST,
    ['.'] = MARK | SIP_C_TOKEN | SIP_C_HOST,
    ['!'] = MARK | SIP_C_TOKEN,
    ['~'] = MARK | SIP_C_TOKEN,
    ['*'] = MARK | SIP_C_TOKEN,
    ['\''] = MARK | SIP_C_TOKEN,
    ['('] = MARK,
    [')'] = MARK,
    /* the rest of token */
    ['%'] = SIP_C_TOKEN,
    ['+'] = SIP_C_TOKEN | SIP_C_USER | SIP_C_PASSWORD | SIP_C_PARAM | SIP_C_HEADER | SIP_C_URIC,
    ['`'] = SIP_C_TOKEN,
    /* reserved */
    [';'] = SIP_C_USER | SIP_C_URIC,
    ['/'] = SIP_C_USER | SIP_C_PARAM | SIP_C_HEADER | SIP_C_URIC,
    ['?'] = SIP_C_USER | SIP_C_HEADER | SIP_C_URIC,
    [':'] = SIP_C_PARAM | SIP_C_HEADER | SIP_C_URIC,
    ['@'] = SIP_C_URIC,
    ['&'] = SIP_C_USER | SIP_C_PASSWORD | SIP_C_PARAM | SIP_C_URIC,
    ['='] = SIP_C_USER | SIP_C_PASSWORD | SIP_C_URIC,
    ['$'] = SIP_C_USER | SIP_C_PASSWORD | SIP_C_PARAM | SIP_C_HEADER | SIP_C_URIC,
    [','] = SIP_C_USER | SIP_C_PASSWORD | SIP_C_URIC,
    ['['] = SIP_C_USER | SIP_C_PARAM | SIP_C_HEADER | SIP_C_URIC,
    [']'] = SIP_C_USER | SIP_C_PARAM | SIP_C_HEADER | SIP_C_URIC,
    /* not in the grammar: dial strings (#) and wildcarded identities (TS 23.003 13.5) carry them unescaped */
    ['#'] = SIP_C_USER | SIP_C_URIC,
    ['{'] = SIP_C_USER,
    ['}'] = SIP_C_USER,
    ['^'] = SIP_C_USER,
    ['|'] = SIP_C_USER,
};

size_t sip_run(struct bytes b, uint8_t mask)
{
    size_t i = 0;
    while (i < b.n && sip_char_is(b.p[i], mask))
        i++;
    return i;
}

bool sip_run_escaped(struct bytes b, uint8_t mask)
{
    for (size_t i = 0; i < b.n; i++) {
        if (b.p[i] == '%') {
            if (b.n - i < 3 || sip_hex(b.p[i + 1]) < 0 || sip_hex(b.p[i + 2]) < 0)
                return false;
            i += 2;
        } else if (!sip_char_is(b.p[i], mask)) {
            return false;
        }
    }
    return true;
}
