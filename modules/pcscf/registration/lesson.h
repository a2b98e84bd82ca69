/* lesson: what a 200 to REGISTER teaches the edge: who is on that flow, until when, and how his requests are
 * to go (TS 24.229 5.2.2.1, RFC 3608, RFC 7315 4.1).
 *
 * Floor 3. */
#pragma once
#include "modules/pcscf/registration/integrity.h"
#include "modules/pcscf/room.h"
#include "modules/sip/msg.h"

struct lesson {
    struct pcscf *p;
    const struct flow *flow;
    const struct sip_msg *rq, *rs; /* as they came from phone and core */
    struct bytes path;             /* what we put in */
    enum integrity integrity;      /* what the core was told of rq */
    bool keeps_alive;              /* the phone promised to (RFC 5626 5.4, RFC 6223) */
};

void lesson_learn(const struct lesson *l);
