#include "modules/turn/tcp_relay.h"
#include "modules/turn/allocation.h"
#include "modules/turn/connect.h"
#include "modules/turn/dispatch.h"
#include "modules/turn/peer_connection.h"
#include "modules/turn/send.h"
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

/* Accepted in one callback at most, so that a flood of connections does not hold up the media. */
#define ACCEPTS_MAX     16
#define ACCEPT_AGAIN_MS 200u

/* A gift from a stranger: permission and policy decide, and the limit. */
static bool is_welcome(struct allocation *a, const struct addr *peer)
{
    struct turn *t = a->turn;
    if (!permission_find(a, peer))
        turn_count(t, TS_TCP_NO_PERMISSION);
    else if (peer_check(t, peer) != PEER_ALLOWED)
        turn_count(t, TS_TCP_DENIED);
    else if (!tcp_relay_room(a) || peer_connection_of_peer(a, peer))
        turn_count(t, TS_TCP_LIMIT);
    else
        return true;
    return false;
}

/* RFC 6062 5.3. It asks for no integrity, and clients do not expect any. */
static int attempt(const struct peer_connection *p)
{
    uint8_t mem[64], id[STUN_ID];
    struct stun_writer w;
    random_fill(id, sizeof(id));
    stun_begin(&w, mem, sizeof(mem), stun_type(STUN_INDICATION, STUN_CONNECTION_ATTEMPT), id);
    stun_put_u32(&w, STUN_A_CONNECTION_ID, p->id);
    stun_put_xor(&w, STUN_A_XOR_PEER_ADDRESS, &p->peer);
    return client_send(&p->allocation->client, bytes_of(mem, stun_end(&w)));
}

/* A client that is away (RFC 8016) has the time of a ConnectionBind to come back. */
static void tell_client(struct peer_connection *p)
{
    p->untold = client_is_none(&p->allocation->client);
    if (!p->untold && attempt(p) < 0)
        peer_connection_destroy(p);
}

/* RFC 6062 5.3: without a permission it is closed at once. */
static void welcome(struct allocation *a, int fd, const struct addr *peer)
{
    struct peer_connection *p = is_welcome(a, peer) ? peer_connection_create(a, peer, fd) : NULL;
    if (!p) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int));
    peer_connection_await_bind(p);
    turn_count(a->turn, TS_TCP_ACCEPTED);
    tell_client(p);
}

/* Without descriptors the socket would stay readable and the loop would spin. */
static void pause_accepting(struct allocation *a)
{
    struct worker *w = a->turn->w;
    ev_io_stop(w->loop, &a->relay.io);
    timer_set(&w->timers, &a->tcp->accept_again, w->now + ACCEPT_AGAIN_MS);
}

static void on_accept_again(struct worker *w, struct timer *timer)
{
    struct tcp_relay *r = container_of(timer, struct tcp_relay, accept_again);
    ev_io_start(w->loop, &r->allocation->relay.io);
}

static void on_acceptable(struct ev_loop *loop, ev_io *io, int revents)
{
    struct allocation *a = io->data;
    for (int i = 0; i < ACCEPTS_MAX; i++) {
        struct wire_addr from = {.n = sizeof(from.v6)};
        int fd = accept4(io->fd, &from.sa, &from.n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS))
            pause_accepting(a);
        if (fd < 0)
            return;
        struct addr peer = ports_from_wire(a->turn, &from.sa);
        welcome(a, fd, &peer);
    }
}

int tcp_relay_open(struct allocation *a, const struct relay_wish *wish)
{
    struct relay_udp *r = &a->relay;
    struct worker *w = a->turn->w;
    a->tcp = calloc(1, sizeof(*a->tcp));
    r->fd = a->tcp ? ports_open_tcp(wish->address, &r->port) : -ENOMEM;
    if (r->fd < 0) {
        free(a->tcp);
        a->tcp = NULL;
        return r->fd;
    }
    a->tcp->allocation = a;
    a->tcp->accept_again.fire = on_accept_again;
    list_init(&a->tcp->connections);
    r->address = wish->address;
    r->relayed = wish->address->advertised;
    r->relayed.port = r->port;
    ev_io_init(&r->io, on_acceptable, r->fd, EV_READ);
    r->io.data = a;
    if (w->loop)
        ev_io_start(w->loop, &r->io);
    return 0;
}

void tcp_relay_close(struct allocation *a)
{
    if (!a->tcp)
        return;
    list_each_safe (it, &a->tcp->connections)
        peer_connection_destroy(container_of(it, struct peer_connection, link));
    timer_stop(&a->turn->w->timers, &a->tcp->accept_again);
    free(a->tcp);
    a->tcp = NULL;
}

void tcp_relay_check_peers(struct allocation *a)
{
    if (!a->tcp)
        return;
    list_each_safe (it, &a->tcp->connections) {
        struct peer_connection *p = container_of(it, struct peer_connection, link);
        if (p->state != PEER_FAILED && peer_check(a->turn, &p->peer) != PEER_ALLOWED)
            peer_connection_fail(p);
    }
}

void tcp_relay_tell(struct allocation *a)
{
    if (!a->tcp)
        return;
    list_each_safe (it, &a->tcp->connections) {
        struct peer_connection *p = container_of(it, struct peer_connection, link);
        if (p->untold)
            tell_client(p);
        else if (p->state == PEER_FAILED)
            peer_connection_destroy(p);
        else if (p->state == PEER_PENDING)
            connect_agree(p);
    }
}

void tcp_relay_session(struct allocation *a)
{
    if (!a->tcp)
        return;
    list_each (it, &a->tcp->connections) {
        struct peer_connection *p = container_of(it, struct peer_connection, link);
        session_leave(a->turn, p->session);
        p->session = session_enter(a->turn, p->id, &a->session, allocation_name(a));
    }
}

bool tcp_relay_room(const struct allocation *a)
{
    return a->tcp->n_connections < (uint64_t)a->turn->config->max_tcp_connections;
}
