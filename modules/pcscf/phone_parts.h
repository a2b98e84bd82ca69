/* phone_parts: what phone.c shares with registration_standing.c and registration_end.c; nobody else includes
 * it. */
#pragma once
#include "modules/pcscf/phone.h"

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

/* registration_end() without a look at what is left of its phone. */
void registration_finish(struct registration *r, const char *why);
/* One of those that went on to another flow. */
void registration_forget_left(struct registration *r);
timer_fire registration_on_expiry;
