/* access_network: where a phone is, in the network's words (RFC 7315 4.4, TS 24.229 5.2.2.1, 5.2.6.3).
 *
 * Floor 3. What the phone says of its access is passed on as the phone's word (the trust table takes out what
 * pretends to be the network's). The gateway itself sees an IP address and nothing of the radio, so it says
 * something only when the operator knows it for all phones here (pcscf.access_network). */
#pragma once
#include "modules/sip/edit.h"

struct pcscf;

/* A request of a phone on its way to the core. */
void access_network_edit(const struct pcscf *p, struct sip_edit *e);
