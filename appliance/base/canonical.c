/* Where an address in the end leads: the IPv4 addresses hidden in IPv6 ones. A stranger who may not send to
 * 127.0.0.1 must not reach it as ::ffff:127.0.0.1 or through a tunnel. Declared in addr.h. */
#include "appliance/base/addr.h"
#include <string.h>

static bool zeros(const uint8_t *p, size_t n)
{
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++)
        any |= p[i];
    return any == 0;
}

/* ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2), ::a.b.c.d (2.5.5.1) and ::, but not ::1. */
static bool from_low_96(const uint8_t ip[static 16], uint8_t out[static 4])
{
    if (!zeros(ip, 10))
        return false;
    bool mapped = ip[10] == 0xff && ip[11] == 0xff;
    bool compatible = zeros(ip + 10, 2) && !(zeros(ip + 12, 3) && ip[15] == 1);
    if (mapped || compatible)
        memcpy(out, ip + 12, 4);
    return mapped || compatible;
}

/* RFC 3056 section 2: 2002:V4ADDR::/48. */
static bool from_6to4(const uint8_t ip[static 16], uint8_t out[static 4])
{
    if (ip[0] != 0x20 || ip[1] != 0x02)
        return false;
    memcpy(out, ip + 2, 4);
    return true;
}

/* RFC 4380 section 4: 2001:0::/32, server, flags, port, and the client's address with every bit turned. */
static bool from_teredo(const uint8_t ip[static 16], uint8_t out[static 4])
{
    static const uint8_t prefix[4] = {0x20, 0x01, 0, 0};
    if (memcmp(ip, prefix, sizeof prefix) != 0)
        return false;
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)~ip[12 + i];
    return true;
}

/* The network-specific layouts of RFC 6052 section 2.2 (octet 8 is skipped): what is left of the address
 * behind the IPv4 one is zero, and that tells a /48, /56 or /64 prefix from a /96. */
static void from_local_nat64(const uint8_t ip[static 16], uint8_t out[static 4])
{
    static const uint8_t layouts[4][4] = {{6, 7, 9, 10}, {7, 9, 10, 11}, {9, 10, 11, 12}, {12, 13, 14, 15}};
    unsigned which = 3;
    if (zeros(ip + 13, 3) && ip[8] == 0)
        which = ip[12] != 0 ? 2 : ip[11] != 0 ? 1 : 0;
    for (int i = 0; i < 4; i++)
        out[i] = ip[layouts[which][i]];
}

/* 64:ff9b::/96 (RFC 6052 section 2.1) and 64:ff9b:1::/48 (RFC 8215). */
static bool from_nat64(const uint8_t ip[static 16], uint8_t out[static 4])
{
    static const uint8_t prefix[4] = {0x00, 0x64, 0xff, 0x9b};
    if (memcmp(ip, prefix, sizeof prefix) != 0)
        return false;
    if (zeros(ip + 4, 8)) {
        memcpy(out, ip + 12, 4);
        return true;
    }
    if (ip[4] != 0 || ip[5] != 1)
        return false;
    from_local_nat64(ip, out);
    return true;
}

/* RFC 5214 section 6.1: any prefix, then [00|02]00:5efe and the address. */
static bool from_isatap(const uint8_t ip[static 16], uint8_t out[static 4])
{
    if ((ip[8] & 0xfd) != 0 || ip[9] != 0 || ip[10] != 0x5e || ip[11] != 0xfe)
        return false;
    memcpy(out, ip + 12, 4);
    return true;
}

struct addr addr_canonical(const struct addr *a)
{
    struct addr inner = {.family = ADDR_V4, .port = a->port};
    if (a->family != ADDR_V6)
        return *a;
    /* ISATAP last: in a 6to4 or Teredo network the outer tunnel is what we would send to. */
    if (from_low_96(a->ip, inner.ip) || from_6to4(a->ip, inner.ip) || from_teredo(a->ip, inner.ip) ||
        from_nat64(a->ip, inner.ip) || from_isatap(a->ip, inner.ip))
        return inner;
    return *a;
}
