/* reservation: a relay port that is held for a later request (EVEN-PORT with R, RESERVATION-TOKEN: RFC
 * 8656 7.2, 18.7, 18.10).
 *
 * Floor 3. The request that claims it may land on any worker, so the held sockets stand in one list of the
 * gateway, under a lock; it is touched only by such requests. The worker that made one owns the record and
 * its timer; who claims it gets the socket. A reservation is its user's, counts in his quota while it is
 * held, and nobody else can claim it: coturn's leaked the neighbour port for good (GHSA-847g-qmc6-6m4r). */
#pragma once
#include "appliance/base/addr.h"
#include "appliance/base/list.h"
#include <pthread.h>

struct turn;
struct credential;

#define RESERVATION_TOKEN 8u
#define RESERVATION_MS    30000u /* RFC 8656 7.2: at least 30 seconds */

struct reservations {
    pthread_mutex_t lock;
    struct list held;
};

struct reserved {
    int fd;
    uint16_t port;
    struct addr bind; /* the address that it is bound to */
    bool by_token;    /* its user is one that a token vouched for */
};

/* Holds the socket (which it takes over when it succeeds) for that user. 0; -EDQUOT, -ENOSPC, -ENOMEM. */
int reservation_make(struct turn *t, const struct reserved *what, struct bytes user,
                     uint8_t token[static RESERVATION_TOKEN]);
/* The socket is the caller's from now on. False: no such token, another user's, or expired (508). */
bool reservation_claim(struct turn *t, struct bytes token, const struct credential *user,
                       struct reserved *out);
/* Those that this worker made. */
void reservation_drop_all(struct turn *t);
