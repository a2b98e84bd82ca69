#include "modules/turn/turn.h"
#include <errno.h>

/* So many tries on their account; a real one is told again and again. */
#define OLD_ERRORS_MAX 2u

static void count_sent(struct turn *t, size_t bytes)
{
    turn_count(t, TS_PACKETS_TO_PEER);
    turn_count_by(t, TS_BYTES_TO_PEER, bytes);
}

/* An ICMP error about an earlier datagram, which the kernel tells to the next call (IP_RECVERR, icmp.h): this
 * one has nothing to do with it. */
static bool is_about_another(int error)
{
    return error == ECONNREFUSED || error == EHOSTUNREACH || error == EPROTO || error == ENOPROTOOPT ||
           error == EHOSTDOWN || error == EOPNOTSUPP;
}

static void send_one(struct turn *t, struct batch *b)
{
    ssize_t n;
    unsigned tries = 0;
    do {
        n = sendto(b->fd, b->part[0].iov_base, b->part[0].iov_len, MSG_DONTWAIT | MSG_NOSIGNAL, &b->to[0].sa,
                   b->to[0].n);
    } while (n < 0 && is_about_another(errno) && tries++ < OLD_ERRORS_MAX);
    if (n < 0)
        turn_count(t, TS_DROP_PEER_SOCKET);
    else
        count_sent(t, (size_t)n);
}

/* The kernel stops at the first datagram that it refuses. Its own trouble (EMSGSIZE, ENETUNREACH, EPERM) is
 * that datagram's: go on behind it. A full socket buffer is everybody's: the rest is dropped, as a router
 * would. */
static void send_many(struct turn *t, struct batch *b)
{
    unsigned old_errors = 0;
    for (unsigned done = 0; done < b->n;) {
        int n = sendmmsg(b->fd, b->message + done, b->n - done, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && (errno == EINTR || (is_about_another(errno) && old_errors++ < OLD_ERRORS_MAX)))
            continue;
        if (n <= 0) {
            unsigned lost = errno == EAGAIN || errno == ENOBUFS ? b->n - done : 1;
            turn_count_by(t, TS_DROP_PEER_SOCKET, lost);
            done += lost;
            continue;
        }
        for (int i = 0; i < n; i++)
            count_sent(t, b->message[done + (unsigned)i].msg_len);
        done += (unsigned)n;
    }
}

void batch_flush(struct turn *t)
{
    struct batch *b = &t->batch;
    if (b->n == 1)
        send_one(t, b);
    else if (b->n > 1)
        send_many(t, b);
    b->n = 0;
}

void batch_add(struct turn *t, int fd, const struct wire_addr *to, struct bytes payload)
{
    struct batch *b = &t->batch;
    if (b->n == BATCH_MAX || (b->n && b->fd != fd))
        batch_flush(t);
    unsigned i = b->n++;
    b->fd = fd;
    b->to[i] = *to;
    b->part[i] = (struct iovec){.iov_base = (void *)(uintptr_t)payload.p, .iov_len = payload.n};
    b->message[i].msg_hdr = (struct msghdr){
        .msg_name = &b->to[i].sa,
        .msg_namelen = b->to[i].n,
        .msg_iov = &b->part[i],
        .msg_iovlen = 1,
    };
}
