#include "modules/sip/client_flow.h"
#include "modules/sip/layer.h"
#include <errno.h>
#include <stdlib.h>

struct client_flow {
    struct map_node node;
    struct ref conn;
    struct list waits;
};

static uint64_t flow_hash(struct ref conn)
{
    /* Numbers of our own making: no stranger can choose them. */
    return ((uint64_t)conn.slot << 32 | conn.gen) * 0x9e3779b97f4a7c15u ^ conn.worker;
}

static struct client_flow *flow_find(struct sip_layer *l, struct ref conn)
{
    for (struct map_node *n = map_find(&l->flows, flow_hash(conn)); n; n = map_next(n)) {
        struct client_flow *f = container_of(n, struct client_flow, node);
        if (ref_eq(f->conn, conn))
            return f;
    }
    return NULL;
}

static struct client_flow *flow_create(struct sip_layer *l, struct ref conn)
{
    struct client_flow *f = calloc(1, sizeof(*f));

    if (!f)
        return NULL;
    f->conn = conn;
    list_init(&f->waits);
    map_insert(&l->flows, &f->node, flow_hash(conn));
    return f;
}

void client_wait_init(struct client_wait *wait)
{
    list_init(&wait->link);
    wait->flow = NULL;
}

int client_wait_begin(struct sip_layer *l, struct client_wait *wait, const struct sip_hop *to)
{
    if (to->kind != HOP_FLOW || to->flow.transport == TRANSPORT_UDP)
        return 0;
    struct client_flow *f = flow_find(l, to->flow.conn);
    if (!f)
        f = flow_create(l, to->flow.conn);
    if (!f)
        return -ENOMEM;
    wait->flow = f;
    list_push_back(&f->waits, &wait->link);
    return 0;
}

void client_wait_end(struct sip_layer *l, struct client_wait *wait)
{
    struct client_flow *f = wait->flow;

    if (!f)
        return;
    wait->flow = NULL;
    list_remove(&wait->link);
    if (!list_empty(&f->waits))
        return;
    map_remove(&l->flows, &f->node);
    free(f);
}

struct client_wait *client_wait_pop(struct sip_layer *l, struct ref conn)
{
    struct client_flow *f = flow_find(l, conn);

    if (!f)
        return NULL;
    struct client_wait *wait = container_of(f->waits.next, struct client_wait, link);
    client_wait_end(l, wait);
    return wait;
}
