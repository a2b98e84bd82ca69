/* ticket: what a MOBILITY-TICKET says (RFC 8016 3.1.2): where the allocation lives and which one it is.
 *
 * Floor 3, pure but for the cipher. A sealed token (AEAD, base/token.h) under a key that all workers have and
 * the store keeps, so it is read wherever the client comes back to, after a restart too: then the place
 * names nothing any more, but the allocation's id, with which its row stands in the store, still does.
 * The serial number makes each ticket the successor of the one before. 63 bytes: with credentials and
 * integrity a Refresh stays far below the path MTU of 576 that RFC 8016 asks to reckon with. */
#pragma once
#include "appliance/base/bytes.h"
#include "appliance/base/slots.h"

struct worker;

#define TICKET_ID  16u
#define TICKET_MAX 96u

struct ticket {
    uint32_t node;   /* gateway->node */
    struct ref home; /* worker, generation and slot of the allocation */
    uint8_t id[TICKET_ID];
    uint32_t serial;
};

/* The length, 0 on trouble with the cipher. */
size_t ticket_seal(struct worker *w, const struct ticket *t, uint8_t out[static TICKET_MAX]);
/* False: none of ours. */
bool ticket_open(struct worker *w, struct bytes sealed, struct ticket *out);
