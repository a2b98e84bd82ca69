/* Addresses in attributes: XOR-MAPPED-ADDRESS and its likes (RFC 8489 14.1 and 14.2). */
#include "modules/stun/stun.h"
#include <string.h>

/* The pad: magic cookie, then the transaction id. IPv4 uses the first 4 bytes, the port the first 2. */
static void xor_pad(uint8_t pad[static 16], const uint8_t *id)
{
    store_u32(pad, STUN_MAGIC);
    memcpy(pad + 4, id, STUN_ID);
}

bool stun_address_decode(struct bytes value, struct addr *out)
{
    struct wire_in in = wire_in(value);
    wire_u8(&in);
    uint8_t family = wire_u8(&in);
    struct addr a = {.port = wire_u16(&in)};
    if (family == STUN_FAMILY_V4)
        a.family = ADDR_V4;
    else if (family == STUN_FAMILY_V6)
        a.family = ADDR_V6;
    else
        return false;
    struct bytes ip = wire_bytes(&in, addr_ip_len(&a));
    if (in.bad || wire_left(&in))
        return false;
    memcpy(a.ip, ip.p, ip.n);
    *out = a;
    return true;
}

bool stun_xor_decode(struct bytes value, const uint8_t *id, struct addr *out)
{
    uint8_t pad[16];
    if (!stun_address_decode(value, out))
        return false;
    xor_pad(pad, id);
    out->port = (uint16_t)(out->port ^ load_u16(pad));
    for (size_t i = 0; i < addr_ip_len(out); i++)
        out->ip[i] ^= pad[i];
    return true;
}

static void put_address(struct stun_writer *w, uint16_t type, const struct addr *a, const uint8_t pad[16])
{
    uint8_t v[20] = {0};
    size_t n = addr_ip_len(a);
    v[1] = a->family == ADDR_V6 ? STUN_FAMILY_V6 : STUN_FAMILY_V4;
    store_u16(v + 2, (uint16_t)(a->port ^ load_u16(pad)));
    for (size_t i = 0; i < n; i++)
        v[4 + i] = a->ip[i] ^ pad[i];
    stun_put(w, type, bytes_of(v, 4 + n));
}

void stun_put_address(struct stun_writer *w, uint16_t type, const struct addr *a)
{
    static const uint8_t plain[16];
    put_address(w, type, a, plain);
}

void stun_put_xor(struct stun_writer *w, uint16_t type, const struct addr *a)
{
    uint8_t pad[16];
    /* The id stands in what is written already. */
    if (w->out.full)
        return;
    xor_pad(pad, w->out.start + 8);
    put_address(w, type, a, pad);
}
