/* A TURN room of one worker with virtual time, a client that is memory, and peers that are sockets on
 * loopback.
 *
 * The door is not here: what the room asks of it (conn_send and its likes) is answered below, so that a test
 * sees every byte that would have left. Relays need the kernel, so their sockets are real. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/base/token.h"
#include "appliance/core/directory.h"
#include "modules/stun/frame.h"
#include "modules/stun/stun.h"
#include "modules/turn/allocation.h"
#include "modules/turn/turn.h"
#include "mux/conn.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REALM    "example.org"
#define USER     "alice"
#define PASSWORD "secret"

struct bench {
    struct gateway gw;
    struct worker *w;
    struct turn *t;
    struct conn conn;         /* the client as a connection, */
    struct conn *at;          /* or as another one, */
    struct udp_port udp;      /* or behind this listener */
    struct addr from;         /* as seen through it, */
    struct addr here;         /* where it sends to, if the listener is on a wildcard address */
    struct udp_port listener; /* another listener of ours */
    bool stream;
    bool full; /* the client does not read */
    struct buf sent;
    unsigned sends;                 /* calls that sent to the client; the last one */
    const struct conn *sent_on;     /* on a connection, */
    struct addr sent_from, sent_to; /* over UDP */
    bool closed;                    /* the connection that was closed last, */
    const struct conn *closed_conn;
    enum close_reason why;
    bool paused;
    const struct module *given; /* whom the last connection was handed to, */
    struct conn *given_conn;    /* and which it was */
    uint64_t idle_ms;
    size_t frame_max;
    char nonce[256];
    size_t nonce_n;
    const char *name, *password;
    uint32_t next_id;
};

static struct bench *the_bench; /* for the door's functions below */

/* ---- the door */

int conn_send(struct conn *c, struct bytes b)
{
    if (the_bench->closed && c == the_bench->closed_conn)
        return -ENOTCONN;
    if (the_bench->full)
        return -ENOBUFS;
    the_bench->sends++;
    the_bench->sent_on = c;
    buf_append(&the_bench->sent, b);
    return 0;
}

void conn_close(struct conn *c, enum close_reason why)
{
    if (!the_bench->closed || c != the_bench->closed_conn)
        the_bench->why = why;
    the_bench->closed = true;
    the_bench->closed_conn = c;
}

void conn_pause(struct conn *c)
{
    the_bench->paused = true;
}

void conn_resume(struct conn *c)
{
    the_bench->paused = false;
}

void conn_idle_timeout(struct conn *c, uint64_t ms)
{
    the_bench->idle_ms = ms;
}

void conn_frame_limits(struct conn *c, uint64_t ms, size_t bytes)
{
    the_bench->frame_max = bytes;
}

/* Of a connection with a peer (RFC 6062) the fixture shows only that it was handed over; pipes are tested
 * behind a real door. */
void conn_hand_over(struct conn *c, const struct module *to)
{
    the_bench->given = to;
    the_bench->given_conn = c;
    to->opened(c);
}

uint8_t *conn_reserve(struct conn *c, size_t n)
{
    return NULL;
}

void conn_commit(struct conn *c, size_t n) {}

size_t conn_unsent(const struct conn *c)
{
    return 0;
}

bool conn_is_high(const struct conn *c)
{
    return false;
}

void conn_finish(struct conn *c) {}

void conn_wait_for_reader(struct conn *c) {}

struct addr udp_came_to(const struct udp_port *u)
{
    return the_bench->here;
}

int udp_send_from(struct udp_port *u, const struct addr *from, const struct addr *to, struct bytes b)
{
    the_bench->sends++;
    the_bench->sent_from = *from;
    the_bench->sent_to = *to;
    buf_append(&the_bench->sent, b);
    return 0;
}

/* With a gap, as the door numbers them. */
struct udp_port *udp_port_get(struct worker *w, uint16_t index)
{
    return index == 7 ? &the_bench->listener : NULL;
}

uint16_t tcp_port_get(struct worker *w, unsigned i)
{
    return i < 2 ? 22160 : 0;
}

const char *transport_name(enum transport t)
{
    return t == TRANSPORT_UDP ? "UDP" : t == TRANSPORT_TCP ? "TCP" : "TLS";
}

/* ---- the room */

#define LOOPBACK_SETTINGS                                                                                    \
    "realm = \"" REALM "\"\n"                                                                                \
    "relay_addresses = {\"127.0.0.1\"}\n"                                                                    \
    "relay_ports = \"22100-22199\"\n"                                                                        \
    "allow_peers = {\"127.0.0.0/8\"}\n"

static inline struct addr addr_text(const char *text)
{
    struct addr a;
    assert_true(addr_parse(bytes_str(text), 0, &a));
    return a;
}

static inline struct config *bench_config(const char *settings)
{
    static const struct settings *const tables[] = {&turn_settings, NULL};
    struct config_problem *problems = NULL;
    char text[2048];
    snprintf(text, sizeof(text), "turn {\n%s\n}\n", settings);
    struct config *c = config_load_text(text, "test", tables, &problems);
    if (!c)
        fail_msg("settings: %s", problems ? problems->text : "?");
    config_problems_free(problems);
    return c;
}

static inline void bench_user(struct bench *b, const char *name, const char *password, bool enabled)
{
    struct user_key key;
    assert_int_equal(user_key_derive(BYTES(REALM), bytes_str(name), bytes_str(password), &key), 0);
    key.enabled = enabled;
    assert_int_equal(directory_put(b->gw.directory, NULL, BYTES(REALM), bytes_str(name), &key, 0), 0);
}

static inline struct bench *bench_create(const char *settings)
{
    static const struct stat_table *const stats[] = {&turn_stats, NULL};
    struct token_key key = {.id = 1, .key = {7}};
    struct bench *b = calloc(1, sizeof(*b));
    the_bench = b;
    b->gw.n_workers = 1;
    b->gw.stats = stats_create(stats, 2); /* of a second worker, where a test has one */
    b->gw.directory = directory_create();
    b->w = worker_create(&b->gw, 0);
    b->w->log.level = LOG_ERROR;
    b->w->loop = ev_loop_new(EVFLAG_AUTO);
    b->w->now = 5000000;
    b->w->wall = 1800000000;
    timers_init(&b->w->timers, b->w->now);
    b->w->tokens = token_box_create(&key, NULL);
    b->w->config = bench_config(settings);
    bench_user(b, USER, PASSWORD, true);
    bench_user(b, "bob", "other", true);
    bench_user(b, "gone", PASSWORD, false);
    b->listener = (struct udp_port){.w = b->w, .index = 7, .local = addr_text("0.0.0.0:22150")};
    assert_int_equal(turn_module.start(b->w), 0);
    b->t = turn_of(b->w);
    b->from = addr_text("192.0.2.77:40000");
    b->conn = (struct conn){.w = b->w, .module = &turn_module, .transport = TRANSPORT_TLS, .peer = b->from};
    b->udp = (struct udp_port){.w = b->w, .module = &turn_module, .index = 3};
    b->name = USER;
    b->password = PASSWORD;
    b->at = &b->conn;
    b->stream = true;
    turn_module.opened(&b->conn);
    return b;
}

static inline void bench_destroy(struct bench *b)
{
    if (b->conn.state)
        turn_module.closed(&b->conn);
    turn_module.stop(b->w);
    assert_int_equal(stats_sum(b->gw.stats, &turn_stats, TS_ALLOCATIONS), 0);
    assert_int_equal(stats_sum(b->gw.stats, &turn_stats, TS_PERMISSIONS), 0);
    assert_int_equal(stats_sum(b->gw.stats, &turn_stats, TS_CHANNELS), 0);
    assert_int_equal(stats_sum(b->gw.stats, &turn_stats, TS_TCP_CONNECTIONS), 0);
    assert_int_equal(b->w->timers.count, 0);
    worker_destroy(b->w);
    directory_destroy(b->gw.directory);
    stats_destroy(b->gw.stats);
    buf_fini(&b->sent);
    free(b);
}

static inline int bench_teardown(void **state)
{
    bench_destroy(*state);
    return 0;
}

static inline void bench_reload(struct bench *b, const char *settings)
{
    const struct config *old = b->w->config;
    b->w->config = bench_config(settings);
    turn_module.reload(b->w, old);
    config_drop(old);
    worker_turn(b->w);
}

static inline uint64_t bench_count(const struct bench *b, enum turn_stat what)
{
    return stats_sum(b->gw.stats, &turn_stats, what);
}

/* Virtual time. */
static inline void bench_pass(struct bench *b, uint64_t ms)
{
    b->w->now += ms;
    b->w->wall += (int64_t)(ms / 1000);
    worker_turn(b->w);
}

/* What the kernel has for the relays. */
static inline void bench_poll(struct bench *b)
{
    ev_run(b->w->loop, EVRUN_NOWAIT);
}

/* ---- the client */

static inline void bench_give(struct bench *b, struct bytes in)
{
    /* From the heap, exactly: a byte read behind the end is seen by the sanitizer. */
    uint8_t *copy = malloc(in.n ? in.n : 1);
    memcpy(copy, in.p, in.n);
    if (b->stream)
        assert_int_equal(turn_module.data(b->at, bytes_of(copy, in.n)), in.n);
    else
        turn_module.datagram(&b->udp, &b->from, bytes_of(copy, in.n));
    free(copy);
}

struct ask {
    struct stun_writer w;
    uint8_t mem[4096];
};

static inline void ask_begin_as(struct bench *b, struct ask *a, enum stun_class class, uint16_t method)
{
    uint8_t id[STUN_ID] = {0xAB};
    store_u32(id + 8, ++b->next_id);
    stun_begin(&a->w, a->mem, sizeof(a->mem), stun_type(class, method), id);
}

static inline void ask_begin(struct bench *b, struct ask *a, uint16_t method)
{
    ask_begin_as(b, a, STUN_REQUEST, method);
}

static inline void ask_sign(struct bench *b, struct ask *a)
{
    struct user_key key;
    assert_int_equal(user_key_derive(BYTES(REALM), bytes_str(b->name), bytes_str(b->password), &key), 0);
    stun_put(&a->w, STUN_A_USERNAME, bytes_str(b->name));
    stun_put(&a->w, STUN_A_REALM, BYTES(REALM));
    stun_put(&a->w, STUN_A_NONCE, bytes_of(b->nonce, b->nonce_n));
    stun_put_integrity(&a->w, bytes_of(key.md5, 16));
}

static inline void ask_send(struct bench *b, struct ask *a)
{
    size_t n = stun_end(&a->w);
    assert_int_not_equal(n, 0);
    bench_give(b, bytes_of(a->mem, n));
}

struct reply {
    struct stun_message m;
    uint8_t mem[2048];
};

static inline bool bench_silent(const struct bench *b)
{
    return buf_len(&b->sent) == 0;
}

/* The next message to the client, which must be STUN. */
static inline void take_reply(struct bench *b, struct reply *r)
{
    struct bytes in = buf_bytes(&b->sent);
    assert_true(in.n >= STUN_HEADER);
    size_t n = STUN_HEADER + load_u16(in.p + 2);
    assert_true(n <= in.n && n <= sizeof(r->mem));
    memcpy(r->mem, in.p, n);
    assert_int_equal(stun_read(bytes_of(r->mem, n), &r->m), 0);
    buf_consume(&b->sent, n);
}

/* 0 for success, else the error code; the answer must be to what was asked last. */
static inline unsigned take_code(struct bench *b, struct reply *r)
{
    take_reply(b, r);
    assert_int_equal(load_u32(r->m.id + 8), b->next_id);
    if (r->m.class == STUN_SUCCESS)
        return 0;
    assert_int_equal(r->m.class, STUN_ERROR);
    unsigned code = stun_error_code(&r->m, NULL);
    assert_int_not_equal(code, 0);
    return code;
}

/* Learns realm and nonce, as every client must. */
static inline void bench_challenge(struct bench *b)
{
    struct ask a;
    struct reply r;
    struct bytes nonce;
    ask_begin(b, &a, STUN_ALLOCATE);
    stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, 17);
    ask_send(b, &a);
    assert_int_equal(take_code(b, &r), 401);
    assert_true(stun_find(&r.m, STUN_A_NONCE, &nonce));
    assert_true(nonce.n < sizeof(b->nonce));
    memcpy(b->nonce, nonce.p, nonce.n);
    b->nonce_n = nonce.n;
}

static inline unsigned bench_ask(struct bench *b, struct ask *a, struct reply *r)
{
    ask_sign(b, a);
    ask_send(b, a);
    return take_code(b, r);
}

/* UDP, with one attribute more. */
static inline unsigned bench_allocate_with(struct bench *b, uint16_t type, struct bytes value,
                                           struct reply *r)
{
    struct ask a;
    ask_begin(b, &a, STUN_ALLOCATE);
    stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, 17);
    stun_put(&a.w, type, value);
    return bench_ask(b, &a, r);
}

static inline unsigned bench_allocate_for(struct bench *b, uint32_t seconds, struct reply *r)
{
    struct ask a;
    ask_begin(b, &a, STUN_ALLOCATE);
    stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, 17);
    if (seconds != UINT32_MAX)
        stun_put_u32(&a.w, STUN_A_LIFETIME, seconds);
    return bench_ask(b, &a, r);
}

/* An allocation; returns its relayed address. */
static inline struct addr bench_allocate(struct bench *b)
{
    struct reply r;
    struct addr relayed;
    bench_challenge(b);
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 0);
    assert_true(stun_find_xor(&r.m, STUN_A_XOR_RELAYED_ADDRESS, &relayed));
    return relayed;
}

static inline struct allocation *bench_allocation(struct bench *b)
{
    struct client c = b->stream ? client_of_conn(b->at) : client_of_datagram(&b->udp, &b->from);
    return allocation_of(b->t, &c);
}

static inline unsigned bench_refresh(struct bench *b, uint32_t seconds, struct reply *r)
{
    struct ask a;
    ask_begin(b, &a, STUN_REFRESH);
    if (seconds != UINT32_MAX)
        stun_put_u32(&a.w, STUN_A_LIFETIME, seconds);
    return bench_ask(b, &a, r);
}

static inline unsigned bench_permit(struct bench *b, const struct addr *peer)
{
    struct ask a;
    struct reply r;
    ask_begin(b, &a, STUN_CREATE_PERMISSION);
    stun_put_xor(&a.w, STUN_A_XOR_PEER_ADDRESS, peer);
    return bench_ask(b, &a, &r);
}

static inline unsigned bench_bind(struct bench *b, uint16_t number, const struct addr *peer)
{
    struct ask a;
    struct reply r;
    ask_begin(b, &a, STUN_CHANNEL_BIND);
    stun_put_channel(&a.w, number);
    stun_put_xor(&a.w, STUN_A_XOR_PEER_ADDRESS, peer);
    return bench_ask(b, &a, &r);
}

static inline void bench_send(struct bench *b, const struct addr *peer, struct bytes data)
{
    struct ask a;
    ask_begin_as(b, &a, STUN_INDICATION, STUN_SEND);
    stun_put_xor(&a.w, STUN_A_XOR_PEER_ADDRESS, peer);
    stun_put(&a.w, STUN_A_DATA, data);
    ask_send(b, &a);
}

/* Appends a ChannelData frame of a stream. */
static inline size_t put_channel_data(uint8_t *at, uint16_t number, struct bytes data)
{
    store_u16(at, number);
    store_u16(at + 2, (uint16_t)data.n);
    memcpy(at + 4, data.p, data.n);
    memset(at + 4 + data.n, 0, frame_pad(data.n) - data.n);
    return 4 + frame_pad(data.n);
}

static inline void bench_channel_data(struct bench *b, uint16_t number, struct bytes data)
{
    uint8_t mem[4096];
    bench_give(b, bytes_of(mem, put_channel_data(mem, number, data)));
}

/* ---- a peer */

struct peer {
    int fd;
    struct addr addr;
};

static inline struct peer peer_open(void)
{
    struct peer p = {.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)};
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof(sin);
    assert_int_equal(bind(p.fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
    assert_int_equal(getsockname(p.fd, (struct sockaddr *)&sin, &n), 0);
    p.addr = addr_from_sockaddr((struct sockaddr *)&sin);
    return p;
}

static inline void peer_send(const struct peer *p, const struct addr *to, struct bytes data)
{
    struct sockaddr_storage ss;
    socklen_t n = addr_to_sockaddr(to, &ss);
    assert_int_equal(sendto(p->fd, data.p, data.n, 0, (struct sockaddr *)&ss, n), data.n);
}

/* The next datagram, or -1 when none came. */
static inline ssize_t peer_take(const struct peer *p, uint8_t *mem, size_t cap)
{
    return recv(p->fd, mem, cap, 0);
}

static inline void peer_expect(const struct peer *p, struct bytes data)
{
    uint8_t mem[4096];
    ssize_t n = peer_take(p, mem, sizeof(mem));
    assert_int_equal(n, data.n);
    assert_memory_equal(mem, data.p, data.n);
}
