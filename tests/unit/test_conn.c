/* conn: connections through the door, with a real TLS client on loopback and virtual time. */
#include "door_rig.h"
#include "mux/conn.h"
#include "mux/sniff.h"
#include <netinet/tcp.h>
#include <sys/resource.h>

/* echo: begins with 'E', sends back what it gets, eats only what it could send. 'F': frames of one length
 * byte, 'C': sends as much as `burst_size` and closes, 'H': hands over to echo. */
static struct {
    int opened, closed, drained;
    struct conn *last;
    struct addr peer;
    size_t burst_size;
} seen;

static void on_opened(struct conn *c)
{
    seen.opened++;
    seen.last = c;
    seen.peer = c->peer;
}
static void on_closed(struct conn *c)
{
    seen.closed++;
    if (seen.last == c)
        seen.last = NULL;
}
static size_t echo_data(struct conn *c, struct bytes in)
{
    size_t eaten = 0;
    while (eaten < in.n) {
        struct bytes piece = bytes_first(bytes_skip(in, eaten), 4096);
        int rc = conn_send(c, piece);
        if (rc == 0 || rc == -EAGAIN)
            eaten += piece.n;
        if (rc < 0) {
            conn_pause(c);
            break;
        }
    }
    return eaten;
}
static void echo_drained(struct conn *c)
{
    seen.drained++;
    conn_resume(c);
}
static void echo_datagram(struct udp_port *u, const struct addr *from, struct bytes in)
{
    udp_send(u, from, in);
}
static enum sniff begins_with(struct bytes first, uint8_t c)
{
    if (!first.n)
        return SNIFF_MORE;
    return first.p[0] == c ? SNIFF_YES : SNIFF_NO;
}
static enum sniff echo_sniff(struct bytes first)
{
    return begins_with(first, 'E');
}
static const char *const echo_alpn[] = {"stun.turn", "sip/2", NULL};
static const struct module echo = {.name = "echo",
                                   .alpn = echo_alpn,
                                   .sniff = echo_sniff,
                                   .opened = on_opened,
                                   .data = echo_data,
                                   .closed = on_closed,
                                   .drained = echo_drained,
                                   .datagram = echo_datagram};

/* 'F', then frames: a length byte and as many bytes, which are sent back. */
static size_t frames_data(struct conn *c, struct bytes in)
{
    size_t eaten = 0;
    while (eaten < in.n && in.n - eaten > in.p[eaten]) {
        conn_send(c, bytes_of(in.p + eaten + 1, in.p[eaten]));
        eaten += 1u + in.p[eaten];
    }
    return eaten;
}
static enum sniff frames_sniff(struct bytes first)
{
    return begins_with(first, 2);
}
static const struct module frames = {
    .name = "frames", .sniff = frames_sniff, .opened = on_opened, .data = frames_data, .closed = on_closed};

/* Eats nothing and waits for more. */
static size_t hungry_data(struct conn *c, struct bytes in)
{
    return 0;
}
static enum sniff hungry_sniff(struct bytes first)
{
    return begins_with(first, 'N');
}
static const struct module hungry = {
    .name = "hungry", .sniff = hungry_sniff, .opened = on_opened, .data = hungry_data, .closed = on_closed};

static size_t burst_data(struct conn *c, struct bytes in)
{
    uint8_t *p = conn_reserve(c, seen.burst_size);
    assert_non_null(p);
    for (size_t i = 0; i < seen.burst_size; i++)
        p[i] = (uint8_t)(i * 7);
    conn_commit(c, seen.burst_size);
    conn_close(c, CLOSE_MODULE);
    conn_close(c, CLOSE_PROTOCOL);
    assert_int_equal(conn_send(c, BYTES("x")), -ENOTCONN);
    return 0;
}
static enum sniff burst_sniff(struct bytes first)
{
    return begins_with(first, 'C');
}
static const struct module burst = {
    .name = "burst", .sniff = burst_sniff, .opened = on_opened, .data = burst_data, .closed = on_closed};

/* Eats one byte, then it is echo's. */
static size_t handing_data(struct conn *c, struct bytes in)
{
    conn_hand_over(c, &echo);
    return 1;
}
static enum sniff handing_sniff(struct bytes first)
{
    if (first.n < 3 && first.n && first.p[0] == 'H')
        return SNIFF_MORE;
    return begins_with(first, 'H');
}
static const struct module handing = {.name = "handing", .sniff = handing_sniff, .data = handing_data};

static const struct module *const modules[] = {&echo, &frames, &hungry, &burst, &handing, NULL};

static struct rig rig;

static struct rig *open_rig(const char *extra)
{
    memset(&seen, 0, sizeof seen);
    rig_prepare(&rig, modules);
    rig_open(&rig, extra);
    return &rig;
}

static struct entry *the_entry(const struct rig *r)
{
    struct entry *found = NULL;
    for (unsigned i = 0; i < RIG_WORKERS; i++) {
        uint32_t cursor = 0;
        struct entry *e = slots_next(&door_of(r->gw.workers[i])->conns, &cursor);
        found = e ? e : found;
    }
    assert_non_null(found);
    return found;
}

/* The kernel takes little for this connection, so that the door has to wait for the peer. */
static void narrow(const struct rig *r, int bytes)
{
    setsockopt(the_entry(r)->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

static void assert_holds_no_bytes(const struct rig *r)
{
    struct entry *e = the_entry(r);
    assert_null(e->rest.mem);
    assert_null(e->out.mem);
    assert_null(e->wire.mem);
}

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

static void large_echo_with_back_pressure(void **state)
{
    struct rig *r = open_rig("");
    const size_t total = 3 * 1024 * 1024;
    uint8_t *data = malloc(total), *back = malloc(total);
    size_t sent = 0, got = 0;
    for (size_t i = 0; i < total; i++)
        data[i] = (uint8_t)('E' + i * 31 / 17);
    struct client c = client_open(r);
    narrow(r, 65536);
    setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &(int){131072}, sizeof(int));
    for (int i = 0; i < 60000 && got < total; i++) {
        size_t k = 0;
        ERR_clear_error();
        if (sent < total &&
            SSL_write_ex(c.ssl, data + sent, total - sent < 50000 ? total - sent : 50000, &k) == 1)
            sent += k;
        rig_turn(r);
        assert_true(conn_unsent(seen.last ? seen.last : &the_entry(r)->conn) <= 256 * 1024 + WIRE_MARK);
        if (i % 8 == 0 || sent == total) {
            int n = client_read(&c, back + got, total - got);
            got += n > 0 ? (size_t)n : 0;
        }
    }
    assert_int_equal(got, total);
    assert_memory_equal(back, data, total);
    assert_true(seen.drained > 0);
    rig_turns(r, 3);
    assert_holds_no_bytes(r);
    client_close(&c);
    free(data);
    free(back);
    rig_close(r);
}

static void frames_over_record_borders(void **state)
{
    struct rig *r = open_rig("");
    struct client c = client_open(r);
    client_send(&c, "\x02", 1); /* half a frame in one record */
    assert_int_equal(buf_len(&the_entry(r)->rest), 1);
    client_send(&c, "ab\x03x", 4);
    client_expect(&c, "ab", 2);
    client_send(&c, "yz", 2);
    client_expect(&c, "xyz", 3);
    assert_holds_no_bytes(r);
    client_close(&c);
    rig_close(r);
}

/* Half a TLS record holds memory as well as half a frame does. */
static void half_a_record_is_slow(void **state)
{
    struct rig *r = open_rig("frame_timeout = 5s\n");
    struct client c = client_open(r);
    client_send(&c, "Echo", 4);
    client_expect(&c, "Echo", 4);
    assert_int_equal(send(c.fd, "\x17\x03\x03\x01\x00", 5, 0), 5);
    rig_turns(r, 2);
    for (int i = 0; i < 4; i++) {
        rig_pass(r, 1200);
        send(c.fd, "x", 1, 0);
        rig_turns(r, 2);
        assert_int_equal(rig_closes(r, CLOSE_SLOW), 0);
    }
    rig_pass(r, 300);
    assert_int_equal(rig_closes(r, CLOSE_SLOW), 1);
    client_close(&c);
    rig_close(r);
}

static void a_slow_frame_gets_no_new_time_with_each_byte(void **state)
{
    struct rig *r = open_rig("frame_timeout = 5s\n");
    struct client c = client_open(r);
    client_send(&c, "\x02zz", 3);
    client_send(&c, "\x20", 1);
    for (int i = 0; i < 4; i++) {
        rig_pass(r, 1200);
        client_send(&c, "x", 1);
    }
    assert_int_equal(rig_closes(r, CLOSE_SLOW), 0);
    rig_pass(r, 300);
    assert_int_equal(rig_closes(r, CLOSE_SLOW), 1);
    assert_int_equal(seen.closed, 1);
    client_close(&c);
    rig_close(r);
}

static void a_frame_over_the_limit(void **state)
{
    struct rig *r = open_rig("frame_max = 4k\n");
    uint8_t much[6000];
    memset(much, 'N', sizeof much);
    struct client c = client_open(r);
    client_send(&c, much, 4096);
    assert_int_equal(rig_closes(r, CLOSE_TOO_BIG), 0);
    client_send(&c, much, 1);
    assert_int_equal(rig_closes(r, CLOSE_TOO_BIG), 1);
    assert_int_equal(client_ending(&c), -1);
    client_close(&c);
    rig_close(r);
}

static void a_silent_connection_lives_and_ends_quietly(void **state)
{
    struct rig *r = open_rig("");
    struct client c = client_open(r);
    rig_pass(r, 9 * 60 * 1000);
    assert_int_equal(rig_standing(r), 1);
    assert_holds_no_bytes(r);
    rig_pass(r, 61 * 1000);
    assert_int_equal(rig_closes(r, CLOSE_SILENT), 1);
    assert_int_equal(client_ending(&c), -1);
    client_close(&c);
    assert_int_equal(rig_standing(r), 0);
    assert_int_equal(seen.opened, 0);
    rig_close(r);
}

static void first_bytes_that_never_get_whole(void **state)
{
    struct rig *r = open_rig("");
    struct client c = client_open(r);
    rig_pass(r, 60 * 1000);
    client_send(&c, "H", 1); /* wants three */
    rig_pass(r, 6000);
    client_send(&c, "i", 1);
    rig_pass(r, 4100);
    assert_int_equal(rig_closes(r, CLOSE_SLOW), 1);
    client_close(&c);
    rig_close(r);
}

static void half_a_record_as_first_bytes(void **state)
{
    struct rig *r = open_rig("");
    struct client c = client_open(r);
    send(c.fd, "\x17\x03\x03\x01", 4, 0);
    rig_turns(r, 2);
    rig_pass(r, 10100);
    assert_int_equal(rig_closes(r, CLOSE_SLOW), 1);
    client_close(&c);
    rig_close(r);
}

static void first_bytes_of_no_protocol(void **state)
{
    struct rig *r = open_rig("");
    struct client c = client_open(r);
    client_send(&c, "SSH-2.0-x\r\n", 11);
    assert_int_equal(client_ending(&c), -1);
    assert_int_equal(rig_closes(r, CLOSE_UNKNOWN), 1);
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

static void close_delivers_what_was_sent_before(void **state)
{
    struct rig *r = open_rig("");
    seen.burst_size = 250000;
    uint8_t *want = malloc(seen.burst_size);
    for (size_t i = 0; i < seen.burst_size; i++)
        want[i] = (uint8_t)(i * 7);
    struct client c = client_open(r);
    narrow(r, 8192);
    client_send(&c, "C", 1);
    send(c.fd, "unread bytes that would make close() a reset", 44, 0);
    rig_turns(r, 3);
    assert_int_equal(seen.closed, 1); /* told at the end of its turn, not when the last byte has left */
    client_expect(&c, want, seen.burst_size);
    assert_int_equal(client_ending(&c), -1);
    assert_int_equal(rig_closes(r, CLOSE_MODULE), 1);
    assert_int_equal(rig_closes(r, CLOSE_PROTOCOL), 0);
    assert_int_equal(rig_standing(r), 1); /* lingers for the peer's close */
    client_close(&c);
    assert_int_equal(rig_standing(r), 0);
    free(want);
    rig_close(r);
}

static void lingering_is_bounded(void **state)
{
    struct rig *r = open_rig("");
    seen.burst_size = 10;
    struct client c = client_open(r);
    client_send(&c, "C", 1);
    assert_int_equal(rig_standing(r), 1);
    rig_pass(r, 3100);
    assert_int_equal(rig_standing(r), 0);
    client_close(&c);
    rig_close(r);
}

static void a_peer_that_does_not_read(void **state)
{
    struct rig *r = open_rig("write_timeout = 5s\n");
    struct client c = client_new(r);
    setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int));
    assert_int_equal(client_try_shake(&c), SSL_ERROR_NONE);
    uint8_t block[16384];
    memset(block, 'E', sizeof block);
    client_send(&c, block, sizeof block);
    narrow(r, 8192);
    for (int i = 0; i < 400 && !the_entry(r)->paused; i++) {
        size_t k;
        SSL_write_ex(c.ssl, block, sizeof block, &k);
        rig_turn(r);
    }
    assert_true(the_entry(r)->paused);
    rig_pass(r, 4900);
    assert_int_equal(rig_standing(r), 1);
    rig_pass(r, 200);
    assert_int_equal(rig_closes(r, CLOSE_BACKLOG), 1);
    assert_int_equal(rig_standing(r), 0);
    client_close(&c);
    rig_close(r);
}

static void a_full_batch_takes_no_more(void **state)
{
    struct rig *r = open_rig("out_high = 4k\nout_max = 16k\n");
    struct client c = client_open(r);
    client_send(&c, "E", 1);
    client_expect(&c, "E", 1);
    uint8_t block[4096] = {0};
    assert_int_equal(conn_send(seen.last, bytes_of(block, 4096)), 0);
    assert_int_equal(conn_send(seen.last, bytes_of(block, 1)), -EAGAIN);
    assert_null(conn_reserve(seen.last, 12288));
    assert_int_equal(conn_send(seen.last, bytes_of(block, 4096)), -EAGAIN);
    assert_int_equal(conn_send(seen.last, bytes_of(block, 4096)), -EAGAIN);
    assert_int_equal(conn_send(seen.last, bytes_of(block, 4096)), -ENOBUFS);
    assert_int_equal(conn_unsent(seen.last), 3 * 4096 + 1);
    int before = seen.drained;
    rig_turns(r, 2);
    assert_int_equal(seen.drained, before + 1);
    assert_int_equal(conn_unsent(seen.last), 0);
    client_close(&c);
    rig_close(r);
}

static void an_idle_connection(void **state)
{
    struct rig *r = open_rig("");
    struct client c = client_open(r);
    client_send(&c, "E", 1);
    conn_idle_timeout(seen.last, 5000);
    rig_pass(r, 4000);
    client_send(&c, "E", 1);
    rig_pass(r, 4900);
    assert_int_equal(rig_closes(r, CLOSE_IDLE), 0);
    rig_pass(r, 200);
    assert_int_equal(rig_closes(r, CLOSE_IDLE), 1);
    client_close(&c);
    rig_close(r);
}

static void hand_over_with_the_unread_bytes(void **state)
{
    struct rig *r = open_rig("");
    struct client c = client_open(r);
    client_send(&c, "Hello", 5);
    client_expect(&c, "ello", 4);
    assert_ptr_equal(seen.last->module, &echo);
    assert_int_equal(seen.opened, 1);
    conn_hand_over(seen.last, &frames); /* outside of data: at the end of the turn */
    rig_turn(r);
    client_send(&c, "\x01x", 2);
    client_expect(&c, "x", 1);
    assert_int_equal(seen.opened, 2);
    assert_int_equal(seen.closed, 0);
    client_close(&c);
    assert_int_equal(seen.closed, 1);
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
    for (int turn = 0; turn < 2; turn++) {
        for (unsigned i = 0; i < RIG_WORKERS; i++)
            assert_true(door_of(r->gw.workers[i])->handshakes_left <= 2);
        rig_turn(r);
    }
    assert_true(rig_stat(r, DOOR_TLS_PUT_OFF) > 0);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(client_try_shake(&c[i]), SSL_ERROR_NONE);
        client_close(&c[i]);
    }
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tls13_without_sni_and_alpn),
        cmocka_unit_test(tls12_with_rsa),
        cmocka_unit_test(old_tls_gets_an_alert),
        cmocka_unit_test(alpn_is_a_hint),
        cmocka_unit_test(client_that_sends_byte_by_byte),
        cmocka_unit_test(large_echo_with_back_pressure),
        cmocka_unit_test(frames_over_record_borders),
        cmocka_unit_test(half_a_record_is_slow),
        cmocka_unit_test(a_slow_frame_gets_no_new_time_with_each_byte),
        cmocka_unit_test(a_frame_over_the_limit),
        cmocka_unit_test(a_silent_connection_lives_and_ends_quietly),
        cmocka_unit_test(first_bytes_that_never_get_whole),
        cmocka_unit_test(half_a_record_as_first_bytes),
        cmocka_unit_test(first_bytes_of_no_protocol),
        cmocka_unit_test(handshake_that_drips),
        cmocka_unit_test(garbage_for_a_handshake),
        cmocka_unit_test(plain_text_where_tls_is_due),
        cmocka_unit_test(proxy_header_from_a_trusted_address),
        cmocka_unit_test(proxy_header_together_with_the_client_hello),
        cmocka_unit_test(proxy_header_from_a_stranger),
        cmocka_unit_test(a_new_certificate_leaves_standing_connections_alone),
        cmocka_unit_test(a_bad_certificate_leaves_the_old_one),
        cmocka_unit_test(a_ticket_of_one_worker_is_good_at_the_other),
        cmocka_unit_test(a_ticket_outlives_one_rotation_not_two),
        cmocka_unit_test(close_delivers_what_was_sent_before),
        cmocka_unit_test(lingering_is_bounded),
        cmocka_unit_test(a_peer_that_does_not_read),
        cmocka_unit_test(a_full_batch_takes_no_more),
        cmocka_unit_test(an_idle_connection),
        cmocka_unit_test(hand_over_with_the_unread_bytes),
        cmocka_unit_test(connections_of_one_address),
        cmocka_unit_test(connections_of_an_exempt_address),
        cmocka_unit_test(connections_in_all),
        cmocka_unit_test(no_more_descriptors),
        cmocka_unit_test(handshakes_of_one_turn_are_bounded),
        cmocka_unit_test(flow_across_workers),
        cmocka_unit_test(datagrams_singly_and_in_bursts),
        cmocka_unit_test(a_port_that_another_gateway_has),
        cmocka_unit_test(draining_keeps_what_stands),
        cmocka_unit_test(stopping_says_goodbye),
        cmocka_unit_test(check_names_the_problem),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
