/* turn_scene: one worker's TURN room for the fuzzer, and the door that it stands behind, answered here. */
#pragma once
#include "appliance/base/token.h"
#include "appliance/core/directory.h"
#include "modules/stun/stun.h"
#include "modules/turn/allocation.h"
#include "modules/turn/ticket.h"
#include "mux/conn.h"
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLIENTS 3 /* 0 and 1 are connections, 2 speaks UDP */
#define PEERS   8

struct scene {
    struct gateway gw;
    struct worker *w;
    struct conn conns[2];
    bool closed[2];
    struct udp_port udp;
    uint8_t nonce[CLIENTS][160];
    size_t nonce_n[CLIENTS];
    uint8_t token[RESERVATION_TOKEN]; /* the last that anybody got */
    uint8_t ticket[TICKET_SIZE];      /* likewise */
    size_t ticket_n;
    unsigned now_client;
    bool full;
    uint32_t connection;        /* the last CONNECTION-ID that anybody heard of */
    bool ended[2], finished[2]; /* one side of that connection is over */
    int listener, peers[PEERS]; /* TCP peers on loopback; -1: none */
    struct addr peer;           /* where they listen */
    struct wire_in in;
};

static struct scene *the_scene;

static inline void require(bool truth)
{
    if (!truth)
        abort();
}

/* ---- the door: remembers what clients have to */

static inline void hear(struct bytes b)
{
    struct stun_message m;
    struct bytes nonce;
    struct scene *s = the_scene;
    if (b.n && b.p[0] >= 0x40)
        return;
    require(stun_read(b, &m) == 0); /* what we send is always whole */
    if (stun_find(&m, STUN_A_RESERVATION_TOKEN, &nonce))
        memcpy(s->token, nonce.p, sizeof(s->token));
    if (stun_find(&m, STUN_A_MOBILITY_TICKET, &nonce)) {
        require(nonce.n <= sizeof(s->ticket));
        memcpy(s->ticket, nonce.p, nonce.n);
        s->ticket_n = nonce.n;
    }
    stun_find_u32(&m, STUN_A_CONNECTION_ID, &s->connection);
    if (!stun_find(&m, STUN_A_NONCE, &nonce))
        return;
    require(nonce.n <= sizeof(s->nonce[0]));
    memcpy(s->nonce[s->now_client], nonce.p, nonce.n);
    s->nonce_n[s->now_client] = nonce.n;
}

int conn_send(struct conn *c, struct bytes b)
{
    if (the_scene->closed[c - the_scene->conns])
        return -ENOTCONN;
    hear(b);
    return the_scene->full ? -ENOBUFS : 0;
}

void conn_close(struct conn *c, enum close_reason why)
{
    the_scene->closed[c - the_scene->conns] = true;
}

void conn_idle_timeout(struct conn *c, uint64_t ms) {}

void conn_frame_limits(struct conn *c, uint64_t ms, size_t bytes) {}

void conn_hand_over(struct conn *c, const struct module *to)
{
    c->module = to;
    c->state = NULL;
    to->opened(c);
}

/* The client reads at once, or not at all. */
uint8_t *conn_reserve(struct conn *c, size_t n)
{
    static uint8_t room[65536];
    return the_scene->full || n > sizeof(room) ? NULL : room;
}

void conn_commit(struct conn *c, size_t n) {}

size_t conn_unsent(const struct conn *c)
{
    return 0;
}

bool conn_is_high(const struct conn *c)
{
    return false;
}

void conn_pause(struct conn *c) {}

void conn_resume(struct conn *c) {}

void conn_finish(struct conn *c)
{
    the_scene->finished[c - the_scene->conns] = true;
}

void conn_wait_for_reader(struct conn *c) {}

struct addr udp_came_to(const struct udp_port *u)
{
    return (struct addr){0};
}

int udp_send_from(struct udp_port *u, const struct addr *from, const struct addr *to, struct bytes b)
{
    hear(b);
    return 0;
}

struct udp_port *udp_port_get(struct worker *w, uint16_t index)
{
    return NULL;
}

uint16_t tcp_port_get(struct worker *w, unsigned i)
{
    return 0;
}

const char *transport_name(enum transport t)
{
    return "UDP";
}
