/* route_set: what stands behind our own Routes in a dialog: the way through the core that its Record-Routes
 * gave the phone (RFC 3261 12.1), and the digest by which it is known again.
 *
 * Floor 3; pure, views only. The digest is sealed into the token of our Record-Route, so that whoever gets
 * the phone's next request can tell whether it goes where the dialog goes (TS 24.229 5.2.6.3): on any worker,
 * after a restart, and without a table. It covers the Call-ID, so that one dialog's way is no other's. */
#pragma once
#include "modules/sip/msg.h"

#define ROUTE_SET_MAX    32 /* hops; more are refused */
#define ROUTE_SET_DIGEST 16

struct route_set {
    struct bytes items[ROUTE_SET_MAX]; /* values, the phone's next hop first */
    unsigned n;
};

/* The values of Route or Record-Route from the `skip`th on, in their order. False: malformed or too many. */
bool route_set_read(const struct sip_msg *m, enum sip_header_id id, unsigned skip, struct route_set *out);
/* The values above the `below`th of Record-Route, last one first: what the caller's side of a response makes
 * its route set of (12.1.2). */
bool route_set_read_above(const struct sip_msg *rs, unsigned below, struct route_set *out);
/* Two ways are the same when every hop has the same scheme, user, host, port and parameters; case and order
 * of parameters, which phones change, do not count. False: a value that is no name-addr, or out of memory. */
bool route_set_digest(const struct route_set *s, struct bytes call_id, uint8_t out[static ROUTE_SET_DIGEST]);
