/* peer_connection: a connection between a TCP allocation's relayed address and a peer (RFC 6062 3, the "peer
 * data connection"), as the allocation's worker knows it.
 *
 * Floor 3. Owned by its allocation. It holds the socket until ConnectionBind claims it; then the pipe has the
 * socket, maybe on another worker, and this is the record that keeps the peer's address taken (446), counts
 * against the limit, and lets the allocation's end reach the pipe. Its CONNECTION-ID is 32 bits (RFC
 * 6062 6.2.1): the number of this worker in the upper 6, the rest at random. */
#pragma once
#include "appliance/base/addr.h"
#include "appliance/base/list.h"
#include "appliance/base/map.h"
#include "appliance/core/letter.h"
#include "appliance/core/timer.h"
#include <stdbool.h>

struct turn;
struct allocation;
struct deferred;
struct credential;
struct session_entry;

#define BIND_MS 30000u /* RFC 6062 5.2, 5.3: closed without a ConnectionBind after 30 seconds */

enum peer_state {
    PEER_CONNECTING,
    PEER_PENDING, /* it waits for ConnectionBind */
    PEER_BOUND,
    PEER_FAILED, /* over; only the 447 is left, for a client that is away (RFC 8016) */
};

struct peer_connection {
    struct letter letter; /* first: what tells the pipe's worker that this is over */
    struct list link;     /* the allocation's */
    struct map_node by_id;
    struct timer timer;
    struct allocation *allocation;
    struct addr peer;
    uint32_t id;
    enum peer_state state;
    int fd;                        /* -1 when bound or failed */
    uint16_t worker;               /* bound: where the pipe is */
    struct deferred *request;      /* the Connect that waits for its answer */
    struct session_entry *session; /* of a user with a token, or NULL */
    bool untold;                   /* so does the ConnectionAttempt, for its client is away (RFC 8016) */
};

/* How much a pipe carried, told when it is over. */
struct pipe_count {
    uint64_t to_peer, to_client;
};

/* A record that takes the socket over. NULL: out of memory, and the socket is still yours. The timer is yours
 * to set. */
struct peer_connection *peer_connection_create(struct allocation *a, const struct addr *peer, int fd);
/* Ends it on whatever worker it is; a Connect that waits for its answer gets a 447, if its client is there to
 * hear it. NULL is fine. */
void peer_connection_destroy(struct peer_connection *p);
/* It came to nothing: ends it, but an answer that the client is not there to hear stays until it is back, or
 * until the allocation ends. */
void peer_connection_fail(struct peer_connection *p);
/* It waits for ConnectionBind from now on. */
void peer_connection_await_bind(struct peer_connection *p);

/* The one that has that peer's address (446). */
struct peer_connection *peer_connection_of_peer(struct allocation *a, const struct addr *peer);

/* Which worker's is it? */
uint16_t peer_connection_home(uint32_t id);
/* On its worker: the socket becomes the caller's, which is `worker`; the user's name becomes that of the
 * allocation, which is charged. 0, or the error that ConnectionBind is answered with. */
unsigned peer_connection_claim(struct turn *t, uint32_t id, struct credential *user, uint16_t worker,
                               int *fd);
/* On its worker: the pipe has carried its first bytes that way (0: to the peer). Unknown ids are fine. */
void peer_connection_carries(struct turn *t, uint32_t id, unsigned way);
/* On its worker: the pipe has ended. Unknown ids are fine. */
void peer_connection_gone(struct turn *t, uint32_t id, const struct pipe_count *count);
