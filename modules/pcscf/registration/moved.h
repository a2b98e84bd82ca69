/* moved: how the workers learn that a binding has a newer flow, or none.
 *
 * Floor 3. Each worker knows the registrations on its own flows only. A new one is told to the others by
 * letter, with its place in the order of all grants; who has an older one of that binding lets it go, who has
 * a newer one writes back. So one is left, whichever letter comes first. A refresh tells nobody. */
#pragma once
#include "modules/pcscf/registration/registration.h"

/* r was granted on a flow that did not have it before. */
void moved_here(struct pcscf *p, const struct registration *r);
/* The phone took that binding out (key empty: all of the user's), on whatever flow it is. */
void moved_away(struct pcscf *p, struct bytes aor, struct bytes key);
/* A new place in the order of grants. */
uint64_t moved_order(struct pcscf *p);
