/* FINGERPRINT (RFC 8489 14.7): the CRC-32 of ITU V.42 over the message in front of it, XOR "STUN". */
#include "modules/stun/stun.h"

#define FINGERPRINT_XOR 0x5354554Eu

/* The reflected polynomial 0xEDB88320, four bits at a time. */
static const uint32_t crc_nibble[16] = {
    0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
    0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C, 0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C,
};

static uint32_t crc_feed(uint32_t crc, struct bytes b)
{
    for (size_t i = 0; i < b.n; i++) {
        crc = crc_nibble[(crc ^ b.p[i]) & 15] ^ crc >> 4;
        crc = crc_nibble[(crc ^ b.p[i] >> 4) & 15] ^ crc >> 4;
    }
    return crc;
}

/* The length in the header must count the attribute itself. */
static uint32_t fingerprint(const uint8_t *raw, size_t at)
{
    uint8_t head[4] = {raw[0], raw[1]};
    store_u16(head + 2, (uint16_t)(at + STUN_ATTR_HEADER + 4 - STUN_HEADER));
    uint32_t crc = crc_feed(0xFFFFFFFFu, bytes_of(head, sizeof(head)));
    crc = crc_feed(crc, bytes_of(raw + sizeof(head), at - sizeof(head)));
    return ~crc ^ FINGERPRINT_XOR;
}

bool stun_fingerprint_ok(const struct stun_message *m)
{
    size_t at = m->fingerprint_at;
    if (!at)
        return true;
    /* It must be the last attribute, and four bytes. */
    if (load_u16(m->raw.p + at + 2) != 4 || at + STUN_ATTR_HEADER + 4 != m->raw.n)
        return false;
    return load_u32(m->raw.p + at + STUN_ATTR_HEADER) == fingerprint(m->raw.p, at);
}

void stun_put_fingerprint(struct stun_writer *w)
{
    if (!w->out.full)
        stun_put_u32(w, STUN_A_FINGERPRINT, fingerprint(w->out.start, wire_len(&w->out)));
}
