/* hang_up: calls that were hung up while their dialog was on its way from one worker to another.
 *
 * Floor 3. A phone that comes back answers a BYE at once, maybe before the letter with the dialog is opened
 * where it is now: the dialog must not be taken in again then. A few are kept, for seconds. */
#pragma once
#include "appliance/core/worker.h"
#include "modules/sip/msg.h"

#define HANG_UPS 64 /* calls a worker; a letter is underway for a turn or two */

struct hang_up {
    uint64_t call; /* hash of Call-ID and tags */
    uint64_t at;   /* worker ms */
    bool by_phone;
};

struct hang_ups {
    struct hang_up last[HANG_UPS];
    unsigned next;
};

struct pcscf;
struct dialog;

/* A BYE (from the phone or to it) has had its answer, and no dialog here is its. */
void hang_up_note(struct pcscf *p, bool by_phone, const struct sip_msg *bye);
/* One that has just come: NULL, or how it was hung up meanwhile. */
const struct hang_up *hang_up_of(const struct pcscf *p, const struct dialog *d);
