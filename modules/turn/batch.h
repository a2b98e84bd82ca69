/* batch: the datagrams that one callback sends from one socket, given to the kernel in as few calls as can
 * be: those of one size to one peer, as the packets of a call are, in one piece that the kernel cuts (udp(7),
 * UDP_SEGMENT: a third of the price), others with sendmmsg.
 *
 * Floor 3, part of the worker's turn room. Holds views: what is added must stay until batch_flush. */
#pragma once
#include "appliance/base/bytes.h"
#include <netinet/in.h>
#include <sys/socket.h>

struct turn;

#define BATCH_MAX 64u /* also the most that the kernel cuts one piece into */

/* A peer's address as the kernel wants it, made once per channel. */
struct wire_addr {
    union {
        struct sockaddr sa;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
    socklen_t n;
};

struct batch {
    int fd; /* valid while n > 0 */
    unsigned n;
    struct wire_addr to[BATCH_MAX];
    struct iovec part[BATCH_MAX];
    size_t refused; /* the kernel does not cut into pieces of that size or above; 0: it never said no */
};

/* Adds a datagram; flushes first when the batch is full or of another socket. */
void batch_add(struct turn *t, int fd, const struct wire_addr *to, struct bytes payload);
void batch_flush(struct turn *t);
