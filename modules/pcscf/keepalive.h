/* keepalive: what phones send to keep their flow open (RFC 5626 4.4, 5.4).
 *
 * Floor 3. */
#pragma once
#include "modules/pcscf/room.h"

struct conn;

/* A double CRLF on a connection is answered by one CRLF, at once (RFC 5626 4.4.1). */
void keepalive_pong(struct pcscf *p, struct conn *c);
/* Was that datagram a keep-alive, and not SIP? CRLFs are dropped, as RFC 3261 7.5 has it; a STUN Binding
 * request gets its answer where STUN and SIP share a port (RFC 5626 8). */
bool keepalive_datagram(struct pcscf *p, struct udp_port *u, const struct addr *from, struct bytes in);
