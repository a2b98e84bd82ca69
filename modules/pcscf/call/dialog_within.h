/* dialog_within: what requests within a call change in it: CSeqs, targets, the session timer, its end.
 *
 * Floor 3. The call may have gone to another worker with its phone while a request of it was still on its way
 * here: then its outcome follows by letter. */
#pragma once
#include "modules/pcscf/call/dialog.h"
#include "modules/pcscf/passage.h"

/* By Call-ID and tags; From is whoever sent the request. */
struct dialog *dialog_of(const struct pcscf *p, bool from_phone, const struct sip_msg *m);
struct bytes dialog_contact(const struct sip_msg *m); /* its URI; empty: none. m may be NULL */
struct charging_vector dialog_accounts(const struct dialog *d);
/* Targets, route and accounts as a message says them now; what it does not say (empty) stays (RFC
 * 3261 13.2.2.4, 12.2.1.2). */
void dialog_correct(struct dialog *d, const struct bytes text[static DIALOG_TEXTS]);

/* The accounts of a call that is known, in a request that its phone sends within it, and in its answer to one
 * (RFC 7315 4.6): what the call's first request and its answers said. False: nobody has said. */
bool within_edit_accounts(const struct passage *g, const struct sip_msg *m, struct sip_edit *e);

/* It goes on. */
void within_request(const struct passage *g, const struct sip_msg *rq);
/* An INVITE or UPDATE has its 2xx; or (rs NULL) a BYE has whatever it gets. */
void within_done(const struct passage *g, const struct sip_msg *rq, const struct sip_msg *rs);
