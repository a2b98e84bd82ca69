/* guard: counts connections, in all and by address, over all workers.
 *
 * Floor 2. One for the gateway, made by the first door and freed by the last. Any thread: it is asked at
 * accept and told at close, never on a packet, so small locks do. An IPv6 /64 counts as one address, since a
 * host has all of it. */
#pragma once
#include "appliance/base/addr.h"
#include <stdint.h>

struct gateway;
struct guard;

enum guard_verdict { GUARD_OK, GUARD_FULL, GUARD_ADDRESS_FULL, GUARD_MEMORY };

struct guard *guard_create(void);
void guard_destroy(struct guard *g);

/* One connection more in all; paired with guard_leave. */
enum guard_verdict guard_enter(struct guard *g, uint64_t limit);
void guard_leave(struct guard *g);
/* One more of that address; paired with guard_leave_address. */
enum guard_verdict guard_enter_address(struct guard *g, const struct addr *a, uint64_t limit);
void guard_leave_address(struct guard *g, const struct addr *a);

uint64_t guard_count(const struct guard *g);
size_t guard_addresses(struct guard *g); /* how many have a count: for tests and pages */

/* The gateway's guard: the first to join makes it (NULL: out of memory), the last to part frees it. */
struct guard *guard_join(struct gateway *gw);
void guard_part(struct gateway *gw);
