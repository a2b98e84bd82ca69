/* registration: what the network changes in a registration that stands (TS 24.229 5.2.5, RFC 3680).
 *
 * Floor 3. phone.h keeps them. */
#pragma once
#include "modules/pcscf/phone.h"
#include "modules/sip/nameaddr.h"

#define REGISTRATION_IDENTITIES_MAX 4096 /* bytes of all of them, with their commas */

/* Is it under this address of record that the phone has registered? */
bool registration_is_of(const struct registration *r, const struct sip_uri *aor);
/* Is it this contact, by instance and reg-id or by URI (contact_key.h)? */
bool registration_has_key(const struct registration *r, const struct sip_contact *c);

/* One more identity that the network has registered with it. No-op if it has it, or there is no room. */
void registration_add_identity(struct registration *r, const struct sip_uri *uri);
/* One less. False: none is left (the last one stays in place). */
bool registration_drop_identity(struct registration *r, const struct sip_uri *uri);
/* It ends in so many seconds. False: it ends sooner anyway. */
bool registration_shorten(struct registration *r, uint32_t seconds);
