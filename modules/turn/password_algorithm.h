/* password_algorithm: PASSWORD-ALGORITHMS and PASSWORD-ALGORITHM (RFC 8489 9.2.4, 14.11, 14.12, 18.5.1).
 *
 * Floor 3, pure. We offer SHA-256, then MD5, always the same list; that it was offered stands in the nonce
 * (nonce.h), so that nobody in between can take the better one away unseen (9.2.1). */
#pragma once
#include "modules/stun/stun.h"

enum password_algorithm { PASSWORD_MD5 = 1, PASSWORD_SHA256 = 2 };

void password_algorithms_put(struct stun_writer *w);

/* What the request was signed with. *chosen: it says so, so that the answer must be signed with
 * MESSAGE-INTEGRITY-SHA256. False: what it says is not what we sent (400). */
bool password_algorithm_read(const struct stun_message *m, enum password_algorithm *out, bool *chosen);
