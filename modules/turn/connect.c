#include "modules/turn/connect.h"
#include "modules/turn/allocation.h"
#include "modules/turn/deferred.h"
#include "modules/turn/peer_connection.h"
#include "modules/turn/tcp_relay.h"
#include "modules/turn/tcp_room.h"
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS_MAX 16

static unsigned judge(struct request *rq, struct addr *peer)
{
    struct allocation *a = rq->allocation;
    /* A UDP allocation relays datagrams; RFC 6062 has no word for this but "forbidden". */
    if (!a->tcp)
        return 403;
    if (!stun_find_xor(&rq->message, STUN_A_XOR_PEER_ADDRESS, peer))
        return 400;
    if (peer->family != a->relay.relayed.family)
        return 443;
    if (peer_connection_of_peer(a, peer))
        return 446;
    if (turn_denies(rq, peer, peer_check(rq->turn, peer)))
        return 403;
    return tcp_relay_room(a) ? 0 : 508;
}

/* From the relayed address itself (RFC 6062 5.2). The listener has the port too: SO_REUSEPORT is what Linux
 * asks of both, and ports_open_tcp gave it to the listener after nobody else was found there. */
static int open_bound(const struct allocation *a)
{
    struct sockaddr_storage ss;
    struct addr from = a->relay.address->bind;
    from.port = a->relay.port;
    socklen_t n = addr_to_sockaddr(&from, &ss);
    int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (ss.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){1}, sizeof(int));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &(int){1}, sizeof(int));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (bind(fd, (struct sockaddr *)&ss, n) == 0)
        return fd;
    int rc = -errno;
    close(fd);
    return rc;
}

/* A socket on its way to the peer, or -errno. */
static int begin(const struct allocation *a, const struct addr *peer)
{
    struct wire_addr to = ports_to_wire(a->turn, peer);
    int fd = open_bound(a);
    if (fd < 0 || connect(fd, &to.sa, to.n) == 0 || errno == EINPROGRESS)
        return fd;
    int rc = -errno;
    close(fd);
    return rc;
}

/* Also one that is connected already: then the set says so at once. */
static int watch(const struct turn *t, struct peer_connection *p)
{
    struct epoll_event e = {.events = EPOLLOUT, .data.ptr = p};
    return epoll_ctl(t->tcp->connecting, EPOLL_CTL_ADD, p->fd, &e) < 0 ? -errno : 0;
}

static void unwatch(const struct turn *t, const struct peer_connection *p)
{
    epoll_ctl(t->tcp->connecting, EPOLL_CTL_DEL, p->fd, NULL);
}

/* The socket is p's or closed. */
static struct peer_connection *start(struct request *rq, const struct addr *peer, int fd)
{
    struct peer_connection *p = peer_connection_create(rq->allocation, peer, fd);
    if (!p) {
        close(fd);
        return NULL;
    }
    p->request = deferred_create(rq);
    if (p->request && watch(rq->turn, p) == 0)
        return p;
    /* The answer is the caller's. */
    deferred_destroy(p->request);
    p->request = NULL;
    peer_connection_destroy(p);
    return NULL;
}

void handle_connect(struct request *rq)
{
    struct addr peer;
    struct worker *w = rq->turn->w;
    unsigned error = judge(rq, &peer);
    if (error) {
        turn_refuse(rq, error);
        return;
    }
    int fd = begin(rq->allocation, &peer);
    struct peer_connection *p = fd < 0 ? NULL : start(rq, &peer, fd);
    if (!p) {
        turn_refuse(rq, fd == -EMFILE || fd == -ENFILE || fd >= 0 ? 508 : 447);
        return;
    }
    timer_set(&w->timers, &p->timer, w->now + (uint64_t)rq->turn->config->tcp_connect_timeout);
}

/* The answer goes to where the client is now; NULL while it is nowhere (RFC 8016). */
static struct request *take_request(struct peer_connection *p)
{
    struct request *rq = p->request ? &p->request->rq : NULL;
    if (!rq || client_is_none(&p->allocation->client))
        return NULL;
    rq->client = p->allocation->client;
    return rq;
}

void connect_agree(struct peer_connection *p)
{
    struct answer a;
    struct request *rq = take_request(p);
    if (!rq)
        return;
    answer_begin(rq, &a);
    stun_put_u32(&a.w, STUN_A_CONNECTION_ID, p->id);
    answer_send(rq, &a);
    deferred_destroy(p->request);
    p->request = NULL;
}

void connect_give_up(struct peer_connection *p)
{
    struct request *rq = take_request(p);
    if (p->state == PEER_CONNECTING)
        unwatch(p->allocation->turn, p);
    if (rq)
        turn_refuse(rq, 447);
    deferred_destroy(p->request);
    p->request = NULL;
}

static void on_connected(struct turn *t, struct peer_connection *p)
{
    int error = 0;
    socklen_t n = sizeof(error);
    if (getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0 || error) {
        peer_connection_fail(p);
        return;
    }
    unwatch(t, p);
    peer_connection_await_bind(p);
    turn_count(t, TS_TCP_CONNECTED);
    connect_agree(p);
}

void connect_on_ready(struct ev_loop *loop, ev_io *io, int revents)
{
    struct turn *t = io->data;
    struct epoll_event events[EVENTS_MAX];
    /* Each event is of another connection, and none of them ends but its own. */
    int n = epoll_wait(io->fd, events, EVENTS_MAX, 0);
    for (int i = 0; i < n; i++)
        on_connected(t, events[i].data.ptr);
}
