/* dialog_release: a call that the edge ends, in the name of each side towards the other (TS 24.229 5.2.8.1),
 * because the phone is gone, is no longer registered, or let the session timer run out (RFC 4028 10).
 *
 * Floor 3. */
#pragma once
#include "modules/pcscf/call/dialog.h"

/* A confirmed one: BYE with a Reason (RFC 3326) to whichever end can be reached. An early one: its INVITE is
 * given up: CANCEL to the far end of a phone that called, 480 to the far end of one that was called. Ends the
 * dialog. */
void dialog_release(struct dialog *d, enum dialog_end why);
timer_fire dialog_overdue;
