/* contacts: what the Contacts of a REGISTER ask for together, read once when it comes.
 *
 * Floor 3; pure. What is malformed does not count: the home network refuses it. */
#pragma once
#include "modules/sip/msg.h"

struct contacts {
    unsigned n;
    bool sos;          /* one is of an emergency registration */
    uint32_t briefest; /* seconds that a normal one asks for, the least above 0; UINT32_MAX: none does */
    uint64_t instance; /* flow_instance() of the first, since a phone speaks for itself alone; 0: none */
};

struct contacts contacts_read(const struct sip_msg *rq);
