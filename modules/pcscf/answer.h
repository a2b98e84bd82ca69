/* answer: messages that are no messages: the answer that the standard names, or a counted drop.
 *
 * Floor 3. RFC 3261 8.1.3.5, 16.3 item 1, 18.3; RFC 4475. */
#pragma once
#include "modules/pcscf/room.h"
#include "modules/sip/msg.h"

/* sip_msg_parse() refused it. False: what came is so far from SIP that the sender of a stream is not worth
 * listening to any longer (a broken response or ACK is, it only has no answer). */
bool answer_fault(struct pcscf *p, const struct sip_hop *from, const struct sip_msg *m,
                  const struct sip_fault *fault);
/* The framer cannot go on; head: what it still has of the message (may be empty). */
void answer_bad_frame(struct pcscf *p, const struct sip_hop *from, struct bytes head, uint16_t status,
                      const char *reason);
