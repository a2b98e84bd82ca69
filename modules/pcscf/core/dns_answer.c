#include "modules/pcscf/core/dns_answer.h"
#include "appliance/base/wire.h"

#define CLASS_IN       1
#define LABEL_MAX      63
#define JUMPS_MAX      16         /* of a compressed name (RFC 1035 4.1.4) */
#define TTL_MAX        0x7fffffff /* RFC 2181 8 */
#define RCODE_NXDOMAIN 3

/* Letters, digits, '-' and '_': what names of hosts and services are made of. Anything else would go into
 * log lines and certificate checks. */
static bool is_host_byte(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool add_label(char *dst, size_t *n, const uint8_t *label, size_t len)
{
    if (*n + len + 2 > CORE_NAME_MAX)
        return false;
    if (*n)
        dst[(*n)++] = '.';
    for (size_t i = 0; i < len; i++) {
        if (!is_host_byte(label[i]))
            return false;
        dst[(*n)++] = (char)(label[i] >= 'A' && label[i] <= 'Z' ? label[i] + 32 : label[i]);
    }
    return true;
}

/* Reads a name at *in, which may point back into the message; dst NULL skips it. */
static bool read_name(struct bytes message, struct wire_in *in, char *dst)
{
    struct wire_in at = *in;
    size_t n = 0;
    bool jumped = false;
    for (unsigned jumps = 0; jumps <= JUMPS_MAX;) {
        uint8_t len = wire_u8(&at);
        if (at.bad || (len > LABEL_MAX && len < 0xc0))
            return false;
        if (len >= 0xc0) {
            size_t to = (size_t)(len & 0x3f) << 8 | wire_u8(&at);
            if (!jumped)
                *in = at;
            jumped = true;
            jumps++;
            if (at.bad || to >= message.n)
                return false;
            at = wire_in(bytes_skip(message, to));
            continue;
        }
        const uint8_t *label = wire_next(&at, len);
        if (!label || (dst && len && !add_label(dst, &n, label, len)))
            return false;
        if (len)
            continue;
        if (!jumped)
            *in = at;
        if (dst)
            dst[n] = '\0';
        return true;
    }
    return false;
}

/* A <character-string>; one that does not fit is none of ours and becomes "". */
static void read_string(struct wire_in *in, char *dst, size_t cap)
{
    uint8_t n = wire_u8(in);
    if (!bytes_to_str(wire_bytes(in, n), dst, cap))
        dst[0] = '\0';
}

static bool read_address(struct wire_in *in, size_t n, struct dns_record *r)
{
    const uint8_t *p = wire_next(in, n);
    if (!p || wire_left(in))
        return false;
    r->addr.family = n == 4 ? ADDR_V4 : ADDR_V6;
    memcpy(r->addr.ip, p, n);
    return true;
}

static bool read_naptr(struct bytes message, struct wire_in *in, struct dns_record *r)
{
    r->priority = wire_u16(in);
    r->weight = wire_u16(in);
    read_string(in, r->flags, sizeof(r->flags));
    read_string(in, r->service, sizeof(r->service));
    wire_next(in, wire_u8(in)); /* a regular expression has no place here (RFC 3263 4.1) */
    return read_name(message, in, r->target);
}

/* in: the record's data alone, of which names may point back into the message. */
static bool read_data(struct bytes message, struct wire_in *in, enum dns_type type, struct dns_record *r)
{
    switch (type) {
    case DNS_A:
        return read_address(in, 4, r);
    case DNS_AAAA:
        return read_address(in, 16, r);
    case DNS_SRV:
        r->priority = wire_u16(in);
        r->weight = wire_u16(in);
        r->port = wire_u16(in);
        return read_name(message, in, r->target);
    case DNS_NAPTR:
        return read_naptr(message, in, r);
    case DNS_CNAME:
        break;
    }
    return false;
}

static void count_ttl(struct dns_answer *out, uint32_t ttl)
{
    ttl = ttl > TTL_MAX ? 0 : ttl;
    out->ttl = ttl < out->ttl ? ttl : out->ttl;
}

/* False: the message is cut or nonsense. */
static bool read_record(struct bytes message, struct wire_in *in, enum dns_type wanted,
                        struct dns_answer *out)
{
    if (!read_name(message, in, NULL))
        return false;
    uint16_t type = wire_u16(in), class = wire_u16(in);
    uint32_t ttl = wire_u32(in);
    struct bytes data = wire_bytes(in, wire_u16(in));
    if (in->bad)
        return false;
    if (class != CLASS_IN || (type != wanted && type != DNS_CNAME))
        return true;
    if (type == DNS_CNAME) {
        count_ttl(out, ttl);
        return true;
    }
    if (out->n == DNS_RECORDS_MAX)
        return true;
    struct dns_record r = {0};
    struct wire_in inner = wire_in(data);
    if (!read_data(message, &inner, wanted, &r) || inner.bad)
        return true; /* one that we cannot use is no reason to lose the others */
    count_ttl(out, ttl);
    out->records[out->n++] = r;
    return true;
}

static void fail(struct dns_answer *out, const char *why)
{
    out->n = 0;
    out->ttl = 0;
    out->verdict = DNS_FAILED;
    out->why = why;
}

static const char *const rcodes[16] = {[1] = "the server did not understand the question",
                                       [2] = "the server failed",
                                       [4] = "the server does not do that",
                                       [5] = "the server refused"};

void dns_answer_parse(struct bytes message, enum dns_type type, struct dns_answer *out)
{
    struct wire_in in = wire_in(message);
    *out = (struct dns_answer){.ttl = UINT32_MAX};
    wire_u16(&in);
    uint16_t flags = wire_u16(&in);
    uint16_t questions = wire_u16(&in), answers = wire_u16(&in);
    wire_u32(&in);
    if (in.bad || !(flags & 0x8000)) {
        fail(out, "no DNS response");
        return;
    }
    if ((flags & 15) && (flags & 15) != RCODE_NXDOMAIN) {
        fail(out, rcodes[flags & 15] ? rcodes[flags & 15] : "the server said an unknown error");
        return;
    }
    bool good = true;
    for (uint16_t i = 0; good && i < questions; i++)
        good = read_name(message, &in, NULL) && wire_next(&in, 4);
    for (uint16_t i = 0; good && i < answers; i++)
        good = read_record(message, &in, type, out);
    if (!good)
        fail(out, "a response that cannot be read");
    else
        out->verdict = out->n ? DNS_OK : DNS_EMPTY;
    if (!out->n)
        out->ttl = 0;
}
