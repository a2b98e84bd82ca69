/* breadth: how many branches of a request may be alive at once, all further forks counted (RFC 5393 5).
 *
 * Modules, private to the proxy. One worker. */
#pragma once
#include "modules/sip/edit.h"

struct proxy;

#define BREADTH_MAX 60 /* what a request without the header field may spawn, and the most that any may */

/* What came in: 0 to BREADTH_MAX. */
unsigned breadth_read(const struct sip_msg *rq);
/* What is left of it for the next branch of this context, with as much again for each that waits to be sent
 * at once; 0: that one has to wait until another is done. */
unsigned breadth_share(const struct proxy *p);
/* One header field with that value, whatever stood there. */
void breadth_edit(struct sip_edit *e, unsigned breadth);
