/* nonce: the NONCE of the long-term credential mechanism (RFC 8489 9.2), as a sealed token.
 *
 * Floor 3. "obMatJos2", the security feature bits, then time and the client's address under AEAD. So nothing
 * is kept for a client that has not proved who it is, a nonce is good for one address only, and it outlives a
 * restart. The bits are always the same two, and a nonce with others is none of ours: who takes one away from
 * it to bid a client down (9.2.1) has made it worthless. */
#pragma once
#include "appliance/base/token.h"

struct worker;
struct addr;

#define NONCE_MAX 128u /* RFC 8489 14.10: fewer than 128 characters; with NUL */

/* The text and its length; 0 on trouble with the cipher. */
size_t nonce_make(struct worker *w, const struct addr *client, char out[static NONCE_MAX]);
/* Does it say, whoever made it, that PASSWORD-ALGORITHMS was offered (RFC 8489 9.2.4)? */
bool nonce_offers_algorithms(struct bytes nonce);
/* Ours, of that client (port 0: of any port there), and not older than max_age ms? */
bool nonce_ok(struct worker *w, const struct addr *client, struct bytes nonce, int64_t max_age);
