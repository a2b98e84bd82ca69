/* UDP listeners. A peer always lands on the same worker's socket (SO_REUSEPORT hashes the addresses).
 * Datagrams that come singly are read one by one, those that come in bursts many at a time. */
#include "appliance/core/abuse.h"
#include "mux/conn_private.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BURST        16
#define DATAGRAM_MAX 65536

union control {
    char room[CMSG_SPACE(sizeof(struct in6_pktinfo))];
    size_t align; /* of struct cmsghdr */
};

struct arrival {
    struct sockaddr_storage from;
    union control control;
    struct iovec iov;
};

static void arrival_init(struct arrival *a, struct msghdr *m, uint8_t *mem)
{
    a->iov = (struct iovec){mem, DATAGRAM_MAX};
    *m = (struct msghdr){.msg_name = &a->from,
                         .msg_namelen = sizeof a->from,
                         .msg_iov = &a->iov,
                         .msg_iovlen = 1,
                         .msg_control = &a->control,
                         .msg_controllen = sizeof a->control};
}

static struct addr came_to(struct msghdr *m)
{
    struct addr a = {0};
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            a.family = ADDR_V4;
            memcpy(a.ip, &info.ipi_addr, 4);
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            a.family = ADDR_V6;
            memcpy(a.ip, &info.ipi6_addr, 16);
        }
    }
    return a;
}

/* A datagram longer than the buffer cannot come: 65536 is more than UDP can carry. */
static void hand_in(struct udp_socket *u, struct msghdr *m, size_t n)
{
    u->from = addr_from_sockaddr(m->msg_name);
    u->to = u->wildcard ? came_to(m) : (struct addr){0};
    door_count(u->door, DOOR_UDP_IN);
    if (abuse_is_banned(u->door->w, &u->from)) {
        door_count(u->door, DOOR_UDP_BANNED);
        return;
    }
    u->port.module->datagram(&u->port, &u->from, bytes_of(m->msg_iov->iov_base, n));
    u->from = u->to = (struct addr){0};
}

static void read_one(struct udp_socket *u)
{
    struct arrival a;
    struct msghdr m;
    arrival_init(&a, &m, u->door->udp_mem);
    ssize_t n = recvmsg(u->port.fd, &m, 0);
    if (n >= 0)
        hand_in(u, &m, (size_t)n);
}

static void read_many(struct udp_socket *u)
{
    struct arrival a[BURST];
    struct mmsghdr m[BURST] = {0};
    for (size_t i = 0; i < BURST; i++)
        arrival_init(&a[i], &m[i].msg_hdr, u->door->udp_mem + i * DATAGRAM_MAX);
    int n = recvmmsg(u->port.fd, m, BURST, 0, NULL);
    for (int i = 0; i < n; i++)
        hand_in(u, &m[i].msg_hdr, m[i].msg_len);
    u->burst = n > 1;
}

static void on_datagram(struct ev_loop *loop, ev_io *io, int events)
{
    struct udp_socket *u = io->data;
    uint64_t now = u->door->w->now;
    if (u->burst || u->read_at == now)
        read_many(u);
    else
        read_one(u);
    u->read_at = now;
}

/* From a wildcard socket the answer leaves with the address that was asked; a client behind a firewall takes
 * no other (RFC 8489 6.3, RFC 3581 4). */
static void set_source(struct msghdr *m, union control *control, const struct addr *from)
{
    if (from->family == ADDR_NONE)
        return;
    m->msg_control = control;
    m->msg_controllen = sizeof *control;
    struct cmsghdr *c = CMSG_FIRSTHDR(m);
    if (from->family == ADDR_V4) {
        struct in_pktinfo info = {0};
        memcpy(&info.ipi_spec_dst, from->ip, 4);
        *c = (struct cmsghdr){
            .cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO, .cmsg_len = CMSG_LEN(sizeof info)};
        memcpy(CMSG_DATA(c), &info, sizeof info);
        m->msg_controllen = CMSG_SPACE(sizeof info);
        return;
    }
    struct in6_pktinfo info = {0};
    memcpy(&info.ipi6_addr, from->ip, 16);
    *c = (struct cmsghdr){
        .cmsg_level = IPPROTO_IPV6, .cmsg_type = IPV6_PKTINFO, .cmsg_len = CMSG_LEN(sizeof info)};
    memcpy(CMSG_DATA(c), &info, sizeof info);
    m->msg_controllen = CMSG_SPACE(sizeof info);
}

int udp_send_from(struct udp_port *p, const struct addr *from, const struct addr *to, struct bytes b)
{
    struct udp_socket *u = container_of(p, struct udp_socket, port);
    struct sockaddr_storage sa;
    union control control = {0};
    struct iovec iov = {(void *)(uintptr_t)b.p, b.n};
    struct msghdr m = {.msg_name = &sa, .msg_iov = &iov, .msg_iovlen = 1};
    m.msg_namelen = addr_to_sockaddr(to, &sa);
    if (from->family == ADDR_NONE && addr_eq(to, &u->from))
        from = &u->to;
    set_source(&m, &control, from);
    if (sendmsg(p->fd, &m, MSG_NOSIGNAL) >= 0) {
        door_count(u->door, DOOR_UDP_OUT);
        return 0;
    }
    int rc = errno == EWOULDBLOCK || errno == ENOBUFS ? -EAGAIN : -errno;
    door_count(u->door, DOOR_UDP_DROPPED);
    return rc;
}

int udp_send(struct udp_port *p, const struct addr *to, struct bytes b)
{
    static const struct addr any;
    return udp_send_from(p, &any, to, b);
}

struct addr udp_came_to(const struct udp_port *p)
{
    return container_of(p, struct udp_socket, port)->to;
}

struct udp_port *udp_port_get(struct worker *w, uint16_t index)
{
    struct door *d = door_of(w);
    for (unsigned i = 0; d && i < d->n_udp; i++) {
        if (d->udp[i]->port.index == index)
            return &d->udp[i]->port;
    }
    return NULL;
}

struct udp_port *udp_port_of(struct worker *w, const struct module *m, const struct addr *like)
{
    struct door *d = door_of(w);
    for (unsigned i = 0; d && i < d->n_udp; i++) {
        struct udp_port *p = &d->udp[i]->port;
        if (p->module == m && (!like || like->family == p->local.family))
            return p;
    }
    return NULL;
}

static int ensure_mem(struct door *d)
{
    if (!d->udp_mem)
        d->udp_mem = malloc((size_t)BURST * DATAGRAM_MAX);
    return d->udp_mem ? 0 : -ENOMEM;
}

static void ask_for_destination(int fd, const struct addr *a)
{
    if (a->family == ADDR_V6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &(int){1}, sizeof(int));
    else
        setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &(int){1}, sizeof(int));
}

static struct udp_socket *udp_create(struct door *d, const struct listener *spec)
{
    struct udp_socket *u = calloc(1, sizeof *u);
    if (!u)
        return NULL;
    u->door = d;
    u->wildcard = addr_is_any(&spec->local);
    u->port = (struct udp_port){.w = d->w, .module = spec->module, .local = spec->local};
    /* From the place in door.listen, so that a sealed flow means the same port on every worker and after a
     * restart. */
    u->port.index = (uint16_t)(spec->index * 2 + (spec->local.family == ADDR_V6));
    return u;
}

int udp_open(struct door *d, const struct listener *spec, bool first)
{
    int rc = ensure_mem(d);
    int fd = rc < 0 ? rc : listener_socket(&spec->local, SOCK_DGRAM, first);
    if (fd < 0)
        return fd;
    struct udp_socket *u = udp_create(d, spec);
    if (!u) {
        close(fd);
        return -ENOMEM;
    }
    if (u->wildcard)
        ask_for_destination(fd, &spec->local);
    u->port.fd = fd;
    ev_io_init(&u->port.io, on_datagram, fd, EV_READ);
    u->port.io.data = u;
    ev_io_start(d->w->loop, &u->port.io);
    d->udp[d->n_udp++] = u;
    return 0;
}

void udp_close(struct door *d)
{
    for (unsigned i = 0; i < d->n_udp; i++) {
        ev_io_stop(d->w->loop, &d->udp[i]->port.io);
        close(d->udp[i]->port.fd);
        free(d->udp[i]);
    }
    d->n_udp = 0;
    free(d->udp_mem);
    d->udp_mem = NULL;
}
