/* Dialling: a socket, connect(2) without waiting, then TLS as the client. */
#include "mux/dial.h"
#include "mux/conn_private.h"
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A peer that is gone without a word is noticed within a minute when idle, sooner when something is sent. */
#define KEEP_IDLE      30    /* s */
#define KEEP_INTERVAL  10    /* s */
#define KEEP_COUNT     3     /* unanswered */
#define UNACKNOWLEDGED 20000 /* ms */

static void set_options(int fd)
{
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &(int){KEEP_IDLE}, sizeof(int));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &(int){KEEP_INTERVAL}, sizeof(int));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &(int){KEEP_COUNT}, sizeof(int));
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &(unsigned){UNACKNOWLEDGED}, sizeof(unsigned));
}

/* A socket on its way, or -errno. */
static int begin_connect(const struct addr *to)
{
    struct sockaddr_storage sa;
    socklen_t n = addr_to_sockaddr(to, &sa);
    int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    set_options(fd);
    if (connect(fd, (const struct sockaddr *)&sa, n) == 0 || errno == EINPROGRESS)
        return fd;
    int rc = -errno;
    close(fd);
    return rc;
}

static struct conn *give_up(SSL *tls, int fd, int rc, int *error)
{
    SSL_free(tls);
    if (fd >= 0)
        close(fd);
    *error = rc;
    return NULL;
}

struct conn *conn_dial(struct worker *w, const struct dial *how, int *error)
{
    struct door *d = door_of(w);
    int fd = d ? begin_connect(&how->to) : -ENOTCONN;
    if (fd < 0)
        return give_up(how->tls, -1, fd, error);
    const struct listener none = {
        .door = d, .transport = how->tls ? TRANSPORT_TLS : TRANSPORT_TCP, .index = UINT16_MAX};
    struct entry *e = entry_create(&none, fd, &how->to);
    if (!e)
        return give_up(how->tls, fd, -ENOMEM, error);
    if (how->tls && conn_tls_dial(e, how->tls) < 0) {
        slots_give(&d->conns, e);
        return give_up(how->tls, fd, -ENOMEM, error);
    }
    door_count(d, DOOR_DIALS);
    stat_inc(&d->stats[how->tls ? DOOR_OPEN_TLS : DOOR_OPEN_TCP]);
    e->dialled = e->told = e->first_seen = e->blocked = true;
    e->conn.module = how->module;
    e->conn.state = how->state;
    e->conn.side = how->side;
    e->out_max = how->out_max;
    e->stage = STAGE_CONNECT;
    e->deadline = w->now + how->patience;
    entry_arm(e);
    entry_watch(e);
    return &e->conn;
}

static void look_at_local(struct entry *e)
{
    struct sockaddr_storage sa = {0};
    socklen_t n = sizeof sa;
    if (getsockname(e->fd, (struct sockaddr *)&sa, &n) == 0)
        e->conn.local = addr_from_sockaddr((struct sockaddr *)&sa);
}

void dial_connected(struct entry *e)
{
    int err = 0;
    socklen_t n = sizeof err;
    if (getsockopt(e->fd, SOL_SOCKET, SO_ERROR, &err, &n) < 0)
        err = errno;
    if (err) {
        e->error = err;
        entry_break(e, CLOSE_RESET);
        return;
    }
    look_at_local(e);
    e->blocked = false;
    entry_touch(e);
    if (!e->ssl) {
        entry_ready(e);
        return;
    }
    e->stage = STAGE_HANDSHAKE;
    conn_tls_take(e, BYTES_NONE); /* the client speaks first */
}

void dial_ready(struct entry *e)
{
    e->stage = STAGE_OPEN;
    e->deadline = 0;
    if (e->conn.module->opened)
        e->conn.module->opened(&e->conn);
    entry_watch(e);
    entry_arm(e);
}

enum close_reason conn_why(const struct conn *c)
{
    return entry_of_const(c)->why;
}

const char *conn_end(const struct conn *c)
{
    const struct entry *e = entry_of_const(c);
    if (e->tls_problem)
        return e->tls_problem;
    if (e->error)
        return strerrordesc_np(e->error);
    switch (e->why) {
    case CLOSE_PEER:
        return "the peer closed it";
    case CLOSE_RESET:
        return "the peer broke it off";
    case CLOSE_HANDSHAKE_LATE:
        return "no answer in time";
    default:
        return close_reason_name(e->why);
    }
}
