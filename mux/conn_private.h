/* conn_private: what the door's own files know of a door and of a connection.
 *
 * Floor 2; for mux/ only. A connection goes through its stages in order and never back; everything that frees
 * or sends happens in entry_settle at the end of the turn, for connections that are in the door's `dirty`
 * list.
 *
 *   (CONNECT or) PROXY -> HANDSHAKE -> SNIFF -> OPEN -> CLOSING (last bytes leave) -> LINGER (peer's turn to
 * close) -> GONE
 *
 * Bytes in:  socket -> door->raw -> (TLS) -> door->plain -> module; what it leaves is kept in entry.rest.
 * Bytes out: conn_send -> entry.out -> (TLS) -> entry.wire -> socket. All three are empty on an idle
 * connection. */
#pragma once
#include "appliance/core/stats.h"
#include "mux/conn.h"
#include "mux/door_config.h"
#include "mux/door_stats.h"
#include "mux/guard.h"
#include "mux/tls.h"

#define DOOR_SOCKETS 128
#define DOOR_SPARE   32           /* buffers kept for reuse */
#define SPARE_MAX    (128 * 1024) /* larger ones go back to the heap */
#define RAW_MAX      (64 * 1024)  /* one recv */
#define PLAIN_MAX                                                                                            \
    (RAW_MAX + 18 * 1024) /* what it may decrypt to, with the record that was half there before */
#define HEADROOM  4096    /* in front of both: a small rest is put there, so that the module sees one piece */
#define WIRE_MARK (64 * 1024) /* sealed in one go before the socket is asked */

#define PRIORITY_ACCEPT    (-1) /* after the connections that stand; relays have a priority above 0 */
#define PRIORITY_HANDSHAKE (-1)
#define PRIORITY_OPEN      0

enum stage {
    STAGE_CONNECT,
    STAGE_PROXY,
    STAGE_HANDSHAKE,
    STAGE_SNIFF,
    STAGE_OPEN,
    STAGE_CLOSING,
    STAGE_LINGER,
    STAGE_GONE
};

struct listener {
    struct door *door;
    const struct module *module; /* NULL: sniff */
    enum transport transport;
    uint16_t index; /* in door.listen */
    int fd;
    struct addr local;
    ev_io io;
};

struct udp_socket {
    struct udp_port port;
    struct door *door;
    bool wildcard;
    bool burst; /* the last reads came close together: read many at once */
    uint64_t read_at;
    struct addr from, to; /* of the datagram in hand: an answer leaves from where it came to */
};

struct door {
    struct worker *w;
    const struct module *const *modules;
    const struct door_config *config;
    _Atomic uint64_t *stats;
    struct guard *guard;
    struct slots conns;
    struct list dirty;
    struct turn_hook hook;
    ev_idle again; /* there is more to do before the loop may sleep */
    struct tls *tls;
    BIO_METHOD *bio;
    struct bytes feed;   /* what OpenSSL reads from, during a call into it */
    struct list shaking; /* entries with bytes of a handshake, in the order in which they came */
    unsigned n_shaking;
    struct list
        underway; /* entries whose client has begun a handshake and not finished it, the oldest first */
    unsigned n_underway;
    struct listener listeners[DOOR_SOCKETS];
    unsigned n_listeners;
    struct udp_socket *udp[DOOR_SOCKETS];
    unsigned n_udp;
    uint8_t *udp_mem;
    int reserve_fd;            /* given up for a moment when descriptors run out */
    struct timer accept_again; /* armed while accepting pauses */
    bool drained;
    unsigned n_started; /* modules */
    uint8_t *mem, *raw, *plain;
    struct buf spare[DOOR_SPARE];
    unsigned n_spare;
};

struct entry {
    struct conn conn;
    struct door *door;
    int fd;
    enum stage stage;
    enum close_reason why;
    const struct module *wanted; /* the listener's module, or who it is handed over to */
    bool counted;                /* in the guard, by address */
    bool dialled;                /* by us (dial.h): no peer of the guard's */
    bool first_seen;             /* the first byte on the socket was looked at */
    bool told;                   /* `opened` was called and `closed` was not */
    bool paused, resumed;
    bool blocked;     /* the socket takes no more for now */
    bool eof, broken; /* the peer's side is over; nothing can be sent any more */
    bool ended;       /* the peer's side is over in order, and the module was told */
    bool ending;      /* ours is over when what was sent has left, */
    bool shut;        /* and on TCP the peer knows */
    bool shaken, tls_failed, notified;
    bool hurried;     /* the first bytes have begun to come */
    bool half_record; /* OpenSSL keeps the first part of a record */
    bool wants_drained;
    int error;               /* errno of what broke it, 0: none did */
    const char *tls_problem; /* what OpenSSL did not like; static text */
    size_t out_max;          /* of its own; 0: the door's */
    bool patient;            /* no deadline for what the peer does not read */
    ev_io io;
    int events; /* that io waits for */
    struct list dirty;
    struct list shaking, underway; /* in the door's */
    struct timer timer;
    uint64_t deadline;    /* of the stage; 0 = none */
    uint64_t frame_since; /* something is incomplete since then; 0 = nothing is */
    uint64_t write_since; /* wire waits for the peer since then; 0 = it does not */
    size_t write_left;    /* so much of what waited then waits still */
    uint64_t heard_at;
    uint64_t idle_ms;
    uint64_t frame_ms;
    size_t frame_max;
    struct buf rest, out, wire;
    SSL *ssl; /* NULL on TCP, and before the first record is whole */
    struct tls *tls;
    uint64_t rekeyed_since; /* the peer's key updates are counted from then on */
    unsigned rekeyed;
};

static inline struct entry *entry_of(struct conn *c)
{
    return container_of(c, struct entry, conn);
}
static inline const struct entry *entry_of_const(const struct conn *c)
{
    return (const struct entry *)(const void *)((const char *)c - offsetof(struct entry, conn));
}
/* May a module send on it? What it sends on one that we dial waits until that is open. */
static inline bool entry_takes(const struct entry *e)
{
    return !e->ending && (e->stage == STAGE_OPEN || (e->dialled && e->stage < STAGE_OPEN));
}
static inline size_t entry_out_max(const struct entry *e)
{
    return e->out_max ? e->out_max : (size_t)e->door->config->out_max;
}
static inline void door_count(struct door *d, unsigned what)
{
    stat_inc(&d->stats[what]);
}

/* door.c */
struct door *door_of(const struct worker *w);   /* NULL on management and before start */
void spare_take(struct door *d, struct buf *b); /* memory for an empty b, if some is spare */
void spare_give(struct door *d, struct buf *b); /* b is empty and without memory afterwards */

/* listener.c */
int listeners_open(struct door *d);
/* A bound socket or -errno; `first`: ask first whether another program has the port. */
int listener_socket(const struct addr *a, int type, bool first);
void listeners_pause(struct door *d);
void listeners_resume(struct door *d);
void listeners_close(struct door *d);

/* udp.c */
int udp_open(struct door *d, const struct listener *spec, bool first);
void udp_close(struct door *d);

/* conn.c, conn_close.c: takes the fd, whatever happens. */
void entry_accept(struct listener *l, int fd, const struct addr *peer);
/* NULL: out of memory. l is only looked at. */
struct entry *entry_create(const struct listener *l, int fd, const struct addr *peer);
void entry_settle(struct entry *e); /* end of turn; may free it */
void entry_abandon(
    struct entry *e); /* the door stops: free it now, its last bytes sent as far as the kernel takes */
void entry_touch(struct entry *e);                        /* to be settled */
void entry_arm(struct entry *e);                          /* after a deadline changed */
void entry_break(struct entry *e, enum close_reason why); /* close; sending is pointless */
void entry_watch(struct entry *e);                        /* make io wait for what is wanted now */
void entry_ready(struct entry *e);                        /* PROXY and handshake are done: sniff or open */
int entry_begin(
    struct entry *e); /* the peer's address is known: count it, begin TLS; 0 or -errno, then closing */

/* dial.c */
void dial_connected(struct entry *e); /* connect(2) has come to an end */
void dial_ready(struct entry *e);     /* TLS has too */

/* conn_feed.c */
void entry_give(struct entry *e, struct bytes decrypted);
void entry_keep(struct entry *e, struct bytes left); /* in rest, until more comes */
/* Puts what was kept in front; false: out of memory. */
bool entry_join(struct entry *e, struct bytes *in);

/* conn_in.c */
void entry_receive(struct entry *e);
void entry_leave_shaking(struct entry *e);
void handshakes_serve(struct door *d);  /* end of turn: as many of door.shaking as a turn may serve */
void entry_peer_ended(struct entry *e); /* in order: no more bytes will come */

/* conn_out.c */
void entry_flush(struct entry *e);

/* conn_tls.c */
int conn_tls_bio(struct door *d); /* makes the BIO method; 0 or -ENOMEM */
int conn_tls_begin(struct entry *e);
int conn_tls_dial(struct entry *e, SSL *ssl); /* as the client; takes ssl unless it fails */
void conn_tls_take(struct entry *e, struct bytes raw);
bool conn_tls_seal(struct entry *e); /* some of out to wire; false: broken */
void conn_tls_notify(struct entry *e);
void conn_tls_leave_underway(struct entry *e);
bool conn_tls_ready(const struct entry *e);
bool conn_tls_half_closes(const struct entry *e); /* true on TCP */
