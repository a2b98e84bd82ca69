/* The next hops towards the core as every worker sees them, and who connects from there, for the operator. */
#include "appliance/control_round.h"
#include "modules/pcscf/core/core_report.h"

struct listing {
    json_t *list;
    unsigned worker;
    json_int_t count;
};

static void add_hop(const struct core_hop_view *h, void *arg)
{
    struct listing *l = arg;
    l->count++;
    json_array_append_new(l->list,
                          json_pack("{s:i,s:i,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:s}", "worker", l->worker,
                                    "hop", h->hop, "transport", h->transport, "address", h->address, "name",
                                    h->name, "state", h->state, "since_ms", (json_int_t)h->since, "rtt_ms",
                                    (json_int_t)h->rtt, "requests", (json_int_t)h->requests, "failures",
                                    (json_int_t)h->failures, "last_error", h->why));
}

/* In the same list, as what it is not: a hop has no `client`. */
static void add_client(const struct core_client_view *c, void *arg)
{
    struct listing *l = arg;
    l->count++;
    json_array_append_new(l->list, json_pack("{s:b,s:i,s:i,s:s,s:s,s:s,s:s,s:I,s:s}", "client", 1, "worker",
                                             l->worker, "hop", c->hop, "transport", c->transport, "address",
                                             c->address, "name", c->names, "state", c->state, "since_ms",
                                             (json_int_t)c->since, "last_error", c->why));
}

static json_int_t visit(struct worker *w, json_t *list)
{
    struct listing l = {.list = list, .worker = w->id};
    core_report(w, add_hop, &l);
    core_report_clients(w, add_client, &l);
    return l.count;
}

void control_core(struct control_client *cc, json_t *q)
{
    (void)q;
    control_round_begin(cc, "hops", visit);
}
