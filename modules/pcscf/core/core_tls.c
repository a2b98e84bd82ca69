#include "modules/pcscf/core/core_tls.h"
#include "modules/pcscf/core/cert_name.h"
#include "modules/pcscf/core/cert_usage.h"
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

struct core_tls {
    SSL_CTX *ctx;
    STACK_OF(X509_NAME) * authorities; /* of core_tls_ca; NULL: the system's */
    int name_at, wrong_at;             /* ex_data of an SSL */
    bool (*knows)(void *arg, X509 *cert);
    void *arg;
};

static const SSL *ssl_of(X509_STORE_CTX *sc)
{
    return X509_STORE_CTX_get_ex_data(sc, SSL_get_ex_data_X509_STORE_CTX_idx());
}

/* Called for each certificate of the chain; 0 is the far end's own, and that it is good comes last. */
static int on_verify(int good, X509_STORE_CTX *sc)
{
    if (!good)
        return cert_usage_excuses(sc);
    if (X509_STORE_CTX_get_error_depth(sc) != 0)
        return 1;
    const SSL *ssl = ssl_of(sc);
    const struct core_tls *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    const char *name = SSL_get_ex_data(ssl, t->name_at);
    if (cert_name_matches(X509_STORE_CTX_get_current_cert(sc), name))
        return 1;
    *(bool *)SSL_get_ex_data(ssl, t->wrong_at) = true;
    X509_STORE_CTX_set_error(sc, X509_V_ERR_HOSTNAME_MISMATCH);
    return 0;
}

static int on_verify_client(int good, X509_STORE_CTX *sc)
{
    if (!good)
        return cert_usage_excuses(sc);
    if (X509_STORE_CTX_get_error_depth(sc) != 0)
        return 1;
    const struct core_tls *t = SSL_get_app_data(ssl_of(sc));
    if (t->knows && t->knows(t->arg, X509_STORE_CTX_get_current_cert(sc)))
        return 1;
    X509_STORE_CTX_set_error(sc, X509_V_ERR_HOSTNAME_MISMATCH);
    return 0;
}

static bool say(struct buf *why, const char *key, const char *file)
{
    unsigned long e = ERR_peek_error();
    const char *reason =
        ERR_SYSTEM_ERROR(e) ? strerrordesc_np(ERR_GET_REASON(e)) : ERR_reason_error_string(e);
    buf_printf(why, "pcscf.%s: %s: %s", key, file[0] ? file : "(the system's)",
               reason ? reason : "cannot be read");
    ERR_clear_error();
    return false;
}

static bool load_ca(struct core_tls *t, const struct pcscf_config *c, struct buf *why)
{
    const char *file = c->core_tls_ca;
    bool good =
        file[0] ? SSL_CTX_load_verify_file(t->ctx, file) == 1 : SSL_CTX_set_default_verify_paths(t->ctx) == 1;
    if (good && file[0])
        t->authorities = SSL_load_client_CA_file(file);
    return (good && (t->authorities || !file[0])) || say(why, "core_tls_ca", file);
}

static bool load_own(SSL_CTX *ctx, const struct pcscf_config *c, struct buf *why)
{
    const char *key = c->core_tls_key[0] ? c->core_tls_key : c->core_tls_certificate;
    if (!c->core_tls_certificate[0]) {
        if (!c->core_tls_key[0])
            return true;
        buf_str(why, "pcscf.core_tls_key is set, but not the certificate it belongs to");
        return false;
    }
    if (SSL_CTX_use_certificate_chain_file(ctx, c->core_tls_certificate) != 1)
        return say(why, "core_tls_certificate", c->core_tls_certificate);
    return SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1 || say(why, "core_tls_key", key);
}

struct core_tls *core_tls_create(const struct pcscf_config *c, struct buf *why)
{
    struct core_tls *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    ERR_clear_error();
    t->ctx = SSL_CTX_new(TLS_client_method());
    t->name_at = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    t->wrong_at = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    if (!t->ctx || t->name_at < 0 || t->wrong_at < 0 || !load_ca(t, c, why) || !load_own(t->ctx, c, why)) {
        core_tls_destroy(t);
        return NULL;
    }
    SSL_CTX_set_app_data(t->ctx, t);
    SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION);
    SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, on_verify);
    SSL_CTX_set_options(t->ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(t->ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return t;
}

void core_tls_destroy(struct core_tls *t)
{
    if (!t)
        return;
    SSL_CTX_free(t->ctx);
    sk_X509_NAME_pop_free(t->authorities, X509_NAME_free);
    free(t);
}

/* RFC 6066 3: names go into the server_name extension, addresses do not. */
static bool set_sni(SSL *ssl, const char *name)
{
    struct addr a;
    return addr_parse(bytes_str(name), 0, &a) || SSL_set_tlsext_host_name(ssl, name) == 1;
}

SSL *core_tls_client(struct core_tls *t, const char *name, bool *wrong)
{
    SSL *ssl = SSL_new(t->ctx);
    if (ssl && set_sni(ssl, name) && SSL_set_ex_data(ssl, t->name_at, (void *)(uintptr_t)name) == 1 &&
        SSL_set_ex_data(ssl, t->wrong_at, wrong) == 1)
        return ssl;
    SSL_free(ssl);
    ERR_clear_error();
    return NULL;
}

/* So that a client with several certificates knows which to show (RFC 8446 4.2.4); not all of the system's.
 */
static bool name_authorities(const struct core_tls *t, SSL *ssl)
{
    STACK_OF(X509_NAME) *names = t->authorities ? SSL_dup_CA_list(t->authorities) : NULL;
    if (names)
        SSL_set_client_CA_list(ssl, names);
    return names || !t->authorities;
}

void core_tls_set_known(struct core_tls *t, bool (*knows)(void *arg, X509 *cert), void *arg)
{
    t->knows = knows;
    t->arg = arg;
}

bool core_tls_ask(struct core_tls *t, SSL *ssl, bool required)
{
    static const unsigned char context[] = "sallyport core";
    SSL_set_app_data(ssl, t);
    SSL_set_options(ssl, SSL_OP_NO_TICKET);
    SSL_set_verify(ssl, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), on_verify_client);
    bool done = SSL_set_num_tickets(ssl, 0) == 1 &&
                SSL_set_session_id_context(ssl, context, sizeof(context) - 1) == 1 &&
                SSL_set1_verify_cert_store(ssl, SSL_CTX_get_cert_store(t->ctx)) == 1 &&
                name_authorities(t, ssl);
    ERR_clear_error();
    return done;
}
