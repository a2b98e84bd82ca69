/* allocation: a client's relayed transport address and all that hangs on it (RFC 8656 6), with its
 * permissions (RFC 8656 9) and channels (RFC 8656 12).
 *
 * Floor 3. Lives in its worker's slots, made by Allocate, ended by Refresh 0, expiry, the end of its
 * connection or of the worker. It owns its relay sockets, permissions and channels; how its client is reached
 * and finds it is path.h. A dual allocation (RFC 8656 5) is one with a second relay of the other family: each
 * has its own expiry, and the permissions and channels of its family end with it. One timer serves all
 * expiries: at thousands of idle allocations that is one timer each, firing every few minutes.
 * With mobility (RFC 8016, mobility.h) it outlives its client's connection. */
#pragma once
#include "appliance/core/directory.h"
#include "modules/turn/bandwidth.h"
#include "modules/turn/client.h"
#include "modules/turn/mobility.h"
#include "modules/turn/path.h"
#include "modules/turn/relay_udp.h"
#include "modules/turn/reservation.h"
#include "modules/turn/session.h"
#include "modules/turn/tcp_relay.h"
#include "modules/turn/turn.h"

#define PERMISSION_MS  (300 * 1000u) /* RFC 8656 9: MUST be 300 seconds */
#define CHANNEL_MS     (600 * 1000u) /* RFC 8656 12 */
#define ALLOCATION_ID  16u
#define TRANSACTION_ID 12u

/* Without an allocation nobody needs to send us more than this in one message; with one a frame may be 64 KB.
 */
#define FRAME_STRANGER_MAX 4096u
#define FRAME_CLIENT_MAX   (64u * 1024 + 20)

struct permission {
    struct list link;
    struct addr peer; /* port 0: RFC 8656 9 compares addresses only */
    uint64_t expires;
    uint64_t stored;   /* the expiry that the store has */
    unsigned channels; /* that lead to this peer */
};

struct channel {
    struct list link;
    uint16_t number;
    struct addr peer;
    struct wire_addr wire; /* the same for sendto */
    struct permission *permission;
    uint64_t expires;
    uint64_t stored;
};

struct allocation {
    struct turn *turn;
    struct client client; /* where data from peers goes: that of paths[path]; none while it is away */
    struct path paths[2]; /* the second one is where a mobile client is moving to, or has left */
    uint8_t path;
    bool moving; /* both paths are open (RFC 8016 3.2.2) */
    struct timer timer;
    struct relay_udp relay;
    struct tcp_relay *tcp;     /* RFC 6062: then `relay` listens; NULL: it relays datagrams */
    struct relay_udp second;   /* of the other family; fd -1: there is none */
    uint64_t created, expires; /* worker ms; `expires` is the first relay's */
    uint64_t second_expires;
    uint64_t stored;       /* the expiry that the store has; 0: no row */
    bool row_stale;        /* the row says something else that is no longer true */
    struct list unwritten; /* in turn.unwritten */
    struct bandwidth bandwidth;
    struct mobility mobility;
    struct session session;  /* of a user with a token */
    struct list permissions; /* the last used in front */
    struct list channels;    /* likewise */
    unsigned n_permissions, n_channels;
    uint64_t bytes[2];         /* to the peer, to the client; of pipes (RFC 6062) those that have ended */
    bool carried[2];           /* anything at all */
    uint32_t unpermitted[2];   /* messages to the peer, to the client, that no permission let pass */
    uint8_t id[ALLOCATION_ID]; /* random, the key in the store */
    bool has_token;
    uint8_t token[RESERVATION_TOKEN]; /* of the port above, reserved with this one */
    uint8_t
        made_by[TRANSACTION_ID]; /* the request that made it (RFC 8656 7.2, the note on retransmissions) */
    uint8_t missing_family;      /* that ADDITIONAL-ADDRESS-FAMILY did not get, as STUN numbers it, and */
    uint16_t missing_because;    /* why (ADDRESS-ERROR-CODE); 0: nothing is missing */
    uint8_t name_n;
    char name[DIRECTORY_NAME_MAX + 1]; /* the user: every later request must be his (441) */
};

enum allocation_end { ALLOCATION_DELETED, ALLOCATION_EXPIRED, ALLOCATION_CLIENT_GONE, ALLOCATION_SHUTDOWN };

struct allocation_wish {
    struct client client;
    struct bytes name;
    struct relay_wish relay;
    bool dual;                /* the other family too, or one of the two if only one can be had */
    struct relay_wish second; /* its address is NULL where we have none of that family */
    bool mobile;
    const uint8_t *made_by;
    const struct credential *credential;
    uint64_t lifetime; /* ms */
};

/* 0; -EDQUOT (486); 508: -EUSERS (too many in all), -ENOSPC (no port) or another -errno. */
int allocation_create(struct turn *t, const struct allocation_wish *wish, struct allocation **out);
void allocation_destroy(struct allocation *a, enum allocation_end why); /* NULL is fine */
/* The client on that path is gone: so is the allocation, unless it is mobile. */
void allocation_client_gone(struct allocation *a, const struct client *c); /* NULL is fine */
/* The allocation of that 5-tuple, NULL when there is none. */
struct allocation *allocation_of(struct turn *t, const struct client *c);
static inline struct bytes allocation_name(const struct allocation *a)
{
    return bytes_of(a->name, a->name_n);
}
static inline bool allocation_is_of(const struct allocation *a, const struct credential *user)
{
    return credential_owns(user, allocation_name(a), session_is_kept(&a->session));
}

/* Its relay of that family (ADDR_V4, ADDR_V6), NULL when it has none. */
static inline struct relay_udp *allocation_relay(struct allocation *a, uint8_t family)
{
    if (a->relay.relayed.family == family)
        return &a->relay;
    return a->second.fd >= 0 && a->second.relayed.family == family ? &a->second : NULL;
}

/* Of that family or, with ADDR_NONE, of all (RFC 8656 8.1). */
void allocation_refresh(struct allocation *a, uint8_t family, uint64_t lifetime);
/* Ends the relay of that family with its permissions and channels, or, when it was the only one, or with
 * ADDR_NONE, the allocation: then false, and `a` is gone. */
bool allocation_drop_family(struct allocation *a, uint8_t family);
/* To the end of its last relay. */
uint64_t allocation_expires(const struct allocation *a);
uint64_t allocation_seconds_left(const struct allocation *a);
/* Something of it expires at that time: the timer must not fire later. */
void allocation_wake(struct allocation *a, uint64_t due);

/* --- permission.c --- */
/* The live permission for that IP, NULL when there is none. */
struct permission *permission_find(struct allocation *a, const struct addr *peer);
static inline bool permission_is_live(const struct permission *p, uint64_t now)
{
    return p->expires > now;
}
/* Would n more fit? Counts only those peers that have none. */
bool permission_room(struct allocation *a, const struct addr *peers, unsigned n);
/* Installs or refreshes; NULL: out of room or memory (508). */
struct permission *permission_install(struct allocation *a, const struct addr *peer);
/* Drops what expired; returns when the next one does, or UINT64_MAX. */
uint64_t permission_sweep(struct allocation *a, uint64_t now);
void permission_drop_family(struct allocation *a, uint8_t family); /* after the channels */
void permission_drop_all(struct allocation *a);

/* --- channel.c --- */
struct channel *channel_of_number(struct allocation *a, uint16_t number);
struct channel *channel_of_peer(struct allocation *a, const struct addr *peer);
uint64_t channel_sweep(struct allocation *a, uint64_t now);
void channel_drop_family(struct allocation *a, uint8_t family);
void channel_drop_all(struct allocation *a);

/* After the settings changed: what is denied now ends now. */
void allocation_check_peers(struct allocation *a);
