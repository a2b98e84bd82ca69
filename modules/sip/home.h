/* home: where an edge finds the home network that is embedded in this process.
 *
 * Room modules/sip, floor 3; per worker. The edge and the home network know each other only as SIP entities:
 * the home network says here that it is there, the edge sends to it. */
#pragma once
#include "modules/sip/entity.h"

int sip_home_set(struct worker *w, const struct sip_entity *home); /* NULL: gone. 0 or -ENOSPC */
const struct sip_entity *sip_home(const struct worker *w);         /* NULL: none is embedded */
