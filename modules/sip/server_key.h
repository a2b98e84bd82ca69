/* server_key: what tells one incoming request from another (RFC 3261 17.2.3).
 *
 * Modules, pure; private to the transaction layer. Beyond the RFC's rule, what came on a connection is
 * matched only by what comes on the same one, as ACK and CANCEL must (17.1.1.3, 9.1): phones behind NATs
 * share their private sent-by, and one must not cancel, or be taken for, another. Branch, sent-by and method
 * for what has the magic cookie; else the older rule: Request-URI, From tag, Call-ID, CSeq number, top Via
 * and method (the To tag of an ACK, which would tell two final responses of one transaction apart, is not
 * looked at: we send only one). */
#pragma once
#include "appliance/base/buf.h"
#include "modules/sip/hop.h"
#include "modules/sip/msg.h"

/* Appends the key; `method` is that of the transaction that is looked for (an ACK looks for "INVITE"). False:
 * memory. */
bool server_key_write(const struct sip_hop *from, const struct sip_msg *rq, struct bytes method,
                      struct buf *out);
