#include "modules/turn/tcp_room.h"
#include "modules/turn/connect.h"
#include "modules/turn/pipe.h"
#include "modules/turn/turn.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

static int fill(struct tcp_room *room, struct turn *t)
{
    list_init(&room->binding);
    list_init(&room->open);
    room->connecting = epoll_create1(EPOLL_CLOEXEC);
    if (room->connecting < 0)
        return -errno;
    ev_io_init(&room->io, connect_on_ready, room->connecting, EV_READ);
    room->io.data = t;
    if (t->w->loop)
        ev_io_start(t->w->loop, &room->io);
    int rc = map_init(&room->connections, 16);
    return rc < 0 ? rc : map_init(&room->pipes, 16);
}

int tcp_room_open(struct turn *t)
{
    t->tcp = calloc(1, sizeof(*t->tcp));
    return t->tcp ? fill(t->tcp, t) : -ENOMEM;
}

void tcp_room_close(struct turn *t)
{
    struct tcp_room *room = t->tcp;
    if (!room)
        return;
    if (room->connecting >= 0) {
        pipe_abandon_all(t);
        if (t->w->loop)
            ev_io_stop(t->w->loop, &room->io);
        close(room->connecting);
    }
    map_fini(&room->connections);
    map_fini(&room->pipes);
    free(room);
    t->tcp = NULL;
}

bool tcp_room_post(const struct turn *t, uint16_t worker, struct letter *l)
{
    struct worker *to = gateway_worker(t->w->gw, worker);
    if (to)
        worker_post(to, l);
    return to;
}
