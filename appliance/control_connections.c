/* The connections of every worker, for the operator. */
#include "appliance/control_round.h"
#include "mux/conn.h"
#include "mux/door.h"

#define CONNECTIONS_SHOWN 1000 /* an answer stays readable, and small in memory */

struct listing {
    json_t *list;
    json_int_t count;
};

static void add_connection(struct conn *c, void *arg)
{
    struct listing *l = arg;
    char peer[ADDR_TEXT];
    l->count++;
    if (json_array_size(l->list) >= CONNECTIONS_SHOWN)
        return;
    addr_format(&c->peer, peer);
    json_array_append_new(l->list, json_pack("{s:i,s:s,s:s,s:s,s:s,s:s,s:b,s:I}", "worker", c->w->id, "peer",
                                             peer, "transport", transport_name(c->transport), "module",
                                             c->module ? c->module->name : "", "tls", conn_tls_version(c),
                                             "cipher", conn_tls_cipher(c), "resumed", conn_tls_resumed(c),
                                             "age_ms", (json_int_t)(c->w->now - c->opened_at)));
}

static json_int_t visit(struct worker *w, json_t *list)
{
    struct listing l = {.list = list};
    door_each(w, add_connection, &l);
    return l.count;
}

void control_connections(struct control_client *cc, json_t *q)
{
    (void)q;
    control_round_begin(cc, "connections", visit);
}
