/* whereabouts: on which flow each phone is registered now, and who wants to hear when it comes on another.
 *
 * Floor 3. One table for the process, because a phone that changes its access comes back on any worker: a
 * lock, taken for a REGISTER and for a request to a flow that is gone, never for one to a flow that stands. A
 * phone is the user's (owner) and the phone's own (instance) hash, as in a flow token. What stands in the
 * table lies inside registrations and absences, which put it in and take it out; nothing is allocated. */
#pragma once
#include "appliance/base/list.h"
#include "appliance/base/map.h"
#include "mux/flow.h"

struct whereabouts;

/* A phone on a flow that is there (of a registration), or was and is waited for (of an absence). */
struct whereabout {
    struct map_node node;
    uint64_t owner, instance;
    struct flow flow;
    uint64_t serial; /* later, larger */
    bool waits, in;
};

/* The workers' shared one; the first makes it, the last frees it. NULL: out of memory. */
struct whereabouts *whereabouts_join(struct gateway *gw);
void whereabouts_part(struct gateway *gw, struct whereabouts *t);

/* Puts it in. The flows on which it is waited for are written to old (room for WHEREABOUTS_OLD; NULL will do
 * for one that waits itself): their workers are to be told. Returns how many. */
#define WHEREABOUTS_OLD 8
unsigned whereabouts_add(struct whereabouts *t, struct whereabout *who, struct flow *old);
void whereabouts_remove(struct whereabouts *t, struct whereabout *who); /* fine on one that is not in */
/* The flow on which it registered last. False: on none. */
bool whereabouts_find(struct whereabouts *t, uint64_t owner, uint64_t instance, struct flow *out);
