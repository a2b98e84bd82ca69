/* backoff: who has failed to register waits, longer each time, before he may try again.
 *
 * Floor 3. Which failures count is SIP's to know: a final 401, 403 or 407 to a REGISTER that carried an
 * answer to a challenge, unless the challenge was only stale (RFC 7616 3.3) or the phone asked to synchronise
 * (RFC 3310 3.4). What follows from them is kept over all workers (abuse.h). Nobody waits on a connection on
 * which somebody is registered: a phone's refresh does not fail for what its neighbours do. */
#pragma once
#include "mux/flow.h"
#include <stdbool.h>

struct pcscf;
struct server_txn;
struct sip_msg;

/* True: it has been answered with 503 and Retry-After. */
bool backoff_refuses(struct pcscf *p, struct server_txn *st, const struct sip_msg *rq);
/* The final answer to a REGISTER of that phone. True: it has failed, and the log says so. */
bool backoff_learn(struct pcscf *p, const struct flow *f, const struct sip_msg *rq, const struct sip_msg *rs);
