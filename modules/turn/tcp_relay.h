/* tcp_relay: the listening side of a TCP allocation (RFC 6062 5.1, 5.3).
 *
 * Floor 3. Part of an allocation whose `tcp` is set. Its socket stands in allocation.relay, as a UDP relay's
 * does; connections to peers leave from the same address and port. */
#pragma once
#include "appliance/base/list.h"
#include "appliance/core/timer.h"

struct allocation;
struct relay_wish;

struct tcp_relay {
    struct allocation *allocation;
    struct list connections; /* struct peer_connection */
    unsigned n_connections;
    struct timer accept_again; /* armed while the process has no descriptors left */
};

/* Fills a->relay and a->tcp. 0 or -errno. */
int tcp_relay_open(struct allocation *a, const struct relay_wish *wish);
/* Ends all connections; the socket is still a->relay's to close. Fine on a UDP allocation. */
void tcp_relay_close(struct allocation *a);
/* After the settings changed: connections to peers that are denied now end. */
void tcp_relay_check_peers(struct allocation *a);
/* The client is back (RFC 8016): it hears of what peers did while it was away. Fine on any allocation. */
void tcp_relay_tell(struct allocation *a);
/* Its session (session.h) is another one now; its data connections come with that. Fine on any allocation. */
void tcp_relay_session(struct allocation *a);
/* May it have one more connection? */
bool tcp_relay_room(const struct allocation *a);
