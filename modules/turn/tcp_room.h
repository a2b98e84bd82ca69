/* tcp_room: what one worker keeps for TCP allocations (RFC 6062) beside the allocations themselves.
 *
 * Floor 3, part of the worker's turn room. Two kinds of things live here, and may belong together across
 * workers: the peer connections of the allocations that began here (peer_connection.h), and the pipes of the
 * data connections that arrived here (pipe.h).
 *
 * Nothing moves, and yet a peer's socket has to come from the allocation's worker to that of the data
 * connection, for bytes that travel by letters would be copied once more and be charged to two workers. It
 * is possible because the socket is only a number until then: no libev watcher was ever started on it. libev
 * keeps a stopped descriptor in its epoll set, and dup() and close() would not take it out either (epoll
 * knows the open file, not the number), which is what made moving a watched one race. So while a peer's
 * socket connects it is watched by an epoll set of our own, of which libev sees only the set's descriptor;
 * EPOLL_CTL_DEL on the same thread ends that before anybody else hears of the socket. While it waits for
 * ConnectionBind nobody watches it: the kernel's receive buffer is the buffer that RFC 6062 5.2 and 5.3 ask
 * for, and its window the back-pressure. Its first and only watcher is the pipe's. */
#pragma once
#include "appliance/base/list.h"
#include "appliance/base/map.h"
#include "appliance/core/letter.h"
#include <ev.h>
#include <stdint.h>

struct turn;

struct tcp_room {
    struct map connections; /* peer connections of this worker's allocations, by CONNECTION-ID */
    struct map pipes;       /* by CONNECTION-ID, from the claim until the client's side is gone */
    struct list binding;    /* pipes that are not open yet */
    struct list open;       /* all others */
    uint64_t asked;         /* how many asked another worker; numbers the questions */
    int connecting;         /* epoll set of the sockets that connect */
    ev_io io;               /* its watcher */
};

int tcp_room_open(struct turn *t); /* 0 or -errno */
/* After the last allocation has ended. NULL inside is fine. */
void tcp_room_close(struct turn *t);

/* Gives the letter to that worker; false when there is no such worker: it is still yours. */
bool tcp_room_post(const struct turn *t, uint16_t worker, struct letter *l);
