/* phone_parts: what phone.c shares with registration_standing.c and registration_end.c; nobody else includes
 * it. */
#pragma once
#include "modules/pcscf/call/absence.h"

/* How long its connection may stay silent now. expires_ms: of the newest registration; counts while there is
 * one. */
void phone_set_idle(const struct phone *ph, uint64_t expires_ms);
/* Frees it if nothing is on it any more. */
void phone_reap(struct phone *ph);
timer_fire phone_on_farewell;

/* From now on it counts, and other rooms know that its user is here. */
void registration_enter(struct phone *ph, struct registration *r);
/* It counts no longer, and is in no list. */
void registration_withdraw(struct registration *r);

/* How one ends, and what that means for the calls that its phone has (TS 24.229 5.2.8.1). */
struct registration_ending {
    const char *event, *why; /* in the log */
    enum dialog_end calls;
    bool at_once; /* else they wait for the phone */
};
extern const struct registration_ending registration_closed; /* with its flow */
/* registration_end() without a look at what is left of its phone. */
void registration_finish(struct registration *r, const struct registration_ending *how);
/* One of those that went on to another flow. */
void registration_forget_left(struct registration *r);
timer_fire registration_on_expiry;
