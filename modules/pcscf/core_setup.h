/* core_setup: from the settings to a core link that works, or to a line that says why it cannot. Floor 3. */
#pragma once
#include "modules/pcscf/room.h"

/* l is zeroed but for its list and stats. 0 or -errno, logged. */
int core_setup(struct core_link *l, struct pcscf *p);
