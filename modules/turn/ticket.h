/* ticket: what a MOBILITY-TICKET says (RFC 8016 3.1.2): where the allocation lives and which one it is.
 *
 * Floor 3, pure but for the cipher. Sealed with AES-SIV (base/token.h) under a key that all workers have and
 * the store keeps, so it is read wherever the client comes back to, after a restart too: then the slot names
 * nothing any more, but the id, with which the allocation's row stands in the store, still does. In place of
 * the slot's generation stands the beginning of the random id, which an allocation that has the slot later
 * cannot have; it need not be secret, only unlike. The serial number makes each ticket another than the one
 * before, as RFC 8016 3.2.2 asks. A ticket has TICKET_SIZE bytes: RFC 8016 wants it small, for the Refresh
 * must pass a path of any MTU, and coturn's client keeps no longer one. That client also keeps it as a C
 * string, so no byte of it is zero: the salt is changed until that is so. */
#pragma once
#include "appliance/base/bytes.h"
#include "appliance/base/token.h"

struct worker;

#define TICKET_ID    7u /* the first bytes of the allocation's */
#define TICKET_PLAIN 16u
#define TICKET_SIZE  (TICKET_PLAIN + TOKEN_SHORT_OVERHEAD)

struct ticket {
    uint16_t node; /* of gateway->node */
    uint8_t worker;
    uint32_t slot; /* 24 bits of it */
    uint16_t serial;
    uint8_t id[TICKET_ID];
};

/* False: trouble with the cipher. */
bool ticket_seal(struct worker *w, const struct ticket *t, uint8_t out[static TICKET_SIZE]);
/* False: none of ours. */
bool ticket_open(struct worker *w, struct bytes sealed, struct ticket *out);
