/* The TURN allocations of every worker, for the operator. */
#include "appliance/control_round.h"
#include "modules/turn/allocation.h"

#define ALLOCATIONS_SHOWN 1000 /* an answer stays readable, and small in memory */

static const char *transport_of(const struct allocation *a)
{
    return a->tcp ? "TCP" : "UDP";
}

static json_t *one(const struct allocation *a)
{
    char client[ADDR_TEXT], relayed[ADDR_TEXT];
    bool away = client_is_none(&a->client);
    addr_format(&a->client.addr, client);
    addr_format(&a->relay.relayed, relayed);
    return json_pack(
        "{s:i,s:o,s:s,s:s,s:s,s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "worker", a->turn->w->id, "user",
        control_string(allocation_name(a)), "client", away ? "" : client, "relayed", relayed, "transport",
        transport_of(a), "mobile", a->mobility.on, "age_ms", (json_int_t)(a->turn->w->now - a->created),
        "expires", (json_int_t)allocation_seconds_left(a), "permissions", (json_int_t)a->n_permissions,
        "channels", (json_int_t)a->n_channels, "bytes_to_peer", (json_int_t)a->bytes[0], "bytes_to_client",
        (json_int_t)a->bytes[1], "to_peer_without_permission", (json_int_t)a->unpermitted[0],
        "to_client_without_permission", (json_int_t)a->unpermitted[1]);
}

static json_int_t visit(struct worker *w, json_t *list)
{
    struct turn *t = turn_of(w);
    const struct allocation *a;
    uint32_t cursor = 0;
    json_int_t count = 0;
    while (t && (a = slots_next(&t->allocations, &cursor)) != NULL) {
        if (json_array_size(list) < ALLOCATIONS_SHOWN)
            json_array_append_new(list, one(a));
        count++;
    }
    return count;
}

void control_allocations(struct control_client *cc, json_t *q)
{
    (void)q;
    control_round_begin(cc, "allocations", visit);
}
