/* branch: the Via branch of what we send, which carries the way home of the response.
 *
 * Modules, pure but for randomness. RFC 3261 8.1.1.7 (magic cookie), 16.6 item 8 (loop part), 16.11
 * (stateless):
 *
 *     z9hG4bK sp WWWW SSSSSSSS GGGGGGGG LLLLLLLL RRRRRRRRRRRRRRRR      (no spaces; lower-case hex)
 *                worker slot   gen      loop     64 random bits
 *
 * So a response that comes in at any worker names its worker, and there the client transaction is found in
 * one step. It is not sealed: the random part is compared with what the transaction was given, a guess finds
 * nothing. The loop part is a hash of what routing depended on: a request that comes back with the same one
 * has looped, one that only spirals through us (P-CSCF out, registrar, P-CSCF in) has another. */
#pragma once
#include "appliance/base/bytes.h"
#include "appliance/base/slots.h"

#define SIP_BRANCH_LEN (7 + 2 + 4 + 8 + 8 + 8 + 16)
#define SIP_BRANCH_MAX (SIP_BRANCH_LEN + 1)

struct sip_branch {
    struct ref ref; /* the client transaction, in its entity's layer */
    uint32_t loop;
    uint64_t random;
};

void sip_branch_write(const struct sip_branch *b, char out[static SIP_BRANCH_MAX]);
bool sip_branch_parse(struct bytes text, struct sip_branch *out); /* false: not of our form */

/* RFC 3261 16.11: for what is forwarded without a transaction: the same for a retransmission, which has the
 * same top branch (`above`), different for different requests. Never parses as a sip_branch. */
void sip_branch_stateless(struct bytes above, uint32_t loop, char out[static SIP_BRANCH_MAX]);

/* Does the branch begin with the magic cookie of RFC 3261, so that it alone names the transaction? */
bool sip_branch_is_3261(struct bytes branch);

/* For sip_entity.sort: the worker that a response belongs to, by the first Via of these raw bytes; `here`
 * when the message is no response, or the branch is not ours. Does not parse the whole message. */
uint16_t sip_sort_response(struct bytes msg, uint16_t here);
