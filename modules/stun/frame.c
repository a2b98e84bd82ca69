#include "modules/stun/frame.h"
#include "appliance/base/wire.h"
#include "modules/stun/stun.h"

static const struct frame bad = {.kind = FRAME_BAD};

static bool is_channel(uint8_t first)
{
    return (first & 0xC0) == 0x40;
}

static struct frame more(size_t need)
{
    return (struct frame){.kind = FRAME_MORE, .size = need};
}

static struct frame stun_frame(struct bytes in)
{
    size_t size = STUN_HEADER + load_u16(in.p + 2);
    /* A stream that is out of step must be noticed at once, not after 64 KB. */
    if (in.n >= 8 && load_u32(in.p + 4) != STUN_MAGIC)
        return bad;
    if (size & 3)
        return bad;
    if (in.n < size)
        return more(size);
    return (struct frame){.kind = FRAME_STUN, .body = bytes_first(in, size), .size = size};
}

static struct frame channel_frame(struct bytes in, size_t size)
{
    if (in.n < size)
        return more(size);
    struct bytes body = bytes_of(in.p + CHANNEL_HEADER, load_u16(in.p + 2));
    return (struct frame){.kind = FRAME_CHANNEL, .channel = load_u16(in.p), .body = body, .size = size};
}

struct frame frame_of_stream(struct bytes in)
{
    if (in.n < 1)
        return more(CHANNEL_HEADER);
    if (in.p[0] & 0x80)
        return bad;
    if (in.n < CHANNEL_HEADER)
        return more(CHANNEL_HEADER);
    if (is_channel(in.p[0]))
        return channel_frame(in, frame_pad(CHANNEL_HEADER + load_u16(in.p + 2)));
    return stun_frame(in);
}

struct frame frame_of_datagram(struct bytes in)
{
    if (in.n < CHANNEL_HEADER)
        return bad;
    struct frame f = bad;
    if (in.p[0] < 0x40)
        f = stun_frame(in);
    else if (is_channel(in.p[0]))
        f = channel_frame(in, CHANNEL_HEADER + (size_t)load_u16(in.p + 2));
    if (f.kind == FRAME_MORE || (f.kind == FRAME_STUN && f.size != in.n))
        return bad;
    f.size = in.n;
    return f;
}
