/* binding: one binding of location.c, made once and not changed, and its row in the store.
 *
 * Floor 3; location.h says who holds one. */
#pragma once
#include "modules/registrar/location.h"

/* Held once. NULL: out of memory. */
struct binding *binding_create(const struct location_update *u, const struct binding_change *c,
                               uint64_t serial);
/* Without a store they do nothing. A lost row is counted by the store. */
void binding_write(const struct binding *b, struct store *store, int64_t expires_wall);
void binding_erase(const struct binding *b, struct store *store);
