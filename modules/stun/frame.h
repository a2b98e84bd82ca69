/* frame: cuts a stream into STUN messages and ChannelData (RFC 8656 12.4, 12.5; RFC 8489 6.2.2).
 *
 * Floor 3, pure. The two are told apart by the first two bits: 00 in STUN (RFC 8489 5), 01 in ChannelData
 * (RFC 5766 11). RFC 8656 12 leaves channels only the first quarter of that room, 64..79, for the sake of
 * clients that receive DTLS and RTP on the same socket (RFC 7983); a server has no such neighbours, and
 * clients of RFC 5766, coturn's own among them, draw their numbers from all of it. What else RFC 7983 puts
 * below 64 is not spoken here and has no magic cookie. */
#pragma once
#include "appliance/base/bytes.h"

#define CHANNEL_FIRST    0x4000u
#define CHANNEL_LAST     0x4FFFu
#define CHANNEL_LAST_OLD 0x7FFEu /* RFC 5766 11 */
#define CHANNEL_HEADER   4u

enum frame_kind {
    FRAME_MORE,    /* not whole yet */
    FRAME_STUN,    /* body is the message */
    FRAME_CHANNEL, /* body is the application data */
    FRAME_BAD,     /* neither: nothing after it can be trusted */
};

struct frame {
    enum frame_kind kind;
    uint16_t channel;
    struct bytes body;
    size_t size; /* bytes to eat, with padding; with FRAME_MORE: how many the whole needs (at least) */
};

struct frame frame_of_stream(struct bytes in);
/* A datagram is one frame; bytes behind ChannelData are padding (RFC 8656 12.5), behind STUN an error. */
struct frame frame_of_datagram(struct bytes in);

/* old: also those of RFC 5766. */
static inline bool channel_is_valid(uint16_t number, bool old)
{
    return number >= CHANNEL_FIRST && number <= (old ? CHANNEL_LAST_OLD : CHANNEL_LAST);
}
static inline size_t frame_pad(size_t n)
{
    return (n + 3) & ~(size_t)3;
}
