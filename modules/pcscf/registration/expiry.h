/* expiry: how long a registration may be asked for (RFC 3261 10.2.8, 20.23; pcscf.min_expires and
 * max_expires).
 *
 * Floor 3. The home network has the last word; the edge only keeps phones from refreshing more often than it
 * wants to carry, and from asking for longer than it wants to remember. An emergency registration is never
 * held up. */
#pragma once
#include "modules/sip/edit.h"

struct contacts;
struct pcscf_config;

/* Some contact asks for less than the minimum, and is not to be taken out: answer 423. */
bool expiry_is_too_brief(const struct pcscf_config *config, const struct contacts *asked);
/* Lowers what is above the maximum. */
void expiry_edit(const struct pcscf_config *config, const struct sip_msg *rq, struct sip_edit *e);
