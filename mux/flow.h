/* flow: the way back to a peer (RFC 5626's word): a connection, or a pair of UDP addresses.
 *
 * Floor 2. A value to copy, keep in transactions and seal into tokens. It may be dead at any time; sending
 * on a dead one is a normal case. */
#pragma once
#include "appliance/base/addr.h"
#include "appliance/base/slots.h"
#include "appliance/core/worker.h"

enum transport { TRANSPORT_NONE, TRANSPORT_UDP, TRANSPORT_TCP, TRANSPORT_TLS };

const char *transport_name(enum transport t); /* "UDP", "TCP", "TLS": as in a Via */

struct flow {
    uint8_t transport; /* enum transport */
    uint8_t side; /* the module's word on who is there (conn.side): goes along, neither compared nor sealed */
    uint16_t udp_index; /* UDP: which listener of that worker */
    struct ref conn;    /* TCP, TLS: the connection; UDP: only .worker is set */
    struct addr peer;
};

/* A UDP listener's socket on one worker (SO_REUSEPORT: a peer always lands on the same one). */
struct udp_port {
    struct worker *w;
    const struct module *module;
    uint16_t index; /* the same on all workers */
    int fd;
    struct addr local;
    ev_io io;
};

/* 0, -EAGAIN (kernel buffer full: dropped) or -errno. */
int udp_send(struct udp_port *u, const struct addr *to, struct bytes b);
/* The same from that address of ours (its port is nothing; family NONE: as udp_send does). */
int udp_send_from(struct udp_port *u, const struct addr *from, const struct addr *to, struct bytes b);
/* In module.datagram, of a listener on a wildcard address: the address of ours that the peer sent to. Family
 * NONE: a listener with an address of its own. */
struct addr udp_came_to(const struct udp_port *u);
struct udp_port *udp_port_get(struct worker *w, uint16_t index); /* NULL when there is none */
/* The port of the ith TCP or TLS listener, for who must not connect to it from within; 0 when there are no
 * more.
 */
uint16_t tcp_port_get(struct worker *w, unsigned i);
/* What a worker listens on. */
struct listening {
    const struct module *module; /* NULL: the first bytes decide */
    uint8_t transport;
    uint16_t index; /* TCP, TLS: as conn.listener */
    struct addr local;
};
/* The ith of all, those of UDP last. False: there are no more. */
bool listening_get(struct worker *w, unsigned i, struct listening *out);
/* The first UDP listener of that module on this worker whose family is that of `like` (NULL: any). */
struct udp_port *udp_port_of(struct worker *w, const struct module *m, const struct addr *like);

/* Is the peer still reachable by it? Only answers for flows of this worker (false otherwise). UDP: always. */
bool flow_alive(const struct worker *w, const struct flow *f);
/* Sends on this worker or by letter on the flow's home worker. 0, or -ENOTCONN when known to be dead here,
 * -ENOBUFS when its out-batch is full or too much is underway to its worker, -ENOMEM. A letter that finds it
 * dead is counted and dropped. */
int flow_send(struct worker *w, const struct flow *f, struct bytes b);
bool flow_eq(const struct flow *a, const struct flow *b);

/* Fixed-size binary form for tokens (RFC 5626 5.2): FLOW_WIRE bytes. */
#define FLOW_WIRE 34
void flow_pack(const struct flow *f, uint8_t out[static FLOW_WIRE]);
bool flow_unpack(struct bytes in, struct flow *out);
