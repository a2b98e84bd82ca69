#include "appliance/base/wire.h"

struct bytes wire_bytes(struct wire_in *in, size_t n)
{
    const uint8_t *p = wire_next(in, n);
    return p ? bytes_of(p, n) : BYTES_NONE;
}

void wire_put_bytes(struct wire_out *out, struct bytes b)
{
    uint8_t *p = wire_room(out, b.n);
    if (p && b.n > 0)
        memcpy(p, b.p, b.n);
}

void wire_put_zeros(struct wire_out *out, size_t n)
{
    uint8_t *p = wire_room(out, n);
    if (p && n > 0)
        memset(p, 0, n);
}
