/* ports: the addresses that relays live on, and which of their ports are in use.
 *
 * Floor 3, part of the worker's turn room. Workers do not collide: a pair of ports, an even one and the next,
 * is of the worker whose number is port / 2 % n_workers. Within these a port is drawn at random (RFC
 * 8656 7.2, RFC 6056; CVE-2025-69217 was a guessable one), and a bitmap says which are ours already, so that
 * a full range is noticed without asking the kernel. A reserved port is not in the bitmap: its socket keeps
 * it, on whatever worker. */
#pragma once
#include "appliance/base/addr.h"
#include "appliance/core/config.h"

struct turn;
struct worker;
struct wire_addr;

struct relay_address {
    struct turn *turn;      /* whose it is */
    struct addr bind;       /* where the sockets are; port 0 */
    struct addr advertised; /* what clients and peers are told: the same, or the address that NAT gives us */
    bool translated;        /* the two differ */
    unsigned workers, first_pair; /* pairs first_pair, first_pair + workers, ... are this worker's */
    unsigned count, used;
    uint8_t *taken; /* a bit per port */
};

/* "bind" or "bind/advertised". */
bool relay_address_parse(struct bytes text, struct relay_address *out);
/* The relay addresses of the settings, or (none written) the first global address of each family that an
 * interface has, or loopback. 0 or -errno, with a log line. */
int ports_init(struct turn *t);
void ports_fini(struct turn *t);

/* The address for relays of that family, NULL when there is none (440). */
struct relay_address *ports_address(struct turn *t, uint8_t family);
/* A bound, non-blocking socket on a random free port, an even one if so asked (EVEN-PORT); *port is it. The
 * descriptor, or -ENOSPC when no such port of ours is free (508), or -errno. */
int ports_open(struct relay_address *ra, bool even, uint16_t *port);
/* The same for an even port and, in *next, a socket on the one above it, which the bitmap does not know. */
int ports_open_pair(struct relay_address *ra, uint16_t *port, int *next);
/* A listening TCP socket likewise; others may be bound to the same port and address with SO_REUSEPORT. */
int ports_open_tcp(struct relay_address *ra, uint16_t *port);
void ports_close(struct relay_address *ra, int fd, uint16_t port);

/* Where a datagram for that peer really goes: a relay of ours behind its advertised address is reached on the
 * address it is bound to, for not every NAT sends us back our own packets (RFC 4787 REQ-9 hairpinning). */
struct wire_addr ports_to_wire(const struct turn *t, const struct addr *peer);
/* And back: the address that a peer is known by. */
struct addr ports_from_wire(const struct turn *t, const struct sockaddr *sa);
