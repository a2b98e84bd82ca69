/* tls_pair: a certificate authority, certificates as a test wants them, and a client and a server of TLS that
 * shake hands in memory. */
#pragma once
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* last: it redefines what it needs */
#include <cmocka.h>

struct authority {
    X509 *cert;
    EVP_PKEY *key;
    char file[64]; /* its certificate */
};

struct identity {
    X509 *cert;
    EVP_PKEY *key;
};

/* What a certificate says. */
struct wish {
    const char *names;  /* subjectAltName as openssl's configuration writes it; NULL: none, CN=nobody */
    const char *usage;  /* extendedKeyUsage; NULL: none */
    const char *key;    /* keyUsage; NULL: none */
    const char *basics; /* basicConstraints; NULL: none */
    bool old;           /* expired */
};

static inline void pair_extend(X509 *x, int nid, const char *text)
{
    if (!text)
        return;
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, text);
    assert_non_null(e);
    assert_int_equal(X509_add_ext(x, e, -1), 1);
    X509_EXTENSION_free(e);
}

static inline struct identity pair_identity(const struct authority *by, const char *name,
                                            const struct wish *w)
{
    struct identity id = {.cert = X509_new(), .key = EVP_EC_gen("P-256")};
    static long serial = 1;
    assert_non_null(id.key);
    X509_set_version(id.cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(id.cert), serial++);
    X509_gmtime_adj(X509_getm_notBefore(id.cert), -7200);
    X509_gmtime_adj(X509_getm_notAfter(id.cert), w->old ? -3600 : 86400);
    X509_set_pubkey(id.cert, id.key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(id.cert), "CN", MBSTRING_ASC, (const uint8_t *)name, -1,
                               -1, 0);
    X509_set_issuer_name(id.cert, X509_get_subject_name(by && by->cert ? by->cert : id.cert));
    pair_extend(id.cert, NID_subject_alt_name, w->names);
    pair_extend(id.cert, NID_ext_key_usage, w->usage);
    pair_extend(id.cert, NID_key_usage, w->key);
    pair_extend(id.cert, NID_basic_constraints, w->basics);
    assert_true(X509_sign(id.cert, by && by->cert ? by->key : id.key, EVP_sha256()) > 0);
    return id;
}

static inline void pair_identity_free(struct identity *id)
{
    X509_free(id->cert);
    EVP_PKEY_free(id->key);
}

static inline struct authority pair_authority(const char *name)
{
    const struct wish ca = {.basics = "critical,CA:TRUE", .key = "critical,keyCertSign"};
    struct identity id = pair_identity(NULL, name, &ca);
    struct authority a = {.cert = id.cert, .key = id.key};
    strcpy(a.file, "/tmp/sallyport-ca-XXXXXX");
    int fd = mkstemp(a.file);
    FILE *f = fdopen(fd, "w");
    assert_non_null(f);
    PEM_write_X509(f, a.cert);
    fclose(f);
    return a;
}

static inline void pair_authority_free(struct authority *a)
{
    unlink(a->file);
    X509_free(a->cert);
    EVP_PKEY_free(a->key);
}

static inline void pair_show(SSL *ssl, const struct identity *id)
{
    if (id)
        assert_int_equal(SSL_use_cert_and_key(ssl, id->cert, id->key, NULL, 1), 1);
}

/* True when both ends are done, and have read what the other one has to say after that. */
static inline bool pair_shake(SSL *client, SSL *server)
{
    BIO *a = BIO_new(BIO_s_mem()), *b = BIO_new(BIO_s_mem());
    char sink;
    BIO_set_mem_eof_return(a, -1);
    BIO_set_mem_eof_return(b, -1);
    BIO_up_ref(a);
    BIO_up_ref(b);
    SSL_set_bio(client, a, b);
    SSL_set_bio(server, b, a);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    bool done = false;
    for (int i = 0; i < 8; i++) {
        SSL_do_handshake(client);
        int rc = SSL_do_handshake(server);
        done = rc == 1 && SSL_is_init_finished(client);
        if (rc != 1 && SSL_get_error(server, rc) != SSL_ERROR_WANT_READ)
            break;
    }
    SSL_read(client, &sink, 1); /* tickets, alerts */
    return done;
}
