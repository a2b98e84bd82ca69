/* wildcards: wildcarded public identities of a registration (TS 23.003 13.4A, RFC 5002 3): a whole range of
 * users behind one phone, as "sip:pbx-!.*!@example.com": between the exclamation marks stands an expression
 * for what may be there.
 *
 * Floor 3; on one worker. Made once, when the registration is; at most WILDCARDS_MAX of them, and the
 * expressions run with limits on steps, depth and memory, so that none holds up a worker. */
#pragma once
#include "appliance/base/bytes.h"

#define WILDCARDS_MAX 16

struct wildcards;

/* Of a P-Associated-URI list. *out is NULL when it has none (that compile). 0 or -ENOMEM. */
int wildcards_compile(struct bytes identities, struct wildcards **out);
void wildcards_destroy(struct wildcards *ws);
/* Does one of them stand for that user? aor: canonical, sip_aor(). NULL has none. */
bool wildcards_match(const struct wildcards *ws, struct bytes aor);
/* Is that one value of the list a wildcard (or means to be one)? */
bool wildcards_is_one(struct bytes item);
