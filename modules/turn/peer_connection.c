#include "modules/turn/peer_connection.h"
#include "modules/turn/allocation.h"
#include "modules/turn/connect.h"
#include "modules/turn/credential.h"
#include "modules/turn/pipe.h"
#include "modules/turn/tcp_relay.h"
#include "modules/turn/tcp_room.h"
#include <stdlib.h>
#include <unistd.h>

#define WORKER_SHIFT 26

_Static_assert(WORKER_MAX <= 1u << (32 - WORKER_SHIFT), "a worker's number fits in front");

static struct peer_connection *find(const struct turn *t, uint32_t id)
{
    struct map_node *n = map_find(&t->tcp->connections, id);
    return n ? container_of(n, struct peer_connection, by_id) : NULL;
}

/* Not to be guessed, though ConnectionBind asks for the user's password too. */
static uint32_t fresh_id(const struct turn *t)
{
    uint32_t id;
    do
        id = (uint32_t)t->w->id << WORKER_SHIFT | random_below(1u << WORKER_SHIFT);
    while (find(t, id));
    return id;
}

uint16_t peer_connection_home(uint32_t id)
{
    return (uint16_t)(id >> WORKER_SHIFT);
}

static void on_timer(struct worker *w, struct timer *timer)
{
    struct peer_connection *p = container_of(timer, struct peer_connection, timer);
    turn_count(p->allocation->turn, p->state == PEER_CONNECTING ? TS_TCP_TIMEOUTS : TS_TCP_UNBOUND);
    peer_connection_fail(p);
}

struct peer_connection *peer_connection_create(struct allocation *a, const struct addr *peer, int fd)
{
    struct turn *t = a->turn;
    struct peer_connection *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->allocation = a;
    p->peer = *peer;
    p->fd = fd;
    p->id = fresh_id(t);
    p->timer.fire = on_timer;
    p->session = session_enter(t, p->id, &a->session, allocation_name(a));
    list_push_back(&a->tcp->connections, &p->link);
    a->tcp->n_connections++;
    map_insert(&t->tcp->connections, &p->by_id, p->id);
    turn_count(t, TS_TCP_CONNECTIONS);
    return p;
}

/* Opened where the pipe is. */
static void open_end(struct worker *w, struct letter *l)
{
    struct peer_connection *p = container_of(l, struct peer_connection, letter);
    struct turn *t = w->ended ? NULL : turn_of(w);
    if (t)
        pipe_end(t, p->id);
    free(p);
}

/* Takes the record. */
static void end_pipe(struct turn *t, struct peer_connection *p)
{
    if (p->worker == t->w->id) {
        pipe_end(t, p->id);
        free(p);
        return;
    }
    p->letter.open = open_end;
    if (!tcp_room_post(t, p->worker, &p->letter))
        free(p);
}

static void forget(struct peer_connection *p)
{
    struct turn *t = p->allocation->turn;
    timer_stop(&t->w->timers, &p->timer);
    session_leave(t, p->session);
    list_remove(&p->link);
    p->allocation->tcp->n_connections--;
    map_remove(&t->tcp->connections, &p->by_id);
    stat_dec(&t->stats[TS_TCP_CONNECTIONS]);
}

void peer_connection_destroy(struct peer_connection *p)
{
    if (!p)
        return;
    struct turn *t = p->allocation->turn;
    connect_give_up(p);
    forget(p);
    if (p->state == PEER_BOUND) {
        end_pipe(t, p);
        return;
    }
    if (p->fd >= 0)
        close(p->fd);
    free(p);
}

void peer_connection_fail(struct peer_connection *p)
{
    struct allocation *a = p->allocation;
    if (p->state == PEER_BOUND || !p->request || !client_is_none(&a->client)) {
        peer_connection_destroy(p);
        return;
    }
    timer_stop(&a->turn->w->timers, &p->timer);
    close(p->fd); /* which takes it out of the set of those that connect, too */
    p->fd = -1;
    p->state = PEER_FAILED;
}

void peer_connection_await_bind(struct peer_connection *p)
{
    struct worker *w = p->allocation->turn->w;
    p->state = PEER_PENDING;
    timer_set(&w->timers, &p->timer, w->now + BIND_MS);
}

struct peer_connection *peer_connection_of_peer(struct allocation *a, const struct addr *peer)
{
    list_each (it, &a->tcp->connections) {
        struct peer_connection *p = container_of(it, struct peer_connection, link);
        if (p->state != PEER_FAILED && addr_eq(&p->peer, peer))
            return p;
    }
    return NULL;
}

unsigned peer_connection_claim(struct turn *t, uint32_t id, struct credential *user, uint16_t worker, int *fd)
{
    struct peer_connection *p = find(t, id);
    if (!p || p->state != PEER_PENDING)
        return 400;
    /* RFC 6062 4.3: the same credentials as for the control connection. */
    if (!allocation_is_of(p->allocation, user))
        return 441;
    timer_stop(&t->w->timers, &p->timer);
    p->state = PEER_BOUND;
    p->worker = worker;
    credential_set_name(user, allocation_name(p->allocation));
    *fd = p->fd;
    p->fd = -1;
    return 0;
}

void peer_connection_carries(struct turn *t, uint32_t id, unsigned way)
{
    struct peer_connection *p = find(t, id);
    if (p)
        p->allocation->carried[way] = true;
}

void peer_connection_gone(struct turn *t, uint32_t id, const struct pipe_count *count)
{
    struct peer_connection *p = find(t, id);
    if (!p || p->state != PEER_BOUND)
        return;
    p->allocation->bytes[0] += count->to_peer;
    p->allocation->bytes[1] += count->to_client;
    forget(p);
    free(p);
}
