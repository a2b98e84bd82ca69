/* core_tcp: one connection from this worker to a core that is reached by TCP.
 *
 * Floor 3. It stands as an entity of the process: the edge sends to it and hears from it by letters, as it
 * does with the embedded home network, and what is a letter here is a framed stream there (RFC 3261 18.3). It
 * connects when the worker starts, comes back by itself after a loss, a little later each time, and never
 * blocks. */
#pragma once
#include "modules/sip/entity.h"

struct core_tcp;
extern const struct sip_entity core_tcp_entity;

/* NULL: out of memory. Without a loop (tests) it never connects. */
struct core_tcp *core_tcp_create(struct worker *w, const struct sip_entity *edge, const struct addr *core,
                                 size_t max_message);
void core_tcp_destroy(struct core_tcp *c);
bool core_tcp_up(const struct core_tcp *c);
