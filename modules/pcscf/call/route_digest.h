/* route_digest: the way through the core that its Record-Routes gave the phone, known again by a digest: what
 * stands behind our own Routes in a dialog (RFC 3261 12.1).
 *
 * Floor 3; pure. The digest is sealed into the token of our Record-Route, so that whoever gets
 * the phone's next request can tell whether it goes where the dialog goes (TS 24.229 5.2.6.3): on any worker,
 * after a restart, and without a table. It covers the Call-ID and the far end's tag, so that one dialog's way
 * is no other's. */
#pragma once
#include "modules/sip/route_set.h"

#define ROUTE_DIGEST 16

/* Two ways are the same when every hop has the same scheme, user, host, port and parameters; case and order
 * of parameters, which phones change, do not count. False: a value that is no name-addr, or out of memory. */
bool route_digest(const struct sip_route_set *s, struct bytes call_id, struct bytes far_tag,
                  uint8_t out[static ROUTE_DIGEST]);
