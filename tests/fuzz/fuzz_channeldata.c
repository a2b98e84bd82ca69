/* Fuzz target: any bytes as a TURN stream and as a datagram. Frames lie inside the input, a stream moves on
 * with each, and cutting it in pieces gives the same frames. */
#include "modules/stun/frame.h"
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int truth)
{
    if (!truth)
        abort();
}

static void check(const struct frame *f, struct bytes in)
{
    if (f->kind != FRAME_STUN && f->kind != FRAME_CHANNEL)
        return;
    require(f->size > 0 && f->size <= in.n);
    require(f->body.p >= in.p && f->body.p + f->body.n <= in.p + f->size);
    require(f->kind == FRAME_STUN || (f->channel >= 0x4000 && f->channel <= 0x7FFF));
}

/* With fewer bytes it is MORE or BAD, never another frame. */
static void check_prefix(const struct frame *whole, struct bytes in)
{
    if (whole->kind == FRAME_BAD || whole->kind == FRAME_MORE)
        return;
    struct frame f = frame_of_stream(bytes_first(in, whole->size - 1));
    require(f.kind == FRAME_MORE && f.size <= whole->size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    struct frame f = frame_of_datagram(in);
    require(f.kind != FRAME_MORE);
    check(&f, in);
    while (in.n) {
        f = frame_of_stream(in);
        check(&f, in);
        check_prefix(&f, in);
        if (f.kind == FRAME_MORE || f.kind == FRAME_BAD)
            break;
        in = bytes_skip(in, f.size);
    }
    return 0;
}
