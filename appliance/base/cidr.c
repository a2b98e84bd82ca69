/* Networks. Declared in addr.h. */
#include "appliance/base/addr.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t mask_of(unsigned bits)
{
    return (uint8_t)(0xff00u >> bits);
}

static bool prefix_eq(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8;
    if (memcmp(a, b, whole) != 0)
        return false;
    return bits % 8 == 0 || ((a[whole] ^ b[whole]) & mask_of(bits % 8)) == 0;
}

static bool host_bits_zero(const struct cidr *c)
{
    unsigned at = c->bits / 8;
    if (c->bits % 8 != 0 && (c->net.ip[at] & (uint8_t)~mask_of(c->bits % 8)) != 0)
        return false;
    for (at += c->bits % 8 != 0; at < 16; at++) {
        if (c->net.ip[at] != 0)
            return false;
    }
    return true;
}

/* An address alone: no port, no brackets, no scope. */
static bool parse_net(struct bytes text, struct addr *out)
{
    bool v6 = bytes_find_byte(text, ':') != BYTES_NOT_FOUND;
    if (bytes_find_byte(text, '[') != BYTES_NOT_FOUND || bytes_find_byte(text, '%') != BYTES_NOT_FOUND)
        return false;
    return addr_parse(text, 0, out) && v6 == (out->family == ADDR_V6);
}

bool cidr_parse(struct bytes text, struct cidr *out)
{
    struct cidr c;
    size_t slash = bytes_find_byte(text, '/');
    if (!parse_net(bytes_first(text, slash), &c.net))
        return false;
    uint32_t full = (uint32_t)addr_ip_len(&c.net) * 8;
    uint32_t bits = full;
    if (slash != BYTES_NOT_FOUND) {
        struct bytes number = bytes_skip(text, slash + 1);
        if (number.n > 3 || !bytes_u32(number, &bits) || bits > full)
            return false;
    }
    c.bits = (uint8_t)bits;
    if (!host_bits_zero(&c))
        return false;
    *out = c;
    return true;
}

size_t cidr_format(const struct cidr *c, char dst[static ADDR_TEXT])
{
    size_t n = addr_format_ip(&c->net, dst);
    int more = snprintf(dst + n, ADDR_TEXT - n, "/%u", (unsigned)c->bits);
    return more > 0 ? n + (size_t)more : n;
}

bool cidr_has(const struct cidr *c, const struct addr *a)
{
    return a->family == c->net.family && prefix_eq(a->ip, c->net.ip, c->bits);
}

/* Where c belongs: longer prefixes stand in front, so that the first match is the longest. */
static size_t place_of(const struct cidr_set *s, const struct cidr *c)
{
    size_t at = 0;
    while (at < s->n && s->items[at].bits >= c->bits)
        at++;
    return at;
}

bool cidr_set_add(struct cidr_set *s, struct cidr c)
{
    if ((s->n & (s->n - 1)) == 0) { /* full at 0 and at every power of two */
        size_t cap = s->n > 0 ? s->n * 2 : 1;
        struct cidr *items = reallocarray(s->items, cap, sizeof *items);
        if (!items)
            return false;
        s->items = items;
    }
    size_t at = place_of(s, &c);
    memmove(s->items + at + 1, s->items + at, (s->n - at) * sizeof c);
    s->items[at] = c;
    s->n++;
    return true;
}

const struct cidr *cidr_set_match(const struct cidr_set *s, const struct addr *a)
{
    for (size_t i = 0; i < s->n; i++) {
        if (cidr_has(&s->items[i], a))
            return &s->items[i];
    }
    return NULL;
}

void cidr_set_fini(struct cidr_set *s)
{
    if (!s)
        return;
    free(s->items);
    *s = (struct cidr_set){0};
}
