/* presence: which names hold a SIP registration on this gateway, how many of them, and which did a moment
 * ago.
 *
 * Floor 1; part of the directory, which is what other rooms include. A name that has left is remembered for
 * PRESENCE_GRACE_MS, and forgotten when the next one comes or goes: no timer. Asked when a request is
 * authenticated, never on a packet, so one lock is cheap enough. Any thread. */
#pragma once
#include "appliance/base/bytes.h"
#include <stdbool.h>

struct presence;

struct presence *presence_create(void); /* NULL: out of memory */
void presence_destroy(struct presence *p);

bool presence_arrive(struct presence *p, struct bytes name, uint64_t now);
void presence_leave(struct presence *p, struct bytes name, uint64_t now);
bool presence_has(struct presence *p, struct bytes name, uint64_t now);
