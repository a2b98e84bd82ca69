/* turn_tcp_rig: what the tests of TCP allocations (RFC 6062) share beside the bench: peers that listen or
 * dial, Connect, ConnectionAttempt, ConnectionBind. */
#pragma once
#include "turn_fixture.h"
#include <arpa/inet.h>

static inline struct peer listen_open(int backlog)
{
    struct peer p = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)};
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof(sin);
    assert_int_equal(bind(p.fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
    assert_int_equal(listen(p.fd, backlog), 0);
    assert_int_equal(getsockname(p.fd, (struct sockaddr *)&sin, &n), 0);
    p.addr = addr_from_sockaddr((struct sockaddr *)&sin);
    return p;
}

static inline int dial(const struct addr *to)
{
    struct sockaddr_storage ss;
    socklen_t n = addr_to_sockaddr(to, &ss);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&ss, n), 0);
    return fd;
}

static inline struct addr name_of(int fd)
{
    struct sockaddr_storage ss;
    socklen_t n = sizeof(ss);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &n), 0);
    return addr_from_sockaddr((struct sockaddr *)&ss);
}

/* Closed by the other side, in order or not. */
static inline bool is_over(int fd)
{
    uint8_t byte;
    ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno == ECONNRESET);
}

static inline void begin_connect(struct bench *b, const struct addr *peer)
{
    struct ask a;
    ask_begin(b, &a, STUN_CONNECT);
    stun_put_xor(&a.w, STUN_A_XOR_PEER_ADDRESS, peer);
    ask_sign(b, &a);
    ask_send(b, &a);
}

/* Connect whose answer comes at once or when the kernel has been asked. */
static inline unsigned connect_to(struct bench *b, const struct addr *peer, uint32_t *id)
{
    struct reply r;
    begin_connect(b, peer);
    for (int i = 0; i < 100 && bench_silent(b); i++)
        bench_poll(b);
    unsigned code = take_code(b, &r);
    if (!code && id)
        assert_true(stun_find_u32(&r.m, STUN_A_CONNECTION_ID, id));
    return code;
}

static inline unsigned bind_id(struct bench *b, uint32_t id)
{
    struct ask a;
    struct reply r;
    ask_begin(b, &a, STUN_CONNECTION_BIND);
    stun_put_u32(&a.w, STUN_A_CONNECTION_ID, id);
    return bench_ask(b, &a, &r);
}

/* What is asked from now on comes on another connection, of the same client. */
static inline struct conn data_conn(struct bench *b)
{
    return (struct conn){.w = b->w, .module = &turn_module, .transport = TRANSPORT_TLS, .peer = b->from};
}

/* The next message to the client is a ConnectionAttempt. */
static inline uint32_t take_attempt(struct bench *b, const struct addr *peer)
{
    struct reply r;
    struct addr from;
    uint32_t id;
    take_reply(b, &r);
    assert_int_equal(r.m.class, STUN_INDICATION);
    assert_int_equal(r.m.method, STUN_CONNECTION_ATTEMPT);
    assert_true(stun_find_xor(&r.m, STUN_A_XOR_PEER_ADDRESS, &from));
    assert_true(addr_eq(&from, peer));
    assert_true(stun_find_u32(&r.m, STUN_A_CONNECTION_ID, &id));
    return id;
}
