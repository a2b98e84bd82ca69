#include "modules/turn/pipe.h"
#include "modules/turn/quota.h"
#include "modules/turn/tcp_room.h"
#include "modules/turn/turn.h"
#include "mux/conn.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* One read from the peer: whole TLS records of it, and as much as the door writes in one go. */
#define READ_MAX 65536u

#define READ_MIN 4096u
/* Drawn at a time, of bandwidth. */
#define DRAW_MIN 1500u
/* For what the door does not tell of: that the out-batch is empty, or that it has room again where its marks
 * leave less than one read between them. */
#define LOOK_AGAIN_MS 50u
/* How long a peer may take to get what was left when the client closed. */
#define CLOSING_MS 30000u
/* And how long it may take to close when it has got it. */
#define LINGER_MS 3000u

enum way { TO_PEER, TO_CLIENT };

static void watch(struct pipe *p)
{
    struct ev_loop *loop = p->turn->w->loop;
    bool closing = p->state == PIPE_CLOSING;
    bool reads = !p->peer_ended && (closing || !(p->held || p->owes[TO_CLIENT]));
    bool writes = buf_len(&p->left) && (closing || !p->owes[TO_PEER]);
    int events = (reads ? EV_READ : 0) | (writes ? EV_WRITE : 0);
    if (events == p->events || !loop)
        return;
    ev_io_stop(loop, &p->io);
    p->events = events;
    if (!events)
        return;
    ev_io_set(&p->io, p->fd, events);
    ev_io_start(loop, &p->io);
}

static void look_again(struct pipe *p)
{
    struct worker *w = p->turn->w;
    timer_set(&w->timers, &p->timer, w->now + LOOK_AGAIN_MS);
}

/* --- bandwidth
 * ---------------------------------------------------------------------------------------------------- */

static void draw(struct pipe *p, enum way way)
{
    struct turn *t = p->turn;
    struct bandwidth_limits limits = {(uint64_t)t->config->user_bandwidth,
                                      (uint64_t)t->config->total_bandwidth};
    const struct draw d = {way, DRAW_MIN, t->w->now};
    uint64_t got = 1;
    if (!limits.user && !limits.total)
        p->paid[way] = 0;
    while (p->paid[way] < 0 && got) {
        got = quota_draw(t->quota, bytes_of(p->user, p->user_n), &limits, &d);
        p->paid[way] += (int64_t)got;
    }
    p->owes[way] = p->paid[way] < 0;
}

static void pay(struct pipe *p, enum way way, size_t n)
{
    p->paid[way] -= (int64_t)n;
    if (p->paid[way] >= 0)
        return;
    draw(p, way);
    if (p->owes[way])
        look_again(p);
}

/* --- from the peer to the client
 * --------------------------------------------------------------------------------- */

/* As much as the out-batch has room for, straight behind what is in it. */
static uint8_t *reserve(const struct pipe *p, size_t *n)
{
    uint8_t *to = NULL;
    for (*n = READ_MAX; !to && *n >= READ_MIN; *n /= 2)
        if ((to = conn_reserve(p->conn, *n)) != NULL)
            break;
    return to;
}

/* The peer has closed: the client gets what came before, and then the same (RFC 6062 5.5). */
static void peer_ended(struct pipe *p)
{
    p->peer_ended = true;
    if (conn_unsent(p->conn))
        look_again(p);
    else
        conn_close(p->conn, CLOSE_MODULE);
}

static void carry(struct pipe *p, size_t n)
{
    conn_commit(p->conn, n);
    p->count.to_client += n;
    turn_count_by(p->turn, TS_BYTES_TO_CLIENT, n);
    p->held = conn_is_high(p->conn);
    pay(p, TO_CLIENT, n);
}

static void read_peer(struct pipe *p)
{
    size_t n;
    uint8_t *to = reserve(p, &n);
    if (!to) {
        p->held = true;
        look_again(p);
        return;
    }
    ssize_t got = recv(p->fd, to, n, MSG_DONTWAIT);
    if (got > 0)
        carry(p, (size_t)got);
    else if (got == 0 || (errno != EAGAIN && errno != EINTR))
        peer_ended(p);
}

static void drained(struct conn *c)
{
    struct pipe *p = c->state;
    p->held = false;
    watch(p);
}

/* --- from the client to the peer
 * --------------------------------------------------------------------------------- */

/* How many the kernel took. */
static size_t send_peer(struct pipe *p, struct bytes b)
{
    ssize_t n = b.n ? send(p->fd, b.p, b.n, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        p->peer_ended = true; /* what it sent before is lost with it: it was a reset */
    if (n <= 0)
        return 0;
    p->count.to_peer += (uint64_t)n;
    turn_count_by(p->turn, TS_BYTES_TO_PEER, (uint64_t)n);
    if (p->conn)
        pay(p, TO_PEER, (size_t)n);
    return (size_t)n;
}

static size_t data(struct conn *c, struct bytes in)
{
    struct pipe *p = c->state;
    size_t sent = buf_len(&p->left) || p->owes[TO_PEER] ? 0 : send_peer(p, in);
    if (p->peer_ended && sent < in.n) {
        conn_close(c, CLOSE_MODULE);
        return in.n;
    }
    if (sent == in.n) {
        if (p->owes[TO_PEER])
            conn_pause(c);
        return in.n;
    }
    /* Ours to keep: what stays with the door would be gone with a connection that closes now. */
    if (!buf_append(&p->left, bytes_skip(in, sent))) {
        conn_close(c, CLOSE_MEMORY);
        return in.n;
    }
    conn_pause(c);
    watch(p);
    return in.n;
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
    else if (!p->owes[TO_PEER])
        conn_resume(p->conn);
}

/* --- both
 * -------------------------------------------------------------------------------------------------------- */

/* Unread bytes at close(2) would make the kernel reset the connection, and our last ones might be lost to the
 * peer: so what it sends is read, for nobody. */
static void discard(struct pipe *p)
{
    ssize_t n = recv(p->fd, p->turn->w->scratch, WORKER_SCRATCH, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        p->peer_ended = true;
}

static void on_closing(struct pipe *p, int revents)
{
    if (revents & EV_WRITE)
        write_peer(p);
    if (revents & EV_READ)
        discard(p);
    if (p->peer_ended && !buf_len(&p->left))
        pipe_destroy(p);
    else
        watch(p);
}

static void on_ready(struct ev_loop *loop, ev_io *io, int revents)
{
    struct pipe *p = io->data;
    if (p->state == PIPE_CLOSING) {
        on_closing(p, revents);
        return;
    }
    if (revents & EV_WRITE)
        write_peer(p);
    if (p->peer_ended)
        conn_close(p->conn, CLOSE_MODULE);
    else if (revents & EV_READ && !p->held && !p->owes[TO_CLIENT])
        read_peer(p);
    watch(p);
}

static void pay_debts(struct pipe *p)
{
    bool owed = p->owes[TO_PEER];
    for (enum way way = TO_PEER; way <= TO_CLIENT; way++)
        if (p->owes[way])
            draw(p, way);
    if (owed && !p->owes[TO_PEER] && !buf_len(&p->left))
        conn_resume(p->conn);
    if (p->owes[TO_PEER] || p->owes[TO_CLIENT])
        look_again(p);
}

static void on_timer(struct worker *w, struct timer *timer)
{
    struct pipe *p = container_of(timer, struct pipe, timer);
    if (p->state == PIPE_CLOSING) {
        pipe_destroy(p);
        return;
    }
    if (p->peer_ended) {
        peer_ended(p);
        return;
    }
    p->held = conn_is_high(p->conn);
    pay_debts(p);
    watch(p);
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

/* The client's side is over. */
static void closed(struct conn *c)
{
    struct pipe *p = c->state;
    struct worker *w = c->w;
    if (!p)
        return;
    p->conn = NULL;
    p->state = PIPE_CLOSING;
    map_remove(&p->turn->tcp->pipes, &p->by_id);
    if (p->peer_ended && !buf_len(&p->left)) {
        pipe_destroy(p);
        return;
    }
    if (buf_len(&p->left))
        timer_set(&w->timers, &p->timer, w->now + CLOSING_MS);
    else
        linger(p);
    watch(p);
}

struct pipe *pipe_create(struct turn *t, struct conn *c, uint32_t id)
{
    struct pipe *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->turn = t;
    p->conn = c;
    p->id = id;
    p->fd = -1;
    p->timer.fire = on_timer;
    buf_init(&p->left);
    list_push_back(&t->tcp->binding, &p->link);
    return p;
}

void pipe_take(struct pipe *p, int fd, struct bytes user)
{
    p->user_n = user.n < sizeof(p->user) ? user.n : sizeof(p->user);
    memcpy(p->user, user.p, p->user_n);
    p->fd = fd;
    map_insert(&p->turn->tcp->pipes, &p->by_id, p->id);
}

/* Opened where the allocation is. */
static void open_gone(struct worker *w, struct letter *l)
{
    struct pipe *p = container_of(l, struct pipe, letter);
    struct turn *t = w->ended ? NULL : turn_of(w);
    if (t)
        peer_connection_gone(t, p->id, &p->count);
    free(p);
}

/* Says at home that it is over; takes p. */
static void send_home(struct pipe *p)
{
    struct turn *t = p->turn;
    uint16_t home = peer_connection_home(p->id);
    p->letter.open = open_gone;
    if (home == t->w->id)
        open_gone(t->w, &p->letter);
    else if (!tcp_room_post(t, home, &p->letter))
        free(p);
}

void pipe_destroy(struct pipe *p)
{
    if (!p)
        return;
    struct turn *t = p->turn;
    if (p->events)
        ev_io_stop(t->w->loop, &p->io);
    timer_stop(&t->w->timers, &p->timer);
    list_remove(&p->link);
    buf_fini(&p->left);
    if (p->fd < 0) {
        free(p);
        return;
    }
    if (p->state != PIPE_CLOSING)
        map_remove(&t->tcp->pipes, &p->by_id);
    close(p->fd);
    send_home(p);
}

struct pipe *pipe_binding(const struct turn *t, const struct conn *c)
{
    list_each (it, &t->tcp->binding) {
        struct pipe *p = container_of(it, struct pipe, link);
        if (p->conn == c)
            return p;
    }
    return NULL;
}

/* Before it is open the connection has nothing of the peer: ConnectionBind finds the connection gone. */
static void lose_socket(struct pipe *p)
{
    map_remove(&p->turn->tcp->pipes, &p->by_id);
    close(p->fd);
    p->fd = -1;
    p->error = 400;
}

void pipe_end(struct turn *t, uint32_t id)
{
    struct map_node *n = map_find(&t->tcp->pipes, id);
    struct pipe *p = n ? container_of(n, struct pipe, by_id) : NULL;
    if (!p)
        return;
    if (p->state == PIPE_OPEN)
        conn_close(p->conn, CLOSE_MODULE);
    else
        lose_socket(p);
}

void pipe_abandon_all(struct turn *t)
{
    list_each_safe (it, &t->tcp->binding)
        pipe_destroy(container_of(it, struct pipe, link));
    list_each_safe (it, &t->tcp->open)
        pipe_destroy(container_of(it, struct pipe, link));
}

/* The name is that of the room: connections count as TURN's whatever they carry. */
const struct module pipe_module = {
    .name = "turn",
    .opened = opened,
    .data = data,
    .closed = closed,
    .drained = drained,
};
