/* room: what the edge keeps on one worker, and the one place where its parts find each other.
 *
 * Floor 3; private to modules/pcscf. */
#pragma once
#include "appliance/base/map.h"
#include "modules/pcscf/call/hang_up.h"
#include "modules/pcscf/core/core_link.h"
#include "modules/pcscf/core/hop_control.h"
#include "modules/pcscf/overload.h"
#include "modules/pcscf/pcscf.h"
#include "modules/pcscf/policy/gate.h"
#include "modules/pcscf/registration/reg_event.h"
#include "modules/pcscf/registration/whereabouts.h"
#include "modules/sip/transaction.h"

struct pcscf {
    struct worker *w;
    const struct pcscf_config *config; /* this worker's view; swapped on reload */
    struct sip_layer *layer;
    _Atomic uint64_t *stats;
    struct map phones;     /* struct phone, by flow */
    struct map registered; /* struct registration, by address of record */
    struct map dialogs;    /* struct dialog, by Call-ID */
    struct map absences;   /* struct absence, by the flow that is gone */
    struct hang_ups hang_ups;
    struct whereabouts *whereabouts;
    sip_send *send; /* of what the layer sends, once it is known where to */
    struct reg_events reg_events;
    const struct emergency_config *emergency;
    char ecscf_route[CORE_HOST_MAX]; /* "<sip:address:port;lr>" */
    struct overload overload;
    struct hop_control controls[CORE_HOPS_MAX]; /* by next hop */
    struct core_link core;
    struct gate gate;
    char host[CORE_HOST_MAX]; /* ours, as phones know it */
    enum pcscf_stat refused;  /* what pcscf_refuse was told last */
};

extern const struct sip_entity pcscf_entity;

/* NULL: out of memory, or settings that cannot work (the log says which). send as in sip_layer_setup. */
struct pcscf *pcscf_create(struct worker *w, sip_send *send);
void pcscf_destroy(struct pcscf *p);
void pcscf_reload(struct pcscf *p);             /* to the worker's new settings */
struct pcscf *pcscf_of(const struct worker *w); /* NULL before start */

static inline void pcscf_count(struct pcscf *p, enum pcscf_stat what)
{
    stat_inc(&p->stats[what]);
}
/* Counts why, keeps it for refusal_say, and gives back the status to refuse with. */
static inline int pcscf_refuse(struct pcscf *p, enum pcscf_stat why, int status)
{
    pcscf_count(p, why);
    p->refused = why;
    return status;
}

/* One whole message from a phone, or from the core after sorting. False: it was nothing like SIP. */
bool pcscf_take(struct pcscf *p, const struct sip_hop *from, struct bytes msg);
/* A phone's connection is gone. */
void pcscf_flow_closed(struct pcscf *p, const struct flow *f);
