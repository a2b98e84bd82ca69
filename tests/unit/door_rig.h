/* door_rig: two workers with a door each, on loopback, driven by hand with virtual time; and a TLS client in
 * the same thread. For the tests of the door and of modules behind it. */
#pragma once
#include "appliance/core/keyring.h"
#include "appliance/core/stats.h"
#include "mux/conn_private.h"
#include "mux/door.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
/* last: it redefines what it needs */
#include <cmocka.h>

#define RIG_WORKERS 2
#define RIG_START   1000000u

struct rig {
    struct gateway gw;
    const struct keyring *keyring; /* what the workers start with, if any */
    struct config *config;
    const struct module *const *modules;
    uint16_t port, udp_port;
    uint64_t now;
    char dir[64], ec[96], rsa[96];
};

static const struct settings *const rig_settings[] = {&door_settings, &tls_settings, NULL};
static const struct stat_table *const rig_stats[] = {&door_stats, NULL};

static inline void rig_certificate(const char *path, EVP_PKEY *key, const char *name)
{
    X509 *x = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_set_version(x, 2);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400 * 365);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const uint8_t *)name, -1, -1,
                               0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    PEM_write_X509(f, x);
    PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
    fclose(f);
    X509_free(x);
    EVP_PKEY_free(key);
}

static inline void rig_ec_certificate(const char *path, const char *name)
{
    rig_certificate(path, EVP_EC_gen("P-256"), name);
}

/* One key for all tests of the program: making it takes longer than any of them. */
static inline EVP_PKEY *rig_rsa_key(void)
{
    static EVP_PKEY *key;
    if (!key)
        key = EVP_RSA_gen(2048);
    EVP_PKEY_up_ref(key);
    return key;
}

/* A port that nobody has, of the range these tests may use. */
static inline uint16_t rig_free_port(int type)
{
    for (uint16_t i = 0; i < 900; i++) {
        uint16_t port = (uint16_t)(21000 + (getpid() * 7 + i) % 900);
        struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};
        sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        int fd = socket(AF_INET, type, 0);
        int rc = bind(fd, (struct sockaddr *)&sa, sizeof sa);
        close(fd);
        if (rc == 0)
            return port;
    }
    fail_msg("no free port");
    return 0;
}

/* extra: further lines of the section `door`. */
static inline struct config *rig_config(const struct rig *r, const char *extra)
{
    char text[2048], udp[64] = "";
    struct config_problem *problems = NULL;
    if (r->modules[0]->datagram)
        snprintf(udp, sizeof udp, ", \"%s+udp://127.0.0.1:%u\"", r->modules[0]->name, r->udp_port);
    snprintf(text, sizeof text,
             "door {\n listen = {\"tls://127.0.0.1:%u\"%s}\n%s}\n"
             "tls {\n certificates = {\"%s\", \"%s\"}\n}\n",
             r->port, udp, extra, r->ec, r->rsa);
    struct config *c = config_load_text(text, "rig", rig_settings, &problems);
    for (struct config_problem *p = problems; p; p = p->next)
        print_error("%s\n", p->text);
    config_problems_free(problems);
    assert_non_null(c);
    return c;
}

static inline void rig_prepare(struct rig *r, const struct module *const *modules)
{
    memset(r, 0, sizeof *r);
    r->modules = modules;
    r->now = RIG_START;
    strcpy(r->dir, "/tmp/sallyport-rig-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    snprintf(r->ec, sizeof r->ec, "%s/ec.pem", r->dir);
    snprintf(r->rsa, sizeof r->rsa, "%s/rsa.pem", r->dir);
    rig_ec_certificate(r->ec, "first");
    rig_certificate(r->rsa, rig_rsa_key(), "first");
    r->port = rig_free_port(SOCK_STREAM);
    r->udp_port = rig_free_port(SOCK_DGRAM);
    r->gw.n_workers = RIG_WORKERS;
    r->gw.stats = stats_create(rig_stats, RIG_WORKERS + 1);
}

static inline void rig_open(struct rig *r, const char *extra)
{
    r->config = rig_config(r, extra);
    for (uint16_t i = 0; i < RIG_WORKERS; i++) {
        struct worker *w = worker_create(&r->gw, i);
        assert_non_null(w);
        w->log.level = LOG_ERROR;
        w->loop = ev_loop_new(EVFLAG_AUTO);
        w->now = r->now;
        timers_init(&w->timers, r->now);
        w->wall = 1700000000;
        w->config = config_hold(r->config);
        w->keyring = r->keyring ? keyring_copy(r->keyring) : NULL;
        assert_int_equal(door_start(w, r->modules), 0);
    }
}

static inline void rig_close(struct rig *r)
{
    for (unsigned i = 0; i < RIG_WORKERS; i++) {
        if (!r->gw.workers[i])
            continue;
        door_stop(r->gw.workers[i]);
        worker_destroy(r->gw.workers[i]);
    }
    assert_null(atomic_load(&r->gw.guard));
    config_drop(r->config);
    stats_destroy(r->gw.stats);
    unlink(r->ec);
    unlink(r->rsa);
    rmdir(r->dir);
}

static inline void rig_turn(struct rig *r)
{
    for (unsigned i = 0; i < RIG_WORKERS; i++) {
        struct worker *w = r->gw.workers[i];
        w->now = r->now;
        ev_run(w->loop, EVRUN_NOWAIT);
        worker_turn(w);
    }
}

static inline void rig_turns(struct rig *r, int n)
{
    while (n-- > 0)
        rig_turn(r);
}

static inline void rig_pass(struct rig *r, uint64_t ms)
{
    r->now += ms;
    rig_turns(r, 4);
}

static inline uint64_t rig_stat(const struct rig *r, unsigned index)
{
    return stats_sum(r->gw.stats, &door_stats, index);
}
static inline uint64_t rig_closes(const struct rig *r, enum close_reason why)
{
    return rig_stat(r, DOOR_CLOSES + why);
}
static inline uint64_t rig_standing(const struct rig *r)
{
    return rig_stat(r, DOOR_OPEN_TLS) + rig_stat(r, DOOR_OPEN_TCP);
}

struct client {
    struct rig *r;
    int fd;
    SSL_CTX *ctx;
    SSL *ssl;
};

static inline int rig_connect(struct rig *r)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(r->port)};
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)); /* virtual time waits for no Nagle */
    return fd;
}

/* No SNI, no ALPN, no verification: change ctx before client_shake. */
static inline struct client client_new(struct rig *r)
{
    struct client c = {.r = r, .fd = rig_connect(r), .ctx = SSL_CTX_new(TLS_client_method())};
    return c;
}

static inline void client_begin(struct client *c)
{
    c->ssl = SSL_new(c->ctx);
    SSL_set_fd(c->ssl, c->fd);
    SSL_set_connect_state(c->ssl);
}

/* SSL_ERROR_NONE when it is done, or what SSL_get_error says. */
static inline int client_try_shake(struct client *c)
{
    if (!c->ssl)
        client_begin(c);
    for (int i = 0; i < 200; i++) {
        ERR_clear_error();
        int rc = SSL_do_handshake(c->ssl);
        if (rc == 1) {
            rig_turns(c->r, 3);
            return SSL_ERROR_NONE;
        }
        int error = SSL_get_error(c->ssl, rc);
        if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
            return error;
        rig_turn(c->r);
    }
    return SSL_ERROR_WANT_READ;
}

static inline struct client client_open(struct rig *r)
{
    struct client c = client_new(r);
    assert_int_equal(client_try_shake(&c), SSL_ERROR_NONE);
    return c;
}

static inline void client_send(struct client *c, const void *p, size_t n)
{
    size_t done = 0;
    for (int i = 0; i < 2000 && done < n; i++) {
        size_t k = 0;
        ERR_clear_error();
        if (SSL_write_ex(c->ssl, (const uint8_t *)p + done, n - done, &k) == 1)
            done += k;
        rig_turn(c->r);
    }
    assert_int_equal(done, n);
    rig_turns(c->r, 3);
}

/* What there is now: bytes, 0 nothing yet, -1 closed in order, -2 cut. */
static inline int client_read(struct client *c, void *p, size_t n)
{
    size_t k = 0;
    ERR_clear_error();
    int rc = SSL_read_ex(c->ssl, p, n, &k);
    if (rc == 1)
        return (int)k;
    int error = SSL_get_error(c->ssl, rc);
    if (error == SSL_ERROR_WANT_READ)
        return 0;
    return error == SSL_ERROR_ZERO_RETURN ? -1 : -2;
}

static inline void client_expect(struct client *c, const void *p, size_t n)
{
    uint8_t *got = malloc(n + 1);
    size_t have = 0;
    for (int i = 0; i < 4000 && have < n; i++) {
        int k = client_read(c, got + have, n - have);
        if (k < 0)
            break;
        have += (size_t)k;
        if (k == 0)
            rig_turn(c->r);
    }
    assert_int_equal(have, n);
    assert_memory_equal(got, p, n);
    free(got);
}

static inline int client_ending(struct client *c)
{
    uint8_t sink[4096];
    int k = 0;
    for (int i = 0; i < 2000 && k >= 0; i++) {
        k = client_read(c, sink, sizeof sink);
        if (k == 0)
            rig_turn(c->r);
    }
    return k;
}

static inline void client_close(struct client *c)
{
    if (c->ssl) /* else OpenSSL would call the session bad, for want of a close_notify */
        SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    close(c->fd);
    rig_turns(c->r, 3);
}

/* Everything that comes on a plain socket until it ends; its length, or -1 when it did not end. */
static inline int rig_read_all(struct rig *r, int fd, char *dst, size_t cap)
{
    size_t n = 0;
    for (int i = 0; i < 200 && n < cap - 1; i++) {
        rig_turn(r);
        ssize_t k = recv(fd, dst + n, cap - 1 - n, 0);
        if (k == 0 || (k < 0 && errno == ECONNRESET)) {
            dst[n] = '\0';
            return (int)n;
        }
        if (k > 0)
            n += (size_t)k;
    }
    dst[n] = '\0';
    return -1;
}
