#include "appliance/base/bytes.h"
#include <openssl/crypto.h>

struct bytes bytes_str(const char *s)
{
    return s ? bytes_of(s, strlen(s)) : BYTES_NONE;
}

static inline uint8_t lower(uint8_t c)
{
    return (uint8_t)(c - 'A') < 26 ? (uint8_t)(c | 0x20) : c;
}

bool bytes_ieq(struct bytes a, struct bytes b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++) {
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    }
    return true;
}

bool bytes_starts(struct bytes b, struct bytes prefix)
{
    return b.n >= prefix.n && bytes_eq(bytes_first(b, prefix.n), prefix);
}

bool bytes_istarts(struct bytes b, struct bytes prefix)
{
    return b.n >= prefix.n && bytes_ieq(bytes_first(b, prefix.n), prefix);
}

bool bytes_eq_secret(struct bytes a, struct bytes b)
{
    return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}

static inline bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct bytes bytes_trim(struct bytes b)
{
    while (b.n > 0 && is_space(b.p[0]))
        b = bytes_skip(b, 1);
    while (b.n > 0 && is_space(b.p[b.n - 1]))
        b.n--;
    return b;
}

size_t bytes_find_byte(struct bytes b, uint8_t c)
{
    const uint8_t *at = b.n > 0 ? memchr(b.p, c, b.n) : NULL;
    return at ? (size_t)(at - b.p) : BYTES_NOT_FOUND;
}

size_t bytes_find(struct bytes b, struct bytes needle)
{
    if (needle.n == 0)
        return 0;
    if (b.n < needle.n)
        return BYTES_NOT_FOUND;
    const uint8_t *at = memmem(b.p, b.n, needle.p, needle.n);
    return at ? (size_t)(at - b.p) : BYTES_NOT_FOUND;
}

bool bytes_split(struct bytes *rest, uint8_t sep, struct bytes *item)
{
    if (rest->n == 0)
        return false;
    size_t at = bytes_find_byte(*rest, sep);
    if (at == BYTES_NOT_FOUND) {
        *item = *rest;
        *rest = bytes_skip(*rest, rest->n);
        return true;
    }
    *item = bytes_first(*rest, at);
    *rest = bytes_skip(*rest, at + 1);
    return true;
}

bool bytes_u64(struct bytes b, uint64_t *out)
{
    if (b.n == 0)
        return false;
    uint64_t v = 0;
    for (size_t i = 0; i < b.n; i++) {
        unsigned digit = (unsigned)b.p[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, digit, &v))
            return false;
    }
    *out = v;
    return true;
}

bool bytes_u32(struct bytes b, uint32_t *out)
{
    uint64_t v;
    if (!bytes_u64(b, &v) || v > UINT32_MAX)
        return false;
    *out = (uint32_t)v;
    return true;
}

struct bytes bytes_keep(uint8_t **at, struct bytes b)
{
    struct bytes kept = bytes_of(*at, b.n);
    if (b.n)
        memcpy(*at, b.p, b.n);
    *at += b.n;
    return kept;
}

bool bytes_to_str(struct bytes b, char *dst, size_t cap)
{
    if (cap == 0)
        return false;
    dst[0] = '\0';
    if (b.n >= cap || bytes_find_byte(b, 0) != BYTES_NOT_FOUND)
        return false;
    if (b.n > 0)
        memcpy(dst, b.p, b.n);
    dst[b.n] = '\0';
    return true;
}
