/* One side of a connection ends, the other goes on (RFC 8446 6.1); and TLS 1.2, which knows no such thing. */
#include "door_echo.h"

#define MUCH (128u * 1024)

static struct client quiet_client(struct rig *r, int version)
{
    struct client c = client_new(r);
    SSL_CTX_set_max_proto_version(c.ctx, version);
    assert_int_equal(client_try_shake(&c), SSL_ERROR_NONE);
    client_send(&c, "Q", 1);
    assert_non_null(seen.last);
    return c;
}

static void send_much(void)
{
    uint8_t *p = conn_reserve(seen.last, MUCH);
    assert_non_null(p);
    memset(p, 'm', MUCH);
    conn_commit(seen.last, MUCH);
}

static size_t read_much(struct client *c)
{
    uint8_t got[4096];
    size_t n = 0;
    for (int i = 0, k = 0; i < 20000 && n < MUCH && k >= 0; i++) {
        k = client_read(c, got, sizeof(got));
        n += k > 0 ? (size_t)k : 0;
        if (k == 0)
            rig_turn(c->r);
    }
    return n;
}

static void the_peer_ends_first(void **state)
{
    struct rig *r = open_rig("");
    struct client c = quiet_client(r, TLS1_3_VERSION);
    client_send(&c, "last words", 10);
    assert_int_equal(SSL_shutdown(c.ssl), 0);
    rig_turns(r, 3);
    assert_int_equal(seen.bytes, 11);
    assert_int_equal(seen.ended, 1);
    assert_int_equal(seen.closed, 0);
    rig_pass(r, 3600000); /* its end is the module's to watch */
    assert_int_equal(seen.closed, 0);
    assert_int_equal(send(c.fd, "garbage", 7, 0), 7); /* MUST be ignored */
    rig_turns(r, 3);
    send_much();
    assert_int_equal(read_much(&c), MUCH);
    conn_finish(seen.last);
    assert_int_equal(client_ending(&c), -1);
    assert_int_equal(seen.closed, 1);
    assert_int_equal(seen.ended, 1);
    client_close(&c);
    assert_int_equal(rig_standing(r), 0);
    rig_close(r);
}

/* However slow it reads the last of it. */
static void we_end_first(void **state)
{
    struct rig *r = open_rig("");
    struct client c = quiet_client(r, TLS1_3_VERSION);
    narrow(r, 4096);
    conn_wait_for_reader(seen.last);
    send_much();
    conn_finish(seen.last);
    conn_finish(seen.last);
    assert_int_equal(conn_send(seen.last, BYTES("too late")), -ENOTCONN);
    assert_null(conn_reserve(seen.last, 1));
    rig_pass(r, 60000);
    assert_int_equal(read_much(&c), MUCH);
    assert_int_equal(client_ending(&c), -1);
    assert_int_equal(seen.closed, 0);
    client_send(&c, "an answer", 9);
    assert_int_equal(seen.bytes, 10);
    SSL_shutdown(c.ssl);
    rig_turns(r, 3);
    assert_int_equal(seen.ended, 1);
    assert_int_equal(seen.closed, 1);
    client_close(&c);
    assert_int_equal(rig_standing(r), 0);
    rig_close(r);
}

/* RFC 5246 7.2.1: a close_notify is answered with another at once. */
static void tls12_has_no_halves(void **state)
{
    struct rig *r = open_rig("");
    struct client c = quiet_client(r, TLS1_2_VERSION);
    SSL_shutdown(c.ssl);
    rig_turns(r, 3);
    assert_int_equal(seen.ended, 0);
    assert_int_equal(seen.closed, 1);
    assert_int_equal(rig_closes(r, CLOSE_PEER), 1);
    client_close(&c);
    c = quiet_client(r, TLS1_2_VERSION);
    narrow(r, 4096);
    conn_wait_for_reader(seen.last);
    send_much();
    conn_finish(seen.last);
    rig_pass(r, 60000);
    assert_int_equal(seen.closed, 1);
    assert_int_equal(read_much(&c), MUCH);
    assert_int_equal(client_ending(&c), -1);
    assert_int_equal(seen.closed, 2);
    client_close(&c);
    rig_close(r);
}

/* A FIN without close_notify is a cut, for whoever has an `ended`, too. */
static void a_cut_is_no_end(void **state)
{
    struct rig *r = open_rig("");
    struct client c = quiet_client(r, TLS1_3_VERSION);
    shutdown(c.fd, SHUT_WR);
    rig_turns(r, 3);
    assert_int_equal(seen.ended, 0);
    assert_int_equal(seen.closed, 1);
    assert_int_equal(rig_closes(r, CLOSE_RESET), 1);
    client_close(&c);
    rig_close(r);
}

/* A connection that its peer has left for good shows when it is written to. */
static void nobody_is_there_any_more(void **state)
{
    struct rig *r = open_rig("");
    struct client c = quiet_client(r, TLS1_3_VERSION);
    SSL_shutdown(c.ssl);
    rig_turns(r, 3);
    assert_int_equal(seen.ended, 1);
    client_close(&c);
    for (int i = 0; i < 4 && seen.last; i++) {
        conn_send(seen.last, BYTES("anybody?"));
        rig_turns(r, 3);
    }
    assert_int_equal(seen.closed, 1);
    assert_int_equal(rig_standing(r), 0);
    rig_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_peer_ends_first),      cmocka_unit_test(we_end_first),
        cmocka_unit_test(tls12_has_no_halves),      cmocka_unit_test(a_cut_is_no_end),
        cmocka_unit_test(nobody_is_there_any_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
