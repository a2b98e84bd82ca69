#include "modules/turn/relay_udp.h"
#include "modules/stun/frame.h"
#include "modules/stun/stun.h"
#include "modules/turn/allocation.h"
#include "modules/turn/reservation.h"
#include "modules/turn/send.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* How many single reads before one looks for more: rare enough to cost nothing, often enough to notice a
 * burst on a worker that is too busy to come back within a millisecond. */
#define SINGLES_MAX 8u

_Static_assert(RECEIVE_HEAD >= STUN_INDICATION_HEAD, "the head of a Data indication fits in front");
_Static_assert(RECEIVE_SLOT >= RECEIVE_HEAD + RECEIVE_DATA + 4, "padding fits behind");

static uint8_t *slot_data(struct turn *t, unsigned i)
{
    return t->receive + (size_t)i * RECEIVE_SLOT + RECEIVE_HEAD;
}

static void read_one(struct allocation *a)
{
    struct turn *t = a->turn;
    struct wire_addr from = {.n = sizeof(from.v6)};
    ssize_t n = recvfrom(a->relay.fd, slot_data(t, 0), RECEIVE_DATA, MSG_DONTWAIT, &from.sa, &from.n);
    if (n >= 0)
        data_from_peer(a, &from.sa, slot_data(t, 0), (size_t)n);
}

static void read_many(struct allocation *a)
{
    struct turn *t = a->turn;
    struct wire_addr from[RECEIVE_SLOTS];
    struct iovec part[RECEIVE_SLOTS];
    struct mmsghdr message[RECEIVE_SLOTS];
    for (unsigned i = 0; i < RECEIVE_SLOTS; i++) {
        part[i] = (struct iovec){slot_data(t, i), RECEIVE_DATA};
        message[i].msg_hdr = (struct msghdr){
            .msg_name = &from[i].sa, .msg_namelen = sizeof(from[i].v6), .msg_iov = &part[i], .msg_iovlen = 1};
    }
    int n = recvmmsg(a->relay.fd, message, RECEIVE_SLOTS, MSG_DONTWAIT, NULL);
    a->relay.bursts = n > 1;
    for (int i = 0; i < n; i++)
        data_from_peer(a, &from[i].sa, slot_data(t, (unsigned)i), message[i].msg_len);
}

/* Twice within a millisecond, or now and then: look whether more than one waits. */
static bool look_for_more(struct relay_udp *r, uint64_t now)
{
    bool again = r->read_at == now || ++r->singles >= SINGLES_MAX;
    r->read_at = now;
    if (again)
        r->singles = 0;
    return again;
}

static void on_readable(struct ev_loop *loop, ev_io *io, int revents)
{
    struct allocation *a = io->data;
    if (a->relay.bursts || look_for_more(&a->relay, a->turn->w->now))
        read_many(a);
    else
        read_one(a);
}

static int open_socket(struct relay_udp *r, const struct relay_wish *wish, int *next)
{
    if (wish->reserved) {
        r->from_reservation = true;
        r->port = wish->reserved->port;
        return wish->reserved->fd;
    }
    if (wish->reserve)
        return ports_open_pair(wish->address, &r->port, next);
    return ports_open(wish->address, wish->even, &r->port);
}

int relay_udp_open(struct relay_udp *r, struct allocation *a, const struct relay_wish *wish, int *next)
{
    struct worker *w = a->turn->w;
    r->fd = open_socket(r, wish, next);
    if (r->fd < 0)
        return r->fd;
    r->address = wish->address;
    r->relayed = wish->address->advertised;
    r->relayed.port = r->port;
    ev_io_init(&r->io, on_readable, r->fd, EV_READ);
    ev_set_priority(&r->io, EV_MAXPRI);
    r->io.data = a;
    if (w->loop)
        ev_io_start(w->loop, &r->io);
    return 0;
}

void relay_udp_close(struct relay_udp *r, struct turn *t)
{
    if (t->w->loop)
        ev_io_stop(t->w->loop, &r->io);
    if (r->from_reservation)
        close(r->fd);
    else
        ports_close(r->address, r->fd, r->port);
}
