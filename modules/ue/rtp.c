#include "modules/ue/rtp.h"
#include "appliance/base/wire.h"
#include <errno.h>
#include <stdlib.h>

#define MARK       0x53505545u /* "SPUE" */
#define MARK_BYTES 40u

enum { FLAG_HEARD = 1, FLAG_HEARD_TAIL = 2 };

static void write_measure(struct wire_out *o, const struct rtp_packet *p)
{
    uint8_t flags = (uint8_t)((p->heard ? FLAG_HEARD : 0) | (p->heard_tail ? FLAG_HEARD_TAIL : 0));
    wire_put_u32(o, MARK);
    wire_put_u8(o, (uint8_t)p->part);
    wire_put_u8(o, flags);
    wire_put_u16(o, 0);
    wire_put_u64(o, p->stamp);
    wire_put_u64(o, p->echo);
    wire_put_u32(o, p->held);
    wire_put_u32(o, p->sent);
    wire_put_u32(o, p->received);
    wire_put_u32(o, 0);
}

void rtp_write(const struct rtp_packet *p, uint8_t dst[static RTP_PACKET])
{
    struct wire_out o = wire_out(dst, RTP_PACKET);
    wire_put_u8(&o, 2 << 6);
    wire_put_u8(&o, (uint8_t)((p->marker ? 0x80 : 0) | (p->payload & 0x7f)));
    wire_put_u16(&o, p->seq);
    wire_put_u32(&o, p->timestamp);
    wire_put_u32(&o, p->ssrc);
    write_measure(&o, p);
    memset(o.p, 0xff, (size_t)(o.end - o.p)); /* silence in PCMU */
}

/* What stands between the fixed header and the payload, and the padding behind it (RFC 3550 5.1, 5.3.1). */
static bool read_payload(struct wire_in *in, uint8_t first, struct bytes *out)
{
    wire_bytes(in, (size_t)(first & 0x0f) * 4);
    if (first & 0x10) {
        wire_u16(in);
        wire_bytes(in, (size_t)wire_u16(in) * 4);
    }
    *out = wire_bytes(in, wire_left(in));
    if (in->bad)
        return false;
    if (!(first & 0x20))
        return true;
    uint8_t pad = out->n > 0 ? out->p[out->n - 1] : 0;
    if (pad == 0 || pad > out->n)
        return false;
    out->n -= pad;
    return true;
}

static void read_measure(struct bytes payload, struct rtp_packet *p)
{
    struct wire_in in = wire_in(payload);
    if (payload.n < MARK_BYTES || wire_u32(&in) != MARK)
        return;
    uint8_t part = wire_u8(&in), flags = wire_u8(&in);
    wire_u16(&in);
    p->stamp = wire_u64(&in);
    p->echo = wire_u64(&in);
    p->held = wire_u32(&in);
    p->sent = wire_u32(&in);
    p->received = wire_u32(&in);
    p->heard = flags & FLAG_HEARD;
    p->heard_tail = flags & FLAG_HEARD_TAIL;
    p->part = (enum rtp_part)part;
    p->measured = part >= RTP_WARM_UP && part <= RTP_TAIL;
}

int rtp_read(struct bytes b, struct rtp_packet *out)
{
    struct wire_in in = wire_in(b);
    struct bytes payload;
    *out = (struct rtp_packet){0};
    uint8_t first = wire_u8(&in), second = wire_u8(&in);
    out->marker = second & 0x80;
    out->payload = second & 0x7f;
    out->seq = wire_u16(&in);
    out->timestamp = wire_u32(&in);
    out->ssrc = wire_u32(&in);
    if (in.bad || first >> 6 != 2 || !read_payload(&in, first, &payload))
        return -EBADMSG;
    read_measure(payload, out);
    return 0;
}

void rtp_stats_init(struct rtp_stats *s)
{
    memset(s, 0, sizeof *s);
}

/* RFC 3550 A.1, without its probation: the peer is the only one who can send to a channel. */
static uint32_t extend(struct rtp_stats *s, uint16_t seq)
{
    if (!s->started) {
        s->started = true;
        s->max_seq = seq;
        s->cycles = 1; /* a packet from before the first one has a number too */
    }
    uint16_t ahead = (uint16_t)(seq - s->max_seq);
    if (ahead < 0x8000) {
        if (seq < s->max_seq)
            s->cycles++;
        s->max_seq = seq;
        return s->cycles << 16 | seq;
    }
    return (seq > s->max_seq ? s->cycles - 1 : s->cycles) << 16 | seq;
}

static uint64_t *seen_word(struct rtp_stats *s, uint32_t ext)
{
    return &s->seen[ext / 64 % (RTP_SEEN_BITS / 64)];
}

/* The window moves up to ext: what it leaves behind is forgotten. */
static void seen_advance(struct rtp_stats *s, uint32_t ext)
{
    uint32_t steps = ext - s->highest;
    if (steps > RTP_SEEN_BITS)
        steps = RTP_SEEN_BITS;
    for (uint32_t i = 0; i < steps; i++)
        *seen_word(s, ext - i) &= ~(1ull << ((ext - i) % 64));
    s->highest = ext;
}

/* Is it the first of its number? Counts what it is otherwise. */
static bool seen_first(struct rtp_stats *s, uint32_t ext)
{
    bool behind = s->highest != 0 && ext < s->highest;
    if (behind && s->highest - ext >= RTP_SEEN_BITS) {
        s->late++;
        return false;
    }
    if (s->highest == 0)
        s->highest = ext - 1;
    if (!behind && ext > s->highest)
        seen_advance(s, ext);
    uint64_t bit = 1ull << (ext % 64), *word = seen_word(s, ext);
    if (*word & bit) {
        s->duplicates++;
        return false;
    }
    *word |= bit;
    s->reordered += behind;
    return true;
}

/* RFC 3550 6.4.1: J += (|D| - J) / 16, in units of the media's clock. */
static void count_jitter(struct rtp_stats *s, const struct rtp_packet *p, uint64_t now_us)
{
    uint32_t arrival = (uint32_t)(now_us * 8 / 1000);
    int32_t transit = (int32_t)(arrival - p->timestamp);
    if (s->has_transit) {
        int64_t d = (int64_t)(int32_t)((uint32_t)transit - (uint32_t)s->transit);
        s->jitter += ((double)(d < 0 ? -d : d) - s->jitter) / 16.;
    }
    s->transit = transit;
    s->has_transit = true;
}

static void count_round_trip(struct rtp_stats *s, const struct rtp_packet *p, uint64_t now_us)
{
    if (p->echo == 0 || now_us < p->echo || now_us - p->echo < p->held)
        return;
    uint64_t us = now_us - p->echo - p->held;
    s->rtt[s->n_rtt++ % RTP_RTT_KEPT] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

static void take_report(struct rtp_stats *s, const struct rtp_packet *p)
{
    if (p->sent > s->peer_sent)
        s->peer_sent = p->sent;
    if (p->received > s->peer_received)
        s->peer_received = p->received;
}

void rtp_stats_packet(struct rtp_stats *s, const struct rtp_packet *p, uint64_t now_us)
{
    if (!p->measured)
        return;
    take_report(s, p);
    if (!seen_first(s, extend(s, p->seq)) || p->part != RTP_TALK)
        return;
    s->received++;
    count_jitter(s, p, now_us);
    count_round_trip(s, p, now_us);
}

static double lost(uint32_t sent, uint32_t received)
{
    if (sent == 0)
        return 1.;
    return received >= sent ? 0. : (double)(sent - received) / (double)sent;
}

double rtp_loss_in(const struct rtp_stats *s)
{
    return lost(s->peer_sent, s->received);
}

double rtp_loss_out(const struct rtp_stats *s)
{
    return lost(s->sent, s->peer_received);
}

double rtp_jitter_ms(const struct rtp_stats *s)
{
    return s->jitter / 8.;
}

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* The smallest sample that at least that share of all is not above. */
uint32_t rtp_rtt_us(const struct rtp_stats *s, unsigned permille)
{
    size_t n = s->n_rtt < RTP_RTT_KEPT ? s->n_rtt : RTP_RTT_KEPT;
    uint32_t *sorted = n ? malloc(n * sizeof *sorted) : NULL;
    if (!sorted)
        return 0;
    memcpy(sorted, s->rtt, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare_u32);
    size_t rank = (n * permille + 999) / 1000;
    uint32_t value = sorted[rank > 0 ? rank - 1 : 0];
    free(sorted);
    return value;
}
