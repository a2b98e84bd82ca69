#include "modules/turn/client.h"
#include "modules/turn/roaming.h"
#include "mux/conn.h"
#include <errno.h>

struct client client_of_conn(struct conn *c)
{
    return (struct client){.conn = c, .addr = c->peer, .transport = (uint8_t)c->transport};
}

struct client client_of_datagram(struct udp_port *u, const struct addr *from)
{
    return (struct client){.udp = u, .addr = *from, .here = udp_came_to(u), .transport = TRANSPORT_UDP};
}

bool client_eq(const struct client *a, const struct client *b)
{
    return a->conn == b->conn && a->udp == b->udp && a->remote == b->remote && addr_eq(&a->addr, &b->addr) &&
           addr_eq(&a->here, &b->here);
}

/* Only UDP clients stand in a map; the listener is the other half of the 5-tuple. */
uint64_t client_hash(const struct hash_key *key, const struct client *c)
{
    return addr_hash(key, &c->addr) + (c->udp ? c->udp->index : 0u);
}

const char *client_transport(const struct client *c)
{
    return transport_name(c->transport);
}

static int send_beyond(const struct client *c, struct bytes b)
{
    if (c->udp)
        return udp_send_from(c->udp, &c->here, &c->addr, b);
    return c->remote ? remote_send(c->remote, b) : -ENOTCONN;
}

int client_send(const struct client *c, struct bytes b)
{
    if (!c->conn)
        return send_beyond(c, b);
    int rc = conn_send(c->conn, b);
    /* Taken, only the batch is high: media that nobody reads is dropped when it is full, not before. */
    return rc == -EAGAIN ? 0 : rc;
}
