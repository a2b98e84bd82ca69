/* gate: what every request passes before it becomes a transaction: is it too much, and what do the operator's
 * rules say (policy.h)?
 *
 * Floor 3. Rates are token buckets: one of each connection, and one of each address over all workers
 * (abuse.h), from which the calls of a registered phone take nothing: it keeps them
 * while its neighbours behind the same NAT make a flood. What is too much gets 503 with Retry-After (a
 * datagram nothing, for anybody may have sent it), and a connection that does not care is closed. No lock, no
 * allocation on this path. */
#pragma once
#include "appliance/core/abuse.h"
#include "modules/pcscf/policy/policy.h"

struct pcscf;
struct passage;
struct sip_hop;

struct gate {
    struct policy *policy; /* of the configuration in force */
    struct policy_scratch *scratch;
    _Atomic uint64_t *stats;
    const struct abuse_config *limits;
    struct bucket_rate unregistered, registered, address;
    struct buckets *datagrams; /* the buckets of phones that have no connection */
    const char *route;         /* where a rule sends the request in hand; NULL: where it would go */
};

/* What a connection has; begins the state of a phone's. */
struct gate_pass {
    struct bucket bucket;
    uint32_t refused; /* requests over the rate, less those within it since */
};

int gate_init(struct pcscf *p); /* 0 or -ENOMEM */
void gate_fini(struct pcscf *p);
void gate_reload(struct pcscf *p);

enum gate_verdict {
    GATE_OPEN,
    GATE_SHUT,  /* it was answered, or is to be forgotten */
    GATE_CLOSED /* and its connection is closed */
};
/* Everything that is no request passes. */
enum gate_verdict gate_ask(struct pcscf *p, const struct sip_hop *from, const struct sip_msg *m);
/* Lets a rule have its way about where the request in hand goes, if a phone begins something with it: within
 * a dialog the way stands. 0, or the status to refuse with. */
int gate_reroute(struct pcscf *p, struct passage *g);
