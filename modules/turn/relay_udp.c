#include "modules/turn/relay_udp.h"
#include "modules/stun/frame.h"
#include "modules/stun/stun.h"
#include "modules/turn/allocation.h"
#include "modules/turn/icmp.h"
#include "modules/turn/reservation.h"
#include "modules/turn/send.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* How many single reads before one looks for more: rare enough to cost nothing, often enough to notice a
 * burst on a worker that is too busy to come back within a millisecond. */
#define SINGLES_MAX 8u
/* And how many looks that found no more before single reads again: a burst that is read in two halves, or has
 * a gap, is still one. */
#define BURST_MEMORY 8u

_Static_assert(RECEIVE_HEAD >= STUN_INDICATION_HEAD, "the head of a Data indication fits in front");
_Static_assert(RECEIVE_SLOT >= RECEIVE_HEAD + RECEIVE_DATA + 4, "padding fits behind");

static uint8_t *slot_data(struct turn *t, unsigned i)
{
    return t->receive + (size_t)i * RECEIVE_SLOT + RECEIVE_HEAD;
}

static void read_one(struct allocation *a, struct relay_udp *r)
{
    struct turn *t = a->turn;
    struct wire_addr from = {.n = sizeof(from.v6)};
    ssize_t n = recvfrom(r->fd, slot_data(t, 0), RECEIVE_DATA, MSG_DONTWAIT, &from.sa, &from.n);
    if (n >= 0)
        data_from_peer(a, &from.sa, slot_data(t, 0), (size_t)n);
    else
        icmp_read(a, r);
}

static void read_many(struct allocation *a, struct relay_udp *r)
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
    int n = recvmmsg(r->fd, message, RECEIVE_SLOTS, MSG_DONTWAIT, NULL);
    if (n > 1)
        r->bursts = BURST_MEMORY;
    else if (r->bursts)
        r->bursts--;
    if (n < 0)
        icmp_read(a, r);
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
    struct relay_udp *r = container_of(io, struct relay_udp, io);
    if (r->bursts || look_for_more(r, a->turn->w->now))
        read_many(a, r);
    else
        read_one(a, r);
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

static void watch(struct relay_udp *r, struct allocation *a)
{
    struct worker *w = a->turn->w;
    ev_io_init(&r->io, on_readable, r->fd, EV_READ);
    ev_set_priority(&r->io, EV_MAXPRI);
    r->io.data = a;
    if (w->loop)
        ev_io_start(w->loop, &r->io);
}

int relay_udp_open(struct relay_udp *r, struct allocation *a, const struct relay_wish *wish, int *next)
{
    r->fd = open_socket(r, wish, next);
    if (r->fd < 0)
        return r->fd;
    r->address = wish->address;
    r->relayed = wish->address->advertised;
    r->relayed.port = r->port;
    r->family = r->relayed.family == ADDR_V6 ? AF_INET6 : AF_INET;
    r->whole = false;
    icmp_ask(r->fd, r->relayed.family);
    watch(r, a);
    return 0;
}

void relay_udp_swap(struct relay_udp *r, struct relay_udp *s, struct allocation *a)
{
    struct ev_loop *loop = a->turn->w->loop;
    struct relay_udp old = *r;
    if (loop) {
        ev_io_stop(loop, &r->io);
        ev_io_stop(loop, &s->io);
    }
    *r = *s;
    *s = old;
    watch(r, a);
    watch(s, a);
}

/* IPv6 routers never fragment; there the kernel would do it for us. PROBE: as the client says, whatever path
 * MTU the kernel believes in: what a router thinks of it comes back as ICMP (RFC 8656 11.5). */
void relay_udp_keep_whole(struct relay_udp *r, struct turn *t, bool whole)
{
    int v4 = whole ? IP_PMTUDISC_PROBE : RELAY_MAY_FRAGMENT, v6 = whole;
    batch_flush(t); /* what was added before goes out as it was meant */
    if (r->relayed.family == ADDR_V6)
        setsockopt(r->fd, IPPROTO_IPV6, IPV6_DONTFRAG, &v6, sizeof(v6));
    else
        setsockopt(r->fd, IPPROTO_IP, IP_MTU_DISCOVER, &v4, sizeof(v4));
    r->whole = whole;
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
