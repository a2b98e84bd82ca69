/* chars: which characters may stand where, as one table.
 *
 * Room modules/sip, floor 3; used inside the codec only. Const; any thread. RFC 3261 25.1. */
#pragma once
#include "appliance/base/bytes.h"

enum {
    SIP_C_TOKEN = 1, /* token */
    SIP_C_USER =
        2, /* user: unreserved and user-unreserved; and # [ ] { } ^ | as dial strings and wildcards have */
    SIP_C_PASSWORD = 4, /* password */
    SIP_C_PARAM = 8,    /* uri-parameter: paramchar */
    SIP_C_HEADER = 16,  /* URI header: hnv-unreserved and unreserved */
    SIP_C_HOST = 32,    /* host name; and _ which RFC 1123 lacks but operators have */
    SIP_C_URIC = 64,    /* reserved and unreserved, and [ ] */
    SIP_C_UNRESERVED = 128
};

extern const uint8_t sip_chars[256];

static inline bool sip_char_is(uint8_t c, uint8_t mask)
{
    return (sip_chars[c] & mask) != 0;
}
static inline bool sip_is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}
static inline uint8_t sip_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}
/* Value of a hexadecimal digit, or -1. */
static inline int sip_hex(uint8_t c)
{
    if (sip_is_digit(c))
        return c - '0';
    c = sip_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Length of the run of such characters at the front. */
size_t sip_run(struct bytes b, uint8_t mask);
/* All of it such characters or %HH escapes; an empty view is fine. */
bool sip_run_escaped(struct bytes b, uint8_t mask);
