/* The reading half: header and attribute walk (RFC 8489 5, 6.3 and 14). */
#include "modules/stun/stun.h"
#include <errno.h>

/* RFC 8489 5: the class bits sit at 4 and 8 of the 14 bit type. */
static enum stun_class class_of(uint16_t type)
{
    return (enum stun_class)((type >> 4 & 1) | (type >> 7 & 2));
}

static uint16_t method_of(uint16_t type)
{
    return (uint16_t)((type & 0x000F) | (type >> 1 & 0x0070) | (type >> 2 & 0x0F80));
}

/* Notes an integrity or fingerprint attribute; what it may follow is RFC 8489 14.5, 14.6 and 14.7. */
static void note_trailer(struct stun_message *m, uint16_t type, size_t at)
{
    bool before_fingerprint = !m->fingerprint_at;
    if (type == STUN_A_MESSAGE_INTEGRITY && before_fingerprint && !m->integrity_at && !m->integrity256_at)
        m->integrity_at = at;
    else if (type == STUN_A_MESSAGE_INTEGRITY_SHA256 && before_fingerprint && !m->integrity256_at)
        m->integrity256_at = at;
    else if (type == STUN_A_FINGERPRINT && before_fingerprint)
        m->fingerprint_at = at;
    else
        return;
    if (at < m->end)
        m->end = at;
}

static int walk(struct stun_message *m)
{
    struct wire_in in = wire_in(bytes_skip(m->raw, STUN_HEADER));
    while (wire_left(&in)) {
        size_t at = m->raw.n - wire_left(&in);
        uint16_t type = wire_u16(&in);
        size_t n = wire_u16(&in);
        wire_bytes(&in, (n + 3) & ~(size_t)3);
        if (in.bad)
            return -EBADMSG;
        note_trailer(m, type, at);
    }
    return 0;
}

int stun_read(struct bytes b, struct stun_message *m)
{
    struct wire_in in = wire_in(b);
    uint16_t type = wire_u16(&in);
    uint16_t length = wire_u16(&in);
    uint32_t magic = wire_u32(&in);
    struct bytes id = wire_bytes(&in, STUN_ID);
    if (in.bad || type & 0xC000 || magic != STUN_MAGIC || length & 3 || wire_left(&in) != length)
        return -EBADMSG;
    *m = (struct stun_message){
        .raw = b, .class = class_of(type), .method = method_of(type), .id = id.p, .end = b.n};
    return walk(m);
}

bool stun_next(const struct stun_message *m, size_t *cursor, struct stun_attr *out)
{
    size_t at = *cursor ? *cursor : STUN_HEADER;
    if (at >= m->end)
        return false;
    struct wire_in in = wire_in(bytes_skip(m->raw, at));
    out->type = wire_u16(&in);
    size_t n = wire_u16(&in);
    out->value = wire_bytes(&in, n);
    *cursor = at + STUN_ATTR_HEADER + ((n + 3) & ~(size_t)3);
    return !in.bad;
}

bool stun_find(const struct stun_message *m, uint16_t type, struct bytes *value)
{
    struct stun_attr a;
    for (size_t cursor = 0; stun_next(m, &cursor, &a);) {
        if (a.type == type) {
            *value = a.value;
            return true;
        }
    }
    return false;
}

bool stun_has(const struct stun_message *m, uint16_t type)
{
    struct bytes v;
    return stun_find(m, type, &v);
}

bool stun_find_u32(const struct stun_message *m, uint16_t type, uint32_t *out)
{
    struct bytes v;
    if (!stun_find(m, type, &v) || v.n != 4)
        return false;
    *out = load_u32(v.p);
    return true;
}

bool stun_find_byte(const struct stun_message *m, uint16_t type, uint8_t *out)
{
    struct bytes v;
    if (!stun_find(m, type, &v) || v.n != 4)
        return false;
    *out = v.p[0];
    return true;
}

bool stun_find_xor(const struct stun_message *m, uint16_t type, struct addr *out)
{
    struct bytes v;
    return stun_find(m, type, &v) && stun_xor_decode(v, m->id, out);
}

unsigned stun_error_code(const struct stun_message *m, struct bytes *reason)
{
    struct bytes v;
    if (!stun_find(m, STUN_A_ERROR_CODE, &v) || v.n < 4)
        return 0;
    unsigned class = v.p[2] & 7u, number = v.p[3];
    /* RFC 8489 14.8: 3 to 6, and 0 to 99. */
    if (class < 3 || class > 6 || number > 99)
        return 0;
    if (reason)
        *reason = bytes_skip(v, 4);
    return class * 100 + number;
}

static bool among(const uint16_t *list, size_t n, uint16_t type)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == type)
            return true;
    return false;
}

size_t stun_unknown(const struct stun_message *m, const uint16_t *known, size_t n_known, uint16_t *out,
                    size_t max)
{
    struct stun_attr a;
    size_t n = 0;
    for (size_t cursor = 0; n < max && stun_next(m, &cursor, &a);) {
        if (stun_attribute_is_optional(a.type) || among(known, n_known, a.type) || among(out, n, a.type))
            continue;
        out[n++] = a.type;
    }
    return n;
}
