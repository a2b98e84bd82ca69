/* absence: a phone whose flow is gone while something waits for it: calls, and requests that were on their
 * way (RFC 5626 5.3, TS 24.229 5.2.8.1).
 *
 * Floor 3, on the worker of the flow that is gone. It lasts pcscf.flow_grace. When the same phone registers
 * on another flow meanwhile, on whatever worker, its calls go there, the requests are sent there once more,
 * and the absence stays for a while as the pointer from the old flow to the new one. When it does not come,
 * the requests fail and the calls are released.
 *
 * Two clocks make the preset 20 s: a new access, TLS and a REGISTER take a phone a few seconds, and whoever
 * waits for the answer to a request gives up after 64*T1, 32 s. */
#pragma once
#include "modules/pcscf/call/dialog.h"
#include "modules/pcscf/registration/phone.h"

struct passage;

struct absence {
    struct map_node node; /* in the room's, by the old flow */
    struct pcscf *room;
    struct whereabout who; /* the old flow, and whose */
    enum dialog_end why;   /* what a call is released with */
    bool moved;
    struct flow to;
    struct list dialogs; /* struct dialog */
    struct list waiting; /* struct passage: requests to it */
    struct timer timer;  /* of the grace, then of the pointer */
};

/* Less is registered on that phone now: calls of who is no longer there find another home. at_once: they are
 * not waited for. */
void absence_begin(struct phone *ph, enum dialog_end why, bool at_once);
/* A registration stands on its flow: it is found there from now on, and whoever waits for it is told, on
 * every worker. */
void absence_end(struct registration *r);

/* Where the calls of that phone hang: in its own list, or in its absence's. NULL: out of memory. */
struct list *absence_home(struct pcscf *p, const struct flow *f, uint64_t owner, uint64_t instance);
/* The flow on which the phone of a flow that is gone is now, if that is known. */
bool absence_follow(const struct pcscf *p, const struct flow *old, struct flow *now);
/* The same for the phone of a call that waits for it. */
bool absence_leads(const struct dialog *d, struct flow *now);
bool absence_is_lost(const struct pcscf *p, const struct flow *old); /* known to be closed? */
/* Is that phone being waited for? */
bool absence_is(const struct pcscf *p, const struct flow *f, uint64_t owner, uint64_t instance);
/* Keeps a request to a phone whose flow is gone, until it comes; sends it at once when it has. False: nothing
 * waits here (pcscf.flow_grace is 0), or out of memory. */
bool absence_hold(struct passage *g);

void absences_clear(struct pcscf *p);
