/* TCP allocations (RFC 6062): the rules of Allocate, Connect, ConnectionAttempt and ConnectionBind, their
 * errors and their 30 seconds. Peers are sockets on loopback; what a pipe does is in test_turn_pipe.c. */
#include "modules/turn/pipe.h"
#include "modules/turn/tcp_room.h"
#include "turn_tcp_rig.h"

#define TCP 6

static int setup(void **state)
{
    *state = bench_create(LOOPBACK_SETTINGS);
    return 0;
}

static unsigned allocate(struct bench *b, struct addr *relayed)
{
    struct ask a;
    struct reply r;
    bench_challenge(b);
    ask_begin(b, &a, STUN_ALLOCATE);
    stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, TCP);
    unsigned code = bench_ask(b, &a, &r);
    if (!code && relayed)
        assert_true(stun_find_xor(&r.m, STUN_A_XOR_RELAYED_ADDRESS, relayed));
    assert_false(stun_has(&r.m, STUN_A_RESERVATION_TOKEN));
    return code;
}

/* 5.1. */
static void allocate_over_udp_is_400(void **state)
{
    struct bench *b = *state;
    b->stream = false;
    assert_int_equal(allocate(b, NULL), 400);
}

static void allocate_with_attributes_of_udp_is_400(void **state)
{
    static const uint16_t types[] = {STUN_A_EVEN_PORT, STUN_A_RESERVATION_TOKEN, STUN_A_DONT_FRAGMENT};
    struct bench *b = *state;
    struct ask a;
    struct reply r;
    bench_challenge(b);
    for (size_t i = 0; i < 3; i++) {
        ask_begin(b, &a, STUN_ALLOCATE);
        stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, TCP);
        stun_put(&a.w, types[i], bytes_of("\0\0\0\0\0\0\0\0", i == 0 ? 1 : i == 1 ? 8 : 0));
        assert_int_equal(bench_ask(b, &a, &r), 400);
    }
    assert_null(bench_allocation(b));
}

/* The relayed address listens, and is free again after the end. */
static void relayed_address_listens(void **state)
{
    struct bench *b = *state;
    struct addr relayed;
    struct reply r;
    assert_int_equal(allocate(b, &relayed), 0);
    int fd = dial(&relayed);
    close(fd);
    assert_int_equal(bench_refresh(b, 0, &r), 0);
    struct sockaddr_storage ss;
    socklen_t n = addr_to_sockaddr(&relayed, &ss);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&ss, n), -1);
    close(fd);
}

/* 5.2, in its order. */
static void connect_errors(void **state)
{
    struct bench *b = *state;
    struct peer p = listen_open(4);
    struct addr v6 = addr_text("[::1]:80"), zero = p.addr, denied = addr_text("10.0.0.1:80");
    struct ask a;
    struct reply r;
    zero.port = 0;
    bench_challenge(b);
    assert_int_equal(connect_to(b, &p.addr, NULL), 437);
    assert_int_equal(allocate(b, NULL), 0);
    ask_begin(b, &a, STUN_CONNECT);
    assert_int_equal(bench_ask(b, &a, &r), 400);
    ask_begin(b, &a, STUN_CONNECT);
    stun_put(&a.w, STUN_A_XOR_PEER_ADDRESS, BYTES("\0\1\0"));
    assert_int_equal(bench_ask(b, &a, &r), 400);
    assert_int_equal(connect_to(b, &v6, NULL), 443);
    assert_int_equal(connect_to(b, &zero, NULL), 403);
    assert_int_equal(connect_to(b, &denied, NULL), 403);
    b->name = "bob";
    b->password = "other";
    assert_int_equal(connect_to(b, &p.addr, NULL), 441);
    close(p.fd);
}

/* A forbidden address in every dress, on an IPv6 allocation too: the policy unwraps it before Connect does.
 */
static void connect_to_forbidden_addresses_is_403(void **state)
{
    static const char *const v4[] = {"0.0.0.0:80", "10.1.1.1:80", "169.254.169.254:80", "224.0.0.1:80",
                                     "255.255.255.255:80"};
    static const char *const v6[] = {"[::]:80",           "[::ffff:10.0.0.1]:80", "[::10.0.0.1]:80",
                                     "[2002:a00:1::]:80", "[64:ff9b::a00:1]:80",  "[fe80::1]:80",
                                     "[fc00::1]:80",      "[ff02::1]:80"};
    struct bench *b = *state;
    assert_int_equal(allocate(b, NULL), 0);
    for (size_t i = 0; i < sizeof(v4) / sizeof(v4[0]); i++) {
        struct addr a = addr_text(v4[i]);
        assert_int_equal(connect_to(b, &a, NULL), 403);
    }
    bench_destroy(b);
    *state = b = bench_create("realm = \"" REALM "\"\nrelay_addresses = {\"::1\"}\n"
                              "relay_ports = \"22100-22199\"\n");
    struct ask a;
    struct reply r;
    bench_challenge(b);
    ask_begin(b, &a, STUN_ALLOCATE);
    stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, TCP);
    stun_put_byte(&a.w, STUN_A_REQUESTED_ADDRESS_FAMILY, STUN_FAMILY_V6);
    assert_int_equal(bench_ask(b, &a, &r), 0);
    for (size_t i = 0; i < sizeof(v6) / sizeof(v6[0]); i++) {
        struct addr peer = addr_text(v6[i]);
        assert_int_equal(connect_to(b, &peer, NULL), 403);
    }
}

/* 446: while it is being connected, and while it is pending. */
static void second_connect_is_446(void **state)
{
    struct bench *b = *state;
    struct peer p = listen_open(4);
    struct reply r;
    assert_int_equal(allocate(b, NULL), 0);
    begin_connect(b, &p.addr);
    assert_true(bench_silent(b));
    assert_int_equal(connect_to(b, &p.addr, NULL), 446);
    for (int i = 0; i < 100 && bench_silent(b); i++)
        bench_poll(b);
    take_reply(b, &r);
    assert_int_equal(r.m.class, STUN_SUCCESS);
    assert_int_equal(connect_to(b, &p.addr, NULL), 446);
    assert_int_equal(bench_count(b, TS_TCP_CONNECTIONS), 1);
    close(p.fd);
}

/* The peer sees the relayed address (5.2). */
static void connects_from_the_relayed_address(void **state)
{
    struct bench *b = *state;
    struct peer p = listen_open(4);
    struct addr relayed;
    struct sockaddr_in sin;
    socklen_t n = sizeof(sin);
    assert_int_equal(allocate(b, &relayed), 0);
    assert_int_equal(connect_to(b, &p.addr, NULL), 0);
    int fd = accept(p.fd, (struct sockaddr *)&sin, &n);
    struct addr from = addr_from_sockaddr((struct sockaddr *)&sin);
    assert_true(addr_eq(&from, &relayed));
    close(fd);
    close(p.fd);
}

static void refused_connect_is_447(void **state)
{
    struct bench *b = *state;
    struct peer p = listen_open(4);
    close(p.fd);
    assert_int_equal(allocate(b, NULL), 0);
    assert_int_equal(connect_to(b, &p.addr, NULL), 447);
    assert_int_equal(bench_count(b, TS_TCP_CONNECTIONS), 0);
}

/* A peer that answers nothing: 447 after turn.tcp_connect_timeout, and not before. */
static void silent_peer_is_447_after_30_seconds(void **state)
{
    struct bench *b = *state;
    struct peer p = listen_open(0);
    int fds[2] = {dial(&p.addr), socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)};
    struct sockaddr_storage ss;
    struct reply r;
    socklen_t n = addr_to_sockaddr(&p.addr, &ss);
    connect(fds[1], (struct sockaddr *)&ss, n); /* the backlog is full now, SYNs are dropped */
    assert_int_equal(allocate(b, NULL), 0);
    begin_connect(b, &p.addr);
    bench_pass(b, 29999);
    bench_poll(b);
    assert_true(bench_silent(b));
    bench_pass(b, 1);
    assert_int_equal(take_code(b, &r), 447);
    assert_int_equal(bench_count(b, TS_TCP_TIMEOUTS), 1);
    assert_int_equal(bench_count(b, TS_TCP_CONNECTIONS), 0);
    close(fds[0]);
    close(fds[1]);
    close(p.fd);
}

static void connect_ends_with_its_allocation(void **state)
{
    struct bench *b = *state;
    struct peer p = listen_open(4);
    struct reply r;
    assert_int_equal(allocate(b, NULL), 0);
    begin_connect(b, &p.addr);
    struct ask a;
    ask_begin(b, &a, STUN_REFRESH);
    stun_put_u32(&a.w, STUN_A_LIFETIME, 0);
    ask_sign(b, &a);
    ask_send(b, &a);
    take_reply(b, &r);
    assert_int_equal(r.m.method, STUN_CONNECT);
    assert_int_equal(stun_error_code(&r.m, NULL), 447);
    take_reply(b, &r);
    assert_int_equal(r.m.method, STUN_REFRESH);
    bench_poll(b);
    assert_true(bench_silent(b));
    close(p.fd);
}

static void limit_of_connections(void **state)
{
    struct bench *b = *state;
    struct peer p = listen_open(4), q = listen_open(4);
    struct addr relayed;
    assert_int_equal(allocate(b, &relayed), 0);
    bench_reload(b, LOOPBACK_SETTINGS "max_tcp_connections = 1\n");
    assert_int_equal(bench_permit(b, &p.addr), 0);
    assert_int_equal(connect_to(b, &p.addr, NULL), 0);
    assert_int_equal(connect_to(b, &q.addr, NULL), 508);
    int fd = dial(&relayed);
    bench_poll(b);
    assert_true(is_over(fd));
    assert_true(bench_silent(b));
    assert_int_equal(bench_count(b, TS_TCP_LIMIT), 1);
    close(fd);
    close(p.fd);
    close(q.fd);
}

/* 5.3: accepted, and closed at once. */
static void peer_without_permission_is_closed(void **state)
{
    struct bench *b = *state;
    struct addr relayed, other = addr_text("127.0.0.2:0"), here = addr_text("127.0.0.1:0");
    assert_int_equal(allocate(b, &relayed), 0);
    assert_int_equal(bench_permit(b, &other), 0);
    int fd = dial(&relayed);
    bench_poll(b);
    assert_true(is_over(fd));
    assert_true(bench_silent(b));
    assert_int_equal(bench_count(b, TS_TCP_NO_PERMISSION), 1);
    close(fd);
    /* One that has lapsed is none. */
    assert_int_equal(bench_permit(b, &here), 0);
    bench_pass(b, PERMISSION_MS);
    fd = dial(&relayed);
    bench_poll(b);
    assert_true(is_over(fd));
    assert_int_equal(bench_count(b, TS_TCP_NO_PERMISSION), 2);
    close(fd);
}

/* The permission was given before the operator denied the peer; the sweep has not come yet. */
static void denied_peer_is_closed(void **state)
{
    struct bench *b = *state;
    struct addr relayed, here = addr_text("127.0.0.1:0");
    assert_int_equal(allocate(b, &relayed), 0);
    bench_reload(b, LOOPBACK_SETTINGS "deny_peers = {\"127.0.0.3/32\"}\n");
    assert_int_equal(bench_permit(b, &here), 0);
    int fd = dial(&relayed);
    ((struct turn_config *)(uintptr_t)b->t->config)->deny_peers.items[0] =
        (struct cidr){.net = here, .bits = 32};
    bench_poll(b);
    assert_true(is_over(fd));
    assert_true(bench_silent(b));
    assert_int_equal(bench_count(b, TS_TCP_DENIED), 1);
    close(fd);
}

/* What stands when a peer becomes denied ends. */
static void denying_a_peer_ends_its_connection(void **state)
{
    struct bench *b = *state;
    struct peer p = listen_open(4);
    assert_int_equal(allocate(b, NULL), 0);
    assert_int_equal(connect_to(b, &p.addr, NULL), 0);
    int fd = accept(p.fd, NULL, NULL);
    bench_reload(b, LOOPBACK_SETTINGS "deny_peers = {\"127.0.0.1/32\"}\n");
    assert_true(is_over(fd));
    assert_int_equal(bench_count(b, TS_TCP_CONNECTIONS), 0);
    close(fd);
    close(p.fd);
}

/* 5.3: both ways of becoming pending have 30 seconds. */
static void unbound_connections_end_after_30_seconds(void **state)
{
    struct bench *b = *state;
    struct peer p = listen_open(4);
    struct addr relayed;
    uint32_t id;
    assert_int_equal(allocate(b, &relayed), 0);
    assert_int_equal(bench_permit(b, &p.addr), 0);
    assert_int_equal(connect_to(b, &p.addr, &id), 0);
    int out = accept(p.fd, NULL, NULL), in = dial(&relayed);
    struct addr from = name_of(in);
    bench_poll(b);
    assert_int_not_equal(take_attempt(b, &from), id);
    bench_pass(b, 29999);
    assert_false(is_over(out));
    assert_false(is_over(in));
    bench_pass(b, 1);
    assert_true(is_over(out));
    assert_true(is_over(in));
    assert_int_equal(bench_count(b, TS_TCP_UNBOUND), 2);
    struct conn data = data_conn(b);
    b->at = &data;
    assert_int_equal(bind_id(b, id), 400);
    b->at = &b->conn;
    close(in);
    close(out);
    close(p.fd);
}

/* A client that does not read its control connection: the peer is not kept waiting. */
static void attempt_that_cannot_be_told_is_closed(void **state)
{
    struct bench *b = *state;
    struct addr relayed, here = addr_text("127.0.0.1:0");
    assert_int_equal(allocate(b, &relayed), 0);
    assert_int_equal(bench_permit(b, &here), 0);
    b->full = true;
    int fd = dial(&relayed);
    bench_poll(b);
    assert_true(is_over(fd));
    assert_int_equal(bench_count(b, TS_TCP_CONNECTIONS), 0);
    close(fd);
}

/* 5.4. */
static void connection_bind_errors(void **state)
{
    struct bench *b = *state;
    struct peer p = listen_open(4);
    struct ask a;
    struct reply r;
    uint32_t id;
    assert_int_equal(allocate(b, NULL), 0);
    assert_int_equal(connect_to(b, &p.addr, &id), 0);
    assert_int_equal(bind_id(b, id), 400); /* on the control connection */
    struct conn data = data_conn(b);
    b->at = &data;
    ask_begin(b, &a, STUN_CONNECTION_BIND);
    assert_int_equal(bench_ask(b, &a, &r), 400);
    ask_begin(b, &a, STUN_CONNECTION_BIND);
    stun_put(&a.w, STUN_A_CONNECTION_ID, BYTES("12345"));
    assert_int_equal(bench_ask(b, &a, &r), 400);
    assert_int_equal(bind_id(b, id ^ 1), 400);
    assert_int_equal(bind_id(b, id | 1u << 26), 400); /* no such worker */
    b->name = "bob";
    b->password = "other";
    assert_int_equal(bind_id(b, id), 441);
    b->name = USER;
    b->password = PASSWORD;
    b->stream = false;
    b->nonce_n = 0;
    assert_int_not_equal(bind_id(b, id), 0);
    b->stream = true;
    assert_null(b->given);
    b->at = &b->conn;
    close(p.fd);
}

/* The connection is a pipe's; the id is used up, the peer's address is still taken. */
static void connection_bind(void **state)
{
    struct bench *b = *state;
    struct peer p = listen_open(4);
    uint32_t id;
    assert_int_equal(allocate(b, NULL), 0);
    assert_int_equal(connect_to(b, &p.addr, &id), 0);
    struct conn data = data_conn(b), other = data_conn(b);
    b->at = &data;
    assert_int_equal(bind_id(b, id), 0);
    assert_ptr_equal(b->given, &pipe_module);
    assert_ptr_equal(b->given_conn, &data);
    assert_non_null(data.state);
    b->at = &other;
    assert_int_equal(bind_id(b, id), 400);
    b->at = &b->conn;
    assert_int_equal(connect_to(b, &p.addr, NULL), 446);
    bench_pass(b, 60000); /* no 30 seconds count any more */
    assert_int_equal(bench_count(b, TS_TCP_CONNECTIONS), 1);
    pipe_module.closed(&data);
    bench_pass(b, 60000);
    assert_int_equal(bench_count(b, TS_TCP_CONNECTIONS), 0);
    close(p.fd);
}

/* RFC 6062 3: no application data on the control connection. */
/* RFC 6062 4.3: with what the control connection has; but from no other address, and for nothing else. */
static void connection_bind_with_the_nonce_of_the_control_connection(void **state)
{
    struct bench *b = *state;
    struct peer p = listen_open(4);
    uint32_t id;
    assert_int_equal(allocate(b, NULL), 0);
    assert_int_equal(connect_to(b, &p.addr, &id), 0);
    struct conn data = data_conn(b);
    data.peer.port++;
    b->at = &data;
    struct reply r;
    assert_int_equal(bench_refresh(b, 600, &r), 438);
    data.peer.ip[3]++;
    assert_int_equal(bind_id(b, id), 438);
    data.peer.ip[3]--;
    assert_int_equal(bind_id(b, id), 0);
    b->at = &b->conn;
    pipe_module.closed(&data);
    bench_pass(b, 60000);
    close(p.fd);
}

static void datagrams_have_no_place(void **state)
{
    struct bench *b = *state;
    struct peer p = peer_open();
    uint8_t byte;
    assert_int_equal(allocate(b, NULL), 0);
    assert_int_equal(bench_permit(b, &p.addr), 0);
    assert_int_equal(bench_bind(b, 0x4000, &p.addr), 403);
    bench_send(b, &p.addr, BYTES("x"));
    bench_channel_data(b, 0x4000, BYTES("x"));
    assert_int_equal(peer_take(&p, &byte, 1), -1);
    assert_true(bench_silent(b));
    close(p.fd);
}

static void connect_on_a_udp_allocation_is_403(void **state)
{
    struct bench *b = *state;
    struct peer p = listen_open(4);
    bench_allocate(b);
    assert_int_equal(connect_to(b, &p.addr, NULL), 403);
    close(p.fd);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(allocate_over_udp_is_400),
        T(allocate_with_attributes_of_udp_is_400),
        T(relayed_address_listens),
        T(connect_errors),
        T(connect_to_forbidden_addresses_is_403),
        T(second_connect_is_446),
        T(connects_from_the_relayed_address),
        T(refused_connect_is_447),
        T(silent_peer_is_447_after_30_seconds),
        T(connect_ends_with_its_allocation),
        T(limit_of_connections),
        T(peer_without_permission_is_closed),
        T(denied_peer_is_closed),
        T(denying_a_peer_ends_its_connection),
        T(unbound_connections_end_after_30_seconds),
        T(attempt_that_cannot_be_told_is_closed),
        T(connection_bind_errors),
        T(connection_bind),
        T(connection_bind_with_the_nonce_of_the_control_connection),
        T(datagrams_have_no_place),
        T(connect_on_a_udp_allocation_is_403),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
