/* peer: the other end of the calls: one UDP socket and a thread that echoes, takes, or sends. */
#pragma once
#include "turn_load.h"
#include <pthread.h>

struct peer {
    const struct options *options;
    const struct client *clients; /* their relayed addresses, for DOWN */
    struct sockaddr_in address;
    int fd;
    pthread_t thread;
    atomic_bool stop, quiet; /* quiet: send no more of one's own */
    atomic_uint marks;
    _Atomic uint64_t sent, received;
    _Atomic uint64_t arrived; /* at the clients: what a DOWN window counts from */
    struct delays delays;     /* of UP; read it after the thread has ended */
};

void peer_open(struct peer *p, const struct options *o);
void peer_start(struct peer *p, const struct client *clients);
void peer_mark(struct peer *p);
void peer_stop(struct peer *p);
void peer_close(struct peer *p);
