/* trimming: gives memory back to the system once a rush is over.
 *
 * Floor 1, management worker. What a storm of registrations has used is free again when its transactions have
 * ended, but the allocator keeps it: between longer-lived pieces, in the arenas of the workers. Every few
 * seconds the management worker looks how much is in use; when that has fallen well below what it was and
 * falls no more, free pages go back. While an arena is trimmed its worker waits for it should it want memory
 * (a page takes about half a microsecond), so it is done seldom and in quiet moments. */
#pragma once
#include "appliance/core/worker.h"

struct trimming {
    struct timer timer;
    struct worker *w;
    size_t highest, last; /* bytes in use: since the last time, and at the last look */
};

void trimming_start(struct trimming *t, struct worker *management);
void trimming_stop(struct trimming *t);
/* Is it time, now that so much is in use? Changes what is remembered. */
bool trimming_due(struct trimming *t, size_t used);
