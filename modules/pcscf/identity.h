/* identity: who is calling, in the network's words (RFC 3325, TS 24.229 5.2.6.3).
 *
 * Floor 3. */
#pragma once
#include "modules/pcscf/registration/phone.h"
#include "modules/sip/msg.h"

/* The registration under which this phone makes this request, and what to assert, as P-Asserted-Identity
 * values in the registrar's words: "Display" <uri>. The preferred identities that are registered (at most a
 * SIP one and a tel one), else the default identity of the address in From, else of the newest registration
 * (an anonymous From names none). NULL: nothing is registered. */
const struct registration *identity_choose(const struct phone *ph, const struct sip_msg *rq, char *dst,
                                           size_t cap);
/* Puts the registration's first tel identity behind what is asserted already, unless one stands there:
 * whoever is called for help wants a number to call back (TS 24.229 5.2.10.3). */
void identity_add_number(const struct registration *r, char *dst, size_t cap);
/* The identity by which a request addresses this phone, to be asserted in its responses (TS 24.229 5.2.6.4):
 * P-Called-Party-ID if it is one of the phone's own, else the default one of the contact in the Request-URI.
 * Empty: nobody knows. */
void identity_called(const struct phone *ph, const struct sip_msg *rq, char *dst, size_t cap);
