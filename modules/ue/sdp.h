/* sdp: the session description of one audio stream, as far as a UE needs it to be heard through a relay.
 *
 * Room modules/ue, floor 3. Pure: text to values and back; no heap. RFC 8866 (SDP), RFC 3264 (offer/answer),
 * RFC 8839 (the candidate lines). c= and m= carry the relayed address, so a peer without ICE sends to it; the
 * candidate line says the same to whoever reads it. There is no ice-ufrag: this UE makes no connectivity
 * checks, and without it a peer does not expect any (RFC 8839 4.2.5 and 5.4). */
#pragma once
#include "appliance/base/addr.h"
#include "appliance/base/buf.h"

#define SDP_PAYLOADS_MAX   32
#define SDP_CANDIDATES_MAX 16

enum sdp_candidate_kind { SDP_HOST, SDP_SRFLX, SDP_PRFLX, SDP_RELAY };

struct sdp_candidate {
    enum sdp_candidate_kind kind;
    unsigned component; /* 1 is RTP */
    uint32_t priority;
    struct addr addr;
};

struct sdp {
    uint64_t session, version; /* o= */
    struct addr media;         /* c= and the port of m=; a port of 0 refuses the stream (RFC 3264 6) */
    uint8_t payloads[SDP_PAYLOADS_MAX];
    unsigned n_payloads;
    bool sends, receives; /* a=sendrecv and its kin */
    bool rtcp_mux;
    struct sdp_candidate candidates[SDP_CANDIDATES_MAX]; /* UDP ones with a literal address */
    unsigned n_candidates;
};

/* The description of ours: PCMU over RTP/AVP at `relay`, seen from outside as `mapped` (ADDR_NONE: unknown).
 */
void sdp_make(struct sdp *s, const struct addr *relay, uint64_t session);
bool sdp_write(const struct sdp *s, const struct addr *mapped, struct buf *out);

/* The first audio stream. 0, or -EBADMSG: not SDP; -ENOENT: no audio over RTP with an address we can send to.
 */
int sdp_parse(struct bytes text, struct sdp *out);
bool sdp_has_payload(const struct sdp *s, uint8_t type);
/* Where to send: the relay candidate of component 1 with the highest priority, else c= and m=. */
struct addr sdp_destination(const struct sdp *s);
