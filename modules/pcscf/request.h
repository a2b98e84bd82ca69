/* request: every request but REGISTER, both ways (TS 24.229 5.2.6, RFC 3261 16, RFC 5626 5.3).
 *
 * Floor 3. */
#pragma once
#include "modules/pcscf/room.h"

extern const struct sip_layer_user pcscf_requests;
