/* Connections: one of TLS a phone, all in one epoll. */
#include "sip_load.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS     256
#define TURN       (20 * MILLISECOND)
#define SWEEP      (SECOND / 2)
#define PATIENCE   (10 * SECOND) /* of a phone, for whatever it waits */
#define READ_BLOCK 8192u

static void keep(struct bytes_kept *b, const char *mem, size_t n)
{
    if (b->n + n > b->cap) {
        b->cap = b->n + n + READ_BLOCK;
        b->mem = realloc(b->mem, b->cap);
        if (!b->mem)
            give_up("memory", 0);
    }
    if (n)
        memcpy(b->mem + b->n, mem, n);
    b->n += n;
}

static void let_go(struct bytes_kept *b)
{
    free(b->mem);
    *b = (struct bytes_kept){NULL, 0, 0};
}

static void take_off(struct bytes_kept *b, size_t n)
{
    memmove(b->mem, b->mem + n, b->n - n);
    b->n -= n;
    if (!b->n)
        let_go(b);
}

static void watch(struct phone *p, bool write)
{
    struct epoll_event e = {.events = EPOLLIN | (write ? EPOLLOUT : 0u), .data.ptr = p};
    if (write == p->waits_to_write)
        return;
    p->waits_to_write = write;
    epoll_ctl(p->swarm->epoll, EPOLL_CTL_MOD, p->fd, &e);
}

/* --- opening --- */

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct phone *p = SSL_get_app_data(ssl);
    SSL_SESSION_free(p->session);
    p->session = session;
    return 1;
}

static SSL_CTX *make_context(const struct options *o)
{
    SSL_CTX *x = tls_context(o->tls);
    if (o->resume)
        SSL_CTX_set_session_cache_mode(x, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(x, keep_session);
    return x;
}

static void lost(struct phone *p, const char *why)
{
    if (p->swarm->failed < 3)
        fprintf(stderr, "sip_load: user %u: %s\n", p->id, why);
    p->swarm->failed++;
    phone_close(p);
    if (p->swarm->job->closed)
        p->swarm->job->closed(p);
}

void phone_open(struct phone *p)
{
    struct swarm *s = p->swarm;
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT, .data.ptr = p};
    socklen_t n = sizeof own;
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (p->fd < 0)
        give_up("socket", -errno);
    setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (connect(p->fd, (const struct sockaddr *)&s->options->server, sizeof s->options->server) < 0 &&
        errno != EINPROGRESS)
        give_up("connect", -errno);
    getsockname(p->fd, (struct sockaddr *)&own, &n);
    p->port = ntohs(own.sin_port);
    p->link = LINK_CONNECTING;
    p->waits_to_write = true;
    p->registered = false;
    ua_begin(p, OPENING);
    epoll_ctl(s->epoll, EPOLL_CTL_ADD, p->fd, &e);
}

void phone_close(struct phone *p)
{
    if (p->link == LINK_CLOSED)
        return;
    ua_forget(p);
    if (p->link == LINK_UP) {
        p->swarm->up--;
        SSL_shutdown(p->ssl);
    }
    SSL_free(p->ssl);
    ERR_clear_error();
    close(p->fd);
    p->ssl = NULL;
    p->fd = -1;
    p->link = LINK_CLOSED;
    p->registered = false;
    let_go(&p->in);
    let_go(&p->out);
}

static bool begin_tls(struct phone *p)
{
    int error = 0;
    socklen_t n = sizeof error;
    getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &n);
    p->ssl = error ? NULL : SSL_new(p->swarm->context);
    if (!p->ssl || SSL_set_fd(p->ssl, p->fd) != 1) {
        lost(p, error ? strerror(error) : "OpenSSL");
        return false;
    }
    SSL_set_app_data(p->ssl, p);
    if (p->session)
        SSL_set_session(p->ssl, p->session);
    p->link = LINK_SHAKING;
    return true;
}

static void shake(struct phone *p)
{
    ERR_clear_error();
    int rc = SSL_connect(p->ssl);
    if (rc == 1) {
        p->link = LINK_UP;
        p->swarm->up++;
        watch(p, false);
        ua_forget(p);
        if (p->swarm->job->up)
            p->swarm->job->up(p);
        return;
    }
    int error = SSL_get_error(p->ssl, rc);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        watch(p, error == SSL_ERROR_WANT_WRITE);
    else
        lost(p, "the handshake failed");
}

/* --- bytes --- */

static void flush(struct phone *p)
{
    while (p->out.n) {
        ERR_clear_error();
        int rc = SSL_write(p->ssl, p->out.mem, (int)p->out.n);
        if (rc <= 0) {
            int error = SSL_get_error(p->ssl, rc);
            if (error != SSL_ERROR_WANT_WRITE && error != SSL_ERROR_WANT_READ)
                lost(p, "cannot write");
            else
                watch(p, true);
            return;
        }
        take_off(&p->out, (size_t)rc);
    }
    watch(p, false);
}

void phone_send(struct phone *p, const char *mem, size_t n)
{
    if (p->link != LINK_UP)
        return;
    keep(&p->out, mem, n);
    flush(p);
}

/* Pongs and messages, as long as they are whole; the phone may close meanwhile. */
static void take(struct phone *p)
{
    struct message m;
    while (p->link == LINK_UP && p->in.n) {
        if (p->in.n >= 2 && memcmp(p->in.mem, "\r\n", 2) == 0) {
            take_off(&p->in, 2);
            ua_pong(p);
            continue;
        }
        size_t n = message_read(p->in.mem, p->in.n, &m);
        if (n == SIZE_MAX)
            lost(p, "what came is no SIP");
        if (n == 0 || n == SIZE_MAX)
            return;
        struct bytes_kept whole = p->in;
        p->in = (struct bytes_kept){NULL, 0, 0};
        if (whole.n > n)
            keep(&p->in, whole.mem + n, whole.n - n);
        ua_take(p, &m);
        free(whole.mem);
    }
}

static void receive(struct phone *p)
{
    char mem[READ_BLOCK];
    int n = 1;
    while (p->link == LINK_UP) {
        ERR_clear_error();
        n = SSL_read(p->ssl, mem, sizeof mem);
        if (n <= 0)
            break;
        keep(&p->in, mem, (size_t)n);
        take(p);
    }
    if (p->link != LINK_UP)
        return;
    int error = SSL_get_error(p->ssl, n);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
        lost(p, "closed by the server");
}

static void on_event(struct phone *p, uint32_t events)
{
    if (p->link == LINK_CONNECTING && !begin_tls(p))
        return;
    if (p->link == LINK_SHAKING)
        shake(p);
    if (p->link == LINK_UP && events & EPOLLOUT)
        flush(p);
    if (p->link == LINK_UP)
        receive(p);
}

/* --- the swarm --- */

void swarm_open(struct swarm *s, const struct options *o, const struct job *job, unsigned phones)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    *s = (struct swarm){.options = o, .job = job, .n = phones};
    s->context = make_context(o);
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    s->phones = calloc(phones, sizeof *s->phones);
    if (s->epoll < 0 || !s->phones)
        give_up("memory", 0);
    for (unsigned i = 0; i < phones; i++)
        s->phones[i] = (struct phone){.swarm = s, .id = o->base + i, .index = i, .fd = -1};
}

void swarm_close(struct swarm *s)
{
    for (unsigned i = 0; i < s->n; i++) {
        phone_close(&s->phones[i]);
        SSL_SESSION_free(s->phones[i].session);
    }
    free(s->phones);
    SSL_CTX_free(s->context);
    close(s->epoll);
}

/* What waits for ever waits for a message that was lost, or for a server that has forgotten it. */
static void sweep(struct swarm *s)
{
    uint64_t now = time_now();
    if (now - s->swept < SWEEP)
        return;
    s->swept = now;
    for (unsigned i = 0; i < s->n; i++)
        if (s->phones[i].deed != IDLE && now - s->phones[i].since > PATIENCE)
            lost(&s->phones[i], "no answer");
}

void swarm_turn(struct swarm *s, uint64_t until)
{
    struct epoll_event events[EVENTS];
    uint64_t now = time_now(), wait = until > now ? until - now : 0;
    if (wait > TURN)
        wait = TURN;
    const struct timespec patience = {.tv_nsec = (long)wait};
    int n = epoll_pwait2(s->epoll, events, EVENTS, &patience, NULL);
    for (int i = 0; i < n; i++)
        on_event(events[i].data.ptr, events[i].events);
    sweep(s);
}

void swarm_run(struct swarm *s, double seconds)
{
    uint64_t until = time_now() + time_seconds(seconds);
    while (time_now() < until)
        swarm_turn(s, until);
}

void swarm_settle(struct swarm *s, double patience)
{
    uint64_t until = time_now() + time_seconds(patience);
    s->stopping = true;
    while (s->busy && time_now() < until)
        swarm_turn(s, until);
}

void swarm_mark(struct swarm *s)
{
    s->requests = s->done = s->failed = 0;
    memset(&s->delays, 0, sizeof s->delays);
}
