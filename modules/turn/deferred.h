/* deferred: a request whose answer comes later.
 *
 * Floor 3. A request lives on the stack and views the bytes it came in; this is what an answer needs of both,
 * until it is given or its connection is gone. Of the message that is the header, so it is of one size,
 * however large the message was. */
#pragma once
#include "modules/turn/dispatch.h"

struct deferred {
    struct request rq; /* for an answer only: its attributes are gone */
    uint8_t header[STUN_HEADER];
};

/* NULL: out of memory. */
struct deferred *deferred_create(const struct request *rq);
/* Wipes the key. NULL is fine. */
void deferred_destroy(struct deferred *d);
