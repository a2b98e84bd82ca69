/* trust: which header fields may cross the border between a phone and the network, in one table.
 *
 * Floor 3, const. RFC 3325 5, RFC 7315, TS 24.229 5.2.6 and 4.4. Phones are outside the trust domain, the
 * core is inside. */
#pragma once
#include "modules/sip/edit.h"

enum trust_border { TRUST_FROM_PHONE, TRUST_TO_PHONE };

/* Cuts what may not pass, in a request or a response. */
void trust_apply(const struct sip_msg *m, enum trust_border border, struct sip_edit *e);
