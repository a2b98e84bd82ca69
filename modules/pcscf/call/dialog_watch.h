/* dialog_watch: what the messages that pass teach about calls.
 *
 * Floor 3. Called by request.c and response.c for each transaction; does nothing for what has no dialog. */
#pragma once
#include "modules/pcscf/passage.h"

/* It goes on: g is in its proxy's data. */
void watch_request(struct passage *g, const struct sip_msg *rq);
/* A response came. rq: NULL for a further 2xx, when the request is gone already. */
void watch_response(struct passage *g, const struct sip_msg *rq, const struct sip_msg *rs);
/* A final response went on, or was made by us. */
void watch_final(struct passage *g, const struct sip_msg *rq, int status);
/* We end an INVITE that has no answer yet: its early dialogs go, its branches are cancelled, with that Reason
 * line, and who asked is told 480. */
void watch_give_up(struct passage *g, struct bytes reason);
/* The transaction is over. */
void watch_done(struct passage *g);
/* A call that never got past us: for the log. */
bool watch_refused(struct pcscf *p, const struct sip_hop *from, const struct sip_msg *rq, int status);
