/* floor PORT CERTIFICATE KEY: what no server on OpenSSL and this kernel can avoid.
 *
 * One thread accepts, makes TLS 1.3 with one ticket, answers a ping (RFC 5626 3.5.1) and closes when the
 * client does. It answers each REGISTER with 200, so that there are phones to ping; it knows no user, keeps
 * nothing but the connection, and expects a message to come whole, as the load drivers send it. What a server
 * under the same load costs beyond this is its own. */
#include "measure.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>

#define READ_MAX 16384u /* a TLS record */
#define EVENTS   64
#define PING     "\r\n\r\n"
#define PONG     "\r\n"

struct text {
    char mem[2 * READ_MAX];
    size_t n;
};

static void add(struct text *t, const char *mem, size_t n)
{
    memcpy(t->mem + t->n, mem, n);
    t->n += n;
}

static bool is_copied(const char *line)
{
    static const char *const names[] = {"Via:", "From:", "To:", "Call-ID:", "CSeq:", "Contact:"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strncasecmp(line, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

/* RFC 3261 8.2.6. A REGISTER's To has no tag. */
static void add_answer(struct text *t, const char *head)
{
    static const char first[] = "SIP/2.0 200 OK\r\n", tag[] = ";tag=floor",
                      last[] = "Content-Length: 0\r\n\r\n";
    add(t, first, strlen(first));
    const char *line = strstr(head, "\r\n") + 2;
    for (const char *end; (end = strstr(line, "\r\n")) != line; line = end + 2) {
        if (!is_copied(line))
            continue;
        add(t, line, (size_t)(end - line));
        if (strncasecmp(line, "To:", 3) == 0)
            add(t, tag, strlen(tag));
        add(t, "\r\n", 2);
    }
    add(t, last, strlen(last));
}

/* The answer to all that stands in `in`. False: something else came. */
static bool answer(struct text *t, const char *in)
{
    for (const char *end; *in; in = end + strlen(PING)) {
        end = strstr(in, PING);
        if (end == in)
            add(t, PONG, strlen(PONG));
        else if (end && strncmp(in, "REGISTER ", 9) == 0 && t->n < READ_MAX / 2)
            add_answer(t, in);
        else
            return false;
    }
    return true;
}

/* Takes what is there; false when the client has gone, or did what it must not. */
static bool serve(SSL *ssl)
{
    char in[READ_MAX + 1];
    do {
        struct text out;
        int n = SSL_read(ssl, in, READ_MAX); /* the handshake, too */
        if (n <= 0)
            return SSL_get_error(ssl, n) == SSL_ERROR_WANT_READ;
        in[n] = 0;
        out.n = 0;
        if (!answer(&out, in) || SSL_write(ssl, out.mem, (int)out.n) <= 0)
            return false;
    } while (SSL_has_pending(ssl));
    return true;
}

static void watch(int epoll, int fd, SSL *ssl)
{
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = ssl};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) != 0)
        give_up("epoll_ctl", -errno);
}

static void accept_all(int listener, int epoll, SSL_CTX *context)
{
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        SSL *ssl = SSL_new(context);
        if (!ssl || SSL_set_fd(ssl, fd) != 1)
            give_up("OpenSSL", 0);
        SSL_set_accept_state(ssl);
        watch(epoll, fd, ssl);
    }
}

static void drop(SSL *ssl)
{
    int fd = SSL_get_fd(ssl);
    ERR_clear_error();
    SSL_free(ssl);
    close(fd);
}

static SSL_CTX *make_context(const char *certificate, const char *key)
{
    SSL_CTX *x = SSL_CTX_new(TLS_server_method());
    if (!x || SSL_CTX_use_certificate_chain_file(x, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(x, key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_set_min_proto_version(x, TLS1_3_VERSION) != 1 || SSL_CTX_set_num_tickets(x, 1) != 1)
        give_up("certificate and key", 0);
    SSL_CTX_set_mode(x, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(x, 1); /* a record with one read, not two */
    SSL_CTX_set_session_cache_mode(x, SSL_SESS_CACHE_OFF);
    return x;
}

static int listen_at(const char *port)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* connections inherit it */
    if (bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, SOMAXCONN) != 0)
        give_up(port, -errno);
    return fd;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fputs("floor PORT CERTIFICATE KEY: a server on 127.0.0.1 that does no more than TLS and pings\n",
              stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    SSL_CTX *context = make_context(argv[2], argv[3]);
    int listener = listen_at(argv[1]), epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event found[EVENTS];
    watch(epoll, listener, NULL);
    for (;;) {
        int n = epoll_wait(epoll, found, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            if (!found[i].data.ptr)
                accept_all(listener, epoll, context);
            else if (!serve(found[i].data.ptr))
                drop(found[i].data.ptr);
        }
    }
}
