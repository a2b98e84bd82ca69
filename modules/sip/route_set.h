/* route_set: the way of a dialog, as Record-Route gives it and Route carries it (RFC 3261 12.1, 16.12).
 *
 * Room modules/sip, floor 3. Pure; views of the message it was read from. */
#pragma once
#include "modules/sip/msg.h"

#define SIP_ROUTE_SET_MAX 32 /* hops; more are refused */

struct sip_route_set {
    struct bytes items[SIP_ROUTE_SET_MAX]; /* values, the next hop first */
    unsigned n;
};

/* The values of Route or Record-Route from the `skip`th on, in their order. False: malformed or too many. */
bool sip_route_set_read(const struct sip_msg *m, enum sip_header_id id, unsigned skip,
                        struct sip_route_set *out);
/* The values above the `below`th of Record-Route, last one first: what the caller's side of a response makes
 * its route set of (12.1.2). */
bool sip_route_set_read_above(const struct sip_msg *rs, unsigned below, struct sip_route_set *out);
/* Appends what a message's Record-Route makes as one value of Route: as it stands for who got it as a request
 * (12.1.1), reversed for who got it as a response (12.1.2). False: it cannot be parsed, or no memory. */
bool sip_route_set_write(const struct sip_msg *m, bool reversed, struct buf *out);
