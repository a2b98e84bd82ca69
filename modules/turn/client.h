/* client: the path to a TURN client: a connection through the door, or a pair of UDP addresses (the 5-tuple
 * of RFC 8656 3.2).
 *
 * Floor 3. A value. `conn` points to the connection that owns whoever holds this client; `closed` of the
 * module takes it away before the connection goes. */
#pragma once
#include "appliance/base/addr.h"
#include "appliance/base/bytes.h"
#include "mux/flow.h"

struct conn;

struct client {
    struct conn *conn; /* TCP, TLS; NULL: UDP */
    struct udp_port *udp;
    struct addr addr; /* where it comes from */
};

struct client client_of_conn(struct conn *c);
struct client client_of_datagram(struct udp_port *u, const struct addr *from);
static inline bool client_is_stream(const struct client *c)
{
    return c->conn != NULL;
}
bool client_eq(const struct client *a, const struct client *b);
uint64_t client_hash(const struct hash_key *key, const struct client *c);
/* "TLS", "TCP" or "UDP". */
const char *client_transport(const struct client *c);

/* 0, or -errno when the message could not be taken; b is copied or gone when this returns. */
int client_send(const struct client *c, struct bytes b);
