/* deferred: a request whose answer comes later.
 *
 * Floor 3. A request lives on the stack and views the bytes it came in; this is a copy of both that outlives
 * them, until it is answered or its connection is gone. */
#pragma once
#include "modules/turn/dispatch.h"

struct deferred {
    struct request rq;
    uint8_t bytes[]; /* the message */
};

/* NULL: out of memory. */
struct deferred *deferred_create(const struct request *rq);
/* Wipes the key. NULL is fine. */
void deferred_destroy(struct deferred *d);
