/* absence_private: what the files of an absence know of each other. Floor 3; for
 * modules/pcscf/call/absence*.c. */
#pragma once
#include "modules/pcscf/call/absence.h"

/* Of exactly that phone on that flow; NULL: nothing waits for it. */
struct absence *absence_find(const struct pcscf *p, const struct flow *f, uint64_t owner, uint64_t instance);
/* Where it is now; the flow that it went to may be gone again. A call whose INVITE waited here may have begun
 * on a flow of another worker: for what hangs here the phone is elsewhere, though it never left that flow. */
bool absence_now(const struct absence *a, struct flow *now);

/* It is on that flow: what waits goes there, and the absence stays as the pointer. */
void absence_moves(struct absence *a, const struct flow *to);
/* Once more to where the phone is; what cannot be sent fails by its own timers. */
void absence_send_waiting(struct absence *a, const struct flow *to);

bool absence_is_empty(const struct absence *a); /* neither a call nor a request */
void absence_free(struct absence *a);           /* which must be empty, or its room ends */
