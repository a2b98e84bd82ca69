/* The writing half (RFC 8489 5 and 14). */
#include "modules/stun/stun.h"
#include <string.h>

uint16_t stun_type(enum stun_class class, uint16_t method)
{
    unsigned c = class, m = method;
    return (uint16_t)((m & 0x00F) | (m & 0x070) << 1 | (m & 0xF80) << 2 | (c & 1) << 4 | (c & 2) << 7);
}

void stun_begin(struct stun_writer *w, void *mem, size_t cap, uint16_t type, const uint8_t *id)
{
    *w = (struct stun_writer){.out = wire_out(mem, cap)};
    wire_put_u16(&w->out, type);
    wire_put_u16(&w->out, 0);
    wire_put_u32(&w->out, STUN_MAGIC);
    wire_put_bytes(&w->out, bytes_of(id, STUN_ID));
}

void stun_put(struct stun_writer *w, uint16_t type, struct bytes value)
{
    if (value.n > UINT16_MAX) {
        w->out.full = true;
        return;
    }
    wire_put_u16(&w->out, type);
    wire_put_u16(&w->out, (uint16_t)value.n);
    wire_put_bytes(&w->out, value);
    wire_put_zeros(&w->out, -value.n & 3);
}

void stun_put_u32(struct stun_writer *w, uint16_t type, uint32_t v)
{
    uint8_t b[4];
    store_u32(b, v);
    stun_put(w, type, bytes_of(b, sizeof(b)));
}

void stun_put_byte(struct stun_writer *w, uint16_t type, uint8_t v)
{
    stun_put_u32(w, type, (uint32_t)v << 24);
}

void stun_put_channel(struct stun_writer *w, uint16_t number)
{
    stun_put_u32(w, STUN_A_CHANNEL_NUMBER, (uint32_t)number << 16);
}

void stun_put_error(struct stun_writer *w, unsigned code)
{
    uint8_t v[64] = {0};
    size_t n = strnlen(stun_reason(code), sizeof(v) - 4);
    v[2] = (uint8_t)(code / 100);
    v[3] = (uint8_t)(code % 100);
    memcpy(v + 4, stun_reason(code), n);
    stun_put(w, STUN_A_ERROR_CODE, bytes_of(v, 4 + n));
}

void stun_put_unknown(struct stun_writer *w, const uint16_t *types, size_t n)
{
    wire_put_u16(&w->out, STUN_A_UNKNOWN_ATTRIBUTES);
    wire_put_u16(&w->out, (uint16_t)(2 * n));
    for (size_t i = 0; i < n; i++)
        wire_put_u16(&w->out, types[i]);
    wire_put_zeros(&w->out, n & 1 ? 2 : 0);
}

size_t stun_end(struct stun_writer *w)
{
    size_t n = wire_len(&w->out);
    if (w->out.full || n < STUN_HEADER || n > STUN_MESSAGE_MAX)
        return 0;
    store_u16(w->out.start + 2, (uint16_t)(n - STUN_HEADER));
    return n;
}

size_t stun_indication_head(uint8_t *payload, size_t n, uint16_t method, const struct addr *peer,
                            const uint8_t *id)
{
    size_t head = STUN_HEADER + STUN_ATTR_HEADER + 4 + addr_ip_len(peer) + STUN_ATTR_HEADER;
    size_t total = head + ((n + 3) & ~(size_t)3);
    struct stun_writer w;
    if (n > UINT16_MAX || total > STUN_MESSAGE_MAX)
        return 0;
    stun_begin(&w, payload - head, head, stun_type(STUN_INDICATION, method), id);
    stun_put_xor(&w, STUN_A_XOR_PEER_ADDRESS, peer);
    wire_put_u16(&w.out, STUN_A_DATA);
    wire_put_u16(&w.out, (uint16_t)n);
    store_u16(payload - head + 2, (uint16_t)(total - STUN_HEADER));
    return w.out.full ? 0 : head;
}

static const struct {
    unsigned code;
    const char *reason;
} reasons[] = {
    {300, "Try Alternate"},
    {400, "Bad Request"},
    {401, "Unauthenticated"},
    {403, "Forbidden"},
    {405, "Mobility Forbidden"}, /* RFC 8016 3.4 */
    {420, "Unknown Attribute"},
    {437, "Allocation Mismatch"},
    {438, "Stale Nonce"},
    {440, "Address Family not Supported"},
    {441, "Wrong Credentials"},
    {442, "Unsupported Transport Protocol"},
    {443, "Peer Address Family Mismatch"},
    {446, "Connection Already Exists"},
    {447, "Connection Timeout or Failure"},
    {486, "Allocation Quota Reached"},
    {500, "Server Error"},
    {508, "Insufficient Capacity"},
};

const char *stun_reason(unsigned code)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].code == code)
            return reasons[i].reason;
    return "";
}
