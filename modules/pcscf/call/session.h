/* session: the session timer of a call as the edge between its ends watches it (RFC 4028 8).
 *
 * Floor 3. What the ends agree on in each 2xx to INVITE or UPDATE says until when the call stands without
 * another one. Where the called end does not know the timer, or nobody asked for it, the edge may ask itself
 * (pcscf.session_expires). 422 and Min-SE are the ends' affair and pass. */
#pragma once
#include "modules/pcscf/call/dialog.h"
#include "modules/sip/edit.h"

#define SESSION_SLACK 32000 /* ms: a refresh that is just being retransmitted still counts (64*T1) */

/* What the edge has to know of the request when its 2xx comes. */
struct session_offer {
    uint32_t seconds;  /* Session-Expires as it went on; 0: none */
    bool caller_knows; /* Supported: timer */
};

/* RFC 4028 8.1. */
struct session_offer session_read_offer(const struct pcscf *p, const struct sip_msg *rq);
void session_edit_request(const struct session_offer *o, const struct sip_msg *rq, struct sip_edit *e);
/* 8.2: a called end that does not know the timer leaves the refreshing to the caller. */
void session_edit_response(const struct session_offer *o, const struct sip_msg *rs, struct sip_edit *e);
/* From a 2xx: sets the dialog's timer, or stops it when there is none (any more). */
void session_agree(struct dialog *d, const struct session_offer *o, const struct sip_msg *rs);
