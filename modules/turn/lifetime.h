/* lifetime: what a LIFETIME attribute comes to (RFC 8656 7.2 and 8.2): no more than turn.max_lifetime, no
 * less than turn.default_lifetime, and, of a user with a token, no more than that has left (RFC 7635 9).
 * Floor 3. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct request;

/* In ms; 0 only where the message asks for 0. False: the attribute has not four bytes (400). */
bool lifetime_wanted(const struct request *rq, uint64_t *out);
/* Without a wish. */
uint64_t lifetime_preset(const struct request *rq);
