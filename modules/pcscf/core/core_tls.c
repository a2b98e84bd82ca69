#include "modules/pcscf/core/core_tls.h"
#include "modules/pcscf/core/cert_name.h"
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

struct core_tls {
    SSL_CTX *ctx;
    int name_at, wrong_at; /* ex_data of an SSL */
};

/* Called for each certificate of the chain; 0 is the far end's own. */
static int on_verify(int good, X509_STORE_CTX *sc)
{
    if (!good || X509_STORE_CTX_get_error_depth(sc) != 0)
        return good;
    const SSL *ssl = X509_STORE_CTX_get_ex_data(sc, SSL_get_ex_data_X509_STORE_CTX_idx());
    const struct core_tls *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    const char *name = SSL_get_ex_data(ssl, t->name_at);
    if (cert_name_matches(X509_STORE_CTX_get_current_cert(sc), name))
        return 1;
    *(bool *)SSL_get_ex_data(ssl, t->wrong_at) = true;
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

static bool load_ca(SSL_CTX *ctx, const struct pcscf_config *c, struct buf *why)
{
    bool good = c->core_tls_ca[0] ? SSL_CTX_load_verify_file(ctx, c->core_tls_ca) == 1
                                  : SSL_CTX_set_default_verify_paths(ctx) == 1;
    return good || say(why, "core_tls_ca", c->core_tls_ca);
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
    if (!t->ctx || t->name_at < 0 || t->wrong_at < 0 || !load_ca(t->ctx, c, why) ||
        !load_own(t->ctx, c, why)) {
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
