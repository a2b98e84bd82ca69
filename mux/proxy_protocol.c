#include "mux/proxy_protocol.h"
#include "appliance/base/wire.h"
#include <string.h>

#define V1_MAX 107

static const struct bytes v2_signature = {(const uint8_t *)"\r\n\r\n\0\r\nQUIT\n", 12};

/* v1: one word up to the next space, which must be there. */
static bool next_word(struct bytes *rest, struct bytes *word)
{
    return bytes_split(rest, ' ', word) && word->n > 0;
}

/* Section 2.1: no leading zeros in ports, no brackets or scopes around addresses. */
static bool v1_port(struct bytes text, uint16_t *out)
{
    uint32_t n;
    if (text.n > 5 || (text.n > 1 && text.p[0] == '0') || !bytes_u32(text, &n) || n > 65535)
        return false;
    *out = (uint16_t)n;
    return true;
}

static bool v1_ip(struct bytes text, enum addr_family family, struct addr *out)
{
    if (bytes_find_byte(text, '[') != BYTES_NOT_FOUND || bytes_find_byte(text, '%') != BYTES_NOT_FOUND)
        return false;
    return addr_parse(text, 0, out) && out->family == family && out->port == 0;
}

static bool v1_addresses(struct bytes rest, enum addr_family family, struct proxy_header *out)
{
    struct bytes source, destination, source_port, destination_port;
    if (!next_word(&rest, &source) || !next_word(&rest, &destination) || !next_word(&rest, &source_port))
        return false;
    destination_port = rest;
    out->has_addresses = true;
    return v1_ip(source, family, &out->source) && v1_ip(destination, family, &out->destination) &&
           v1_port(source_port, &out->source.port) && v1_port(destination_port, &out->destination.port);
}

static bool v1_line(struct bytes line, struct proxy_header *out)
{
    struct bytes protocol;
    line = bytes_skip(line, 6);
    if (!bytes_split(&line, ' ', &protocol))
        return false;
    if (bytes_eq(protocol, BYTES("UNKNOWN")))
        return true; /* what follows is to be ignored */
    if (bytes_eq(protocol, BYTES("TCP4")))
        return v1_addresses(line, ADDR_V4, out);
    return bytes_eq(protocol, BYTES("TCP6")) && v1_addresses(line, ADDR_V6, out);
}

static enum proxy_verdict v1_parse(struct bytes in, struct proxy_header *out)
{
    size_t end = bytes_find(bytes_first(in, V1_MAX), BYTES("\r\n"));
    if (end == BYTES_NOT_FOUND)
        return in.n >= V1_MAX ? PROXY_BAD : PROXY_MORE;
    out->length = end + 2;
    return v1_line(bytes_first(in, end), out) ? PROXY_DONE : PROXY_BAD;
}

/* A v4-mapped address is IPv4, as it is from the kernel. */
static struct addr v2_addr(struct wire_in *in, size_t n)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct addr a = {.family = n == 4 ? ADDR_V4 : ADDR_V6};
    struct bytes ip = wire_bytes(in, n);
    if (ip.n == 16 && memcmp(ip.p, mapped, sizeof mapped) == 0) {
        a.family = ADDR_V4;
        ip = bytes_skip(ip, 12);
    }
    if (ip.n)
        memcpy(a.ip, ip.p, ip.n);
    return a;
}

/* Section 2.2: families 1 and 2 are IPv4 and IPv6; anything else is "keep the socket's addresses". */
static bool v2_addresses(uint8_t family, struct bytes body, struct proxy_header *out)
{
    size_t n = family >> 4 == 1 ? 4 : family >> 4 == 2 ? 16 : 0;
    if ((family >> 4) > 3 || (family & 15) > 2)
        return false;
    if (n == 0 || (family & 15) == 0)
        return true;
    struct wire_in in = wire_in(body);
    out->source = v2_addr(&in, n);
    out->destination = v2_addr(&in, n);
    out->source.port = wire_u16(&in);
    out->destination.port = wire_u16(&in);
    out->has_addresses = true;
    return !in.bad;
}

static enum proxy_verdict v2_parse(struct bytes in, struct proxy_header *out)
{
    if (in.n < 16)
        return PROXY_MORE;
    uint8_t command = in.p[12];
    size_t length = load_u16(in.p + 14);
    if (command != 0x20 && command != 0x21)
        return PROXY_BAD;
    if (16 + length > PROXY_HEADER_MAX)
        return PROXY_BAD;
    if (in.n < 16 + length)
        return PROXY_MORE;
    out->length = 16 + length;
    if (command == 0x20) /* LOCAL: the balancer itself, e.g. its health check */
        return PROXY_DONE;
    return v2_addresses(in.p[13], bytes_of(in.p + 16, length), out) ? PROXY_DONE : PROXY_BAD;
}

static bool begins(struct bytes in, struct bytes signature)
{
    return bytes_eq(bytes_first(in, signature.n), bytes_first(signature, in.n));
}

enum proxy_verdict proxy_parse(struct bytes in, struct proxy_header *out)
{
    *out = (struct proxy_header){0};
    if (begins(in, v2_signature))
        return v2_parse(in, out);
    if (begins(in, BYTES("PROXY ")))
        return v1_parse(in, out);
    return PROXY_BAD;
}

bool proxy_looks_like(struct bytes in)
{
    return bytes_starts(in, v2_signature) || bytes_starts(in, BYTES("PROXY "));
}
