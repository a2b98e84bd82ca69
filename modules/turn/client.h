/* client: where a TURN client is: on a connection through the door, behind a pair of UDP addresses (the
 * 5-tuple of RFC 8656 3.2), or, when it has moved (RFC 8016), on either of these at another worker.
 *
 * Floor 3. A value. `conn` points to the connection that owns whoever holds this client; `closed` of the
 * module takes it away before the connection goes; so it is with `remote`. */
#pragma once
#include "appliance/base/addr.h"
#include "appliance/base/bytes.h"
#include "mux/flow.h"

struct conn;
struct remote;

struct client {
    struct conn *conn;     /* TCP, TLS */
    struct udp_port *udp;  /* UDP */
    struct remote *remote; /* any, at another worker */
    struct addr addr;      /* where it comes from */
    struct addr here;      /* and goes to, over UDP to a wildcard address; its family is NONE otherwise */
    uint8_t transport;     /* enum transport; TRANSPORT_NONE: nowhere */
};

#define CLIENT_NONE ((struct client){.transport = TRANSPORT_NONE})

struct client client_of_conn(struct conn *c);
struct client client_of_datagram(struct udp_port *u, const struct addr *from);
static inline bool client_is_stream(const struct client *c)
{
    return c->transport > TRANSPORT_UDP;
}
static inline bool client_is_none(const struct client *c)
{
    return c->transport == TRANSPORT_NONE;
}
bool client_eq(const struct client *a, const struct client *b);
uint64_t client_hash(const struct hash_key *key, const struct client *c);
/* "TLS", "TCP" or "UDP"; "" of none. */
const char *client_transport(const struct client *c);

/* 0, or -errno when the message could not be taken; b is copied or gone when this returns. -ENOTCONN: the
 * client is nowhere. */
int client_send(const struct client *c, struct bytes b);
