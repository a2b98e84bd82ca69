/* door: who comes in and on which way: plain text, PROXY headers, limits, listeners, UDP, flows, draining and
 * stopping. */
#include "door_echo.h"
#include <sys/resource.h>

static void plain_text_where_tls_is_due(void **state)
{
    struct rig *r = open_rig("");
    char answer[512];
    int fd = rig_connect(r);
    send(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27, 0);
    assert_true(rig_read_all(r, fd, answer, sizeof answer) > 0);
    assert_memory_equal(answer, "HTTP/1.1 400 ", 13);
    const char *body = strstr(answer, "\r\n\r\n") + 4;
    assert_int_equal(strlen(body), atoi(strstr(answer, "Content-Length: ") + 16));
    close(fd);
    fd = rig_connect(r);
    send(fd, "REGISTER sip:ims.test SIP/2.0\r\n\r\n", 33, 0);
    assert_int_equal(rig_read_all(r, fd, answer, sizeof answer), 0);
    close(fd);
    rig_turns(r, 2);
    assert_int_equal(rig_closes(r, CLOSE_PLAIN), 2);
    assert_int_equal(rig_standing(r), 0);
    rig_close(r);
}

static void after_proxy_header(struct rig *r, const void *header, size_t n, size_t piece, const char *peer)
{
    struct addr want;
    assert_true(addr_parse(bytes_str(peer), 0, &want));
    struct client c = client_new(r);
    for (size_t i = 0; i < n; i += piece) {
        send(c.fd, (const uint8_t *)header + i, n - i < piece ? n - i : piece, 0);
        rig_turn(r);
    }
    assert_int_equal(client_try_shake(&c), SSL_ERROR_NONE);
    client_send(&c, "Echo", 4);
    client_expect(&c, "Echo", 4);
    assert_true(addr_eq(&seen.peer, &want));
    client_close(&c);
}

#define V2_SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

static void proxy_header_from_a_trusted_address(void **state)
{
    struct rig *r = open_rig("proxy_trusted = {\"127.0.0.0/8\"}\n");
    static const char v1[] = "PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n";
    static const char v1_six[] = "PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n";
    static const char v2[] =
        V2_SIGNATURE "\x21\x11\x00\x0f\xc0\x00\x02\x08\xc6\x33\x64\x01\x12\x34\x01\xbb\x04\x00\x00";
    after_proxy_header(r, v1, sizeof v1 - 1, 1000, "192.0.2.7:4711");
    after_proxy_header(r, v1, sizeof v1 - 1, 1, "192.0.2.7:4711");
    after_proxy_header(r, v1_six, sizeof v1_six - 1, 7, "[2001:db8::7]:4711");
    after_proxy_header(r, v2, sizeof v2 - 1, 1000, "192.0.2.8:4660");
    after_proxy_header(r, v2, sizeof v2 - 1, 1, "192.0.2.8:4660");
    assert_int_equal(rig_stat(r, DOOR_PROXY_HEADERS), 5);
    struct client c = client_new(r); /* without a header */
    assert_int_not_equal(client_try_shake(&c), SSL_ERROR_NONE);
    client_close(&c);
    int fd = rig_connect(r); /* a header that never ends */
    send(fd, "PROXY ", 6, 0);
    rig_turns(r, 2);
    rig_pass(r, 10100);
    close(fd);
    rig_turns(r, 2);
    assert_int_equal(rig_closes(r, CLOSE_PROXY), 2);
    rig_close(r);
}

static void proxy_header_together_with_the_client_hello(void **state)
{
    struct rig *r = open_rig("proxy_trusted = {\"127.0.0.1/32\"}\n");
    static const char v1[] = "PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n";
    struct client c = client_new(r);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    uint8_t block[4096];
    memcpy(block, v1, sizeof v1 - 1);
    BIO_set_mem_eof_return(in, -1);
    c.ssl = SSL_new(c.ctx);
    SSL_set_bio(c.ssl, in, out);
    SSL_set_connect_state(c.ssl);
    SSL_do_handshake(c.ssl);
    int n = BIO_read(out, block + sizeof v1 - 1, (int)(sizeof block - sizeof v1));
    send(c.fd, block, sizeof v1 - 1 + (size_t)n, 0);
    rig_turns(r, 3);
    n = (int)recv(c.fd, block, sizeof block, 0);
    assert_true(n > 100);
    assert_int_equal(block[0], 0x16);
    client_close(&c);
    rig_close(r);
}

static void proxy_header_from_a_stranger(void **state)
{
    struct rig *r = open_rig("proxy_trusted = {\"10.0.0.0/8\"}\n");
    char answer[64];
    int fd = rig_connect(r);
    send(fd, "PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n", 44, 0);
    assert_int_equal(rig_read_all(r, fd, answer, sizeof answer), 0);
    close(fd);
    rig_turns(r, 2);
    assert_int_equal(rig_closes(r, CLOSE_PROXY), 1);
    rig_close(r);
}

static void connections_of_one_address(void **state)
{
    struct rig *r = open_rig("connections_per_address = 2\n");
    char none[8];
    struct client a = client_open(r), b = client_open(r);
    int fd = rig_connect(r);
    assert_int_equal(rig_read_all(r, fd, none, sizeof none), 0);
    close(fd);
    assert_int_equal(rig_closes(r, CLOSE_PEER_LIMIT), 1);
    client_close(&a);
    a = client_open(r);
    client_close(&a);
    client_close(&b);
    assert_int_equal(guard_addresses(atomic_load(&r->gw.guard)), 0);
    rig_close(r);
}

static void connections_of_an_exempt_address(void **state)
{
    struct rig *r = open_rig("connections_per_address = 1\nper_address_exempt = {\"127.0.0.0/8\"}\n");
    struct client a = client_open(r), b = client_open(r);
    client_close(&a);
    client_close(&b);
    rig_close(r);
}

static void connections_in_all(void **state)
{
    struct rig *r = open_rig("connections_max = 1\n");
    char none[8];
    struct client a = client_open(r);
    int fd = rig_connect(r);
    assert_int_equal(rig_read_all(r, fd, none, sizeof none), 0);
    close(fd);
    assert_int_equal(rig_closes(r, CLOSE_LIMIT), 1);
    client_close(&a);
    a = client_open(r);
    client_close(&a);
    rig_close(r);
}

static void no_more_descriptors(void **state)
{
    struct rig *r = open_rig("");
    struct rlimit old, tight;
    char none[8];
    int fd = rig_connect(r);
    getrlimit(RLIMIT_NOFILE, &old);
    tight = old;
    tight.rlim_cur = (rlim_t)fd + 1;
    setrlimit(RLIMIT_NOFILE, &tight);
    for (unsigned i = 0; i < RIG_WORKERS; i++)
        r->gw.workers[i]->log.level = LOG_ERROR;
    int n = rig_read_all(r, fd, none, sizeof none);
    setrlimit(RLIMIT_NOFILE, &old);
    assert_int_equal(n, 0);
    assert_int_equal(rig_stat(r, DOOR_ACCEPT_ERRORS), 1);
    close(fd);
    rig_pass(r, 150); /* accepting goes on after a pause */
    struct client c = client_open(r);
    client_close(&c);
    rig_close(r);
}

static void flow_across_workers(void **state)
{
    struct rig *r = open_rig("");
    uint8_t packed[FLOW_WIRE];
    struct flow f, g;
    struct client c = client_open(r);
    client_send(&c, "E", 1);
    client_expect(&c, "E", 1);
    f = conn_flow(seen.last);
    flow_pack(&f, packed);
    assert_true(flow_unpack(bytes_of(packed, sizeof packed), &g));
    assert_true(flow_eq(&f, &g));
    for (unsigned i = 0; i < RIG_WORKERS; i++) {
        struct worker *w = r->gw.workers[i];
        assert_int_equal(flow_alive(w, &g), w == seen.last->w);
        assert_int_equal(flow_send(w, &g, BYTES("news")), 0);
        client_expect(&c, "news", 4);
    }
    client_close(&c);
    for (unsigned i = 0; i < RIG_WORKERS; i++) {
        struct worker *w = r->gw.workers[i];
        assert_false(flow_alive(w, &g));
        assert_int_equal(flow_send(w, &g, BYTES("news")), w->id == g.conn.worker ? -ENOTCONN : 0);
    }
    rig_turns(r, 2);
    assert_int_equal(rig_stat(r, DOOR_FLOW_DEAD), 1);
    rig_close(r);
}

static void datagrams_singly_and_in_bursts(void **state)
{
    struct rig *r = open_rig("");
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(r->udp_port)};
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    uint8_t got[64];
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    for (uint8_t i = 0; i < 40; i++)
        assert_int_equal(send(fd, &i, 1, 0), 1);
    rig_turns(r, 8);
    for (uint8_t i = 0; i < 40; i++) {
        assert_int_equal(recv(fd, got, sizeof got, 0), 1);
        assert_int_equal(got[0], i);
    }
    assert_int_equal(send(fd, "", 0, 0), 0); /* an empty one is one too */
    rig_pass(r, 5);
    assert_int_equal(recv(fd, got, sizeof got, 0), 0);
    assert_int_equal(rig_stat(r, DOOR_UDP_IN), 41);
    assert_int_equal(rig_stat(r, DOOR_UDP_OUT), 41);
    close(fd);
    rig_close(r);
}

static void a_port_that_another_gateway_has(void **state)
{
    struct rig *r = open_rig("");
    struct gateway other = {.n_workers = 1, .stats = r->gw.stats};
    struct worker *w = worker_create(&other, 0);
    w->log.level = LOG_ERROR + 1;
    w->loop = ev_loop_new(EVFLAG_AUTO);
    w->config = config_hold(r->config);
    assert_int_equal(door_start(w, modules), -EADDRINUSE);
    assert_null(atomic_load(&other.guard));
    worker_destroy(w);
    rig_close(r);
}

static void draining_keeps_what_stands(void **state)
{
    struct rig *r = open_rig("");
    struct client c = client_open(r);
    for (unsigned i = 0; i < RIG_WORKERS; i++)
        door_drain(r->gw.workers[i]);
    client_send(&c, "Echo", 4);
    client_expect(&c, "Echo", 4);
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(r->port)};
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), -1);
    close(fd);
    client_close(&c);
    rig_close(r);
}

static void stopping_says_goodbye(void **state)
{
    struct rig *r = open_rig("");
    struct client c = client_open(r);
    uint8_t b[4];
    client_send(&c, "E", 1);
    client_expect(&c, "E", 1);
    for (unsigned i = 0; i < RIG_WORKERS; i++)
        door_stop(r->gw.workers[i]);
    assert_int_equal(client_read(&c, b, 1), -1);
    assert_int_equal(seen.closed, 1);
    assert_int_equal(rig_closes(r, CLOSE_SHUTDOWN), 1);
    SSL_free(c.ssl);
    SSL_CTX_free(c.ctx);
    close(c.fd);
    rig_close(r);
}

static void check_names_the_problem(void **state)
{
    struct rig *r = open_rig("");
    struct buf out;
    buf_init(&out);
    assert_int_equal(door_check(r->config, modules, &out), 0);
    struct config *bad = rig_config(r, "out_high = 1m\n");
    assert_int_equal(door_check(bad, modules, &out), -EINVAL);
    config_drop(bad);
    rig_ec_certificate(r->rsa, "twice");
    assert_int_equal(door_check(r->config, modules, &out), -EINVAL);
    buf_append(&out, bytes_of("", 1));
    assert_non_null(strstr((const char *)out.mem, "out_high"));
    assert_non_null(strstr((const char *)out.mem, "second certificate of the same kind"));
    buf_fini(&out);
    rig_close(r);
}

static bool listen_is_good(struct rig *r, const char *list, const char *reason)
{
    char text[256];
    struct buf out;
    buf_init(&out);
    snprintf(text, sizeof text, "door {\n listen = {%s}\n}\n", list);
    struct config *c = config_load_text(text, "t", rig_settings, NULL);
    assert_non_null(c);
    bool good = door_check(c, r->modules, &out) == 0;
    buf_append(&out, bytes_of("", 1));
    if (reason)
        assert_non_null(strstr((const char *)out.mem, reason));
    buf_fini(&out);
    config_drop(c);
    return good;
}

/* What bind(2) would refuse at the start, config check tells before. */
static void listeners_that_cannot_stand_together(void **state)
{
    struct rig *r = open_rig("");
    const char *taken = "is taken by one before it";
    assert_false(listen_is_good(r, "", "door.listen is empty"));
    assert_false(listen_is_good(r, "\"tcp://*:443\", \"tcp://*:443\"", taken));
    assert_false(listen_is_good(r, "\"tcp://*:443\", \"tcp://0.0.0.0:443\"", taken));
    assert_false(listen_is_good(r, "\"tcp://[::1]:443\", \"tcp://*:443\"", taken));
    assert_false(listen_is_good(r, "\"tcp://192.0.2.1:443\", \"tcp://0.0.0.0:443\"", taken));
    assert_true(listen_is_good(r, "\"tcp://[::]:443\", \"tcp://0.0.0.0:443\"", NULL));
    assert_true(listen_is_good(r, "\"tcp://192.0.2.1:443\", \"tcp://192.0.2.2:443\"", NULL));
    assert_true(listen_is_good(r, "\"tcp://*:443\", \"tcp://*:444\"", NULL));
    rig_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_where_tls_is_due),
        cmocka_unit_test(proxy_header_from_a_trusted_address),
        cmocka_unit_test(proxy_header_together_with_the_client_hello),
        cmocka_unit_test(proxy_header_from_a_stranger),
        cmocka_unit_test(connections_of_one_address),
        cmocka_unit_test(connections_of_an_exempt_address),
        cmocka_unit_test(connections_in_all),
        cmocka_unit_test(no_more_descriptors),
        cmocka_unit_test(flow_across_workers),
        cmocka_unit_test(datagrams_singly_and_in_bursts),
        cmocka_unit_test(a_port_that_another_gateway_has),
        cmocka_unit_test(draining_keeps_what_stands),
        cmocka_unit_test(stopping_says_goodbye),
        cmocka_unit_test(check_names_the_problem),
        cmocka_unit_test(listeners_that_cannot_stand_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
