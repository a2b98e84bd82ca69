/* allocation: a client's relayed transport address and all that hangs on it (RFC 8656 6), with its
 * permissions (RFC 8656 9) and channels (RFC 8656 12).
 *
 * Floor 3. Lives in its worker's slots, made by Allocate, ended by Refresh 0, expiry, the end of its
 * connection or of the worker. It owns its relay socket, permissions and channels; a connection points to it
 * by c->state, a UDP client is found by the room's map. One timer serves all its expiries: at thousands of
 * idle allocations that is one timer each, firing every few minutes. */
#pragma once
#include "appliance/core/directory.h"
#include "modules/turn/client.h"
#include "modules/turn/relay_udp.h"
#include "modules/turn/reservation.h"
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
    struct client client;
    struct map_node by_client; /* only while the client speaks UDP */
    struct timer timer;
    struct relay_udp relay;
    uint64_t created, expires; /* worker ms */
    uint64_t stored;
    struct list permissions; /* the last used in front */
    struct list channels;    /* likewise */
    unsigned n_permissions, n_channels;
    uint64_t packets[2], bytes[2]; /* to the peer, to the client */
    uint8_t id[ALLOCATION_ID];     /* random, the key in the store */
    bool has_token;
    uint8_t token[RESERVATION_TOKEN]; /* of the port above, reserved with this one */
    uint8_t
        made_by[TRANSACTION_ID]; /* the request that made it (RFC 8656 7.2, the note on retransmissions) */
    uint8_t name_n;
    char name[DIRECTORY_NAME_MAX + 1]; /* the user: every later request must be his (441) */
};

enum allocation_end { ALLOCATION_DELETED, ALLOCATION_EXPIRED, ALLOCATION_CLIENT_GONE, ALLOCATION_SHUTDOWN };

struct allocation_wish {
    struct client client;
    struct bytes name;
    struct relay_wish relay;
    const uint8_t *made_by;
    uint64_t lifetime; /* ms */
};

/* 0; -EDQUOT (486), -ENOSPC (508) or another -errno (508). */
int allocation_create(struct turn *t, const struct allocation_wish *wish, struct allocation **out);
void allocation_destroy(struct allocation *a, enum allocation_end why); /* NULL is fine */
/* The allocation of that 5-tuple, NULL when there is none. */
struct allocation *allocation_of(struct turn *t, const struct client *c);
static inline struct bytes allocation_name(const struct allocation *a)
{
    return bytes_of(a->name, a->name_n);
}

void allocation_refresh(struct allocation *a, uint64_t lifetime);
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
void permission_drop_all(struct allocation *a);

/* --- channel.c --- */
struct channel *channel_of_number(struct allocation *a, uint16_t number);
struct channel *channel_of_peer(struct allocation *a, const struct addr *peer);
uint64_t channel_sweep(struct allocation *a, uint64_t now);
void channel_drop_all(struct allocation *a);

/* After the settings changed: what is denied now ends now. */
void allocation_check_peers(struct allocation *a);
