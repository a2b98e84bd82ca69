/* Who is registered through the edge, on every worker, for the operator. */
#include "appliance/control_round.h"
#include "modules/pcscf/registration/phone.h"

#define REGISTRATIONS_SHOWN 1000 /* an answer stays readable, and small in memory */

struct listing {
    json_t *list;
    json_int_t count;
};

static void add_registration(const struct registration *r, void *arg)
{
    struct listing *l = arg;
    const struct flow *flow = &r->phone->flow;
    const struct worker *w = r->phone->room->w;
    char peer[ADDR_TEXT];
    l->count++;
    if (json_array_size(l->list) >= REGISTRATIONS_SHOWN)
        return;
    addr_format(&flow->peer, peer);
    json_array_append_new(l->list, json_pack("{s:i,s:o,s:o,s:o,s:s,s:s,s:I,s:s}", "worker", w->id, "aor",
                                             control_string(r->aor), "contact", control_string(r->contact),
                                             "identities", control_string(r->identities), "peer", peer,
                                             "transport", transport_name(flow->transport), "expires",
                                             (json_int_t)((r->expiry.due - w->now) / 1000), "reg_event",
                                             reg_event_state_of(r)));
}

static json_int_t visit(struct worker *w, json_t *list)
{
    struct listing l = {.list = list};
    struct pcscf *p = pcscf_of(w);
    if (p)
        registrations_each(p, add_registration, &l);
    return l.count;
}

void control_registrations(struct control_client *cc, json_t *q)
{
    (void)q;
    control_round_begin(cc, "registrations", visit);
}
