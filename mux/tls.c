#include "mux/tls.h"
#include "appliance/base/random.h"
#include "mux/tls_files.h"
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

/* Design: TURN before SIP before HTTP whatever the client's order, since turnutils_uclient offers http/1.1
 * first on a TURN connection. h2 is never chosen, for no module names it. An id that nobody speaks is no
 * error: the first bytes decide (NOACK; RFC 7301 3.2 lets a server ignore the extension). */
static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                       const unsigned char *offered, unsigned offered_len, void *arg)
{
    const struct tls *t = arg;
    unsigned char *choice = NULL;
    if (t->alpn_len == 0 || offered_len == 0)
        return SSL_TLSEXT_ERR_NOACK;
    if (SSL_select_next_proto(&choice, out_len, t->alpn, (unsigned)t->alpn_len, offered, offered_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = choice;
    return SSL_TLSEXT_ERR_OK;
}

static void list_alpn(struct tls *t, const struct module *const *modules)
{
    for (; modules && *modules; modules++) {
        for (const char *const *id = (*modules)->alpn; id && *id; id++) {
            size_t n = strlen(*id);
            if (n == 0 || n > 255 || t->alpn_len + 1 + n > sizeof t->alpn)
                continue;
            t->alpn[t->alpn_len] = (uint8_t)n;
            memcpy(t->alpn + t->alpn_len + 1, *id, n);
            t->alpn_len += 1 + n;
        }
    }
}

/* Tickets: 16 bytes of name, then 32 for AES-256-CBC and 32 for HMAC-SHA-256 (RFC 5077 4). */
static const uint8_t *ticket_name(const struct ticket_key *k)
{
    return k->bytes;
}

static int arm_ticket(const struct ticket_key *k, uint8_t *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                      int sealing)
{
    uint8_t aes[32], hmac[32];
    memcpy(aes, k->bytes + 16, sizeof aes);
    memcpy(hmac, k->bytes + 48, sizeof hmac);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, hmac, sizeof hmac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
        OSSL_PARAM_construct_end(),
    };
    int done = EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, aes, iv, sealing) == 1 &&
               EVP_MAC_CTX_set_params(mac, params) == 1;
    OPENSSL_cleanse(aes, sizeof aes);
    OPENSSL_cleanse(hmac, sizeof hmac);
    return done ? 1 : -1;
}

/* OpenSSL's convention: sealing 1 = done; opening 0 = not ours (full handshake), 1 = good, 2 = good but old:
 * renew. */
static int ticket_keys(SSL *ssl, unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *cipher,
                       EVP_MAC_CTX *mac, int sealing)
{
    const struct tls *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    if (sealing) {
        memcpy(name, ticket_name(&t->current), 16);
        random_fill(iv, EVP_MAX_IV_LENGTH);
        return arm_ticket(&t->current, iv, cipher, mac, 1);
    }
    if (memcmp(name, ticket_name(&t->current), 16) == 0)
        return arm_ticket(&t->current, iv, cipher, mac, 0);
    if (!t->has_previous || memcmp(name, ticket_name(&t->previous), 16) != 0)
        return 0;
    return arm_ticket(&t->previous, iv, cipher, mac, 0) == 1 ? 2 : -1;
}

void tls_set_ticket_keys(struct tls *t, const struct keyring *k)
{
    if (!k)
        return;
    t->current = k->ticket_current;
    t->previous = k->ticket_previous;
    t->has_previous = k->has_ticket_previous;
    if (!t->has_ticket_keys)
        SSL_CTX_set_tlsext_ticket_key_evp_cb(t->ctx, ticket_keys);
    t->has_ticket_keys = true;
}

static void set_tickets(SSL_CTX *ctx, const struct tls_config *c)
{
    /* Nothing is remembered here: a session lives in its ticket, so that any worker, and the next process,
     * takes it. */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(ctx, (long)(c->ticket_lifetime / 1000));
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"sallyport", 9);
    SSL_CTX_set_num_tickets(ctx, c->tickets ? 1 : 0);
    if (!c->tickets)
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
}

static bool set_ciphers(SSL_CTX *ctx, const struct tls_config *c, struct buf *why)
{
    const char *bad = NULL;
    if (SSL_CTX_set_cipher_list(ctx, c->ciphers) != 1)
        bad = "tls.ciphers: no cipher suite of that name for TLS 1.2";
    else if (SSL_CTX_set_ciphersuites(ctx, c->ciphersuites) != 1)
        bad = "tls.ciphersuites: no cipher suite of that name for TLS 1.3";
    else if (SSL_CTX_set1_groups_list(ctx, c->groups) != 1)
        bad = "tls.groups: no group of that name";
    if (bad && why)
        buf_printf(why, "%s\n", bad);
    return !bad;
}

static void set_options(SSL_CTX *ctx, const struct tls_config *c)
{
    SSL_CTX_set_min_proto_version(ctx, c->min_version == TLS_MIN_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
}

static bool set_up(struct tls *t, const struct tls_config *c, struct buf *why)
{
    t->ctx = SSL_CTX_new(TLS_server_method());
    if (!t->ctx)
        return false;
    SSL_CTX_set_app_data(t->ctx, t);
    set_options(t->ctx, c);
    set_tickets(t->ctx, c);
    SSL_CTX_set_alpn_select_cb(t->ctx, choose_alpn, t);
    return set_ciphers(t->ctx, c, why) && tls_files_load(t->ctx, c, why);
}

struct tls *tls_create(const struct tls_config *c, const struct module *const *modules, struct buf *why)
{
    struct tls *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->holders = 1;
    list_alpn(t, modules);
    bool good = set_up(t, c, why);
    ERR_clear_error();
    if (good)
        return t;
    tls_drop(t);
    return NULL;
}

struct tls *tls_hold(struct tls *t)
{
    t->holders++;
    return t;
}

void tls_drop(struct tls *t)
{
    if (!t || --t->holders > 0)
        return;
    SSL_CTX_free(t->ctx);
    OPENSSL_cleanse(&t->current, sizeof t->current);
    OPENSSL_cleanse(&t->previous, sizeof t->previous);
    free(t);
}
