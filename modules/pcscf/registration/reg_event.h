/* reg_event: the edge's subscriptions to what the home network does with its phones' registrations (TS 24.229
 * 5.2.3 and 5.2.5, RFC 3680 over RFC 6665).
 *
 * Floor 3, on each worker. One subscription for each default public identity that has registrations here,
 * shared by all of them; it begins with the first, and ends a while after the last. This is how the edge
 * learns that the network has taken a registration away, shortened it, or registered more identities with it.
 * Only towards another network's core: the embedded one is asked nothing. reg_event.c keeps the
 * subscriptions, reg_subscribe.c speaks to the core, reg_notify.c hears it. */
#pragma once
#include "appliance/base/map.h"
#include "appliance/base/slots.h"
#include "appliance/core/timer.h"
#include "modules/sip/branch.h"
#include "modules/sip/dialog.h"

struct pcscf;
struct registration;
struct server_txn;

/* What the edge has of it on one worker. */
struct reg_events {
    struct slots slots;     /* struct reg_event */
    struct map by_identity; /* the same */
    uint64_t paused_until;  /* worker ms: the core has no such event package */
};

int reg_events_init(struct reg_events *all, struct pcscf *p); /* 0 or -ENOMEM */
void reg_events_fini(struct reg_events *all); /* without a word to the core; while the SIP layer is there */

/* A registration that the core has granted (or refreshed), and the Path that it was given ("<sip:...>"). */
void reg_event_join(struct registration *r, struct bytes path);
/* It is no more, or will join anew at once. Fine for one that never joined. */
void reg_event_leave(struct registration *r);

/* NOTIFY of such a subscription: answered, and carried out. False: it is none of ours. */
bool reg_event_notify(struct pcscf *p, struct server_txn *st, const struct sip_msg *rq);
/* The worker that this Request-URI of ours names; `here` if it names none. */
uint16_t reg_event_home(const struct pcscf *p, struct bytes uri, uint16_t here);

/* For the operator: "none", "asking", "active", "retrying", "refused". */
const char *reg_event_state_of(const struct registration *r);
