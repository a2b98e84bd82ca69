#include "modules/turn/turn.h"
#include <errno.h>
#include <netinet/udp.h>
#include <string.h>

/* So many tries on their account; a real one is told again and again. */
#define OLD_ERRORS_MAX 2u
#define SEGMENTS_BYTES 65000u /* what one IP packet can carry, before it is cut */

static void count_sent(struct turn *t, unsigned packets, size_t bytes)
{
    turn_count_by(t, TS_PACKETS_TO_PEER, packets);
    turn_count_by(t, TS_BYTES_TO_PEER, bytes);
}

/* What ICMP errors become in the kernel. It tells the next call of them (IP_RECVERR, icmp.h), whose datagram
 * has nothing to do with it. Some of these can also be about the datagram itself. */
static bool is_about_another(int error)
{
    static const int all[] = {ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EMSGSIZE, EHOSTDOWN,
                              ENONET,       ENOPROTOOPT,  EOPNOTSUPP,  EPROTO,   EACCES};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (all[i] == error)
            return true;
    return false;
}

static void send_one(struct turn *t, struct batch *b, unsigned at)
{
    ssize_t n;
    unsigned tries = 0;
    do {
        n = sendto(b->fd, b->part[at].iov_base, b->part[at].iov_len, MSG_DONTWAIT | MSG_NOSIGNAL,
                   &b->to[at].sa, b->to[at].n);
    } while (n < 0 && is_about_another(errno) && tries++ < OLD_ERRORS_MAX);
    if (n < 0)
        turn_count(t, TS_DROP_PEER_SOCKET);
    else
        count_sent(t, 1, (size_t)n);
}

static void address(struct batch *b, struct mmsghdr *m, unsigned at, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        m[i].msg_hdr = (struct msghdr){.msg_name = &b->to[at + i].sa,
                                       .msg_namelen = b->to[at + i].n,
                                       .msg_iov = &b->part[at + i],
                                       .msg_iovlen = 1};
}

/* The kernel stops at the first datagram that it refuses. What it says again (EMSGSIZE, ENETUNREACH, EPERM)
 * is that datagram's trouble: go on behind it. A full socket buffer is everybody's: the rest is dropped, as a
 * router would. */
static void send_many(struct turn *t, struct batch *b, unsigned at, unsigned count)
{
    struct mmsghdr message[BATCH_MAX];
    unsigned old_errors = 0;
    address(b, message, at, count);
    for (unsigned done = 0; done < count;) {
        int n = sendmmsg(b->fd, message + done, count - done, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && (errno == EINTR || (is_about_another(errno) && old_errors++ < OLD_ERRORS_MAX)))
            continue;
        if (n <= 0) {
            unsigned lost = errno == EAGAIN || errno == ENOBUFS ? count - done : 1;
            turn_count_by(t, TS_DROP_PEER_SOCKET, lost);
            done += lost;
            continue;
        }
        for (int i = 0; i < n; i++)
            count_sent(t, 1, message[done + (unsigned)i].msg_len);
        done += (unsigned)n;
    }
}

/* --- datagrams of one size to one peer: one call, and one walk through the kernel's stack (UDP_SEGMENT) ---
 */

static bool fits(const struct batch *b, unsigned first, unsigned at, size_t total)
{
    size_t size = b->part[first].iov_len, n = b->part[at].iov_len;
    return n > 0 && n <= size && total + n <= SEGMENTS_BYTES && b->to[at].n == b->to[first].n &&
           memcmp(&b->to[at].sa, &b->to[first].sa, b->to[at].n) == 0;
}

/* How many from there may leave as one: all of one size, but for the last, which may be shorter. */
static unsigned alike(const struct batch *b, unsigned first)
{
    size_t size = b->part[first].iov_len, total = size;
    unsigned n = 1;
    if (size == 0 || (b->refused && size >= b->refused))
        return 1;
    for (; first + n < b->n && fits(b, first, first + n, total); n++) {
        total += b->part[first + n].iov_len;
        if (b->part[first + n].iov_len < size)
            return n + 1;
    }
    return n;
}

static ssize_t send_cut(const struct batch *b, unsigned at, unsigned count)
{
    union {
        char room[CMSG_SPACE(sizeof(uint16_t))];
        size_t align;
    } control = {0};
    struct msghdr m = {.msg_name = (void *)(uintptr_t)&b->to[at].sa,
                       .msg_namelen = b->to[at].n,
                       .msg_iov = (void *)(uintptr_t)&b->part[at],
                       .msg_iovlen = count,
                       .msg_control = &control,
                       .msg_controllen = sizeof control};
    uint16_t size = (uint16_t)b->part[at].iov_len;
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){.cmsg_level = SOL_UDP, .cmsg_type = UDP_SEGMENT, .cmsg_len = CMSG_LEN(sizeof size)};
    memcpy(CMSG_DATA(c), &size, sizeof size);
    return sendmsg(b->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* False: nothing has left, send them one by one. The kernel cuts but does not fragment: what is over the
 * path's MTU, or goes through IPsec, it refuses; that size and above are not tried again. */
static bool send_alike(struct turn *t, struct batch *b, unsigned at, unsigned count)
{
    ssize_t n;
    unsigned tries = 0;
    do {
        n = send_cut(b, at, count);
    } while (n < 0 && (errno == EINTR || (is_about_another(errno) && tries++ < OLD_ERRORS_MAX)));
    if (n >= 0) {
        count_sent(t, count, (size_t)n);
        return true;
    }
    if (errno == EAGAIN || errno == ENOBUFS) {
        turn_count_by(t, TS_DROP_PEER_SOCKET, count);
        return true;
    }
    if (errno == EMSGSIZE || errno == EINVAL)
        b->refused = b->part[at].iov_len;
    else if (errno == EIO || errno == ENOPROTOOPT)
        b->refused = 1;
    return false;
}

static void send_unlike(struct turn *t, struct batch *b, unsigned at, unsigned count)
{
    if (count == 1)
        send_one(t, b, at);
    else
        send_many(t, b, at, count);
}

void batch_flush(struct turn *t)
{
    struct batch *b = &t->batch;
    for (unsigned done = 0, n; done < b->n; done += n) {
        n = alike(b, done);
        if (n > 1 && send_alike(t, b, done, n))
            continue;
        while (done + n < b->n && alike(b, done + n) == 1)
            n++;
        send_unlike(t, b, done, n);
    }
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
}
