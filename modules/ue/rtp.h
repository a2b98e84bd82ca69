/* rtp: RTP packets that measure the path they take, and what is counted of them.
 *
 * Room modules/ue, floor 3. Pure: time is an argument (microseconds), memory is the caller's. RFC 3550:
 * header 5.1, extended sequence numbers A.1, interarrival jitter A.8. The 160 bytes of PCMU in a 20 ms packet
 * carry instead of silence: a mark, the sender's clock, the last clock that came from the other end with how
 * long it lay here, and how much was sent and received: so each end knows the round trip (as LSR and DLSR do
 * in RTCP, 6.4.1) and the loss in both directions, and nothing but one stream of voice-like packets goes
 * through the relay. */
#pragma once
#include "appliance/base/bytes.h"

#define RTP_HEADER    12u
#define RTP_PACKET    172u /* 20 ms of PCMU */
#define RTP_FRAME     160u /* samples in it */
#define RTP_PACE_MS   20u
#define RTP_RTT_KEPT  16384u /* samples: the last five minutes of a call */
#define RTP_SEEN_BITS 2048u  /* how late a packet may come and still count: 40 s */

/* A call is heard in three parts, so that loss is counted over packets that both ends were ready for. */
enum rtp_part {
    RTP_WARM_UP = 1, /* until each end knows that it is heard; not counted */
    RTP_TALK,        /* counted */
    RTP_TAIL         /* carries the final counts; not counted */
};

struct rtp_packet {
    uint8_t payload;
    bool marker;
    uint16_t seq;
    uint32_t timestamp, ssrc;
    /* The measuring part; false `measured`: plain RTP of somebody else. */
    bool measured;
    enum rtp_part part;
    uint64_t stamp;    /* sender's clock, us */
    uint64_t echo;     /* the latest stamp that the sender got from us; 0: none yet */
    uint32_t held;     /* us that it lay there */
    uint32_t sent;     /* RTP_TALK packets sent so far, this one included */
    uint32_t received; /* of ours, in RTP_TALK */
    bool heard;        /* anything of ours arrived */
    bool heard_tail;   /* a RTP_TAIL of ours arrived: `received` is final */
};

/* Writes RTP_PACKET bytes. */
void rtp_write(const struct rtp_packet *p, uint8_t dst[static RTP_PACKET]);
/* 0, or -EBADMSG: not RTP version 2, or lengths that lie. */
int rtp_read(struct bytes b, struct rtp_packet *out);

/* What one end counts. */
struct rtp_stats {
    uint32_t sent, received; /* in RTP_TALK; received without duplicates */
    uint32_t duplicates, reordered, late /* too late to be told from a duplicate: not in received */;
    uint32_t peer_sent, peer_received; /* as the other end said last */
    double jitter;                     /* in samples of 8 kHz (A.8) */

    bool started; /* extended sequence numbers: */
    uint32_t cycles;
    uint16_t max_seq;
    uint64_t seen[RTP_SEEN_BITS / 64];
    uint32_t highest; /* extended */
    int64_t transit;  /* of the last packet, samples */
    bool has_transit;

    uint32_t rtt[RTP_RTT_KEPT]; /* us, a ring */
    uint32_t n_rtt;
};

void rtp_stats_init(struct rtp_stats *s);
/* A packet has come. */
void rtp_stats_packet(struct rtp_stats *s, const struct rtp_packet *p, uint64_t now_us);

/* Share lost, 0 to 1: of what the other end sent, and of what we sent. 1 when nothing is known. */
double rtp_loss_in(const struct rtp_stats *s);
double rtp_loss_out(const struct rtp_stats *s);
double rtp_jitter_ms(const struct rtp_stats *s);
/* permille 500 is the median; 0 when there are no samples. */
uint32_t rtp_rtt_us(const struct rtp_stats *s, unsigned permille);
