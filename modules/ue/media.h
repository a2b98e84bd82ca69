/* media: one end of a measured call: a packet every 20 ms, and what comes back.
 *
 * Room modules/ue, floor 3; the UE's thread. It knows no relay: `send` takes the packets, media_packet()
 * gives what came. Both ends run the parts of rtp.h: warm-up until each hears that it is heard, talk (the
 * caller decides how long, the other end follows), tail until the final counts are there. */
#pragma once
#include "modules/ue/rtp.h"
#include "modules/ue/ue_loop.h"

#define MEDIA_WARM_UP_MS 5000
#define MEDIA_TAIL_MS    2000 /* at most */
#define MEDIA_TAIL_LEAST 300  /* so long a packet that was overtaken may still come */
#define MEDIA_SILENCE_MS 5000
#define MEDIA_LAST_TELLS 5 /* packets with our final counts, in case some are lost */

enum media_end {
    MEDIA_RUNS,
    MEDIA_DONE,
    MEDIA_NOT_HEARING, /* nothing came from the other end */
    MEDIA_NOT_HEARD,   /* it came, but says that it does not hear us */
    MEDIA_PLAIN,       /* RTP comes that does not measure: no other sallyport-ue */
    MEDIA_SILENT       /* it stopped in the middle */
};

struct media {
    struct ue_loop *loop;
    void (*send)(struct media *m, struct bytes packet);
    void (*ended)(struct media *m);
    struct timer timer;
    enum rtp_part part;
    enum media_end end;
    uint64_t talk_ms;                 /* 0: as long as the other end */
    uint64_t due;                     /* of the next packet, ms */
    uint64_t part_since, heard_last;  /* ms */
    uint64_t stamp, stamp_at;         /* the other end's latest, and when it came, us */
    bool heard, heard_plain;          /* anything; RTP of another kind */
    bool peer_heard, peer_heard_tail; /* it says so */
    bool peer_talks, peer_tails;      /* its part */
    unsigned tells;                   /* packets sent that said heard_tail */
    uint16_t seq;
    uint32_t timestamp, ssrc;
    bool on;
    struct rtp_stats stats;
};

/* send, ended and loop must be set. */
void media_start(struct media *m, uint64_t talk_ms);
void media_stop(struct media *m); /* no `ended`; the counts stay */
void media_packet(struct media *m, struct bytes packet);
const char *media_end_text(enum media_end e);
