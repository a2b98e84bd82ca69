/* refusal: what the edge refuses by itself, in words for the operator's log: which request, whose, why, and
 * what to do about it. The phone hears the status alone.
 *
 * Floor 3. One line, of a rate of its own for strangers, so that whoever knocks does not hide what happens to
 * phones: sip.refused (a registered phone's, or the core's), sip.refused_stranger. */
#pragma once
#include "modules/pcscf/room.h"
#include "modules/sip/msg.h"

/* because: a literal; NULL: what pcscf_refuse() was told last, if that was of this request. */
void refusal_say(const struct pcscf *p, const struct sip_hop *from, const struct sip_msg *rq, int status,
                 const char *because);
/* The words for what pcscf_refuse() was told. */
const char *refusal_because(enum pcscf_stat why);
