/* Hexadecimal and base64url, RFC 4648 sections 8 and 5. Declared in bytes.h. */
#include "appliance/base/bytes.h"

size_t bytes_to_hex(struct bytes b, char *dst, size_t cap)
{
    static const char digits[] = "0123456789abcdef";
    if (cap == 0 || b.n > (cap - 1) / 2) {
        if (cap > 0)
            dst[0] = '\0';
        return 0;
    }
    for (size_t i = 0; i < b.n; i++) {
        dst[2 * i] = digits[b.p[i] >> 4];
        dst[2 * i + 1] = digits[b.p[i] & 15];
    }
    dst[2 * b.n] = '\0';
    return 2 * b.n;
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t bytes_from_hex(struct bytes text, uint8_t *dst, size_t cap)
{
    if (text.n % 2 != 0 || text.n / 2 > cap)
        return BYTES_NOT_FOUND;
    for (size_t i = 0; i < text.n / 2; i++) {
        int high = hex_value(text.p[2 * i]);
        int low = hex_value(text.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return BYTES_NOT_FOUND;
        dst[i] = (uint8_t)(high << 4 | low);
    }
    return text.n / 2;
}

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* How many characters stand for n bytes, without padding. */
static size_t base64_len(size_t n)
{
    return n / 3 * 4 + (n % 3 ? n % 3 + 1 : 0);
}

size_t bytes_to_base64url(struct bytes b, char *dst, size_t cap)
{
    size_t len = b.n < SIZE_MAX / 2 ? base64_len(b.n) : SIZE_MAX;
    if (len >= cap) {
        if (cap > 0)
            dst[0] = '\0';
        return 0;
    }
    uint32_t bits = 0;
    unsigned have = 0;
    char *to = dst;
    for (size_t i = 0; i < b.n; i++) {
        bits = bits << 8 | b.p[i];
        for (have += 8; have >= 6; have -= 6)
            *to++ = base64_digits[bits >> (have - 6) & 63];
    }
    if (have > 0)
        *to++ = base64_digits[bits << (6 - have) & 63];
    *to = '\0';
    return len;
}

static int base64_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '-')
        return 62;
    return c == '_' ? 63 : -1;
}

size_t bytes_from_base64url(struct bytes text, uint8_t *dst, size_t cap)
{
    size_t n = text.n / 4 * 3 + (text.n % 4 ? text.n % 4 - 1 : 0);
    if (text.n % 4 == 1 || n > cap)
        return BYTES_NOT_FOUND;
    uint32_t bits = 0;
    unsigned have = 0;
    uint8_t *to = dst;
    for (size_t i = 0; i < text.n; i++) {
        int v = base64_value(text.p[i]);
        if (v < 0)
            return BYTES_NOT_FOUND;
        bits = bits << 6 | (uint32_t)v;
        have += 6;
        if (have >= 8) {
            have -= 8;
            *to++ = (uint8_t)(bits >> have);
        }
    }
    /* RFC 4648 section 3.5: the bits left over must be zero, else two texts would mean one value. */
    if ((bits & ((1u << have) - 1)) != 0)
        return BYTES_NOT_FOUND;
    return n;
}
