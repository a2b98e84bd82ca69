/* wire: cursors for binary formats in network byte order.
 *
 * Floor 0. No casts, no alignment, one bound: a read past the end gives 0 (or an empty view) and sets
 * `bad`, a write past the end writes nothing and sets `full`; the caller checks once, at the end. */
#pragma once
#include "appliance/base/bytes.h"

struct wire_in {
    const uint8_t *p, *end;
    bool bad;
};

struct wire_in wire_in(struct bytes b);
static inline size_t wire_left(const struct wire_in *in) { return (size_t)(in->end - in->p); }
uint8_t wire_u8(struct wire_in *in);
uint16_t wire_u16(struct wire_in *in);
uint32_t wire_u32(struct wire_in *in);
uint64_t wire_u64(struct wire_in *in);
struct bytes wire_bytes(struct wire_in *in, size_t n);

struct wire_out {
    uint8_t *start, *p, *end;
    bool full;
};

struct wire_out wire_out(void *mem, size_t cap);
static inline size_t wire_len(const struct wire_out *out) { return (size_t)(out->p - out->start); }
void wire_put_u8(struct wire_out *out, uint8_t v);
void wire_put_u16(struct wire_out *out, uint16_t v);
void wire_put_u32(struct wire_out *out, uint32_t v);
void wire_put_u64(struct wire_out *out, uint64_t v);
void wire_put_bytes(struct wire_out *out, struct bytes b);
void wire_put_zeros(struct wire_out *out, size_t n);

/* Plain loads and stores where the bound is known already. */
static inline uint16_t load_u16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static inline uint32_t load_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
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
