/* keepalive: what phones send to keep their flow open (RFC 5626 4.4, 5.4), and how they are asked to (RFC
 * 6223).
 *
 * Floor 3. */
#pragma once
#include "modules/pcscf/room.h"
#include "modules/sip/edit.h"

struct conn;

/* Does the top Via of a phone's request offer to send keep-alives (RFC 6223 4.3)? */
bool keepalive_is_offered(const struct sip_via *via);
/* In the response to rq, on its way back: the phone's Via, the second one of the core's response, gets the
 * value that Flow-Timer has (RFC 6223 4.4). Nothing where the phone has not offered, or rq (NULL) is no
 * longer known: the first answer has told. */
void keepalive_accept(const struct pcscf *p, const struct sip_msg *rq, const struct sip_msg *rs,
                      struct sip_edit *e);

/* A double CRLF on a connection is answered by one CRLF, at once (RFC 5626 4.4.1). */
void keepalive_pong(struct pcscf *p, struct conn *c);
/* Was that datagram a keep-alive, and not SIP? CRLFs are dropped, as RFC 3261 7.5 has it; a STUN Binding
 * request gets its answer where STUN and SIP share a port (RFC 5626 8). */
bool keepalive_datagram(struct pcscf *p, struct udp_port *u, const struct addr *from, struct bytes in);
