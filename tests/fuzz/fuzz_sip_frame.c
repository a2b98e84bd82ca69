/* Any bytes as a stream of SIP: frames lie inside the input, and however the stream is cut in pieces the
 * frames are the same. */
#include "modules/sip/frame.h"
#include "modules/sip/msg.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct sip_frame_limits limits = {.head = 512, .body = 256};

static void require(bool truth)
{
    if (!truth)
        abort();
}

static bool is_end(const struct sip_frame *f)
{
    return f->kind == SIP_FRAME_MORE || f->kind == SIP_FRAME_TOO_BIG || f->kind == SIP_FRAME_BAD;
}

/* A framed message is whole: the parser finds nothing behind it and never misses its end. */
static void check_message(struct bytes text)
{
    static struct sip_msg m;
    struct sip_fault fault;
    if (sip_msg_parse(&m, text, SIP_STREAM, &fault) == 0)
        require(m.raw.n == text.n && m.body.n == (size_t)m.content_length);
}

/* The frame at the front when the bytes come `step` at a time. */
static struct sip_frame fed(struct bytes in, size_t step)
{
    struct sip_framer f = {0};
    struct sip_frame r = {.kind = SIP_FRAME_MORE};
    for (size_t n = step; r.kind == SIP_FRAME_MORE; n += step) {
        r = sip_frame_next(&f, &limits, bytes_first(in, n));
        if (n >= in.n)
            break;
    }
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    for (;;) {
        struct sip_framer f = {0};
        struct sip_frame r = sip_frame_next(&f, &limits, in);
        struct sip_frame slow = fed(in, 1), odd = fed(in, 7);
        /* too big may show a byte earlier or later than a bare LF behind the limit; otherwise all agree */
        if (r.kind != SIP_FRAME_TOO_BIG && r.kind != SIP_FRAME_BAD)
            require(slow.kind == r.kind && slow.len == r.len && odd.kind == r.kind && odd.len == r.len);
        require(r.len <= in.n && r.head_len <= in.n);
        if (is_end(&r))
            return 0;
        require(r.len > 0);
        if (r.kind == SIP_FRAME_MESSAGE)
            check_message(bytes_first(in, r.len));
        in = bytes_skip(in, r.len);
    }
}
