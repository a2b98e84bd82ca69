/* session_keys: the keys of IMS AKA that a home network hands to the edge with its challenge (TS 24.229
 * 5.2.2.1, 7.2A.1; RFC 3310).
 *
 * Floor 3. They are for an IPsec that we do not set up: TLS stands. A phone makes its own from its card, and
 * nobody else is to see them. */
#pragma once
#include "modules/sip/edit.h"

/* Cuts ck and ik out of every challenge of the response. */
void session_keys_cut(const struct sip_msg *rs, struct sip_edit *e);
