/* strict: routers that know no "lr" (RFC 2543), in front of us and behind us.
 *
 * Floor 3. RFC 3261 16.4 and 16.6 item 6. */
#pragma once
#include "modules/pcscf/passage.h"

/* Does its sender take us for the Request-URI, and has he put the real one last among the Routes? */
bool strict_is_from_one(const struct pcscf *p, const struct sip_msg *rq);
/* Appends such a request as everybody else writes it: afterwards it is none any more. 0 or -errno. */
int strict_loosen(const struct sip_msg *rq, struct buf *out);

/* Does the next hop want to be the Request-URI itself? Then the passage says so. */
void strict_mind_next(struct passage *g, const struct route_top *top);
