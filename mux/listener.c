/* Listening sockets of one worker: SO_REUSEPORT deals new connections out between the workers' sockets. */
#include "mux/conn_private.h"
#include "mux/listen_spec.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPT_PAUSE_MS 100

static const char *hint_for(int rc)
{
    switch (-rc) {
    case EADDRINUSE:
        return "another program has this port: stop it, or change door.listen";
    case EACCES:
        return "a port below 1024 needs root or CAP_NET_BIND_SERVICE (systemd: AmbientCapabilities)";
    case EADDRNOTAVAIL:
        return "this machine has no such address: see door.listen";
    case EAFNOSUPPORT:
        return "this machine has no IPv6: write an IPv4 address in door.listen";
    default:
        return "see door.listen";
    }
}

static int bind_to(int fd, const struct addr *a)
{
    struct sockaddr_storage sa;
    socklen_t n = addr_to_sockaddr(a, &sa);
    return bind(fd, (struct sockaddr *)&sa, n) < 0 ? -errno : 0;
}

static int new_socket(const struct addr *a, int type)
{
    int fd = socket(addr_af(a), type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (a->family == ADDR_V6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){1}, sizeof(int));
    return fd;
}

/* With SO_REUSEPORT a second gateway of the same user would silently share the port and get half of the
 * phones. So the first worker asks without it whether the port is free. (UDP: no SO_REUSEADDR, for that
 * shares too.) */
static int probe(const struct addr *a, int type)
{
    int fd = new_socket(a, type);
    if (fd < 0)
        return fd;
    if (type == SOCK_STREAM)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    int rc = bind_to(fd, a);
    if (rc == 0 && type == SOCK_STREAM && listen(fd, 1) < 0)
        rc = -errno;
    close(fd);
    return rc;
}

int listener_socket(const struct addr *a, int type, bool first)
{
    int rc = first ? probe(a, type) : 0;
    int fd = rc < 0 ? rc : new_socket(a, type);
    if (fd < 0)
        return fd;
    if (type == SOCK_STREAM)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &(int){1}, sizeof(int)) < 0)
        rc = -errno;
    if (rc == 0)
        rc = bind_to(fd, a);
    if (rc == 0)
        return fd;
    close(fd);
    return rc;
}

/* Out of descriptors: the connection would stay in the queue and wake the loop for ever. One descriptor is
 * kept for this: given up, it lets the connection in and out again, so that the peer is not left waiting. */
static void shed(struct listener *l, int error)
{
    struct door *d = l->door;
    log_warn(&d->w->log, "door.out_of_files", F_ERRNO(error),
             F_STR("hint", "raise LimitNOFILE, or lower door.connections_max"));
    if (d->reserve_fd < 0)
        return;
    close(d->reserve_fd);
    int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
        door_count(d, DOOR_CLOSES + CLOSE_LIMIT);
        close(fd);
    }
    d->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void on_accept_again(struct worker *w, struct timer *t)
{
    struct door *d = container_of(t, struct door, accept_again);
    if (!d->drained)
        listeners_resume(d);
}

static void accept_failed(struct listener *l, int error)
{
    struct door *d = l->door;
    door_count(d, DOOR_ACCEPT_ERRORS);
    if (error == EMFILE || error == ENFILE)
        shed(l, error);
    listeners_pause(d);
    timer_set(&d->w->timers, &d->accept_again, d->w->now + ACCEPT_PAUSE_MS);
}

/* accept(2): errors of the network that were waiting on the new connection are not the listener's. */
static bool is_the_peers(int error)
{
    return error == ECONNABORTED || error == EINTR || error == EPROTO || error == ENETDOWN ||
           error == ENOPROTOOPT || error == EHOSTDOWN || error == ENONET || error == EHOSTUNREACH ||
           error == EOPNOTSUPP || error == ENETUNREACH || error == EPERM;
}

static void on_accept(struct ev_loop *loop, ev_io *io, int events)
{
    struct listener *l = io->data;
    for (int64_t i = 0; i < l->door->config->accepts_per_turn; i++) {
        struct sockaddr_storage sa = {0};
        socklen_t n = sizeof sa;
        int fd = accept4(l->fd, (struct sockaddr *)&sa, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && is_the_peers(errno))
            continue;
        if (fd < 0) {
            if (errno != EAGAIN)
                accept_failed(l, errno);
            return;
        }
        struct addr peer = addr_from_sockaddr((struct sockaddr *)&sa);
        entry_accept(l, fd, &peer);
    }
}

void listeners_pause(struct door *d)
{
    for (unsigned i = 0; i < d->n_listeners; i++)
        ev_io_stop(d->w->loop, &d->listeners[i].io);
}

void listeners_resume(struct door *d)
{
    for (unsigned i = 0; i < d->n_listeners; i++)
        ev_io_start(d->w->loop, &d->listeners[i].io);
}

static int open_tcp(struct door *d, struct listener *l, bool first)
{
    l->fd = listener_socket(&l->local, SOCK_STREAM, first);
    if (l->fd < 0)
        return l->fd;
    setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)); /* what it accepts inherits it */
    if (listen(l->fd, (int)d->config->backlog) < 0) {
        int rc = -errno;
        close(l->fd);
        return rc;
    }
    ev_io_init(&l->io, on_accept, l->fd, EV_READ);
    ev_set_priority(&l->io, PRIORITY_ACCEPT);
    l->io.data = l;
    ev_io_start(d->w->loop, &l->io);
    d->n_listeners++;
    return 0;
}

static int open_one(struct door *d, const struct listen_spec *spec, uint16_t index, const struct addr *a)
{
    bool first = d->w->id == 0;
    if (d->n_listeners == DOOR_SOCKETS || d->n_udp == DOOR_SOCKETS)
        return -ENOSPC;
    struct listener *l = &d->listeners[d->n_listeners];
    *l = (struct listener){.door = d,
                           .module = spec->module,
                           .transport = spec->transport,
                           .index = index,
                           .fd = -1,
                           .local = *a};
    int rc = spec->transport == TRANSPORT_UDP ? udp_open(d, l, first) : open_tcp(d, l, first);
    if (rc == 0 && first)
        log_info(&d->w->log, "door.listening", F_STR("transport", transport_name(spec->transport)),
                 F_ADDR("address", a), F_STR("module", spec->module ? spec->module->name : "by first bytes"));
    return rc;
}

static int complain(struct door *d, const char *text, int rc)
{
    log_error(&d->w->log, "door.cannot_listen", F_STR("listen", text), F_ERRNO(rc),
              F_STR("hint", hint_for(rc)));
    return rc;
}

/* `*` on a machine without IPv6 is IPv4 alone. */
static int open_star(struct door *d, const struct listen_spec *spec, uint16_t index, const char *text)
{
    struct addr v4 = {.family = ADDR_V4, .port = spec->addr.port};
    struct addr v6 = {.family = ADDR_V6, .port = spec->addr.port};
    int rc = open_one(d, spec, index, &v4);
    if (rc < 0)
        return complain(d, text, rc);
    rc = open_one(d, spec, index, &v6);
    if (rc != -EAFNOSUPPORT && rc != -EADDRNOTAVAIL)
        return rc < 0 ? complain(d, text, rc) : 0;
    if (d->w->id == 0)
        log_warn(&d->w->log, "door.no_ipv6", F_STR("listen", text), F_ERRNO(rc));
    return 0;
}

int listeners_open(struct door *d)
{
    d->accept_again.fire = on_accept_again;
    d->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (size_t i = 0; i < d->config->listen.n; i++) {
        const char *text = d->config->listen.items[i], *why = NULL;
        struct listen_spec spec;
        if (!listen_parse(text, d->modules, &spec, &why)) {
            log_error(&d->w->log, "door.bad_listen", F_STR("listen", text), F_STR("hint", why));
            return -EINVAL;
        }
        int rc =
            spec.star ? open_star(d, &spec, (uint16_t)i, text) : open_one(d, &spec, (uint16_t)i, &spec.addr);
        if (rc < 0)
            return spec.star ? rc : complain(d, text, rc);
    }
    return 0;
}

uint16_t tcp_port_get(struct worker *w, unsigned i)
{
    const struct door *d = door_of(w);
    return d && i < d->n_listeners ? d->listeners[i].local.port : 0;
}

bool listening_get(struct worker *w, unsigned i, struct listening *out)
{
    const struct door *d = door_of(w);
    if (!d || i >= d->n_listeners + d->n_udp)
        return false;
    if (i < d->n_listeners) {
        const struct listener *l = &d->listeners[i];
        *out = (struct listening){l->module, (uint8_t)l->transport, l->index, l->local};
        return true;
    }
    const struct udp_port *u = &d->udp[i - d->n_listeners]->port;
    *out = (struct listening){u->module, TRANSPORT_UDP, u->index, u->local};
    return true;
}

void listeners_close(struct door *d)
{
    timer_stop(&d->w->timers, &d->accept_again);
    listeners_pause(d);
    for (unsigned i = 0; i < d->n_listeners; i++)
        close(d->listeners[i].fd);
    d->n_listeners = 0;
    if (d->reserve_fd >= 0)
        close(d->reserve_fd);
    d->reserve_fd = -1;
}
