/* contact: one Contact of a REGISTER as the edge reads it: for how long, which binding, an emergency's or
 * not.
 *
 * Floor 3; pure. RFC 3261 10, RFC 5626 6, TS 24.229 5.1.6.2. */
#pragma once
#include "modules/sip/contact_key.h"
#include "modules/sip/msg.h"

/* The next of a message's Contacts that can be read; it may be "*". What cannot is the home network's to
 * refuse. */
bool contact_next(struct sip_values *it, struct sip_contact *c);
/* The Contact of an emergency registration? */
bool contact_is_sos(const struct sip_contact *c);
/* Seconds that the phone asks for: the contact's own, else the header's, else an hour. */
uint32_t contact_expires(const struct sip_msg *rq, const struct sip_contact *c);
/* sip_contact_key() with reg-id; an emergency registration is another binding than the normal one of the same
 * instance. Length or 0. */
size_t contact_binding(const struct sip_contact *c, char dst[static SIP_CONTACT_KEY_MAX]);
/* What the 200 grants it, in seconds; 0: it is not bound (RFC 3261 10.2.4, 10.3 step 8). key: its
 * contact_binding(). */
uint32_t contact_granted(const struct sip_msg *rs, const struct sip_contact *asked, struct bytes key);
