/* Connections that the gateway opens itself: TCP and TLS, what waits until they are open, refusals, silence,
 * certificates that do not please. The far end is the door's own TLS listener, or a socket of the test. */
#include "door_echo.h"
#include "mux/dial.h"

static struct {
    int opened, closed;
    char got[64];
    size_t n;
    char end[128];
} client;

static void client_opened(struct conn *c)
{
    assert_ptr_equal(c->state, &client);
    client.opened++;
}

static size_t client_data(struct conn *c, struct bytes in)
{
    assert_true(client.n + in.n < sizeof(client.got));
    memcpy(client.got + client.n, in.p, in.n);
    client.n += in.n;
    return in.n;
}

static void client_closed(struct conn *c)
{
    client.closed++;
    snprintf(client.end, sizeof(client.end), "%s", conn_end(c));
}

static const struct module dialler = {
    .name = "dialler", .opened = client_opened, .data = client_data, .closed = client_closed};

static struct conn *dial_port(struct rig *r, uint16_t port, SSL *tls)
{
    const struct dial how = {.module = &dialler,
                             .state = &client,
                             .to = {.family = ADDR_V4, .port = port, .ip = {127, 0, 0, 1}},
                             .patience = 5000,
                             .side = 7,
                             .tls = tls};
    int error = 0;
    memset(&client, 0, sizeof(client));
    struct conn *c = conn_dial(r->gw.workers[0], &how, &error);
    assert_non_null(c);
    return c;
}

static int listening(uint16_t *port)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(sa);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, n), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &n), 0);
    *port = ntohs(sa.sin_port);
    return fd;
}

static void what_is_sent_before_it_is_open_leaves_then(void **state)
{
    struct rig *r = open_rig("");
    uint16_t port;
    int listener = listening(&port);
    struct conn *c = dial_port(r, port, NULL);
    struct flow f = conn_flow(c);
    assert_int_equal(f.side, 7);
    assert_true(flow_alive(r->gw.workers[0], &f));
    assert_int_equal(flow_send(r->gw.workers[0], &f, BYTES("early ")), 0);
    rig_turns(r, 5);
    assert_int_equal(client.opened, 1);
    assert_int_equal(flow_send(r->gw.workers[0], &f, BYTES("late")), 0);
    rig_turns(r, 2);
    int fd = accept(listener, NULL, NULL);
    char got[32];
    assert_int_equal(recv(fd, got, sizeof(got), 0), 10);
    assert_memory_equal(got, "early late", 10);
    assert_int_equal(send(fd, "hello", 5, 0), 5);
    rig_turns(r, 3);
    assert_memory_equal(client.got, "hello", 5);
    close(fd);
    rig_turns(r, 3);
    assert_int_equal(client.closed, 1);
    assert_string_equal(client.end, "the peer closed it");
    assert_false(flow_alive(r->gw.workers[0], &f));
    close(listener);
    rig_close(r);
}

static void nobody_listens(void **state)
{
    struct rig *r = open_rig("");
    dial_port(r, rig_free_port(SOCK_STREAM), NULL);
    rig_turns(r, 5);
    assert_int_equal(client.opened, 0);
    assert_int_equal(client.closed, 1);
    assert_string_equal(client.end, "Connection refused");
    assert_int_equal(rig_standing(r), 0);
    rig_close(r);
}

static SSL *tls_client(SSL_CTX **ctx, const char *ca)
{
    *ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(*ctx, SSL_VERIFY_PEER, NULL);
    if (ca)
        assert_int_equal(SSL_CTX_load_verify_file(*ctx, ca), 1);
    SSL_CTX_set1_sigalgs_list(*ctx, "ECDSA+SHA256");
    return SSL_new(*ctx);
}

static void over_tls_bytes_go_both_ways(void **state)
{
    struct rig *r = open_rig("");
    SSL_CTX *ctx;
    struct conn *c = dial_port(r, r->port, tls_client(&ctx, r->ec));
    assert_int_equal(conn_send(c, BYTES("Echo this")), 0);
    rig_turns(r, 30);
    assert_int_equal(client.opened, 1);
    assert_string_equal(conn_tls_version(c), "TLSv1.3");
    assert_int_equal(client.n, 9);
    assert_memory_equal(client.got, "Echo this", 9);
    conn_close(c, CLOSE_MODULE);
    rig_turns(r, 10);
    assert_int_equal(client.closed, 1);
    assert_int_equal(seen.closed, 1);
    assert_int_equal(rig_standing(r), 0);
    SSL_CTX_free(ctx);
    rig_close(r);
}

static void a_certificate_of_an_unknown_hand_is_refused(void **state)
{
    struct rig *r = open_rig("");
    SSL_CTX *ctx;
    struct conn *c = dial_port(r, r->port, tls_client(&ctx, NULL));
    assert_int_equal(conn_send(c, BYTES("Echo secrets")), 0);
    rig_turns(r, 30);
    assert_int_equal(client.opened, 0);
    assert_int_equal(client.closed, 1);
    assert_string_equal(client.end, "self-signed certificate");
    assert_int_equal(seen.opened, 0);
    SSL_CTX_free(ctx);
    rig_close(r);
}

static void patience_ends(void **state)
{
    struct rig *r = open_rig("");
    uint16_t port;
    int listener = listening(&port); /* takes the connection, and says nothing */
    SSL_CTX *ctx;
    dial_port(r, port, tls_client(&ctx, NULL));
    rig_turns(r, 5);
    assert_int_equal(client.closed, 0);
    rig_pass(r, 5001);
    assert_int_equal(client.closed, 1);
    assert_string_equal(client.end, "no answer in time");
    close(listener);
    rig_pass(r, 10000);
    assert_int_equal(rig_standing(r), 0);
    SSL_CTX_free(ctx);
    rig_close(r);
}

static void the_door_stops_while_it_dials(void **state)
{
    struct rig *r = open_rig("");
    uint16_t port;
    int listener = listening(&port);
    SSL_CTX *ctx;
    dial_port(r, port, tls_client(&ctx, NULL));
    rig_close(r);
    assert_int_equal(client.closed, 1);
    close(listener);
    SSL_CTX_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sent_before_it_is_open_leaves_then),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(over_tls_bytes_go_both_ways),
        cmocka_unit_test(a_certificate_of_an_unknown_hand_is_refused),
        cmocka_unit_test(patience_ends),
        cmocka_unit_test(the_door_stops_while_it_dials),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
