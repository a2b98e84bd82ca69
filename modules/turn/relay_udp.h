/* relay_udp: the socket that peers see (RFC 8656 6, 11.3), and the path from it to the client.
 *
 * Floor 3. Part of an allocation. Its watcher has a higher priority than the door's, so media goes before
 * handshakes. Datagrams are read into the room's receive slots, each with headroom for what goes in front and
 * slack for padding: one read at a time while they come singly, many in one call as soon as they come in
 * bursts (measured: one recvfrom is 8 % cheaper at 50 a second, recvmmsg half the price in bursts). */
#pragma once
#include "appliance/base/addr.h"
#include <ev.h>
#include <stdbool.h>

struct turn;
struct allocation;
struct relay_address;
struct reserved;

#define RECEIVE_SLOTS 32u
#define RECEIVE_HEAD  64u /* at least STUN_INDICATION_HEAD */
#define RECEIVE_DATA  65536u
/* Not a multiple of the page: the heads of the slots must not all fall into one set of the cache. */
#define RECEIVE_SLOT (RECEIVE_DATA + 576u)

/* IP_MTU_DISCOVER of what may be fragmented: no DF bit, whatever path MTU the kernel believes in.
 * IP_PMTUDISC_DONT would do the same and throw the routers' word on datagrams with the DF bit away (RFC
 * 8656 11.5), which comes when others without it have left already. */
#define RELAY_MAY_FRAGMENT IP_PMTUDISC_OMIT

struct relay_udp {
    ev_io io;
    int fd;
    struct relay_address *address;
    uint16_t family;     /* AF_INET, AF_INET6 */
    struct addr relayed; /* what clients and peers are told */
    uint16_t port;
    bool from_reservation; /* then the port is not in this worker's bitmap */
    bool whole;            /* the socket sends with the DF bit (RFC 8656 14) */
    uint8_t singles;       /* single reads since the last look for more */
    uint8_t bursts; /* looks for more before single reads again: the last of them found more than one */
    uint64_t read_at;
};

/* What socket: a fresh one of that address, or one that was reserved. */
struct relay_wish {
    struct relay_address *address;
    bool tcp;                        /* tcp_relay.h opens it */
    bool even;                       /* the port */
    bool reserve;                    /* the port above it too */
    const struct reserved *reserved; /* or NULL */
};

/* 0 or -errno; *next, where wanted, is a socket on the port above, for the caller to reserve. */
int relay_udp_open(struct relay_udp *r, struct allocation *a, const struct relay_wish *wish, int *next);
void relay_udp_close(struct relay_udp *r, struct turn *t);
/* Exchanges the two, which are the allocation's. */
void relay_udp_swap(struct relay_udp *r, struct relay_udp *s, struct allocation *a);
/* What it sends from now on has the DF bit, or may be fragmented. */
void relay_udp_keep_whole(struct relay_udp *r, struct turn *t, bool whole);
