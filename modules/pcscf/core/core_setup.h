/* core_setup: from the settings to a core link that works, or to a line that says why it cannot. Floor 3. */
#pragma once
#include "appliance/core/config.h"
#include "modules/pcscf/room.h"

/* l is zeroed but for its list and stats. 0 or -errno, logged. */
int core_setup(struct core_link *l, struct pcscf *p);
bool core_is_embedded(const struct string_list *core); /* pcscf.core names nobody */
/* core_check.c, the module's `check`. */
bool core_check(const struct config *c, struct buf *out);
