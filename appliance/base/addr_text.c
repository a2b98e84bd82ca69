/* Addresses as text: RFC 4291 section 2.2 in, RFC 5952 out, scopes as in RFC 4007 section 11 (numbers only).
 * Declared in addr.h. */
#include "appliance/base/addr.h"
#include <arpa/inet.h>
#include <string.h>

static bool parse_v4(struct bytes text, struct addr *out)
{
    char ip[INET_ADDRSTRLEN];
    if (!bytes_to_str(text, ip, sizeof ip) || inet_pton(AF_INET, ip, out->ip) != 1)
        return false;
    out->family = ADDR_V4;
    return true;
}

/* With or without "%scope", no brackets. */
static bool parse_v6(struct bytes text, struct addr *out)
{
    char ip[INET6_ADDRSTRLEN];
    size_t percent = bytes_find_byte(text, '%');
    if (percent != BYTES_NOT_FOUND && !bytes_u32(bytes_skip(text, percent + 1), &out->scope))
        return false;
    if (!bytes_to_str(bytes_first(text, percent), ip, sizeof ip) || inet_pton(AF_INET6, ip, out->ip) != 1)
        return false;
    out->family = ADDR_V6;
    return true;
}

static bool parse_port(struct bytes text, uint16_t *out)
{
    uint32_t port;
    if (text.n > 5 || !bytes_u32(text, &port) || port > UINT16_MAX)
        return false;
    *out = (uint16_t)port;
    return true;
}

static bool parse_bracketed(struct bytes text, struct addr *out)
{
    size_t close = bytes_find_byte(text, ']');
    if (close == BYTES_NOT_FOUND || !parse_v6(bytes_first(bytes_skip(text, 1), close - 1), out))
        return false;
    struct bytes rest = bytes_skip(text, close + 1);
    if (rest.n == 0)
        return true;
    return rest.p[0] == ':' && parse_port(bytes_skip(rest, 1), &out->port);
}

static bool parse(struct bytes text, struct addr *a)
{
    if (text.n > 0 && text.p[0] == '[')
        return parse_bracketed(text, a);
    size_t colon = bytes_find_byte(text, ':');
    if (colon == BYTES_NOT_FOUND)
        return parse_v4(text, a);
    struct bytes after = bytes_skip(text, colon + 1);
    if (bytes_find_byte(after, ':') != BYTES_NOT_FOUND)
        return parse_v6(text, a); /* two colons: bare IPv6, which can have no port */
    return parse_v4(bytes_first(text, colon), a) && parse_port(after, &a->port);
}

bool addr_parse(struct bytes text, uint16_t default_port, struct addr *out)
{
    struct addr a = {.port = default_port};
    if (!parse(text, &a))
        return false;
    *out = a;
    return true;
}

static char *put_uint(char *to, uint32_t v)
{
    char digits[10];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    while (n > 0)
        *to++ = digits[--n];
    return to;
}

static char *put_v4(char *to, const uint8_t ip[static 4])
{
    for (int i = 0; i < 4; i++) {
        if (i > 0)
            *to++ = '.';
        to = put_uint(to, ip[i]);
    }
    return to;
}

/* RFC 5952 section 4.3: lower case; 4.1: no leading zeros. */
static char *put_group(char *to, unsigned v)
{
    static const char hex[] = "0123456789abcdef";
    bool started = false;
    for (int shift = 12; shift >= 0; shift -= 4) {
        unsigned digit = v >> shift & 15;
        started = started || digit != 0 || shift == 0;
        if (started)
            *to++ = hex[digit];
    }
    return to;
}

struct run {
    size_t at, len;
};

/* RFC 5952 section 4.2: the longest run of zero groups, the first of equals, never a single group. */
static struct run longest_zeros(const uint8_t ip[static 16], size_t groups)
{
    struct run best = {SIZE_MAX, 1}, now = {0, 0};
    for (size_t i = 0; i < groups; i++) {
        if (ip[2 * i] != 0 || ip[2 * i + 1] != 0) {
            now = (struct run){i + 1, 0};
            continue;
        }
        now.len++;
        if (now.len > best.len)
            best = now;
    }
    return best;
}

static char *put_groups(char *to, const uint8_t ip[static 16], size_t groups)
{
    struct run zeros = longest_zeros(ip, groups);
    for (size_t i = 0; i < groups;) {
        if (i == zeros.at) {
            *to++ = ':';
            *to++ = ':';
            i += zeros.len;
            continue;
        }
        if (i > 0 && to[-1] != ':')
            *to++ = ':';
        to = put_group(to, (unsigned)ip[2 * i] << 8 | ip[2 * i + 1]);
        i++;
    }
    return to;
}

static char *put_v6(char *to, const struct addr *a)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (memcmp(a->ip, mapped, sizeof mapped) == 0) { /* RFC 5952 section 5: a known prefix is mixed */
        to = put_groups(to, a->ip, 6);
        *to++ = ':';
        to = put_v4(to, a->ip + 12);
    } else {
        to = put_groups(to, a->ip, 8);
    }
    if (a->scope != 0) {
        *to++ = '%';
        to = put_uint(to, a->scope);
    }
    return to;
}

static char *put_ip(char *to, const struct addr *a)
{
    if (a->family == ADDR_V4)
        return put_v4(to, a->ip);
    if (a->family == ADDR_V6)
        return put_v6(to, a);
    *to++ = '-';
    return to;
}

size_t addr_format_ip(const struct addr *a, char dst[static ADDR_TEXT])
{
    char *end = put_ip(dst, a);
    *end = '\0';
    return (size_t)(end - dst);
}

size_t addr_format(const struct addr *a, char dst[static ADDR_TEXT])
{
    if (a->family != ADDR_V4 && a->family != ADDR_V6)
        return addr_format_ip(a, dst);
    char *to = dst;
    if (a->family == ADDR_V6)
        *to++ = '[';
    to = put_ip(to, a);
    if (a->family == ADDR_V6)
        *to++ = ']';
    *to++ = ':';
    to = put_uint(to, a->port);
    *to = '\0';
    return (size_t)(to - dst);
}
