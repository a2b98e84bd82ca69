/* wire: cursors for binary formats in network byte order.
 *
 * Floor 0. No casts, no alignment, one bound: a read past the end gives 0 (or an empty view) and sets
 * `bad`, a write past the end writes nothing and sets `full`; both stick; the caller checks once, at the end.
 */
#pragma once
#include "appliance/base/bytes.h"

/* Plain loads and stores where the bound is known already. */
static inline uint16_t load_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}
static inline uint32_t load_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline uint64_t load_u64(const uint8_t *p)
{
    return (uint64_t)load_u32(p) << 32 | load_u32(p + 4);
}
static inline void store_u16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static inline void store_u32(uint8_t *p, uint32_t v)
{
    store_u16(p, (uint16_t)(v >> 16));
    store_u16(p + 2, (uint16_t)v);
}
static inline void store_u64(uint8_t *p, uint64_t v)
{
    store_u32(p, (uint32_t)(v >> 32));
    store_u32(p + 4, (uint32_t)v);
}

struct wire_in {
    const uint8_t *p, *end;
    bool bad;
};

static inline struct wire_in wire_in(struct bytes b)
{
    return (struct wire_in){b.p, b.n > 0 ? b.p + b.n : b.p, false};
}
static inline size_t wire_left(const struct wire_in *in)
{
    return (size_t)(in->end - in->p);
}

/* The next n bytes, or NULL and bad; once bad, nothing more is given. */
static inline const uint8_t *wire_next(struct wire_in *in, size_t n)
{
    if (in->bad || wire_left(in) < n) {
        in->bad = true;
        return NULL;
    }
    const uint8_t *p = in->p;
    if (n > 0)
        in->p += n;
    return p;
}

static inline uint8_t wire_u8(struct wire_in *in)
{
    const uint8_t *p = wire_next(in, 1);
    return p ? *p : 0;
}
static inline uint16_t wire_u16(struct wire_in *in)
{
    const uint8_t *p = wire_next(in, 2);
    return p ? load_u16(p) : 0;
}
static inline uint32_t wire_u32(struct wire_in *in)
{
    const uint8_t *p = wire_next(in, 4);
    return p ? load_u32(p) : 0;
}
static inline uint64_t wire_u64(struct wire_in *in)
{
    const uint8_t *p = wire_next(in, 8);
    return p ? load_u64(p) : 0;
}
struct bytes wire_bytes(struct wire_in *in, size_t n);

struct wire_out {
    uint8_t *start, *p, *end;
    bool full;
};

static inline struct wire_out wire_out(void *mem, size_t cap)
{
    uint8_t *p = mem;
    return (struct wire_out){p, p, cap > 0 ? p + cap : p, false};
}
static inline size_t wire_len(const struct wire_out *out)
{
    return (size_t)(out->p - out->start);
}

/* Room for n bytes, now counted as written, or NULL and full; once full, nothing more is written. */
static inline uint8_t *wire_room(struct wire_out *out, size_t n)
{
    if (out->full || (size_t)(out->end - out->p) < n) {
        out->full = true;
        return NULL;
    }
    uint8_t *p = out->p;
    if (n > 0)
        out->p += n;
    return p;
}

static inline void wire_put_u8(struct wire_out *out, uint8_t v)
{
    uint8_t *p = wire_room(out, 1);
    if (p)
        *p = v;
}
static inline void wire_put_u16(struct wire_out *out, uint16_t v)
{
    uint8_t *p = wire_room(out, 2);
    if (p)
        store_u16(p, v);
}
static inline void wire_put_u32(struct wire_out *out, uint32_t v)
{
    uint8_t *p = wire_room(out, 4);
    if (p)
        store_u32(p, v);
}
static inline void wire_put_u64(struct wire_out *out, uint64_t v)
{
    uint8_t *p = wire_room(out, 8);
    if (p)
        store_u64(p, v);
}
void wire_put_bytes(struct wire_out *out, struct bytes b);
void wire_put_zeros(struct wire_out *out, size_t n);
