/* absence: a phone whose flow is gone while something waits for it: calls, and requests that were on their
 * way (RFC 5626 5.3, TS 24.229 5.2.8.1).
 *
 * Floor 3, on the worker of the flow that is gone. It lasts as long as anything waits, by what it is: what is
 * new for the phone, calls that stand and requests within them, calls for help (enum patience). When the same
 * phone registers on another flow meanwhile, on whatever worker, its calls go there, the requests are sent
 * there once more, and the absence stays for a while as the pointer from the old flow to the new one. When it
 * does not come, the requests fail and the calls are released.
 *
 * Two clocks make the preset 20 s: a new access, TLS and a REGISTER take a phone a few seconds, and whoever
 * waits for the answer to a request gives up after 64*T1, 32 s. */
#pragma once
#include "modules/pcscf/call/dialog.h"
#include "modules/pcscf/registration/phone.h"

struct passage;

/* What waits, the one with the shortest time first; each from the moment the flow was gone. */
enum patience {
    PATIENCE_NEW,  /* pcscf.call_grace: the core may have another flow to try, the caller hears nothing */
    PATIENCE_CALL, /* pcscf.flow_grace */
    PATIENCE_HELP, /* emergency.flow_grace, where that is longer */
};

struct absence {
    struct map_node node; /* in the room's, by the old flow */
    struct pcscf *room;
    struct whereabout who;  /* the old flow, and whose */
    enum dialog_end why;    /* what a call is released with */
    uint64_t since;         /* worker ms */
    enum patience patience; /* whose time ends next */
    bool moved;
    struct flow to;
    struct list dialogs; /* struct dialog */
    struct list waiting; /* struct passage: requests to it */
    struct timer timer;  /* of the patience, then of the pointer */
};

/* Less is registered on that phone now: calls of who is no longer there find another home. at_once: they are
 * not waited for. Calls for help stay until the flow itself is gone, or their phone is on another one. */
void absence_begin(struct phone *ph, enum dialog_end why, bool at_once);
/* Its flow is gone; nothing waits for it yet, but may soon. */
void absence_expect(struct pcscf *p, const struct flow *f, uint64_t owner, uint64_t instance);
/* A registration stands on its flow: it is found there from now on, and whoever waits for it is told, on
 * every worker. */
void absence_end(struct registration *r);

/* Where the calls of that phone hang: in its own list, or in its absence's. NULL: out of memory. */
struct list *absence_home(struct pcscf *p, const struct flow *f, uint64_t owner, uint64_t instance);
/* The same for a call, which may be one for help: that has its home on any flow that stands. */
struct list *absence_home_of(struct pcscf *p, const struct flow *f, const struct dialog_facts *is);
/* The flow on which the phone of a flow that is gone is now, if that is known. */
bool absence_follow(const struct pcscf *p, const struct flow *old, struct flow *now);
/* The same for the phone of a call that waits for it. */
bool absence_leads(const struct dialog *d, struct flow *now);
bool absence_is_lost(const struct pcscf *p, const struct flow *old); /* known to be closed? */
/* Is the phone of that request being waited for, and is it worth its while to wait too? */
bool absence_is(const struct passage *g);
/* Keeps a request to a phone whose flow is gone, until it comes; sends it at once when it has. False: nothing
 * waits here (its patience is 0, or was over before it came), or out of memory. */
bool absence_hold(struct passage *g);

void absences_clear(struct pcscf *p);
