/* rotation: replaces the keys of TLS tickets and sealed tokens while the gateway runs.
 *
 * Floor 4, management worker. Looks every hour; a key older than store.key_rotation gets a successor in the
 * store, and each worker a copy of the new keyring between two of its turns. What the previous key sealed
 * still opens. */
#pragma once
#include "appliance/core/worker.h"

struct roof;

struct rotation {
    struct timer timer;
    struct roof *roof;
    struct worker *w;
};

void rotation_start(struct rotation *ro, struct roof *r, struct worker *management);
void rotation_stop(struct rotation *ro);
/* Looks now; max_age in seconds, 0 = never. True when there are new keys and the workers were told. For the
 * timer and the operator's command (which asks with 1 to rotate at once). */
bool rotation_run(struct rotation *ro, int64_t max_age);
