/* A TURN client: TLS or TCP, long-term credentials (RFC 8489 9.2), the requests that the workloads need. */
#include "turn_load.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAGIC      0x2112A442u
#define HEAD       20u
#define ID_AT      8u
#define ID         12u
#define ERROR      0x0110u
#define SUCCESS    0x0100u
#define PATIENCE_S 10
#define TRIES      4

enum {
    USERNAME = 0x0006,
    INTEGRITY = 0x0008,
    ERROR_CODE = 0x0009,
    CHANNEL = 0x000C,
    LIFETIME = 0x000D,
    PEER = 0x0012,
    REALM = 0x0014,
    NONCE = 0x0015,
    RELAYED = 0x0016,
    REQUESTED_TRANSPORT = 0x0019,
};

SSL_CTX *client_context(const struct options *o)
{
    return tls_context(o->tls);
}

const char *client_tls(const struct client *c)
{
    return c->ssl ? SSL_get_version(c->ssl) : "none";
}

static int connect_to(const struct options *o)
{
    struct timeval patience = {.tv_sec = PATIENCE_S};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return BROKEN;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (const struct sockaddr *)&o->server, sizeof o->server) == 0)
        return fd;
    close(fd);
    return BROKEN;
}

int client_open(struct client *c, const struct options *o, SSL_CTX *context, size_t in_cap)
{
    uint8_t *in = c->in_cap == in_cap ? c->in : realloc(c->in, in_cap);
    *c = (struct client){.in = in, .in_cap = in_cap, .fd = in ? connect_to(o) : BROKEN};
    if (c->fd < 0)
        return BROKEN;
    if (o->plain)
        return 0;
    c->ssl = SSL_new(context);
    if (c->ssl && SSL_set_fd(c->ssl, c->fd) == 1 && SSL_connect(c->ssl) == 1)
        return 0;
    client_close(c, false);
    return BROKEN;
}

void client_close(struct client *c, bool tell)
{
    if (c->ssl && tell)
        SSL_shutdown(c->ssl);
    SSL_free(c->ssl);
    ERR_clear_error();
    c->ssl = NULL;
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

void client_unblock(struct client *c)
{
    fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) | O_NONBLOCK);
}

static ssize_t tls_result(struct client *c, int n)
{
    if (n > 0)
        return n;
    int e = SSL_get_error(c->ssl, n);
    ERR_clear_error();
    errno = e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
    return -1;
}

static ssize_t tcp_result(ssize_t n)
{
    if (n == 0)
        errno = ECONNRESET;
    return n > 0 ? n : -1;
}

ssize_t client_read(struct client *c, void *mem, size_t cap)
{
    return c->ssl ? tls_result(c, SSL_read(c->ssl, mem, (int)cap)) : tcp_result(recv(c->fd, mem, cap, 0));
}

ssize_t client_write(struct client *c, const void *mem, size_t n)
{
    return c->ssl ? tls_result(c, SSL_write(c->ssl, mem, (int)n))
                  : tcp_result(send(c->fd, mem, n, MSG_NOSIGNAL));
}

size_t frame_size(const uint8_t *in, size_t n)
{
    if (n < 4)
        return 0;
    size_t size = in[0] & 0x40 ? 4 + ((get16(in + 2) + 3u) & ~3u) : HEAD + get16(in + 2);
    return size <= n ? size : 0;
}

/* --- messages --- */

void message_begin(struct message *m, unsigned method)
{
    static const uint8_t magic[4] = {MAGIC >> 24, MAGIC >> 16 & 0xFF, MAGIC >> 8 & 0xFF, MAGIC & 0xFF};
    put16(m->bytes, method);
    put16(m->bytes + 2, 0);
    memcpy(m->bytes + 4, magic, 4);
    RAND_bytes(m->bytes + ID_AT, ID);
    m->n = HEAD;
}

void message_put(struct message *m, unsigned type, const void *value, size_t n)
{
    size_t padded = (n + 3) & ~(size_t)3;
    if (m->n + 4 + padded > sizeof m->bytes)
        give_up("message too long", 0);
    put16(m->bytes + m->n, type);
    put16(m->bytes + m->n + 2, (unsigned)n);
    memset(m->bytes + m->n + 4, 0, padded);
    memcpy(m->bytes + m->n + 4, value, n);
    m->n += 4 + padded;
    put16(m->bytes + 2, (unsigned)(m->n - HEAD));
}

/* RFC 8489 14.2. */
void message_put_peer(struct message *m, const struct sockaddr_in *peer)
{
    uint8_t v[8] = {0, 1};
    uint32_t ip = peer->sin_addr.s_addr ^ htonl(MAGIC);
    put16(v + 2, ntohs(peer->sin_port) ^ (MAGIC >> 16));
    memcpy(v + 4, &ip, 4);
    message_put(m, PEER, v, sizeof v);
}

static void read_xor(const uint8_t *v, struct sockaddr_in *out)
{
    uint32_t ip;
    memcpy(&ip, v + 4, 4);
    *out = (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)(get16(v + 2) ^ (MAGIC >> 16))),
                                .sin_addr = {ip ^ htonl(MAGIC)}};
}

const uint8_t *message_find(const struct message *m, unsigned type, size_t *n)
{
    for (size_t at = HEAD; at + 4 <= m->n;) {
        size_t size = get16(m->bytes + at + 2);
        if (at + 4 + size > m->n)
            return NULL;
        if (get16(m->bytes + at) == type) {
            *n = size;
            return m->bytes + at + 4;
        }
        at += 4 + ((size + 3) & ~(size_t)3);
    }
    return NULL;
}

/* RFC 8489 14.5: the length counts up to the end of MESSAGE-INTEGRITY, the digest to its beginning. */
static void sign(struct client *c, const struct options *o, struct message *m)
{
    uint8_t mac[20];
    unsigned n = sizeof mac;
    if (!c->has_key)
        return;
    message_put(m, USERNAME, o->user, strlen(o->user));
    message_put(m, REALM, c->realm, strlen(c->realm));
    message_put(m, NONCE, c->nonce, strlen(c->nonce));
    put16(m->bytes + 2, (unsigned)(m->n - HEAD + 24));
    HMAC(EVP_sha1(), c->key, sizeof c->key, m->bytes, m->n, mac, &n);
    message_put(m, INTEGRITY, mac, sizeof mac);
}

static bool copy_text(char *to, size_t cap, const struct message *m, unsigned type)
{
    size_t n;
    const uint8_t *v = message_find(m, type, &n);
    if (!v || n >= cap)
        return false;
    memcpy(to, v, n);
    to[n] = 0;
    return true;
}

/* The key of RFC 8489 9.2.2. */
static bool learn(struct client *c, const struct options *o, const struct message *answer)
{
    char text[512];
    if (!copy_text(c->nonce, sizeof c->nonce, answer, NONCE) ||
        !copy_text(c->realm, sizeof c->realm, answer, REALM))
        return false;
    int n = snprintf(text, sizeof text, "%s:%s:%s", o->user, c->realm, o->password);
    c->has_key = EVP_Digest(text, (size_t)n, c->key, NULL, EVP_md5(), NULL) == 1;
    return c->has_key;
}

void client_trust(struct client *c, const struct client *other)
{
    memcpy(c->realm, other->realm, sizeof c->realm);
    memcpy(c->nonce, other->nonce, sizeof c->nonce);
    memcpy(c->key, other->key, sizeof c->key);
    c->has_key = other->has_key;
}

static int fill(struct client *c, size_t *size)
{
    while (!(*size = frame_size(c->in, c->in_n))) {
        ssize_t n = c->in_n < c->in_cap ? client_read(c, c->in + c->in_n, c->in_cap - c->in_n) : -1;
        if (n < 0)
            return BROKEN;
        c->in_n += (size_t)n;
    }
    return 0;
}

/* The answer to that transaction; whatever else comes before it is let go. */
static int await(struct client *c, const struct message *m, struct message *answer)
{
    size_t size;
    for (bool found = false; !found;) {
        if (fill(c, &size) < 0)
            return BROKEN;
        found = !(c->in[0] & 0xC0) && size <= sizeof answer->bytes &&
                memcmp(c->in + ID_AT, m->bytes + ID_AT, ID) == 0;
        if (found)
            memcpy(answer->bytes, c->in, answer->n = size);
        memmove(c->in, c->in + size, c->in_n - size);
        c->in_n -= size;
    }
    return 0;
}

static int verdict(const struct message *m, const struct message *answer)
{
    size_t n;
    unsigned method = get16(m->bytes);
    if (get16(answer->bytes) == (method | SUCCESS))
        return 0;
    const uint8_t *v = get16(answer->bytes) == (method | ERROR) ? message_find(answer, ERROR_CODE, &n) : NULL;
    return v && n >= 4 ? (v[2] & 7) * 100 + v[3] : BROKEN;
}

int client_ask(struct client *c, const struct options *o, const struct message *m, struct message *answer)
{
    int code = BROKEN;
    for (int tried = 0; tried < TRIES; tried++) {
        struct message fresh = *m;
        RAND_bytes(fresh.bytes + ID_AT, ID);
        sign(c, o, &fresh);
        if (client_write(c, fresh.bytes, fresh.n) != (ssize_t)fresh.n || await(c, &fresh, answer) < 0)
            return BROKEN;
        code = verdict(m, answer);
        bool again = (code == 401 && !c->has_key) || code == 438;
        if (!again || !learn(c, o, answer))
            return code;
    }
    return code;
}

int client_allocate(struct client *c, const struct options *o, uint8_t transport)
{
    struct message m, answer;
    size_t n;
    message_begin(&m, ALLOCATE);
    message_put(&m, REQUESTED_TRANSPORT, (uint8_t[4]){transport}, 4);
    int code = client_ask(c, o, &m, &answer);
    const uint8_t *v = code ? NULL : message_find(&answer, RELAYED, &n);
    if (v && n == 8)
        read_xor(v, &c->relayed);
    return code || v ? code : BROKEN;
}

int client_permit(struct client *c, const struct options *o, const struct sockaddr_in *peer)
{
    struct message m, answer;
    message_begin(&m, CREATE_PERMISSION);
    message_put_peer(&m, peer);
    return client_ask(c, o, &m, &answer);
}

int client_bind(struct client *c, const struct options *o, const struct sockaddr_in *peer)
{
    struct message m, answer;
    message_begin(&m, CHANNEL_BIND);
    message_put(&m, CHANNEL, (uint8_t[4]){CHANNEL_NUMBER >> 8, CHANNEL_NUMBER & 0xFF}, 4);
    message_put_peer(&m, peer);
    return client_ask(c, o, &m, &answer);
}

int client_refresh(struct client *c, const struct options *o, uint32_t seconds)
{
    struct message m, answer;
    uint32_t field = htonl(seconds);
    message_begin(&m, REFRESH);
    message_put(&m, LIFETIME, &field, 4);
    return client_ask(c, o, &m, &answer);
}
