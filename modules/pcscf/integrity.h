/* integrity: the Authorization parameter by which the edge tells the home network how well a phone's REGISTER
 * was protected (TS 24.229 5.2.2.1, 7.2A.2).
 *
 * Floor 3. A home network that trusts it asks for no password, so a phone's own must never get through. */
#pragma once
#include "modules/sip/edit.h"

/* Cuts every integrity-protected out of every Authorization of the request. */
void integrity_cut(const struct sip_msg *rq, struct sip_edit *e);
