/* core_request: a request of our own to the core (SUBSCRIBE, BYE), which goes to another next hop when one
 * fails, as those of phones do, and over TCP when it is too large for UDP: core_attempt.h's second carrier.
 *
 * Floor 3. */
#pragma once
#include "modules/pcscf/core/core_attempt.h"
#include "modules/sip/uac.h"

struct core_request_user {
    void (*on_response)(void *arg, const struct sip_msg *rs);
    void (*on_failure)(void *arg, int status, int err); /* as client_user has it, of the last hop */
};

/* `to` is what core_link.h says. NULL: nothing was sent. Else for sip_uac_drop(), until the final response or
 * the failure is told. user NULL: whatever comes of it. */
struct sip_uac *core_request_send(struct pcscf *p, const struct sip_hop *to, const struct sip_uac_request *r,
                                  const struct core_request_user *user, void *arg);
