#include "modules/pcscf/core_tcp.h"
#include "appliance/base/buf.h"
#include "modules/sip/frame.h"
#include "modules/sip/hop.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_CHUNK    (32 * 1024)
#define UNSENT_MAX    (4 * 1024 * 1024)
#define RETRY_FIRST   1000
#define RETRY_LAST    30000
#define CONNECT_LIMIT 5000

enum core_tcp_state { CORE_DOWN, CORE_CONNECTING, CORE_UP };

struct core_tcp {
    struct worker *w;
    const struct sip_entity *edge;
    struct addr core;
    enum core_tcp_state state;
    int fd;
    ev_io io;           /* in whichever direction is of use now */
    struct timer retry; /* the next attempt; while connecting: the end of patience */
    uint64_t delay;
    struct buf in, out;
    struct sip_framer framer;
    struct sip_frame_limits limits;
};

static const char room_key;

static struct core_tcp *link_of(const struct worker *w)
{
    return worker_room(w, &room_key);
}

static void watch(struct core_tcp *c, int events)
{
    ev_io_stop(c->w->loop, &c->io);
    ev_io_set(&c->io, c->fd, events);
    ev_io_start(c->w->loop, &c->io);
}

static void shut(struct core_tcp *c)
{
    if (c->fd < 0)
        return;
    ev_io_stop(c->w->loop, &c->io);
    close(c->fd);
    c->fd = -1;
    c->framer = (struct sip_framer){0};
    buf_fini(&c->in);
    buf_fini(&c->out);
}

static void lose(struct core_tcp *c, int err)
{
    if (c->state == CORE_UP || c->delay == RETRY_FIRST) /* once for each loss, not for each attempt */
        log_warn(&c->w->log, "sip.core_down", F_ADDR("core", &c->core), F_ERRNO(err));
    c->state = CORE_DOWN;
    shut(c);
    timer_set(&c->w->timers, &c->retry, c->w->now + c->delay);
    c->delay = c->delay * 2 > RETRY_LAST ? RETRY_LAST : c->delay * 2;
}

/* ---- reading ---- */

static void cut_frames(struct core_tcp *c)
{
    const struct sip_hop from = sip_hop_local(&core_tcp_entity);
    for (;;) {
        struct sip_frame f = sip_frame_next(&c->framer, &c->limits, buf_bytes(&c->in));
        if (f.kind == SIP_FRAME_MORE)
            return;
        if (f.kind == SIP_FRAME_TOO_BIG || f.kind == SIP_FRAME_BAD) {
            lose(c, -EPROTO);
            return;
        }
        if (f.kind == SIP_FRAME_PING)
            buf_str(&c->out, "\r\n");
        if (f.kind == SIP_FRAME_MESSAGE)
            sip_entity_deliver(c->w, c->edge, &from, bytes_first(buf_bytes(&c->in), f.len));
        buf_consume(&c->in, f.len);
    }
}

static void on_readable(struct core_tcp *c)
{
    uint8_t *at = buf_reserve(&c->in, READ_CHUNK);
    if (!at) {
        lose(c, -ENOMEM);
        return;
    }
    ssize_t n = recv(c->fd, at, READ_CHUNK, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        lose(c, n < 0 ? -errno : -ECONNRESET);
        return;
    }
    buf_commit(&c->in, (size_t)n);
    cut_frames(c);
}

/* ---- writing ---- */

static void flush(struct core_tcp *c)
{
    while (c->state == CORE_UP && buf_len(&c->out)) {
        struct bytes b = buf_bytes(&c->out);
        ssize_t n = send(c->fd, b.p, b.n, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN) {
            lose(c, -errno);
            return;
        }
        if (n < 0)
            break;
        buf_consume(&c->out, (size_t)n);
    }
    if (c->state == CORE_UP)
        watch(c, buf_len(&c->out) ? EV_READ | EV_WRITE : EV_READ);
}

static void on_connected(struct core_tcp *c)
{
    int err = 0;
    socklen_t n = sizeof(err);
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &n) < 0)
        err = errno;
    if (err) {
        lose(c, -err);
        return;
    }
    timer_stop(&c->w->timers, &c->retry);
    c->state = CORE_UP;
    c->delay = RETRY_FIRST;
    log_info(&c->w->log, "sip.core_up", F_ADDR("core", &c->core));
    flush(c);
}

static void on_io(struct ev_loop *loop, ev_io *io, int events)
{
    (void)loop;
    struct core_tcp *c = io->data;
    if (c->state == CORE_CONNECTING) {
        on_connected(c);
        return;
    }
    if (events & EV_READ)
        on_readable(c);
    if (c->state == CORE_UP && (events & EV_WRITE || buf_len(&c->out)))
        flush(c);
}

/* ---- connecting ---- */

static int open_socket(struct core_tcp *c)
{
    struct sockaddr_storage sa;
    socklen_t n = addr_to_sockaddr(&c->core, &sa);
    int one = 1;
    c->fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return -errno;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    setsockopt(c->fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
    if (connect(c->fd, (const struct sockaddr *)&sa, n) == 0 || errno == EINPROGRESS)
        return 0;
    int err = -errno;
    close(c->fd);
    c->fd = -1;
    return err;
}

static void dial(struct core_tcp *c)
{
    int rc = open_socket(c);
    if (rc < 0) {
        lose(c, rc);
        return;
    }
    c->state = CORE_CONNECTING;
    ev_io_init(&c->io, on_io, c->fd, EV_WRITE);
    c->io.data = c;
    ev_io_start(c->w->loop, &c->io);
    timer_set(&c->w->timers, &c->retry, c->w->now + CONNECT_LIMIT);
}

static void on_retry(struct worker *w, struct timer *t)
{
    (void)w;
    struct core_tcp *c = container_of(t, struct core_tcp, retry);
    if (c->state == CORE_CONNECTING)
        lose(c, -ETIMEDOUT);
    else
        dial(c);
}

struct core_tcp *core_tcp_create(struct worker *w, const struct sip_entity *edge, const struct addr *core,
                                 size_t max_message)
{
    struct core_tcp *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->w = w;
    c->edge = edge;
    c->core = *core;
    c->fd = -1;
    c->delay = RETRY_FIRST;
    c->limits = (struct sip_frame_limits){.head = max_message / 2, .body = max_message / 2};
    c->retry.fire = on_retry;
    buf_init(&c->in);
    buf_init(&c->out);
    if (worker_set_room(w, &room_key, c) < 0) {
        free(c);
        return NULL;
    }
    if (w->loop)
        dial(c);
    return c;
}

void core_tcp_destroy(struct core_tcp *c)
{
    if (!c)
        return;
    shut(c);
    timer_stop(&c->w->timers, &c->retry);
    worker_set_room(c->w, &room_key, NULL);
    free(c);
}

bool core_tcp_up(const struct core_tcp *c)
{
    return c && c->state == CORE_UP;
}

/* ---- the entity ---- */

/* Every worker has a connection of its own, so whoever sends, sends here. */
static uint16_t sort(struct worker *w, const struct sip_hop *from, struct bytes msg)
{
    (void)from;
    (void)msg;
    return w->id;
}

/* A letter that comes when the connection is down is lost, like a datagram: the sender's transaction runs
 * into its timer. New requests ask core_tcp_up() first. */
static void receive(struct worker *w, const struct sip_hop *from, struct bytes msg)
{
    (void)from;
    struct core_tcp *c = link_of(w);
    if (!core_tcp_up(c) || buf_len(&c->out) + msg.n > UNSENT_MAX || !buf_append(&c->out, msg))
        return;
    flush(c);
}

const struct sip_entity core_tcp_entity = {.name = "core-tcp", .sort = sort, .receive = receive};
