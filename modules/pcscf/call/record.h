/* record: our place in the route of a dialog: the two Record-Route values that a request is given (RFC 5658:
 * one for each side), what becomes of them in its responses, and the check of what a phone makes of them.
 *
 * Floor 3. Both values carry one token: the phone's flow, and the digest of the way behind us. For a called
 * phone that way stands in the request already; for a calling one it is known with each response (RFC
 * 3261 12.1.2), so there our own values are written anew: the token in them differs, where they lead to does
 * not, and what the other side keeps of the request goes on to work. */
#pragma once
#include "modules/pcscf/passage.h"

/* RFC 3261 16.6 item 4: any request may be recorded; it matters for those that can start a dialog. A NOTIFY
 * may come before the 200 to its SUBSCRIBE and be what starts it (RFC 6665 4.3). */
bool record_wanted(const struct sip_msg *rq);
/* Seals the token of this request's values into g. 0 or the status to refuse with. */
int record_begin(struct passage *g, const struct sip_msg *rq);
void record_edit_request(const struct passage *g, struct sip_edit *e);
void record_edit_response(const struct passage *g, const struct sip_msg *rs, struct sip_edit *e);
/* The way behind us that a response gives a calling phone. False: we are not in it, or it cannot be read. */
bool record_way(const struct passage *g, const struct sip_msg *rs, struct sip_route_set *out);

/* May a phone send this request within a dialog? 0 or the status to refuse with (counted): the token must be
 * of this flow, or of an earlier one of the same user (RFC 5626 5.3.2), and the Routes behind it those that
 * it was sealed with (TS 24.229 5.2.6.3): anything else would make us an open relay into the core. ph NULL:
 * nobody is registered there, so it has to be an emergency call. Sets g->emergency; and where
 * pcscf.dialog_route says replace and the call is known, g->cut_routes and the right g->route. */
int record_check(struct passage *g, const struct phone *ph, const struct sip_msg *rq,
                 const struct route_top *top);
