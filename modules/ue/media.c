#include "modules/ue/media.h"
#include "appliance/base/random.h"
#include <string.h>

#define BEHIND_MS 200 /* the machine slept: the packets that were missed are not made up for */

static void send_packet(struct media *m)
{
    uint8_t out[RTP_PACKET];
    uint64_t now_us = ue_clock_us();
    if (m->part == RTP_TALK)
        m->stats.sent++;
    struct rtp_packet p = {
        .marker = m->part == RTP_TALK && m->stats.sent == 1, /* start of a talkspurt (RFC 3551 4.1) */
        .seq = m->seq++,
        .timestamp = m->timestamp,
        .ssrc = m->ssrc,
        .part = m->part,
        .stamp = now_us,
        .echo = m->stamp,
        .held = m->stamp ? (uint32_t)(now_us - m->stamp_at) : 0,
        .sent = m->stats.sent,
        .received = m->stats.received,
        .heard = m->heard,
        .heard_tail = m->peer_tails,
    };
    m->timestamp += RTP_FRAME;
    if (m->part == RTP_TAIL && m->peer_tails)
        m->tells++;
    rtp_write(&p, out);
    m->send(m, bytes_of(out, sizeof out));
}

static void finish(struct media *m, enum media_end end)
{
    media_stop(m);
    m->end = end;
    m->ended(m);
}

static void enter(struct media *m, enum rtp_part part)
{
    m->part = part;
    m->part_since = m->loop->now;
}

static enum media_end why_not_warm(const struct media *m)
{
    if (m->heard)
        return MEDIA_NOT_HEARD;
    return m->heard_plain ? MEDIA_PLAIN : MEDIA_NOT_HEARING;
}

static void step_warm_up(struct media *m, uint64_t age)
{
    if ((m->heard && m->peer_heard) || m->peer_talks)
        enter(m, RTP_TALK);
    else if (age >= MEDIA_WARM_UP_MS)
        finish(m, why_not_warm(m));
}

static void step_talk(struct media *m, uint64_t age)
{
    if (m->peer_tails || (m->talk_ms && age >= m->talk_ms))
        enter(m, RTP_TAIL);
    else if (m->loop->now - m->heard_last >= MEDIA_SILENCE_MS)
        finish(m, MEDIA_SILENT);
}

/* The end that is not told the other's last counts in time takes those it has. */
static void step_tail(struct media *m, uint64_t age)
{
    bool told = m->peer_heard_tail && m->tells >= MEDIA_LAST_TELLS && age >= MEDIA_TAIL_LEAST;
    if (told || age >= MEDIA_TAIL_MS)
        finish(m, MEDIA_DONE);
}

static void step(struct media *m)
{
    uint64_t age = m->loop->now - m->part_since;
    if (m->part == RTP_WARM_UP)
        step_warm_up(m, age);
    else if (m->part == RTP_TALK)
        step_talk(m, age);
    else
        step_tail(m, age);
}

static void on_timer(struct worker *w, struct timer *t)
{
    struct media *m = container_of(t, struct media, timer);
    step(m);
    if (!m->on)
        return;
    if (m->loop->now > m->due + BEHIND_MS)
        m->due = m->loop->now;
    while (m->on && m->due <= m->loop->now) {
        send_packet(m);
        m->due += RTP_PACE_MS;
    }
    if (m->on)
        timer_set(&m->loop->timers, &m->timer, m->due);
}

void media_start(struct media *m, uint64_t talk_ms)
{
    *m = (struct media){.loop = m->loop, .send = m->send, .ended = m->ended, .talk_ms = talk_ms};
    rtp_stats_init(&m->stats);
    m->timer.fire = on_timer;
    m->seq = (uint16_t)random_u32();
    m->timestamp = random_u32();
    m->ssrc = random_u32();
    m->on = true;
    m->due = m->heard_last = m->loop->now;
    enter(m, RTP_WARM_UP);
    timer_set(&m->loop->timers, &m->timer, m->due);
}

void media_stop(struct media *m)
{
    if (m->on)
        timer_stop(&m->loop->timers, &m->timer);
    m->on = false;
}

void media_packet(struct media *m, struct bytes packet)
{
    struct rtp_packet p;
    uint64_t now_us = ue_clock_us();
    if (!m->on || rtp_read(packet, &p) != 0)
        return;
    if (!p.measured) {
        m->heard_plain = true;
        return;
    }
    m->heard = true;
    m->heard_last = m->loop->now;
    m->peer_heard = m->peer_heard || p.heard;
    m->peer_heard_tail = m->peer_heard_tail || p.heard_tail;
    m->peer_talks = m->peer_talks || p.part >= RTP_TALK;
    m->peer_tails = m->peer_tails || p.part == RTP_TAIL;
    if (p.stamp > m->stamp) {
        m->stamp = p.stamp;
        m->stamp_at = now_us;
    }
    rtp_stats_packet(&m->stats, &p, now_us);
}

const char *media_end_text(enum media_end e)
{
    static const char *const texts[] = {
        "running",
        "done",
        "no packet came from the other end",
        "the other end's packets come, but it does not hear ours",
        "the other end sends RTP but does not measure: it is no sallyport-ue",
        "the other end's packets stopped in the middle",
    };
    return texts[e];
}
