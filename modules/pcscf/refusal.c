#include "modules/pcscf/refusal.h"
#include "modules/pcscf/registration/phone.h"
#include "modules/sip/reply.h"

const char *refusal_because(enum pcscf_stat why)
{
    switch (why) {
    case PCSCF_REFUSED_UNREGISTERED:
        return "nobody is registered on this connection (or only for emergencies): the phone has to REGISTER";
    case PCSCF_REFUSED_ROUTE:
        return "its Route is not the Service-Route, or not the way that its dialog was given";
    case PCSCF_REFUSED_TOKEN:
        return "its Route carries no token of this gateway: made elsewhere, or before two key rotations";
    case PCSCF_REFUSED_MALFORMED:
        return "its Route or Request-URI cannot be read";
    case PCSCF_REFUSED_AGREEMENT:
        return "it wants a security agreement other than tls (RFC 3329)";
    case PCSCF_REFUSED_INTERVAL:
        return "it asks for less than pcscf.min_expires";
    case PCSCF_FLOW_FAILED:
        return "the phone's connection is gone and it is on no other one (see sip.unregistered)";
    case PCSCF_CORE_DOWN:
        return "no next hop of the core can be used: see sallyportctl core";
    default:
        return "";
    }
}

static struct bytes aor_of(const struct phone *ph)
{
    const struct list *first = ph->registrations.next;
    return list_empty(&ph->registrations) ? BYTES_NONE : container_of(first, struct registration, link)->aor;
}

void refusal_say(const struct pcscf *p, const struct sip_hop *from, const struct sip_msg *rq, int status,
                 const char *because)
{
    const struct phone *ph = phone_find(p, &from->flow);
    bool known = ph || core_link_is_from(p, from);
    struct bytes who = ph ? aor_of(ph) : rq->from.uri.text;
    log_info(&p->w->log, known ? "sip.refused" : "sip.refused_stranger", F_BYTES("call_id", rq->call_id),
             F_BYTES("method", rq->method_name), F_BYTES(ph ? "aor" : "from", who),
             F_BYTES("uri", rq->ruri_text), F_ADDR("peer", &from->flow.peer), F_INT("status", status),
             F_STR("because", because ? because : refusal_because(p->refused)));
}
