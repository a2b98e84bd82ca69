/* hop_control: what a next hop of the core says of its load, and how much of ours it is spared for it.
 *
 * Floor 3; per worker and next hop. RFC 7339, the client's side of the loss algorithm. Our Via asks with "oc"
 * (setting pcscf.overload_control), the answers carry the share of requests to leave out. What belongs to a
 * call that stands and emergencies go all the same, so more of the others stay behind (7.2). */
#pragma once
#include "modules/sip/edit.h"

struct pcscf;
struct sip_hop;

/* What one response says. */
struct hop_advice {
    bool loss;         /* by the algorithm that we know */
    uint8_t percent;   /* oc */
    uint32_t validity; /* ms; 0: it is over */
    uint64_t seq;      /* oc-seq, in 1/100000 */
};
/* False: nothing, or nothing that can be read (4.1 to 4.4). */
bool hop_advice_parse(const struct sip_via *via, struct hop_advice *out);

struct hop_control {
    uint64_t until; /* ms; 0: nothing to heed */
    uint64_t seq;
    uint8_t percent;
    uint32_t ordinary, spared; /* requests of late: the mix of 7.2 */
};

void hop_control_hear(struct pcscf *p, const struct sip_hop *from, const struct sip_msg *rs);
#define HOP_CONTROL_BECAUSE "the core says that it is overloaded (RFC 7339): its share is left out"
/* Is this request to that hop one of those to leave out (503, 5.10)? spared: it is none of them in any case.
 */
bool hop_control_drops(struct pcscf *p, const struct sip_hop *to, bool spared);
/* What somebody further on has written into Vias that are not ours (5.4). */
void hop_control_strip(const struct sip_msg *rs, struct sip_edit *e);
