#include "peer.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MANY      64u
#define DATAGRAM  2048u
#define STALLED   (200 * MILLISECOND)
#define LOOK_US   100000 /* for `stop` */
#define PACE_US   500
#define CREDIT_US 20

struct mail {
    struct mmsghdr head[MANY];
    struct iovec part[MANY];
    struct sockaddr_in who[MANY];
    uint8_t data[MANY][DATAGRAM];
};

static void mail_reset(struct mail *m)
{
    for (unsigned i = 0; i < MANY; i++) {
        m->part[i] = (struct iovec){m->data[i], DATAGRAM};
        m->head[i].msg_hdr = (struct msghdr){
            .msg_name = &m->who[i], .msg_namelen = sizeof m->who[i], .msg_iov = &m->part[i], .msg_iovlen = 1};
    }
}

static void send_all(struct peer *p, struct mail *m, unsigned n)
{
    for (unsigned done = 0; done < n;) {
        int k = sendmmsg(p->fd, m->head + done, n - done, 0);
        if (k < 0 && errno != EINTR)
            return;
        done += k > 0 ? (unsigned)k : 0;
        p->sent += k > 0 ? (unsigned)k : 0;
    }
}

static void note_delays(struct peer *p, const struct mail *m, unsigned n, unsigned *mark)
{
    uint64_t now = time_now(), at;
    if (*mark != p->marks) {
        *mark = p->marks;
        memset(&p->delays, 0, sizeof p->delays);
    }
    for (unsigned i = 0; i < n; i++) {
        memcpy(&at, m->data[i] + 8, 8);
        delays_add(&p->delays, now - at);
    }
}

static void serve(struct peer *p, struct mail *m)
{
    bool echo = p->options->direction == ECHO;
    unsigned mark = 0;
    while (!p->stop) {
        mail_reset(m);
        int n = recvmmsg(p->fd, m->head, MANY, MSG_WAITFORONE, NULL);
        if (n <= 0)
            continue;
        p->received += (unsigned)n;
        if (!echo)
            note_delays(p, m, (unsigned)n, &mark);
        for (int i = 0; echo && i < n; i++)
            m->part[i].iov_len = m->head[i].msg_len;
        if (echo)
            send_all(p, m, (unsigned)n);
    }
}

/* How many may have left by now: by the clock, or by what the clients have. What did not arrive for a while
 * is lost and makes room. */
static uint64_t allowance(struct peer *p, uint64_t began, uint64_t *moved, uint64_t *last, uint64_t *lost)
{
    const struct options *o = p->options;
    uint64_t now = time_now(), arrived = p->arrived;
    if (o->pps)
        return (uint64_t)((double)(now - began) / (double)SECOND * o->pps * o->clients);
    if (arrived != *last) {
        *last = arrived;
        *moved = now;
    } else if (now - *moved > STALLED) {
        *lost = p->sent - arrived;
        *moved = now;
    }
    return arrived + *lost + (uint64_t)o->window * o->clients;
}

static unsigned write_round(struct peer *p, struct mail *m, uint64_t room)
{
    const struct options *o = p->options;
    uint64_t now = time_now(), sequence = p->sent;
    unsigned n = 0;
    for (; n < MANY && n < room; n++, sequence++) {
        memcpy(m->data[n], &sequence, 8);
        memcpy(m->data[n] + 8, &now, 8);
        m->part[n].iov_len = o->size;
        m->who[n] = p->clients[sequence % o->clients].relayed;
    }
    return n;
}

static void send_down(struct peer *p, struct mail *m)
{
    uint64_t began = time_now(), moved = began, last = 0, lost = 0;
    mail_reset(m);
    while (!p->stop) {
        uint64_t may = allowance(p, began, &moved, &last, &lost), sent = p->sent;
        if (p->quiet || sent >= may)
            usleep(p->options->pps || p->quiet ? PACE_US : CREDIT_US);
        else
            send_all(p, m, write_round(p, m, may - sent));
    }
}

static void *run(void *arg)
{
    struct peer *p = arg;
    struct mail *m = calloc(1, sizeof *m);
    if (!m)
        give_up("memory", 0);
    if (p->options->direction == DOWN)
        send_down(p, m);
    else
        serve(p, m);
    free(m);
    return NULL;
}

void peer_open(struct peer *p, const struct options *o)
{
    struct timeval look = {.tv_usec = LOOK_US};
    socklen_t n = sizeof p->address;
    p->options = o;
    p->address = (struct sockaddr_in){.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)o->peer_port),
                                      .sin_addr = {htonl(INADDR_LOOPBACK)}};
    p->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    setsockopt(p->fd, SOL_SOCKET, SO_RCVBUFFORCE, &(int){4 << 20}, sizeof(int));
    setsockopt(p->fd, SOL_SOCKET, SO_SNDBUFFORCE, &(int){4 << 20}, sizeof(int));
    setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &look, sizeof look);
    if (bind(p->fd, (struct sockaddr *)&p->address, sizeof p->address) < 0 ||
        getsockname(p->fd, (struct sockaddr *)&p->address, &n) < 0)
        give_up("the peer's port", -errno);
}

void peer_start(struct peer *p, const struct client *clients)
{
    p->clients = clients;
    if (pthread_create(&p->thread, NULL, run, p) != 0)
        give_up("thread", 0);
}

void peer_mark(struct peer *p)
{
    p->marks++;
}

void peer_stop(struct peer *p)
{
    p->stop = true;
    pthread_join(p->thread, NULL);
}

void peer_close(struct peer *p)
{
    close(p->fd);
}
