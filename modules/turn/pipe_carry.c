/* What a pipe does with bytes, and with the end of either side. */
#include "modules/turn/pipe.h"
#include "modules/turn/tcp_room.h"
#include "modules/turn/turn.h"
#include "mux/conn.h"
#include <errno.h>
#include <sys/socket.h>

/* One read from the peer: whole TLS records of it, and as much as the door writes in one go. */
#define READ_MAX 65536u

#define READ_MIN 4096u
/* For what the door does not tell of: that the out-batch is empty, or that it has room again where its marks
 * leave less than one read between them. */
#define LOOK_AGAIN_MS 50u
/* How long a peer may take to get what was left when the client's connection ended. */
#define CLOSING_MS 30000u
/* And how long it may take to close when it has got it. */
#define LINGER_MS 3000u

static bool reads_peer(const struct pipe *p)
{
    if (p->ended[TO_CLIENT] || p->reset)
        return false;
    return p->state == PIPE_CLOSING || !(p->held || p->owes[TO_CLIENT]);
}

static bool writes_peer(const struct pipe *p)
{
    if (!buf_len(&p->left) || p->reset)
        return false;
    return p->state == PIPE_CLOSING || !p->owes[TO_PEER];
}

static void watch(struct pipe *p)
{
    struct ev_loop *loop = p->turn->w->loop;
    int events = (reads_peer(p) ? EV_READ : 0) | (writes_peer(p) ? EV_WRITE : 0);
    if (events == p->events || !loop)
        return;
    ev_io_stop(loop, &p->io);
    p->events = events;
    if (!events)
        return;
    ev_io_set(&p->io, p->fd, events);
    ev_io_start(loop, &p->io);
}

void pipe_look_again(struct pipe *p)
{
    struct worker *w = p->turn->w;
    timer_set(&w->timers, &p->timer, w->now + LOOK_AGAIN_MS);
}

/* ---- one side ends */

/* One side has ended and the other has got all of it: it may go on, but must not be silent for ever. When
 * both have ended the door closes the connection, as soon as the client has read the rest. */
static void mind_silence(struct pipe *p)
{
    struct worker *w = p->turn->w;
    uint64_t most = (uint64_t)p->turn->config->tcp_half_closed_timeout;
    if (p->ended[TO_PEER] == p->ended[TO_CLIENT])
        return;
    if (buf_len(&p->left) || conn_unsent(p->conn))
        p->moved = w->now;
    if (w->now - p->moved >= most)
        conn_close(p->conn, CLOSE_IDLE);
    else if (!timer_armed(&p->timer))
        timer_set(&w->timers, &p->timer, p->moved + most);
}

static void side_ended(struct pipe *p, enum way way)
{
    p->ended[way] = true;
    p->moved = p->turn->w->now;
    if (way == TO_CLIENT)
        conn_finish(p->conn);
    else if (!buf_len(&p->left))
        shutdown(p->fd, SHUT_WR);
    mind_silence(p);
}

/* The peer has gone with a reset: what it sent before is still for the client. */
static void peer_is_lost(struct pipe *p)
{
    p->reset = true;
    if (conn_unsent(p->conn))
        pipe_look_again(p);
    else
        conn_close(p->conn, CLOSE_MODULE);
}

/* ---- from the peer to the client */

/* As much as the out-batch has room for, straight behind what is in it. */
static uint8_t *reserve(const struct pipe *p, size_t *n)
{
    uint8_t *to = NULL;
    for (*n = READ_MAX; !to && *n >= READ_MIN; *n /= 2)
        if ((to = conn_reserve(p->conn, *n)) != NULL)
            break;
    return to;
}

static void carry(struct pipe *p, size_t n)
{
    conn_commit(p->conn, n);
    p->moved = p->turn->w->now;
    if (!p->carried[TO_CLIENT])
        pipe_carries(p, TO_CLIENT);
    p->count.to_client += n;
    turn_count_by(p->turn, TS_BYTES_TO_CLIENT, n);
    p->held = conn_is_high(p->conn);
    pipe_pay(p, TO_CLIENT, n);
}

static void read_peer(struct pipe *p)
{
    size_t n;
    uint8_t *to = reserve(p, &n);
    if (!to) {
        p->held = true;
        pipe_look_again(p);
        return;
    }
    ssize_t got = recv(p->fd, to, n, MSG_DONTWAIT);
    if (got > 0)
        carry(p, (size_t)got);
    else if (got == 0)
        side_ended(p, TO_CLIENT);
    else if (errno != EAGAIN && errno != EINTR)
        peer_is_lost(p);
}

static void drained(struct conn *c)
{
    struct pipe *p = c->state;
    p->held = false;
    watch(p);
}

/* ---- from the client to the peer */

/* How many the kernel took. */
static size_t send_peer(struct pipe *p, struct bytes b)
{
    ssize_t n = b.n ? send(p->fd, b.p, b.n, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        p->reset = true;
    if (n <= 0)
        return 0;
    p->moved = p->turn->w->now;
    if (!p->carried[TO_PEER])
        pipe_carries(p, TO_PEER);
    p->count.to_peer += (uint64_t)n;
    turn_count_by(p->turn, TS_BYTES_TO_PEER, (uint64_t)n);
    if (p->conn)
        pipe_pay(p, TO_PEER, (size_t)n);
    return (size_t)n;
}

/* Ours to keep: what stays with the door would be gone with a connection that closes now. */
static void leave(struct pipe *p, struct bytes rest)
{
    if (!buf_append(&p->left, rest)) {
        conn_close(p->conn, CLOSE_MEMORY);
        return;
    }
    conn_pause(p->conn);
    watch(p);
}

static size_t data(struct conn *c, struct bytes in)
{
    struct pipe *p = c->state;
    size_t sent = buf_len(&p->left) || p->owes[TO_PEER] ? 0 : send_peer(p, in);
    if (p->reset)
        peer_is_lost(p);
    else if (sent < in.n)
        leave(p, bytes_skip(in, sent));
    else if (p->owes[TO_PEER])
        conn_pause(c);
    return in.n;
}

static void ended(struct conn *c)
{
    side_ended(c->state, TO_PEER);
}

/* All was sent: it is the peer's turn to close. */
static void linger(struct pipe *p)
{
    struct worker *w = p->turn->w;
    shutdown(p->fd, SHUT_WR);
    timer_set(&w->timers, &p->timer, w->now + LINGER_MS);
}

static void write_peer(struct pipe *p)
{
    size_t n = send_peer(p, buf_bytes(&p->left));
    buf_consume(&p->left, n);
    if (buf_len(&p->left))
        return;
    buf_fini(&p->left);
    buf_init(&p->left);
    if (!p->conn)
        linger(p);
    else if (p->ended[TO_PEER])
        shutdown(p->fd, SHUT_WR);
    else if (!p->owes[TO_PEER])
        conn_resume(p->conn);
}

/* ---- the client's connection is gone */

/* Unread bytes at close(2) would make the kernel reset the connection, and our last ones might be lost to the
 * peer: so what it sends is read, for nobody. */
static void discard(struct pipe *p)
{
    ssize_t n = recv(p->fd, p->turn->w->scratch, WORKER_SCRATCH, MSG_DONTWAIT);
    p->ended[TO_CLIENT] = n == 0;
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        p->reset = true;
}

static bool is_done(const struct pipe *p)
{
    return p->reset || (p->ended[TO_CLIENT] && !buf_len(&p->left));
}

static void on_closing(struct pipe *p, int revents)
{
    if (revents & EV_WRITE)
        write_peer(p);
    if (revents & EV_READ)
        discard(p);
    if (is_done(p))
        pipe_destroy(p);
    else
        watch(p);
}

static void closed(struct conn *c)
{
    struct pipe *p = c->state;
    struct worker *w = c->w;
    if (!p)
        return;
    p->conn = NULL;
    p->state = PIPE_CLOSING;
    map_remove(&p->turn->tcp->pipes, &p->by_id);
    if (is_done(p)) {
        pipe_destroy(p);
        return;
    }
    if (buf_len(&p->left))
        timer_set(&w->timers, &p->timer, w->now + CLOSING_MS);
    else
        linger(p);
    watch(p);
}

/* ---- both ways */

static void on_ready(struct ev_loop *loop, ev_io *io, int revents)
{
    struct pipe *p = io->data;
    if (p->state == PIPE_CLOSING) {
        on_closing(p, revents);
        return;
    }
    if (revents & EV_WRITE)
        write_peer(p);
    if (p->reset)
        peer_is_lost(p);
    else if (revents & EV_READ && reads_peer(p))
        read_peer(p);
    watch(p);
}

void pipe_on_timer(struct worker *w, struct timer *timer)
{
    struct pipe *p = container_of(timer, struct pipe, timer);
    if (p->state == PIPE_CLOSING) {
        pipe_destroy(p);
        return;
    }
    if (p->reset) {
        peer_is_lost(p);
        return;
    }
    p->held = conn_is_high(p->conn);
    pipe_pay_debts(p);
    watch(p);
    mind_silence(p);
}

static void opened(struct conn *c)
{
    struct turn *t = turn_of(c->w);
    struct pipe *p = pipe_binding(t, c);
    if (!p) { /* it ended on the way */
        conn_close(c, CLOSE_MODULE);
        return;
    }
    c->state = p;
    p->state = PIPE_OPEN;
    list_remove(&p->link);
    list_push_back(&t->tcp->open, &p->link);
    /* The allocation's lifetime is its own (RFC 6062 4.6), and a reader may be slow as it likes. */
    conn_idle_timeout(c, 0);
    conn_frame_limits(c, 0, READ_MAX);
    conn_wait_for_reader(c);
    ev_io_init(&p->io, on_ready, p->fd, 0);
    p->io.data = p;
    watch(p);
}

/* The name is that of the room: connections count as TURN's whatever they carry. */
const struct module pipe_module = {
    .name = "turn",
    .opened = opened,
    .data = data,
    .ended = ended,
    .closed = closed,
    .drained = drained,
};
