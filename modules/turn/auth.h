/* auth: the long-term credential mechanism (RFC 8489 9.2.4) and third-party authorization (RFC 7635 7) for
 * requests.
 *
 * Floor 3. A user is one of the directory, whose key MD5 or SHA-256 of name:realm:password is the same value
 * as SIP's HA1, or one that a shared secret or a token vouches for (credential.h). */
#pragma once
#include <stdbool.h>

struct request;
struct stun_writer;

/* True: rq->name and rq->credential are set and every answer will be signed. False: it has been answered
 * (400, 401, 403, 420, 438). */
bool auth_check(struct request *rq);
/* The integrity attribute that the answer to that request must carry. */
void auth_sign(const struct request *rq, struct stun_writer *w);
