#include "modules/turn/path.h"
#include "modules/turn/allocation.h"
#include "modules/turn/roaming.h"
#include "mux/conn.h"

static void open_conn(struct conn *c, struct path *p, struct allocation *a)
{
    c->state = &p->user;
    /* A call on hold is silent for long; the allocation's own lifetime bounds it. */
    conn_idle_timeout(c, 0);
    conn_frame_limits(c, (uint64_t)a->turn->config->frame_timeout, FRAME_CLIENT_MAX);
}

void path_open(struct path *p, struct allocation *a, const struct client *c)
{
    p->client = *c;
    p->allocation = a;
    if (c->conn)
        open_conn(c->conn, p, a);
    else if (c->remote)
        remote_take(c->remote, a);
    else
        map_insert(&a->turn->by_client, &p->node, client_hash(&a->turn->w->hash_key, c));
}

static void close_conn(struct conn *c, const struct turn *t, enum path_end how)
{
    c->state = NULL;
    if (how == PATH_LEFT)
        conn_close(c, CLOSE_MODULE);
    if (how != PATH_KEPT)
        return;
    conn_idle_timeout(c, (uint64_t)t->config->idle_timeout);
    conn_frame_limits(c, (uint64_t)t->config->frame_timeout, FRAME_STRANGER_MAX);
}

void path_close(struct path *p, enum path_end how)
{
    if (client_is_none(&p->client))
        return;
    if (p->client.conn)
        close_conn(p->client.conn, p->allocation->turn, how);
    else if (p->client.remote)
        remote_leave(p->client.remote, how);
    else
        map_remove(&p->allocation->turn->by_client, &p->node);
    p->client = CLIENT_NONE;
}

static struct allocation *of_conn(const struct conn *c)
{
    struct conn_user *u = c->state;
    return u && !u->is_guest ? container_of(u, struct path, user)->allocation : NULL;
}

struct allocation *path_find(struct turn *t, const struct client *c)
{
    if (c->conn)
        return of_conn(c->conn);
    if (c->remote)
        return remote_allocation(c->remote);
    for (struct map_node *n = map_find(&t->by_client, client_hash(&t->w->hash_key, c)); n; n = map_next(n)) {
        struct path *p = container_of(n, struct path, node);
        if (client_eq(&p->client, c))
            return p->allocation;
    }
    return NULL;
}
