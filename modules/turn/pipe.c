#include "modules/turn/pipe.h"
#include "modules/turn/tcp_room.h"
#include "modules/turn/turn.h"
#include "mux/conn.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct pipe *pipe_create(struct turn *t, struct conn *c, uint32_t id)
{
    struct pipe *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->turn = t;
    p->conn = c;
    p->id = id;
    p->fd = -1;
    p->timer.fire = pipe_on_timer;
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

struct carried {
    struct letter letter;
    uint32_t id;
    unsigned way;
};

static void open_carried(struct worker *w, struct letter *l)
{
    struct carried *c = container_of(l, struct carried, letter);
    struct turn *t = w->ended ? NULL : turn_of(w);
    if (t)
        peer_connection_carries(t, c->id, c->way);
    free(c);
}

static bool post_carried(const struct pipe *p, uint16_t home, unsigned way)
{
    struct carried *c = calloc(1, sizeof(*c));
    if (!c)
        return false;
    *c = (struct carried){.letter.open = open_carried, .id = p->id, .way = way};
    if (!tcp_room_post(p->turn, home, &c->letter))
        free(c);
    return true;
}

/* Without memory it is told with the next bytes. */
void pipe_carries(struct pipe *p, unsigned way)
{
    uint16_t home = peer_connection_home(p->id);
    p->carried[way] = home == p->turn->w->id || post_carried(p, home, way);
    if (home == p->turn->w->id)
        peer_connection_carries(p->turn, p->id, way);
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
