/* pipe: a client data connection bound to a peer (RFC 6062 3, 4.5): bytes both ways, as they are.
 *
 * Floor 3. Made by ConnectionBind (connection_bind.c) on the worker that accepted the data connection, where
 * it lives and ends. From then on the connection belongs to pipe_module and no STUN is spoken on it.
 * tcp_room.h says how the peer's socket came here.
 *
 * Back-pressure: what the client does not read fills the connection's out-batch to the door's high mark; then
 * the peer is not read until `drained`. What the peer does not read is at most what one call of `data`
 * brought; then the connection is paused until it is gone. So a pipe holds a few hundred KB at most, and
 * nothing while it is idle.
 *
 * Bandwidth (turn.user_bandwidth, turn.total_bandwidth) is paid behind: what a read brought is carried, and
 * if it cannot be paid at once, that way stands still until it is.
 *
 * Its end (RFC 6062 5.5): what one side has sent before it ended is delivered to the other, and then so is
 * the end itself, as FIN or close_notify. The other side may go on: half closed a pipe stays for as long as
 * bytes move or wait for a slow reader, and for turn.tcp_half_closed_timeout after that. It is over when both
 * sides have ended, when either is cut off (a reset, or TLS without close_notify), or with the allocation;
 * and with the first end on TLS 1.2, which cannot be half closed. */
#pragma once
#include "appliance/base/addr.h"
#include "appliance/base/buf.h"
#include "appliance/core/directory.h"
#include "appliance/core/timer.h"
#include "modules/turn/bandwidth.h"
#include "modules/turn/peer_connection.h"
#include "mux/module.h"

struct turn;

enum pipe_state {
    PIPE_ASKING, /* another worker has been asked for the socket */
    PIPE_READY,  /* it has answered */
    PIPE_GIVEN,  /* ConnectionBind was answered, the connection is on its way to pipe_module */
    PIPE_OPEN,
    PIPE_CLOSING, /* the client is gone; the peer gets what is left */
};

struct pipe {
    struct letter letter; /* first: says at the allocation's worker that it is over */
    struct turn *turn;
    struct conn *conn;
    struct list link; /* room's binding or open */
    struct map_node by_id;
    uint32_t id;
    enum pipe_state state;
    unsigned error;    /* ready: what ConnectionBind is answered with, 0 for success */
    uint64_t question; /* asking: which one */
    int fd;            /* the peer; -1 when there is none */
    ev_io io;
    int events;      /* that io waits for */
    struct buf left; /* what the peer has not taken */
    bool held;       /* the client does not read, so the peer is not read */
    bool ended[2];   /* no more will come to the peer, to the client */
    bool reset;      /* nothing can be sent to the peer any more, nor will it send */
    uint64_t moved;  /* worker ms: when bytes last went either way, or one side ended */
    struct timer timer;
    struct pipe_count count;
    bool carried[2]; /* the allocation's worker knows that bytes went to the peer, to the client */
    int64_t paid[2]; /* bytes to the peer, to the client that are drawn and not carried; below 0: a debt */
    bool owes[2];    /* then nothing is carried that way */
    size_t user_n;   /* who pays */
    uint8_t user[DIRECTORY_NAME_MAX];
};

extern const struct module pipe_module;

/* In binding, state ASKING. NULL: out of memory. */
struct pipe *pipe_create(struct turn *t, struct conn *c, uint32_t id);
/* It has its socket: can be found by id from now on. */
void pipe_take(struct pipe *p, int fd, struct bytes user);
timer_fire pipe_on_timer;             /* pipe_carry.c */
void pipe_look_again(struct pipe *p); /* in a moment, at what nobody tells of */
/* Bytes that were carried (pipe_bandwidth.c). What cannot be paid at once is owed: that way stands still. */
void pipe_pay(struct pipe *p, enum way way, size_t n);
void pipe_pay_debts(struct pipe *p);
/* Its first bytes that way: the allocation's worker is told. */
void pipe_carries(struct pipe *p, unsigned way);
/* With its socket; tells the allocation's worker. NULL is fine. */
void pipe_destroy(struct pipe *p);
/* The one of that connection that is not open yet. */
struct pipe *pipe_binding(const struct turn *t, const struct conn *c);
/* The allocation has ended, or the peer is denied now. */
void pipe_end(struct turn *t, uint32_t id);
void pipe_abandon_all(struct turn *t);
