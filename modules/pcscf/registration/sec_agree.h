/* sec_agree: the security agreement of RFC 3329 with the one mechanism we have, tls (TS 33.203 annex O, TS
 * 24.229 5.2.2.4).
 *
 * Floor 3. A phone that comes by TLS need not ask for it, and nobody is made to; one that asks is answered.
 * Our list never changes, so what a phone must send back is known without keeping anything: a list that is
 * not ours was tampered with on the way. Security-* fields and the option tag are between phone and edge and
 * never go to the core. */
#pragma once
#include "modules/pcscf/room.h"
#include "modules/sip/edit.h"

/* Of a request of a phone; tls: it came by TLS. */
enum sec_agree {
    SEC_AGREE_NONE,    /* not asked for */
    SEC_AGREE_OFFERED, /* the phone lists tls: the challenge tells it our list */
    SEC_AGREE_VERIFIED,
    SEC_AGREE_REFUSED, /* 494: nothing in common, a list that is not ours, or no TLS where it is required */
};
enum sec_agree sec_agree_of(const struct sip_msg *rq, bool tls);
/* "Security-Server: ...\r\n", for a 494. */
struct bytes sec_agree_line(void);

/* The request on its way to the core. */
void sec_agree_edit_request(const struct sip_msg *rq, struct sip_edit *e);
/* The response to it on its way to the phone: our list goes out with a challenge to who offered. */
void sec_agree_edit_response(enum sec_agree asked, const struct sip_msg *rs, struct sip_edit *e);
