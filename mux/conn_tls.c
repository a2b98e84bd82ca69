/* OpenSSL without a socket: it reads from door->feed, which is what one recv brought, and writes to
 * entry.wire, which goes out at the end of the turn. It keeps the first part of an incomplete record itself;
 * with RELEASE_BUFFERS that is all it keeps. */
#include "mux/conn_private.h"
#include <errno.h>
#include <openssl/err.h>
#include <string.h>

#define RECORD_MAX   16384 /* RFC 8446 5.1 */
#define REKEYS_MAX   16    /* of a peer, in */
#define REKEY_WINDOW 60000 /* ms */

static int bio_write(BIO *b, const char *data, int n)
{
    struct entry *e = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    if (n <= 0)
        return 0;
    if (!e->wire.mem)
        spare_take(e->door, &e->wire);
    if (!buf_append(&e->wire, bytes_of(data, (size_t)n)))
        return -1;
    entry_touch(e);
    return n;
}

static int bio_read(BIO *b, char *data, int cap)
{
    struct entry *e = BIO_get_data(b);
    struct bytes *feed = &e->door->feed;
    BIO_clear_retry_flags(b);
    if (cap <= 0)
        return 0;
    if (feed->n == 0) {
        BIO_set_retry_read(b);
        return -1;
    }
    size_t n = feed->n < (size_t)cap ? feed->n : (size_t)cap;
    memcpy(data, feed->p, n);
    *feed = bytes_skip(*feed, n);
    return (int)n;
}

static long bio_ctrl(BIO *b, int command, long number, void *pointer)
{
    return command == BIO_CTRL_FLUSH;
}

int conn_tls_bio(struct door *d)
{
    d->bio = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "sallyport");
    if (!d->bio)
        return -ENOMEM;
    BIO_meth_set_write(d->bio, bio_write);
    BIO_meth_set_read(d->bio, bio_read);
    BIO_meth_set_ctrl(d->bio, bio_ctrl);
    return 0;
}

/* A key is good for millions of records (RFC 8446 5.5), so an honest peer changes it once in days. Each
 * change costs us some 30 us for 27 bytes of the peer's, and one recv holds thousands: the rest of them is
 * not even shown to OpenSSL. */
static void on_message(int writing, int version, int type, const void *message, size_t n, SSL *ssl, void *arg)
{
    struct entry *e = arg;
    uint64_t now = e->door->w->now;
    if (writing || type != SSL3_RT_HANDSHAKE || n == 0 || *(const uint8_t *)message != SSL3_MT_KEY_UPDATE)
        return;
    if (e->rekeyed == 0 || now - e->rekeyed_since >= REKEY_WINDOW) {
        e->rekeyed_since = now;
        e->rekeyed = 0;
    }
    if (++e->rekeyed > REKEYS_MAX)
        e->door->feed = BYTES_NONE;
}

/* SSL_get_error reads the thread's queue of errors, so it must be empty before each call that may fail;
 * wiping an empty one is what costs. */
static void forget_errors(void)
{
    if (ERR_peek_error())
        ERR_clear_error();
}

/* From now on ssl is the entry's. 0 or -ENOMEM, and then it is not. */
static int attach(struct entry *e, SSL *ssl)
{
    BIO *b = BIO_new(e->door->bio);
    if (!b)
        return -ENOMEM;
    BIO_set_data(b, e);
    BIO_set_init(b, 1);
    SSL_set_bio(ssl, b, b);
    SSL_set_msg_callback(ssl, on_message);
    SSL_set_msg_callback_arg(ssl, e);
    e->ssl = ssl;
    return 0;
}

void conn_tls_leave_underway(struct entry *e)
{
    if (!list_linked(&e->underway))
        return;
    list_remove(&e->underway);
    e->door->n_underway--;
}

/* A handshake costs memory before anybody has shown who he is, and a ClientHello is all it takes to hold that
 * until the deadline. An honest client is done within a round trip or two, so the oldest is the one to go. */
static void enter_underway(struct entry *e)
{
    struct door *d = e->door;
    if (d->n_underway >= (uint64_t)d->config->handshakes_max)
        entry_break(container_of(d->underway.next, struct entry, underway), CLOSE_HANDSHAKE_CROWD);
    list_push_back(&d->underway, &e->underway);
    d->n_underway++;
}

int conn_tls_begin(struct entry *e)
{
    struct door *d = e->door;
    SSL *ssl = SSL_new(d->tls->ctx);
    if (!ssl || attach(e, ssl) < 0) {
        SSL_free(ssl);
        ERR_clear_error();
        return -ENOMEM;
    }
    SSL_set_accept_state(ssl);
    e->tls = tls_hold(d->tls);
    enter_underway(e);
    return !e->wanted || !e->wanted->shakes || e->wanted->shakes(&e->conn, ssl) ? 0 : -ENOMEM;
}

int conn_tls_dial(struct entry *e, SSL *ssl)
{
    SSL_set_connect_state(ssl);
    return attach(e, ssl);
}

bool conn_tls_ready(const struct entry *e)
{
    return e->shaken && !e->tls_failed;
}

/* Before TLS 1.3 a close_notify ends both ways at once, with what is underway (RFC 8446 6.1). */
bool conn_tls_half_closes(const struct entry *e)
{
    return !e->ssl || (conn_tls_ready(e) && SSL_version(e->ssl) == TLS1_3_VERSION);
}

/* Alerts of a client that does not like our certificate: bad, unsupported, revoked, expired, unknown; unknown
 * CA (RFC 8446 6.2). OpenSSL numbers them from SSL_AD_REASON_OFFSET on. */
static bool is_about_certificate(unsigned long error)
{
    int alert = ERR_GET_REASON(error) - SSL_AD_REASON_OFFSET;
    return (alert >= SSL_AD_BAD_CERTIFICATE && alert <= SSL_AD_CERTIFICATE_UNKNOWN) ||
           alert == SSL_AD_UNKNOWN_CA;
}

static void say_failed(const struct entry *e, const char *reason, bool certificate)
{
    enum log_level level = e->shaken || e->dialled ? LOG_DEBUG : LOG_INFO; /* dial.h tells who dialled */
    log_at(&e->door->w->log, level, certificate ? "tls.certificate_refused" : "tls.failed",
           F_ADDR("peer", &e->conn.peer), F_STR("why", reason ? reason : "?"),
           F_STR(certificate ? "hint" : NULL,
                 "the client does not accept our certificate: its names, dates and "
                 "chain in tls.certificates, the CA on the client"));
}

/* What OpenSSL had to say to the peer (an alert) is in `wire` and still leaves. */
static void fail(struct entry *e, enum close_reason why)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    bool certificate = !e->dialled && is_about_certificate(ERR_peek_error());
    long verdict = SSL_get_verify_result(e->ssl);
    e->tls_failed = true;
    e->tls_problem = verdict != X509_V_OK ? X509_verify_cert_error_string(verdict) : reason;
    say_failed(e, reason, certificate);
    ERR_clear_error();
    conn_close(&e->conn, why);
}

static void count_handshake(struct entry *e)
{
    struct door *d = e->door;
    door_count(d, SSL_version(e->ssl) == TLS1_3_VERSION ? DOOR_TLS13 : DOOR_TLS12);
    if (SSL_session_reused(e->ssl))
        door_count(d, DOOR_TLS_RESUMED);
}

/* True when the handshake is done. */
static bool shake(struct entry *e)
{
    ERR_clear_error();
    int rc = SSL_do_handshake(e->ssl);
    if (rc == 1) {
        e->shaken = true;
        conn_tls_leave_underway(e);
        count_handshake(e);
        entry_ready(e);
        return e->stage < STAGE_CLOSING;
    }
    if (SSL_get_error(e->ssl, rc) == SSL_ERROR_WANT_READ)
        return false;
    door_count(e->door, DOOR_TLS_FAILED);
    if (e->wanted && e->wanted->shaken_off)
        e->wanted->shaken_off(&e->conn, e->ssl);
    fail(e, CLOSE_HANDSHAKE);
    return false;
}

/* When all of the feed was eaten and OpenSSL holds nothing, asking once more would only be told so, dearly.
 */
static bool is_dry(const struct entry *e)
{
    return e->door->feed.n == 0 && !SSL_has_pending(e->ssl);
}

/* One recv's worth: never more than PLAIN_MAX, since a record is longer than what is in it. */
static size_t decrypt(struct entry *e, int *error)
{
    uint8_t *to = e->door->plain;
    size_t n = 0;
    *error = SSL_ERROR_NONE;
    while (n < PLAIN_MAX && *error == SSL_ERROR_NONE) {
        size_t got = 0;
        forget_errors();
        int rc = SSL_read_ex(e->ssl, to + n, PLAIN_MAX - n, &got);
        n += got;
        *error = rc != 1 ? SSL_get_error(e->ssl, rc) : is_dry(e) ? SSL_ERROR_WANT_READ : SSL_ERROR_NONE;
    }
    return n;
}

static void ended(struct entry *e, int error)
{
    if (error == SSL_ERROR_ZERO_RETURN)
        entry_peer_ended(e);
    else if (e->rekeyed > REKEYS_MAX)
        conn_close(&e->conn, CLOSE_PROTOCOL);
    else if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_NONE)
        fail(e, CLOSE_PROTOCOL);
}

void conn_tls_take(struct entry *e, struct bytes raw)
{
    struct door *d = e->door;
    int error = SSL_ERROR_WANT_READ;
    size_t n = 0;
    d->feed = raw;
    if (e->shaken || shake(e))
        n = decrypt(e, &error);
    d->feed = BYTES_NONE;
    if (e->stage == STAGE_HANDSHAKE || e->stage >= STAGE_CLOSING)
        return;
    /* "RB": a header was read and its body is not whole; has_pending: not even the header is. */
    e->half_record = SSL_has_pending(e->ssl) || strcmp(SSL_rstate_string(e->ssl), "RB") == 0;
    entry_give(e, bytes_of(d->plain, n));
    ended(e, error);
}

bool conn_tls_seal(struct entry *e)
{
    while (buf_len(&e->out) && buf_len(&e->wire) < WIRE_MARK) {
        struct bytes b = bytes_first(buf_bytes(&e->out), RECORD_MAX);
        size_t n = 0;
        forget_errors();
        if (SSL_write_ex(e->ssl, b.p, b.n, &n) != 1) {
            ERR_clear_error();
            e->tls_failed = true;
            entry_break(e, CLOSE_MEMORY);
            return false;
        }
        buf_consume(&e->out, n);
    }
    return true;
}

void conn_tls_notify(struct entry *e)
{
    if (!conn_tls_ready(e))
        return;
    ERR_clear_error();
    SSL_shutdown(e->ssl);
    ERR_clear_error();
}

const char *conn_tls_version(const struct conn *c)
{
    const struct entry *e = entry_of_const(c);
    return conn_tls_ready(e) ? SSL_get_version(e->ssl) : "";
}

const char *conn_tls_cipher(const struct conn *c)
{
    const struct entry *e = entry_of_const(c);
    return conn_tls_ready(e) ? SSL_get_cipher_name(e->ssl) : "";
}

bool conn_tls_resumed(const struct conn *c)
{
    const struct entry *e = entry_of_const(c);
    return conn_tls_ready(e) && SSL_session_reused(e->ssl);
}

X509 *conn_tls_certificate(const struct conn *c)
{
    const struct entry *e = entry_of_const(c);
    if (!e->ssl || !conn_tls_ready(e) || SSL_session_reused(e->ssl) ||
        SSL_get_verify_result(e->ssl) != X509_V_OK)
        return NULL;
    return SSL_get0_peer_certificate(e->ssl);
}
