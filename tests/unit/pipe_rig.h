/* pipe_rig: two workers with real doors on loopback, driven by hand with virtual time, a client and a peer,
 * so that the data connection of a TCP allocation (RFC 6062) can be had on the allocation's worker or on the
 * other one. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/base/token.h"
#include "appliance/core/directory.h"
#include "modules/stun/stun.h"
#include "modules/turn/allocation.h"
#include "modules/turn/pipe.h"
#include "modules/turn/tcp_room.h"
#include "modules/turn/turn.h"
#include "mux/conn_private.h"
#include "mux/door.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#define WORKERS 2u
#define REALM   "example.org"
/* What all the kernel's buffers on the way hold is less. */
#define MUCH (48u << 20)

struct house {
    struct gateway gw;
    struct config *config;
    uint16_t port;
    uint64_t now;
    char nonce[256];
    size_t nonce_n;
    uint32_t next_id;
    int control;   /* the connection with the allocation, */
    unsigned home; /* and its worker */
    struct addr relayed;
    int listener; /* a peer */
    struct addr peer;
    uint8_t *block;
};

static const struct module *const modules[] = {&turn_module, NULL};
static const struct settings *const tables[] = {&door_settings, &tls_settings, &turn_settings, NULL};
static const struct stat_table *const stat_tables[] = {&door_stats, &turn_stats, NULL};

/* ---- the house */

static inline void turn_one(struct house *h, unsigned i)
{
    struct worker *w = h->gw.workers[i];
    w->now = h->now;
    ev_run(w->loop, EVRUN_NOWAIT);
    worker_turn(w);
}

static inline void turns(struct house *h, int n)
{
    while (n-- > 0)
        for (unsigned i = 0; i < WORKERS; i++)
            turn_one(h, i);
}

static inline void pass(struct house *h, uint64_t ms)
{
    h->now += ms;
    turns(h, 3);
}

static inline int listen_at(uint16_t port, struct addr *out)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t n = sizeof(sin);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(fd, (struct sockaddr *)&sin, n) < 0 || listen(fd, 8) < 0) {
        close(fd);
        return -1;
    }
    getsockname(fd, (struct sockaddr *)&sin, &n);
    *out = addr_from_sockaddr((struct sockaddr *)&sin);
    return fd;
}

static inline uint16_t free_port(void)
{
    struct addr a;
    for (uint16_t port = (uint16_t)(29400 + getpid() % 50); port < 29500; port++) {
        int fd = listen_at(port, &a);
        close(fd);
        if (fd >= 0)
            return port;
    }
    fail_msg("no free port");
    return 0;
}

static inline void open_worker(struct house *h, uint16_t i)
{
    struct token_key key = {.id = 1, .key = {7}};
    struct worker *w = worker_create(&h->gw, i);
    w->log.level = LOG_ERROR;
    w->loop = ev_loop_new(EVFLAG_AUTO);
    w->now = h->now;
    w->wall = 1800000000;
    timers_init(&w->timers, h->now);
    w->config = config_hold(h->config);
    w->tokens = token_box_create(&key, NULL);
    assert_int_equal(door_start(w, modules), 0);
}

static inline struct config *make_config(const struct house *h, const char *more)
{
    char text[1024];
    struct config_problem *problems = NULL;
    snprintf(text, sizeof(text),
             "door {\nlisten = {\"turn+tcp://127.0.0.1:%u\"}\n}\nturn {\nrealm = \"" REALM "\"\n"
             "relay_addresses = {\"127.0.0.1\"}\nrelay_ports = \"29300-29399\"\n"
             "allow_peers = {\"127.0.0.0/8\"}\n%s\n}\n",
             h->port, more);
    struct config *c = config_load_text(text, "test", tables, &problems);
    if (!c)
        fail_msg("settings: %s", problems ? problems->text : "?");
    config_problems_free(problems);
    return c;
}

static inline struct house *house_open(const char *more)
{
    struct house *h = calloc(1, sizeof(*h));
    struct user_key key;
    h->now = 5000000;
    h->port = free_port();
    h->gw.n_workers = WORKERS;
    h->gw.stats = stats_create(stat_tables, WORKERS);
    h->gw.directory = directory_create();
    assert_int_equal(user_key_derive(BYTES(REALM), BYTES("alice"), BYTES("secret"), &key), 0);
    key.enabled = true;
    assert_int_equal(directory_put(h->gw.directory, NULL, BYTES(REALM), BYTES("alice"), &key, 0), 0);
    h->config = make_config(h, more);
    for (uint16_t i = 0; i < WORKERS; i++)
        open_worker(h, i);
    h->listener = listen_at(0, &h->peer);
    h->block = malloc(1 << 20);
    for (unsigned i = 0; i < 1 << 20; i++)
        h->block[i] = (uint8_t)(i * 2654435761u >> 13);
    return h;
}

static inline uint64_t count(const struct house *h, enum turn_stat what)
{
    return stats_sum(h->gw.stats, &turn_stats, what);
}

static inline void house_close(struct house *h)
{
    for (unsigned i = 0; i < WORKERS; i++)
        door_stop(h->gw.workers[i]);
    for (unsigned i = 0; i < WORKERS; i++)
        worker_destroy(h->gw.workers[i]);
    assert_int_equal(count(h, TS_TCP_CONNECTIONS), 0);
    config_drop(h->config);
    stats_destroy(h->gw.stats);
    directory_destroy(h->gw.directory);
    close(h->listener);
    close(h->control);
    free(h->block);
    free(h);
}

/* ---- a client */

static inline int dial(const struct addr *to)
{
    struct sockaddr_storage ss;
    socklen_t n = addr_to_sockaddr(to, &ss);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&ss, n), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)); /* virtual time waits for no Nagle */
    return fd;
}

/* A connection, and which worker has accepted it. */
static inline int dial_door(struct house *h, unsigned *worker)
{
    uint32_t before = door_of(h->gw.workers[0])->conns.used;
    int fd = dial(&(struct addr){.family = ADDR_V4, .port = h->port, .ip = {127, 0, 0, 1}});
    turns(h, 2);
    *worker = door_of(h->gw.workers[0])->conns.used > before ? 0 : 1;
    return fd;
}

static inline int dial_worker(struct house *h, unsigned wanted)
{
    unsigned worker;
    for (int i = 0; i < 200; i++) {
        int fd = dial_door(h, &worker);
        if (worker == wanted)
            return fd;
        close(fd);
        turns(h, 2);
    }
    fail_msg("never on worker %u", wanted);
    return -1;
}

struct ask {
    struct stun_writer w;
    uint8_t mem[1024];
};

static inline void ask_begin(struct house *h, struct ask *a, uint16_t method)
{
    uint8_t id[STUN_ID] = {0xCD};
    store_u32(id + 8, ++h->next_id);
    stun_begin(&a->w, a->mem, sizeof(a->mem), stun_type(STUN_REQUEST, method), id);
}

static inline void ask_send(struct house *h, struct ask *a, int fd)
{
    struct user_key key;
    user_key_derive(BYTES(REALM), BYTES("alice"), BYTES("secret"), &key);
    if (h->nonce_n) {
        stun_put(&a->w, STUN_A_USERNAME, BYTES("alice"));
        stun_put(&a->w, STUN_A_REALM, BYTES(REALM));
        stun_put(&a->w, STUN_A_NONCE, bytes_of(h->nonce, h->nonce_n));
        stun_put_integrity(&a->w, bytes_of(key.md5, 16));
    }
    size_t n = stun_end(&a->w);
    assert_int_equal(send(fd, a->mem, n, 0), n);
}

struct reply {
    struct stun_message m;
    uint8_t mem[1024];
};

/* The next message that is there; false: none. */
static inline bool take(int fd, struct reply *r)
{
    if (recv(fd, r->mem, STUN_HEADER, MSG_PEEK) < (ssize_t)STUN_HEADER)
        return false;
    size_t n = STUN_HEADER + load_u16(r->mem + 2);
    assert_int_equal(recv(fd, r->mem, n, 0), n);
    assert_int_equal(stun_read(bytes_of(r->mem, n), &r->m), 0);
    return true;
}

static inline unsigned code_of(const struct reply *r)
{
    return r->m.class == STUN_ERROR ? stun_error_code(&r->m, NULL) : 0;
}

static inline void learn_nonce(struct house *h, int fd)
{
    struct ask a;
    struct reply r;
    struct bytes nonce;
    h->nonce_n = 0;
    ask_begin(h, &a, STUN_ALLOCATE);
    ask_send(h, &a, fd);
    turns(h, 3);
    assert_true(take(fd, &r) && stun_find(&r.m, STUN_A_NONCE, &nonce) && nonce.n < sizeof(h->nonce));
    memcpy(h->nonce, nonce.p, nonce.n);
    h->nonce_n = nonce.n;
}

static inline void allocate(struct house *h)
{
    struct ask a;
    struct reply r;
    h->control = dial_door(h, &h->home);
    learn_nonce(h, h->control);
    ask_begin(h, &a, STUN_ALLOCATE);
    stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, 6);
    ask_send(h, &a, h->control);
    turns(h, 3);
    assert_true(take(h->control, &r));
    assert_int_equal(code_of(&r), 0);
    assert_true(stun_find_xor(&r.m, STUN_A_XOR_RELAYED_ADDRESS, &h->relayed));
}

/* The peer's end; *id is the connection's. */
static inline int connect_peer(struct house *h, uint32_t *id)
{
    struct ask a;
    struct reply r;
    ask_begin(h, &a, STUN_CONNECT);
    stun_put_xor(&a.w, STUN_A_XOR_PEER_ADDRESS, &h->peer);
    ask_send(h, &a, h->control);
    turns(h, 5);
    assert_true(take(h->control, &r));
    assert_int_equal(code_of(&r), 0);
    assert_true(stun_find_u32(&r.m, STUN_A_CONNECTION_ID, id));
    int fd = accept4(h->listener, NULL, NULL, SOCK_NONBLOCK);
    assert_true(fd >= 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return fd;
}

static inline void ask_bind(struct house *h, int fd, uint32_t id)
{
    struct ask a;
    learn_nonce(h, fd);
    ask_begin(h, &a, STUN_CONNECTION_BIND);
    stun_put_u32(&a.w, STUN_A_CONNECTION_ID, id);
    ask_send(h, &a, fd);
}

struct pair {
    int near, far;
    unsigned worker;
};

/* A pipe whose data connection is on the allocation's worker or on the other one. */
static inline struct pair pipe_open(struct house *h, bool other)
{
    struct pair p;
    struct reply r;
    uint32_t id;
    allocate(h);
    p.far = connect_peer(h, &id);
    p.worker = other ? 1 - h->home : h->home;
    p.near = dial_worker(h, p.worker);
    ask_bind(h, p.near, id);
    turns(h, 6);
    assert_true(take(p.near, &r));
    assert_int_equal(code_of(&r), 0);
    h->nonce_n = 0;
    learn_nonce(h, h->control);
    return p;
}

static inline void pair_close(struct house *h, struct pair *p)
{
    close(p->near);
    close(p->far);
    turns(h, 4);
}

static inline struct pipe *the_pipe(const struct house *h, unsigned worker)
{
    struct tcp_room *room = turn_of(h->gw.workers[worker])->tcp;
    return list_empty(&room->open) ? NULL : container_of(room->open.next, struct pipe, link);
}

static inline bool is_over(int fd)
{
    uint8_t byte;
    return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

/* Sends until nothing moves any more; how much it was. */
static inline size_t send_all(struct house *h, int fd, size_t from, size_t upto)
{
    for (int still = 0; from < upto && still < 20;) {
        size_t at = from % (1 << 20), n = (1 << 20) - at;
        ssize_t sent = send(fd, h->block + at, n < upto - from ? n : upto - from, MSG_NOSIGNAL);
        still = sent > 0 ? 0 : still + 1;
        from += sent > 0 ? (size_t)sent : 0;
        turns(h, 1);
    }
    return from;
}

/* Reads what is there, and compares; how much there was. */
static inline size_t read_some(struct house *h, int fd, size_t from)
{
    static uint8_t got[1 << 18];
    ssize_t n = recv(fd, got, sizeof(got), 0);
    for (ssize_t i = 0; i < n; i++)
        if (got[i] != h->block[(from + (size_t)i) % (1 << 20)])
            fail_msg("byte %zu is another", from + (size_t)i);
    turns(h, 1);
    return n > 0 ? (size_t)n : 0;
}

/* Until nothing comes any more; how much it was. */
static inline size_t read_all(struct house *h, int fd, size_t from)
{
    for (int still = 0; still < 20;) {
        size_t n = read_some(h, fd, from);
        still = n ? 0 : still + 1;
        from += n;
    }
    return from;
}

/* It comes so far, and no further. The kernel takes its time for it when the machine is busy. */
static inline void read_upto(struct house *h, int fd, size_t from, size_t upto)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    for (int still = 0; from < upto && still < 2000;) {
        size_t n = read_some(h, fd, from);
        still = n ? 0 : still + 1;
        from += n;
        if (!n)
            poll(&p, 1, 1);
    }
    assert_int_equal(read_all(h, fd, from), upto);
}

/* The other side has closed, after all that was read. */
static inline void expect_over(struct house *h, int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    for (int i = 0; i < 2000 && !is_over(fd); i++) {
        turns(h, 1);
        poll(&p, 1, 1);
    }
    assert_true(is_over(fd));
}
