/* register: REGISTER on its way to the home network, and what its 200 teaches (TS 24.229 5.2.2, RFC 3327, RFC
 * 3608, RFC 5626 5.1).
 *
 * Floor 3. */
#pragma once
#include "modules/pcscf/room.h"

struct server_txn;
struct sip_msg;

void register_handle(struct pcscf *p, struct server_txn *st, const struct sip_msg *rq);
