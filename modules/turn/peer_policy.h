/* peer_policy: which peers a client may reach through us. The one place that decides it.
 *
 * Floor 3, part of the worker's turn room. The peer's address is judged as written and as
 * unwrapped (v4-mapped, v4-compatible, 6to4, NAT64, Teredo, ISATAP: addr_canonical), for each of these was a
 * hole in somebody's list; it must pass in both forms. Of each form, the first of these rules that fits
 * decides:
 *
 *   1. port 0, where the port counts: denied
 *   2. an address of ours with the port of one of our listeners, UDP or TCP: denied, always
 *   3. turn.deny_peers: denied
 *   4. a relay address of ours (as bound or as advertised) and a port of turn.relay_ports: allowed, for that
 * is two of our clients talking; this goes before rule 5 and 6, so it holds for a relay on a private address
 * too
 *   5. turn.allow_peers: allowed
 *   6. an address of ours, or one of the special networks (loopback, private, shared, link-local, multicast,
 *      documentation, benchmark, reserved, 6to4 and Teredo): denied
 *   7. everything else: allowed
 *
 * A permission has no port (RFC 8656 9): there rule 1 and 2 do not apply and rule 4 does not ask for the
 * port. So the port is asked again at ChannelBind and at every Send. */
#pragma once
#include "appliance/base/addr.h"

struct turn;

enum peer_verdict {
    PEER_ALLOWED,
    PEER_NO_PORT,
    PEER_LISTENER,
    PEER_REFUSED, /* turn.deny_peers */
    PEER_OWN,
    PEER_SPECIAL,
};

#define POLICY_LISTENERS_MAX 256u /* as many as the door has sockets */

/* Read at the first question and again when a minute old: interfaces come and go. */
struct peer_policy {
    struct cidr_set own;                      /* addresses of our interfaces */
    uint16_t listeners[POLICY_LISTENERS_MAX]; /* their ports, each once */
    unsigned n_listeners;
    uint64_t read_at;
    bool read; /* once at least; before that every peer is refused */
};

void peer_policy_fini(struct turn *t);
/* One of our own listeners has this port, whatever the protocol: no peer is reached there, so no relay may
 * have it either. */
bool peer_policy_is_listener(struct turn *t, uint16_t port);

enum peer_verdict peer_check(struct turn *t, const struct addr *peer); /* ChannelBind, Send, Connect */
enum peer_verdict peer_check_ip(struct turn *t,
                                const struct addr *peer); /* CreatePermission: the port is nothing */
/* The client's own address, for Allocate, ChannelBind and a move: no tunnel's (RFC 8656 21.4). */
enum peer_verdict peer_check_client(const struct addr *client);
const char *peer_verdict_name(enum peer_verdict v);
