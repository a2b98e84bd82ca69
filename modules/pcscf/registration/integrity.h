/* integrity: the Authorization parameter by which the edge tells the home network how well a phone's REGISTER
 * was protected (TS 24.229 5.2.2.4, 7.2A.2).
 *
 * Floor 3. A home network that trusts it asks for no password, so a phone's own must never get through. */
#pragma once
#include "modules/sip/edit.h"

struct flow;
struct phone;

enum integrity {
    INTEGRITY_NONE,        /* nothing is said: no TLS, or nothing known yet of who is on it */
    INTEGRITY_TLS_PENDING, /* by TLS, with the answer to a challenge that the home network is to check */
    INTEGRITY_TLS_YES,     /* by the TLS connection on which this private identity has proved itself */
};

/* What can be said of this REGISTER; ph: who is registered on that flow, NULL: nobody. */
enum integrity integrity_of(const struct phone *ph, const struct flow *f, const struct sip_msg *rq);
/* Cuts every integrity-protected out of every Authorization of the request, and puts in ours. */
void integrity_edit(const struct sip_msg *rq, enum integrity what, struct sip_edit *e);

/* The private identity of a REGISTER: the user name of its Digest credentials. Empty: none, or several that
 * differ, of which nobody knows the one that was checked. */
struct bytes integrity_private_id(const struct sip_msg *rq);
