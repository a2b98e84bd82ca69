/* prove: is the gateway good for a call? Two UEs in one process, each with its own connections, do what two
 * phones do. Room modules/ue, floor 3. The command itself is ue_prove() of ue.h; this is its sequence, for
 * other commands. */
#pragma once
#include "modules/ue/steps.h"

#define PROVE_EXPIRES 600 /* seconds of registration */
#define PROVE_BUDGET  60  /* seconds, besides those of the voice */

/* Both ends set up by ue_scene_endpoint(). */
bool prove_run(struct run *r, struct endpoint *a, struct endpoint *b);
