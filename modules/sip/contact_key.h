/* contact_key: when are two Contacts the same binding?
 *
 * Room modules/sip, floor 3. Pure; any thread. RFC 5626 6: the instance and the reg-id, where both are there
 * and outbound counts; else RFC 3261 10.3 step 7: the URI, compared by 19.1.4. */
#pragma once
#include "modules/sip/nameaddr.h"

#define SIP_CONTACT_KEY_MAX 512

/* Equal bytes for the same binding. outbound: reg-id counts. Length (a NUL follows), or 0 when it does not
 * fit. */
size_t sip_contact_key(const struct sip_contact *c, bool outbound, char dst[static SIP_CONTACT_KEY_MAX]);
