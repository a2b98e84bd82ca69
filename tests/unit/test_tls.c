/* tls: handshakes through the door: versions, ALPN, certificates and their reload, tickets. */
#include "door_echo.h"

static void tls13_without_sni_and_alpn(void **state)
{
    struct rig *r = open_rig("");
    struct client c = client_open(r);
    const uint8_t *alpn;
    unsigned alpn_len;
    SSL_get0_alpn_selected(c.ssl, &alpn, &alpn_len);
    assert_int_equal(alpn_len, 0);
    assert_string_equal(SSL_get_version(c.ssl), "TLSv1.3");
    assert_string_equal(SSL_get_cipher_name(c.ssl), "TLS_AES_128_GCM_SHA256");
    client_send(&c, "Echo", 4);
    client_expect(&c, "Echo", 4);
    assert_string_equal(conn_tls_version(seen.last), "TLSv1.3");
    assert_false(conn_tls_resumed(seen.last));
    assert_int_equal(rig_stat(r, DOOR_TLS13), 1);
    assert_int_equal(rig_standing(r), 1);
    assert_holds_no_bytes(r);
    SSL_shutdown(c.ssl);
    assert_int_equal(client_ending(&c), -1);
    client_close(&c);
    assert_int_equal(rig_closes(r, CLOSE_PEER), 1);
    assert_int_equal(rig_standing(r), 0);
    assert_int_equal(seen.opened, 1);
    assert_int_equal(seen.closed, 1);
    rig_close(r);
}

/* linphone's mbedTLS: TLS 1.2, ECDHE-RSA only. */
static void tls12_with_rsa(void **state)
{
    struct rig *r = open_rig("");
    struct client c = client_new(r);
    SSL_CTX_set_max_proto_version(c.ctx, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(c.ctx, "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256");
    assert_int_equal(client_try_shake(&c), SSL_ERROR_NONE);
    assert_string_equal(SSL_get_cipher_name(c.ssl), "ECDHE-RSA-CHACHA20-POLY1305"); /* its own first wish */
    client_send(&c, "Echo", 4);
    client_expect(&c, "Echo", 4);
    client_close(&c);
    assert_int_equal(rig_stat(r, DOOR_TLS12), 1);
    assert_int_equal(rig_closes(r, CLOSE_RESET), 1); /* no close_notify */
    rig_close(r);
}

static void old_tls_gets_an_alert(void **state)
{
    struct rig *r = open_rig("");
    struct client c = client_new(r);
    SSL_CTX_set_security_level(c.ctx, 0);
    SSL_CTX_set_min_proto_version(c.ctx, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(c.ctx, TLS1_1_VERSION);
    assert_int_equal(client_try_shake(&c), SSL_ERROR_SSL);
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_TLSV1_ALERT_PROTOCOL_VERSION);
    client_close(&c);
    assert_int_equal(rig_closes(r, CLOSE_HANDSHAKE), 1);
    assert_int_equal(rig_stat(r, DOOR_TLS_FAILED), 1);
    rig_close(r);
}

static void assert_alpn(struct rig *r, const char *offered, size_t n, const char *chosen)
{
    const uint8_t *alpn;
    unsigned alpn_len;
    struct client c = client_new(r);
    SSL_CTX_set_alpn_protos(c.ctx, (const uint8_t *)offered, (unsigned)n);
    assert_int_equal(client_try_shake(&c), SSL_ERROR_NONE);
    SSL_get0_alpn_selected(c.ssl, &alpn, &alpn_len);
    assert_int_equal(alpn_len, strlen(chosen));
    if (alpn_len)
        assert_memory_equal(alpn, chosen, alpn_len);
    client_close(&c);
}

static void alpn_is_a_hint(void **state)
{
    struct rig *r = open_rig("");
    assert_alpn(r, "\x08http/1.1\x09stun.turn\x12stun.nat-discovery", 38, "stun.turn");
    assert_alpn(r, "\x05sip/2", 6, "sip/2");
    assert_alpn(r, "\x02h2", 3, "");
    rig_close(r);
}

static void client_that_sends_byte_by_byte(void **state)
{
    struct rig *r = open_rig("");
    struct client c = client_new(r);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    uint8_t b, block[4096];
    BIO_set_mem_eof_return(in, -1);
    c.ssl = SSL_new(c.ctx);
    SSL_set_bio(c.ssl, in, out);
    SSL_set_connect_state(c.ssl);
    setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    for (int i = 0, written = 0; i < 4000; i++) {
        if (SSL_do_handshake(c.ssl) == 1 && !written)
            written = SSL_write(c.ssl, "Echo", 4);
        if (BIO_read(out, &b, 1) == 1)
            assert_int_equal(send(c.fd, &b, 1, 0), 1);
        rig_turn(r);
        ssize_t n = recv(c.fd, block, sizeof block, 0);
        if (n > 0)
            BIO_write(in, block, (int)n);
    }
    assert_int_equal(SSL_read(c.ssl, block, sizeof block), 4);
    assert_memory_equal(block, "Echo", 4);
    client_close(&c);
    rig_close(r);
}

static void handshake_that_drips(void **state)
{
    struct rig *r = open_rig("");
    int fd = rig_connect(r);
    send(fd, "\x16\x03\x01\x00\x80\x01", 6, 0);
    rig_turns(r, 2);
    for (int i = 0; i < 9; i++) {
        rig_pass(r, 1000);
        send(fd, "\0", 1, 0);
    }
    rig_turns(r, 2);
    assert_int_equal(rig_closes(r, CLOSE_HANDSHAKE_LATE), 0);
    rig_pass(r, 1100);
    assert_int_equal(rig_closes(r, CLOSE_HANDSHAKE_LATE), 1);
    close(fd);
    rig_turns(r, 2);
    assert_int_equal(rig_standing(r), 0);
    rig_close(r);
}

static void garbage_for_a_handshake(void **state)
{
    struct rig *r = open_rig("");
    char answer[256];
    int fd = rig_connect(r);
    send(fd, "\x16\x03\x01\x00\x05\x63\x63\x63\x63\x63", 10, 0);
    int n = rig_read_all(r, fd, answer, sizeof answer);
    assert_int_equal(n, 7);
    assert_int_equal(answer[0], 0x15); /* an alert */
    close(fd);
    rig_turns(r, 2);
    assert_int_equal(rig_closes(r, CLOSE_HANDSHAKE), 1);
    rig_close(r);
}

static void assert_subject(struct client *c, const char *name)
{
    char text[64];
    X509 *x = SSL_get1_peer_certificate(c->ssl);
    X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, text, sizeof text);
    assert_string_equal(text, name);
    X509_free(x);
}

static int reload(struct rig *r, const char *extra)
{
    int rc = 0;
    struct config *fresh = rig_config(r, extra);
    for (unsigned i = 0; i < RIG_WORKERS; i++) {
        struct worker *w = r->gw.workers[i];
        const struct config *old = w->config;
        w->config = config_hold(fresh);
        rc = door_reload(w, old);
        config_drop(old);
    }
    config_drop(r->config);
    r->config = fresh;
    return rc;
}

static void a_new_certificate_leaves_standing_connections_alone(void **state)
{
    struct rig *r = open_rig("");
    struct client c = client_open(r);
    struct client half = client_new(r);
    client_begin(&half);
    SSL_do_handshake(half.ssl); /* its handshake is under way during the reload */
    rig_turns(r, 2);
    assert_subject(&c, "first");
    rig_ec_certificate(r->ec, "second");
    assert_int_equal(reload(r, ""), 0);
    client_send(&c, "Echo", 4);
    client_expect(&c, "Echo", 4);
    assert_int_equal(client_try_shake(&half), SSL_ERROR_NONE);
    assert_subject(&half, "first");
    struct client d = client_open(r);
    assert_subject(&d, "second");
    client_close(&c);
    client_close(&half);
    client_close(&d);
    rig_close(r);
}

static void a_bad_certificate_leaves_the_old_one(void **state)
{
    struct rig *r = open_rig("");
    for (unsigned i = 0; i < RIG_WORKERS; i++)
        r->gw.workers[i]->log.level = LOG_ERROR + 1;
    assert_int_equal(truncate(r->ec, 40), 0);
    assert_int_equal(reload(r, ""), -EINVAL);
    struct client c = client_open(r);
    assert_subject(&c, "first");
    client_close(&c);
    assert_int_equal(rig_stat(r, DOOR_CERT_RELOAD_ERRORS), RIG_WORKERS);
    rig_close(r);
}

static SSL_SESSION *last_session;
static int on_session(SSL *ssl, SSL_SESSION *s)
{
    SSL_SESSION_free(last_session);
    last_session = s;
    return 1;
}

static struct client client_with_session(struct rig *r, int version, SSL_SESSION *s)
{
    struct client c = client_new(r);
    SSL_CTX_set_max_proto_version(c.ctx, version);
    SSL_CTX_set_session_cache_mode(c.ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(c.ctx, on_session);
    client_begin(&c);
    if (s)
        SSL_set_session(c.ssl, s);
    assert_int_equal(client_try_shake(&c), SSL_ERROR_NONE);
    client_send(&c, "Echo", 4);
    client_expect(&c, "Echo", 4);
    return c;
}

static void resume_everywhere(struct rig *r, int version)
{
    unsigned by_worker[RIG_WORKERS] = {0};
    struct client c = client_with_session(r, version, NULL);
    assert_false(SSL_session_reused(c.ssl));
    client_close(&c);
    for (int i = 0; i < 40 && (!by_worker[0] || !by_worker[1]); i++) {
        assert_non_null(last_session);
        SSL_SESSION *s = SSL_SESSION_dup(last_session);
        c = client_with_session(r, version, s);
        SSL_SESSION_free(s);
        assert_true(SSL_session_reused(c.ssl));
        assert_true(conn_tls_resumed(seen.last));
        by_worker[seen.last->w->id]++;
        client_close(&c);
    }
    assert_true(by_worker[0] && by_worker[1]);
}

static struct keyring keys_of(uint8_t current, uint8_t previous)
{
    struct keyring k = {.has_ticket_previous = true};
    memset(k.ticket_current.bytes, current, TICKET_KEY_BYTES);
    memset(k.ticket_previous.bytes, previous, TICKET_KEY_BYTES);
    return k;
}

static struct rig *open_rig_with_keys(const struct keyring *k)
{
    memset(&seen, 0, sizeof seen);
    last_session = NULL;
    rig_prepare(&rig, modules);
    rig.keyring = k;
    rig_open(&rig, "");
    return &rig;
}

static void rotate(struct rig *r, const struct keyring *k)
{
    for (unsigned i = 0; i < RIG_WORKERS; i++) {
        struct worker *w = r->gw.workers[i];
        keyring_destroy(w->keyring);
        w->keyring = keyring_copy(k);
        door_ticket_keys(w);
    }
}

static void a_ticket_of_one_worker_is_good_at_the_other(void **state)
{
    struct keyring k = keys_of(1, 2);
    struct rig *r = open_rig_with_keys(&k);
    resume_everywhere(r, TLS1_3_VERSION);
    resume_everywhere(r, TLS1_2_VERSION);
    SSL_SESSION_free(last_session);
    rig_close(r);
}

static bool resumes(struct rig *r, int version)
{
    SSL_SESSION *s = SSL_SESSION_dup(last_session);
    struct client c = client_with_session(r, version, s);
    SSL_SESSION_free(s);
    bool reused = SSL_session_reused(c.ssl);
    client_close(&c);
    return reused;
}

static void a_ticket_outlives_one_rotation_not_two(void **state)
{
    struct keyring k = keys_of(1, 2), next = keys_of(3, 1), far = keys_of(5, 4);
    struct rig *r = open_rig_with_keys(&k);
    struct client c = client_with_session(r, TLS1_2_VERSION, NULL);
    client_close(&c);
    rotate(r, &next);
    assert_true(resumes(r, TLS1_2_VERSION));
    rotate(r, &far);
    assert_false(resumes(r, TLS1_2_VERSION));
    SSL_SESSION_free(last_session);
    rig_close(r);
}

static void handshakes_of_one_turn_are_bounded(void **state)
{
    struct rig *r = open_rig("handshakes_per_turn = 2\n");
    struct client c[8];
    for (int i = 0; i < 8; i++) {
        c[i] = client_new(r);
        client_begin(&c[i]);
        SSL_do_handshake(c[i].ssl);
    }
    rig_turn(r); /* accepted */
    unsigned before = 8;
    for (int turn = 0; turn < 2; turn++) {
        rig_turn(r);
        unsigned waiting = 0;
        for (unsigned i = 0; i < RIG_WORKERS; i++)
            waiting += door_of(r->gw.workers[i])->n_shaking;
        assert_true(before - waiting <= 2 * RIG_WORKERS);
        before = waiting;
    }
    assert_true(rig_stat(r, DOOR_TLS_PUT_OFF) > 0);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(client_try_shake(&c[i]), SSL_ERROR_NONE);
        client_close(&c[i]);
    }
    rig_close(r);
}

static unsigned most_underway(const struct rig *r)
{
    unsigned most = 0;
    for (unsigned i = 0; i < RIG_WORKERS; i++) {
        unsigned n = door_of(r->gw.workers[i])->n_underway;
        most = n > most ? n : most;
    }
    return most;
}

/* A ClientHello and no more: of too many the oldest goes, and who is honest gets in. */
static void handshakes_underway_are_bounded(void **state)
{
    struct rig *r = open_rig("handshakes_max = 8\nhandshakes_per_turn = 100\n");
    struct client stalled[40];
    for (int i = 0; i < 40; i++) {
        stalled[i] = client_new(r);
        client_begin(&stalled[i]);
        SSL_do_handshake(stalled[i].ssl);
        rig_turns(r, 3);
        assert_true(most_underway(r) <= 8);
    }
    assert_int_equal(most_underway(r), 8);
    assert_true(rig_standing(r) <= 2 * 8);
    assert_int_equal(rig_closes(r, CLOSE_HANDSHAKE_CROWD), 40 - rig_standing(r));
    struct client c = client_open(r);
    client_send(&c, "Echo", 4);
    client_expect(&c, "Echo", 4);
    uint64_t crowded = rig_closes(r, CLOSE_HANDSHAKE_CROWD);
    for (int i = 0; i < 20; i++) { /* done, they are no crowd: one makes room for the next */
        struct client more = client_open(r);
        client_close(&more);
    }
    assert_true(rig_closes(r, CLOSE_HANDSHAKE_CROWD) < crowded + RIG_WORKERS);
    client_close(&c);
    for (int i = 0; i < 40; i++)
        client_close(&stalled[i]);
    assert_int_equal(most_underway(r), 0);
    rig_close(r);
}

static const struct entry *only_entry(struct rig *r)
{
    const struct entry *found = NULL;
    for (unsigned i = 0; i < RIG_WORKERS; i++) {
        uint32_t cursor = 0;
        const struct entry *e = slots_next(&door_of(r->gw.workers[i])->conns, &cursor);
        found = e ? e : found;
    }
    assert_non_null(found);
    return found;
}

/* Memory before authentication: OpenSSL takes some 50 KB at the first byte it sees. */
static void half_a_hello_costs_no_openssl(void **state)
{
    struct rig *r = open_rig("");
    int fd = rig_connect(r);
    send(fd, "\x16\x03\x01\x00\x80\x01", 6, 0);
    rig_turns(r, 3);
    assert_null(only_entry(r)->ssl);
    assert_int_equal(buf_len(&only_entry(r)->rest), 6);
    close(fd);
    rig_turns(r, 3);
    assert_int_equal(rig_closes(r, CLOSE_RESET), 1);
    assert_int_equal(rig_standing(r), 0);
    rig_close(r);
}

/* Longer than what is put in front of the next piece, so that it is gathered in the rest. */
static void long_hello_in_pieces(void **state)
{
    struct rig *r = open_rig("");
    struct client c = client_new(r);
    uint8_t ids[9000], hello[12000];
    for (size_t i = 0; i < sizeof ids; i += 9)
        memcpy(ids + i,
               "\x08"
               "sallypor",
               9);
    SSL_CTX_set_alpn_protos(c.ctx, ids, sizeof ids);
    BIO *in = BIO_new_socket(c.fd, BIO_NOCLOSE), *out = BIO_new(BIO_s_mem());
    c.ssl = SSL_new(c.ctx);
    SSL_set_bio(c.ssl, in, out);
    SSL_set_connect_state(c.ssl);
    assert_int_equal(SSL_do_handshake(c.ssl), -1);
    int n = BIO_read(out, hello, sizeof hello);
    assert_true(n > 9000);
    for (int at = 0; at < n; at += 700) {
        send(c.fd, hello + at, (size_t)(n - at < 700 ? n - at : 700), 0);
        rig_turns(r, 2);
    }
    SSL_set0_wbio(c.ssl, BIO_new_socket(c.fd, BIO_NOCLOSE));
    assert_int_equal(client_try_shake(&c), SSL_ERROR_NONE);
    client_send(&c, "Echo", 4);
    client_expect(&c, "Echo", 4);
    assert_holds_no_bytes(r);
    client_close(&c);
    rig_close(r);
}

static void record_that_claims_too_much(void **state)
{
    struct rig *r = open_rig("");
    int fd = rig_connect(r);
    send(fd, "\x16\x03\x01\xff\xff\x01", 6, 0);
    rig_turns(r, 3);
    assert_int_equal(rig_closes(r, CLOSE_HANDSHAKE), 1); /* RFC 8446 5.1: record_overflow */
    close(fd);
    rig_close(r);
}

/* Who drips always has something to be served: it must not be served before whom came earlier. */
static void drips_starve_no_handshake(void **state)
{
    enum { DRIPS = 24 };
    struct rig *r = open_rig("handshakes_per_turn = 1\n");
    int drip[DRIPS], rc = -1;
    for (int i = 0; i < DRIPS; i++) {
        drip[i] = rig_connect(r);
        send(drip[i], "\x16\x03\x01\x02\x00\x01", 6, 0);
    }
    rig_turns(r, 3);
    struct client c = client_new(r);
    client_begin(&c);
    for (int turn = 0; turn < 4 * DRIPS && rc != 1; turn++) {
        for (int i = 0; i < DRIPS; i++)
            send(drip[i], "\0", 1, 0);
        rc = SSL_do_handshake(c.ssl);
        rig_turn(r);
    }
    assert_int_equal(rc, 1);
    client_close(&c);
    for (int i = 0; i < DRIPS; i++)
        close(drip[i]);
    rig_turns(r, 2 * DRIPS);
    assert_int_equal(rig_standing(r), 0);
    rig_close(r);
}

static unsigned begun(struct rig *r)
{
    unsigned n = 0;
    for (unsigned i = 0; i < RIG_WORKERS; i++) {
        uint32_t cursor = 0;
        for (const struct entry *e; (e = slots_next(&door_of(r->gw.workers[i])->conns, &cursor));)
            n += e->ssl != NULL;
    }
    return n;
}

/* A balancer writes the PROXY header and what it has of the connection in one piece. */
static void behind_a_balancer_the_bound_holds(void **state)
{
    struct rig *r = open_rig("handshakes_per_turn = 1\n proxy_trusted = {\"127.0.0.0/8\"}\n");
    struct client c[12];
    for (int i = 0; i < 12; i++) {
        uint8_t piece[2048] = "PROXY TCP4 192.0.2.1 192.0.2.2 5000 443\r\n";
        c[i] = client_new(r);
        BIO *out = BIO_new(BIO_s_mem());
        c[i].ssl = SSL_new(c[i].ctx);
        SSL_set_bio(c[i].ssl, BIO_new_socket(c[i].fd, BIO_NOCLOSE), out);
        SSL_set_connect_state(c[i].ssl);
        SSL_do_handshake(c[i].ssl);
        size_t n = strlen((char *)piece);
        n += (size_t)BIO_read(out, piece + n, (int)(sizeof piece - n));
        assert_int_equal(send(c[i].fd, piece, n, 0), n);
        SSL_set0_wbio(c[i].ssl, BIO_new_socket(c[i].fd, BIO_NOCLOSE));
    }
    rig_turn(r); /* two ends of a turn in each */
    rig_turn(r);
    assert_true(begun(r) > 0 && begun(r) <= 4 * RIG_WORKERS);
    for (int i = 0; i < 12; i++)
        assert_int_equal(client_try_shake(&c[i]), SSL_ERROR_NONE);
    client_send(&c[0], "Echo", 4);
    client_expect(&c[0], "Echo", 4);
    for (int i = 0; i < 12; i++)
        client_close(&c[i]);
    assert_int_equal(rig_standing(r), 0);
    rig_close(r);
}

static void rekey(struct client *c, int times)
{
    for (int i = 0; i < times; i++) {
        assert_int_equal(SSL_key_update(c->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        if (SSL_do_handshake(c->ssl) != 1)
            return; /* closed meanwhile */
    }
    rig_turns(c->r, 4);
}

/* RFC 8446 4.6.3 lets a peer change keys at will; 5.5 says how seldom it needs to. */
static void key_updates_are_taken_but_no_flood(void **state)
{
    struct rig *r = open_rig("");
    struct client c = client_open(r);
    for (int i = 0; i < 3; i++) {
        rekey(&c, 16);
        client_send(&c, "Echo", 4);
        client_expect(&c, "Echo", 4);
        rig_pass(r, 60000);
    }
    assert_int_equal(rig_closes(r, CLOSE_PROTOCOL), 0);
    rekey(&c, 200);
    assert_int_equal(rig_closes(r, CLOSE_PROTOCOL), 1);
    client_close(&c);
    assert_int_equal(rig_standing(r), 0);
    rig_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tls13_without_sni_and_alpn),
        cmocka_unit_test(tls12_with_rsa),
        cmocka_unit_test(old_tls_gets_an_alert),
        cmocka_unit_test(alpn_is_a_hint),
        cmocka_unit_test(client_that_sends_byte_by_byte),
        cmocka_unit_test(handshake_that_drips),
        cmocka_unit_test(half_a_hello_costs_no_openssl),
        cmocka_unit_test(long_hello_in_pieces),
        cmocka_unit_test(record_that_claims_too_much),
        cmocka_unit_test(drips_starve_no_handshake),
        cmocka_unit_test(behind_a_balancer_the_bound_holds),
        cmocka_unit_test(key_updates_are_taken_but_no_flood),
        cmocka_unit_test(garbage_for_a_handshake),
        cmocka_unit_test(a_new_certificate_leaves_standing_connections_alone),
        cmocka_unit_test(a_bad_certificate_leaves_the_old_one),
        cmocka_unit_test(a_ticket_of_one_worker_is_good_at_the_other),
        cmocka_unit_test(a_ticket_outlives_one_rotation_not_two),
        cmocka_unit_test(handshakes_of_one_turn_are_bounded),
        cmocka_unit_test(handshakes_underway_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
