#include "modules/ue/tls_link.h"
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <unistd.h>

static void dial_next(struct tls_link *l);

static void release(struct tls_link *l)
{
    ue_loop_disarm(l->loop, &l->timer);
    if (l->fd >= 0) {
        ev_io_stop(l->loop->ev, &l->io);
        SSL_free(l->ssl);
        close(l->fd);
    }
    l->ssl = NULL;
    l->fd = -1;
}

static void fail(struct tls_link *l, enum tls_link_fault fault, const char *why)
{
    if (l->state == TLS_LINK_CLOSED)
        return;
    l->state = TLS_LINK_CLOSED;
    l->fault = fault;
    snprintf(l->why, sizeof l->why, "%s", why);
    release(l);
    l->on->closed(l);
}

/* Why a handshake or a record failed, in the words of OpenSSL. */
static void fail_by_tls(struct tls_link *l)
{
    long verdict = SSL_get_verify_result(l->ssl);
    unsigned long code = ERR_get_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    if (l->state == TLS_LINK_SHAKING && verdict != X509_V_OK) {
        bool name = verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH;
        fail(l, name ? TLS_FAULT_NAME : TLS_FAULT_TRUST, X509_verify_cert_error_string(verdict));
    } else {
        fail(l, TLS_FAULT_PROTOCOL, reason ? reason : "broken off");
    }
}

/* What OpenSSL waits for becomes what we wait for; anything else ends the link. False: it ended. */
static bool go_on(struct tls_link *l, int rc)
{
    int saved = errno;
    switch (SSL_get_error(l->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return true;
    case SSL_ERROR_ZERO_RETURN:
        fail(l, TLS_FAULT_PEER, "the server closed the connection");
        return false;
    case SSL_ERROR_SYSCALL:
        if (l->state == TLS_LINK_SHAKING)
            fail(l, TLS_FAULT_PROTOCOL, saved ? strerror(saved) : "the server closed during the handshake");
        else
            fail(l, TLS_FAULT_PEER, saved ? strerror(saved) : "the server broke off the connection");
        return false;
    default:
        fail_by_tls(l);
        return false;
    }
}

static int wanted(const struct tls_link *l)
{
    if (l->state == TLS_LINK_CONNECTING)
        return EV_WRITE;
    if (l->state == TLS_LINK_SHAKING)
        return SSL_want_write(l->ssl) ? EV_WRITE : EV_READ;
    return EV_READ | (buf_len(&l->out) > 0 ? EV_WRITE : 0);
}

static void watch(struct tls_link *l)
{
    if (l->fd < 0)
        return;
    int want = wanted(l);
    if (ev_is_active(&l->io) && (l->io.events & (EV_READ | EV_WRITE)) == want)
        return;
    ev_io_stop(l->loop->ev, &l->io);
    ev_io_set(&l->io, l->fd, want);
    ev_io_start(l->loop->ev, &l->io);
}

static void flush(struct tls_link *l)
{
    while (l->state == TLS_LINK_OPEN && buf_len(&l->out) > 0) {
        struct bytes b = buf_bytes(&l->out);
        ERR_clear_error();
        errno = 0;
        int n = SSL_write(l->ssl, b.p, b.n > INT32_MAX ? INT32_MAX : (int)b.n);
        if (n <= 0) {
            go_on(l, n);
            return;
        }
        buf_consume(&l->out, (size_t)n);
    }
}

/* The handler may close the link in the middle. */
static bool give(struct tls_link *l)
{
    while (l->state == TLS_LINK_OPEN && buf_len(&l->in) > 0) {
        size_t eaten = l->on->data(l, buf_bytes(&l->in));
        if (eaten == 0)
            break;
        buf_consume(&l->in, eaten);
    }
    if (l->state == TLS_LINK_OPEN && buf_len(&l->in) > TLS_LINK_IN_MAX)
        fail(l, TLS_FAULT_PROTOCOL, "a message of the server is too long");
    return l->state == TLS_LINK_OPEN;
}

static void take(struct tls_link *l)
{
    for (;;) {
        uint8_t *room = buf_reserve(&l->in, 16384);
        if (!room) {
            fail(l, TLS_FAULT_LOCAL, "out of memory");
            return;
        }
        ERR_clear_error();
        errno = 0;
        int n = SSL_read(l->ssl, room, 16384);
        if (n <= 0) {
            go_on(l, n);
            return;
        }
        buf_commit(&l->in, (size_t)n);
        if (!give(l))
            return;
    }
}

static void shake(struct tls_link *l)
{
    ERR_clear_error();
    errno = 0;
    int rc = SSL_connect(l->ssl);
    if (rc != 1) {
        go_on(l, rc);
        return;
    }
    ue_loop_disarm(l->loop, &l->timer);
    l->state = TLS_LINK_OPEN;
    l->on->opened(l);
    flush(l);
    if (l->state == TLS_LINK_OPEN)
        take(l);
}

static bool name_is_address(const char *name, struct addr *a)
{
    return addr_parse(bytes_str(name), 0, a);
}

/* Whom the certificate must be for (RFC 6125 6); an address is not sent as SNI (RFC 6066 3). */
static bool expect_name(struct tls_link *l)
{
    const char *name = l->target->name;
    struct addr a;
    if (name_is_address(name, &a))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(l->ssl), name) == 1;
    SSL_set_hostflags(l->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(l->ssl, name) == 1 && SSL_set_tlsext_host_name(l->ssl, name) == 1;
}

static bool offer_alpn(struct tls_link *l)
{
    uint8_t list[256];
    size_t n = l->target->alpn ? strlen(l->target->alpn) : 0;
    if (n == 0)
        return true;
    if (n > 255)
        return false;
    list[0] = (uint8_t)n;
    memcpy(list + 1, l->target->alpn, n);
    return SSL_set_alpn_protos(l->ssl, list, (unsigned)(n + 1)) == 0; /* this one gives 0 for success */
}

static void connected(struct tls_link *l)
{
    int err = 0;
    socklen_t n = sizeof err;
    getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &err, &n);
    if (err) {
        snprintf(l->why, sizeof l->why, "%s", strerror(err));
        dial_next(l);
        return;
    }
    l->ssl = SSL_new(l->target->ctx);
    if (!l->ssl || SSL_set_fd(l->ssl, l->fd) != 1 || !expect_name(l) || !offer_alpn(l)) {
        fail(l, TLS_FAULT_LOCAL, "TLS could not be set up");
        return;
    }
    l->state = TLS_LINK_SHAKING;
    ue_loop_arm(l->loop, &l->timer, TLS_LINK_SHAKE_MS);
    shake(l);
}

static void on_io(struct ev_loop *ev, ev_io *io, int events)
{
    struct tls_link *l = io->data;
    if (l->state == TLS_LINK_CONNECTING) {
        connected(l);
    } else if (l->state == TLS_LINK_SHAKING) {
        shake(l);
    } else if (l->state == TLS_LINK_OPEN) {
        flush(l);
        if (l->state == TLS_LINK_OPEN)
            take(l);
    }
    watch(l);
}

static int dial(struct tls_link *l, const struct addr *to)
{
    struct sockaddr_storage sa;
    socklen_t n = addr_to_sockaddr(to, &sa);
    int one = 1;
    int fd = socket(addr_af(to), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
               sizeof one); /* a voice packet must not wait for the next */
    if (connect(fd, (struct sockaddr *)&sa, n) != 0 && errno != EINPROGRESS) {
        int err = errno;
        close(fd);
        return -err;
    }
    l->fd = fd;
    return 0;
}

static void dial_next(struct tls_link *l)
{
    release(l);
    while (l->tried < l->target->n_addrs) {
        int rc = dial(l, &l->target->addrs[l->tried++]);
        if (rc == 0) {
            ev_io_set(&l->io, l->fd, EV_WRITE);
            ev_io_start(l->loop->ev, &l->io);
            ue_loop_arm(l->loop, &l->timer, TLS_LINK_CONNECT_MS);
            return;
        }
        snprintf(l->why, sizeof l->why, "%s", strerror(-rc));
    }
    char last[sizeof l->why];
    memcpy(last, l->why, sizeof last);
    fail(l, TLS_FAULT_CONNECT, last);
}

static void on_timer(struct worker *w, struct timer *t)
{
    struct tls_link *l = container_of(t, struct tls_link, timer);
    if (l->state == TLS_LINK_CONNECTING) {
        snprintf(l->why, sizeof l->why, "no answer");
        dial_next(l);
    } else {
        fail(l, TLS_FAULT_TIMEOUT, "the TLS handshake did not end in time");
    }
}

/* The first address is dialled on the next turn, so that no handler is called before this returns. */
static void on_start(struct worker *w, struct timer *t)
{
    struct tls_link *l = container_of(t, struct tls_link, timer);
    l->timer.fire = on_timer;
    dial_next(l);
}

int tls_link_open(struct tls_link *l, struct ue_loop *loop, const struct tls_target *target,
                  const struct tls_link_handler *on)
{
    *l = (struct tls_link){.loop = loop, .on = on, .target = target, .fd = -1, .timer.fire = on_start};
    buf_init(&l->in);
    buf_init(&l->out);
    ev_io_init(&l->io, on_io, -1, EV_READ);
    l->io.data = l;
    l->state = TLS_LINK_CONNECTING;
    if (target->n_addrs == 0)
        return -EDESTADDRREQ;
    ue_loop_arm(loop, &l->timer, 0);
    return 0;
}

void tls_link_close(struct tls_link *l)
{
    if (l->state == TLS_LINK_CLOSED)
        return;
    flush(l);
    if (l->state == TLS_LINK_OPEN)
        SSL_shutdown(l->ssl);
    if (l->state == TLS_LINK_CLOSED)
        return;
    ERR_clear_error();
    l->state = TLS_LINK_CLOSED;
    release(l);
}

void tls_link_abort(struct tls_link *l, enum tls_link_fault fault, const char *why)
{
    fail(l, fault, why);
}

void tls_link_fini(struct tls_link *l)
{
    if (!l->loop)
        return;
    tls_link_close(l);
    buf_fini(&l->in);
    buf_fini(&l->out);
}

int tls_link_send(struct tls_link *l, struct bytes b)
{
    if (l->state == TLS_LINK_CLOSED)
        return -ENOTCONN;
    if (buf_len(&l->out) + b.n > TLS_LINK_OUT_MAX)
        return -ENOBUFS;
    if (!buf_append(&l->out, b)) {
        l->out.failed = false; /* this message is not sent; what waits is whole */
        return -ENOMEM;
    }
    flush(l);
    watch(l);
    return l->state == TLS_LINK_CLOSED ? -ENOTCONN : 0;
}

bool tls_link_local(const struct tls_link *l, struct addr *out)
{
    struct sockaddr_storage sa;
    socklen_t n = sizeof sa;
    if (l->fd < 0 || getsockname(l->fd, (struct sockaddr *)&sa, &n) != 0)
        return false;
    *out = addr_from_sockaddr((struct sockaddr *)&sa);
    return out->family != ADDR_NONE;
}

void tls_link_describe(const struct tls_link *l, char *dst, size_t cap)
{
    if (l->state == TLS_LINK_OPEN)
        snprintf(dst, cap, "%s %s", SSL_get_version(l->ssl), SSL_get_cipher_name(l->ssl));
    else
        snprintf(dst, cap, "closed");
}
