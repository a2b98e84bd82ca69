/* proxy_edit: what every request that goes on through us is given, with a transaction or without.
 *
 * Modules, private to the proxy: RFC 3261 16.6 items 2, 3, 6 and 8, RFC 5393 5. */
#pragma once
#include "modules/sip/edit.h"
#include "modules/sip/entity.h"

struct proxy_onward {
    struct bytes uri, route; /* as in proxy_target */
    struct sip_sent_by by;
    const char *branch;
    unsigned breadth; /* RFC 5393 5.3.3 */
    bool rport;       /* ask for it: RFC 3581 3 */
};

void proxy_edit_onward(struct sip_edit *e, const struct sip_msg *rq, const struct proxy_onward *on);
