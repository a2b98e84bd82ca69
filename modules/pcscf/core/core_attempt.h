/* core_attempt: a request on its way to the core, which goes to another next hop when one fails (RFC
 * 3263 4.3).
 *
 * Floor 3. Lies zeroed in the proxy_data of whoever forwards; one branch after the other of the same response
 * context, so that who asked sees only the answer that counts. What goes on: a connection that breaks or
 * cannot be made, a 503, and no word within pcscf.core_timeout (408 of timers B and F too). A request that
 * goes to a phone passes through unwatched. */
#pragma once
#include "modules/pcscf/room.h"
#include "modules/sip/proxy.h"

struct core_attempt {
    struct pcscf *p; /* NULL: nothing to watch */
    struct proxy *proxy;
    struct timer patience;
    uint64_t seed, tried, sent_at;
    unsigned hop;    /* index of the present one */
    unsigned branch; /* to it */
    unsigned n;      /* hops tried */
    bool grown;      /* too large for UDP: the present hop is over TCP, and `small` is what it was */
    bool kept_small; /* TCP was tried: UDP it is */
    unsigned small;
};

/* proxy_add(), and from then on watched if it goes to the core. As proxy_add. */
int core_attempt_begin(struct core_attempt *a, struct pcscf *p, struct proxy *proxy,
                       const struct proxy_target *target);
/* The proxy's hooks call these first. PROXY_SWALLOW: another hop has the request now; PROXY_GO_ON: yours. The
 * failure of the last hop that there is becomes 503, with Retry-After. */
int core_attempt_response(struct core_attempt *a, const struct proxy_branch *b, const struct sip_msg *rs);
int core_attempt_failure(struct core_attempt *a, const struct proxy_branch *b, int status, int err);
/* on_size. */
struct sip_hop core_attempt_size(struct core_attempt *a, const struct proxy_branch *b, size_t n);
/* In words: what came of the last hop when it failed with that status and error (core_attempt_failure's). */
const char *core_attempt_because(int status, int err);
void core_attempt_end(struct core_attempt *a); /* on_done */
