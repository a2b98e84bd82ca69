/* core_forward: a phone's request on its way to the core through a proxy: core_attempt.h's first carrier.
 *
 * Floor 3. Lies zeroed in the proxy_data of whoever forwards; one branch after the other of the same response
 * context, so that who asked sees only the answer that counts. */
#pragma once
#include "modules/pcscf/core/core_attempt.h"
#include "modules/sip/proxy.h"

struct core_forward {
    struct core_attempt attempt;
    struct proxy *proxy;
};

/* proxy_add(), and from then on watched if it goes to the core. As proxy_add. */
int core_forward_begin(struct core_forward *f, struct pcscf *p, struct proxy *proxy,
                       const struct proxy_target *target);
/* The proxy's hooks call these first. PROXY_SWALLOW: another hop has the request now; PROXY_GO_ON: yours. The
 * failure of the last hop that there is becomes 503, with Retry-After. */
int core_forward_response(struct core_forward *f, const struct proxy_branch *b, const struct sip_msg *rs);
int core_forward_failure(struct core_forward *f, const struct proxy_branch *b, int status, int err);
/* on_size. */
struct sip_hop core_forward_size(struct core_forward *f, const struct proxy_branch *b, size_t n);
void core_forward_end(struct core_forward *f); /* on_done */
