/* door_echo: small protocols behind a door, for the tests of the door: what each does stands at it. */
#pragma once
#include "door_rig.h"
#include "mux/conn.h"
#include "mux/sniff.h"

/* echo: begins with 'E', sends back what it gets, eats only what it could send. 'F': frames of one length
 * byte, 'C': sends as much as `burst_size` and closes, 'H': hands over to echo, 'Q': counts what it gets, and
 * goes on when the peer has ended. */
static struct seen {
    int opened, ended, closed, drained;
    size_t bytes;
    struct conn *last;
    struct addr peer;
    size_t burst_size;
} seen;

static inline void on_opened(struct conn *c)
{
    seen.opened++;
    seen.last = c;
    seen.peer = c->peer;
}
static inline void on_closed(struct conn *c)
{
    seen.closed++;
    if (seen.last == c)
        seen.last = NULL;
}
static inline size_t echo_data(struct conn *c, struct bytes in)
{
    size_t eaten = 0;
    while (eaten < in.n) {
        struct bytes piece = bytes_first(bytes_skip(in, eaten), 4096);
        int rc = conn_send(c, piece);
        if (rc == 0 || rc == -EAGAIN)
            eaten += piece.n;
        if (rc < 0) {
            conn_pause(c);
            break;
        }
    }
    return eaten;
}
static inline void echo_drained(struct conn *c)
{
    seen.drained++;
    conn_resume(c);
}
static inline void echo_datagram(struct udp_port *u, const struct addr *from, struct bytes in)
{
    udp_send(u, from, in);
}
static inline enum sniff begins_with(struct bytes first, uint8_t c)
{
    if (!first.n)
        return SNIFF_MORE;
    return first.p[0] == c ? SNIFF_YES : SNIFF_NO;
}
static inline enum sniff echo_sniff(struct bytes first)
{
    return begins_with(first, 'E');
}
static const char *const echo_alpn[] = {"stun.turn", "sip/2", NULL};
static const struct module echo = {.name = "echo",
                                   .alpn = echo_alpn,
                                   .sniff = echo_sniff,
                                   .opened = on_opened,
                                   .data = echo_data,
                                   .closed = on_closed,
                                   .drained = echo_drained,
                                   .datagram = echo_datagram};

/* 'F', then frames: a length byte and as many bytes, which are sent back. */
static inline size_t frames_data(struct conn *c, struct bytes in)
{
    size_t eaten = 0;
    while (eaten < in.n && in.n - eaten > in.p[eaten]) {
        conn_send(c, bytes_of(in.p + eaten + 1, in.p[eaten]));
        eaten += 1u + in.p[eaten];
    }
    return eaten;
}
static inline enum sniff frames_sniff(struct bytes first)
{
    return begins_with(first, 2);
}
static const struct module frames = {
    .name = "frames", .sniff = frames_sniff, .opened = on_opened, .data = frames_data, .closed = on_closed};

/* Eats nothing and waits for more. */
static inline size_t hungry_data(struct conn *c, struct bytes in)
{
    return 0;
}
static inline enum sniff hungry_sniff(struct bytes first)
{
    return begins_with(first, 'N');
}
static const struct module hungry = {
    .name = "hungry", .sniff = hungry_sniff, .opened = on_opened, .data = hungry_data, .closed = on_closed};

static inline size_t burst_data(struct conn *c, struct bytes in)
{
    uint8_t *p = conn_reserve(c, seen.burst_size);
    assert_non_null(p);
    for (size_t i = 0; i < seen.burst_size; i++)
        p[i] = (uint8_t)(i * 7);
    conn_commit(c, seen.burst_size);
    conn_close(c, CLOSE_MODULE);
    conn_close(c, CLOSE_PROTOCOL);
    assert_int_equal(conn_send(c, BYTES("x")), -ENOTCONN);
    return 0;
}
static inline enum sniff burst_sniff(struct bytes first)
{
    return begins_with(first, 'C');
}
static const struct module burst = {
    .name = "burst", .sniff = burst_sniff, .opened = on_opened, .data = burst_data, .closed = on_closed};

/* Eats one byte, then it is echo's. */
static inline size_t handing_data(struct conn *c, struct bytes in)
{
    conn_hand_over(c, &echo);
    return 1;
}
static inline enum sniff handing_sniff(struct bytes first)
{
    if (first.n < 3 && first.n && first.p[0] == 'H')
        return SNIFF_MORE;
    return begins_with(first, 'H');
}
static const struct module handing = {.name = "handing", .sniff = handing_sniff, .data = handing_data};

static inline size_t quiet_data(struct conn *c, struct bytes in)
{
    seen.bytes += in.n;
    return in.n;
}
static inline void quiet_ended(struct conn *c)
{
    seen.ended++;
}
static inline enum sniff quiet_sniff(struct bytes first)
{
    return begins_with(first, 'Q');
}
static const struct module quiet = {.name = "quiet",
                                    .sniff = quiet_sniff,
                                    .opened = on_opened,
                                    .data = quiet_data,
                                    .ended = quiet_ended,
                                    .closed = on_closed,
                                    .drained = echo_drained};

static const struct module *const modules[] = {&echo, &frames, &hungry, &burst, &handing, &quiet, NULL};

static struct rig rig;

static inline struct rig *open_rig(const char *extra)
{
    memset(&seen, 0, sizeof seen);
    rig_prepare(&rig, modules);
    rig_open(&rig, extra);
    return &rig;
}

static inline struct entry *the_entry(const struct rig *r)
{
    struct entry *found = NULL;
    for (unsigned i = 0; i < RIG_WORKERS; i++) {
        uint32_t cursor = 0;
        struct entry *e = slots_next(&door_of(r->gw.workers[i])->conns, &cursor);
        found = e ? e : found;
    }
    assert_non_null(found);
    return found;
}

/* The kernel takes little for this connection, so that the door has to wait for the peer. */
static inline void narrow(const struct rig *r, int bytes)
{
    setsockopt(the_entry(r)->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

static inline void assert_holds_no_bytes(const struct rig *r)
{
    struct entry *e = the_entry(r);
    assert_null(e->rest.mem);
    assert_null(e->out.mem);
    assert_null(e->wire.mem);
}
