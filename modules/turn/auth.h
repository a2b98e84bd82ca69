/* auth: the long-term credential mechanism (RFC 8489 9.2.4) for requests.
 *
 * Floor 3. Keys come from the directory; MD5(name:realm:password) is the same value as SIP's HA1. */
#pragma once
#include <stdbool.h>

struct request;

/* True: rq->name and rq->key are set and every answer will be signed. False: it has been answered (400, 401,
 * 438). */
bool auth_check(struct request *rq);
