#include "modules/pcscf/registration/access_network.h"
#include "modules/pcscf/room.h"

void access_network_edit(const struct pcscf *p, struct sip_edit *e)
{
    const char *known = p->config->access_network;
    if (known[0])
        sip_edit_add(e, SIP_H_P_ACCESS_NETWORK_INFO, sip_edit_text(e, "%s;network-provided", known));
}
