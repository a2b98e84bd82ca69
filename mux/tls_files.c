#include "mux/tls_files.h"
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#define SOON_DAYS 14

/* What one certificate file held. */
struct identity {
    X509 *leaf;
    STACK_OF(X509) * chain;
    EVP_PKEY *key;
};

static void identity_fini(struct identity *id)
{
    X509_free(id->leaf);
    sk_X509_pop_free(id->chain, X509_free);
    EVP_PKEY_free(id->key);
    *id = (struct identity){0};
}

static void complain(struct buf *why, const char *path, const char *what)
{
    if (why)
        buf_printf(why, "%s: %s\n", path, what);
    ERR_clear_error();
}

static BIO *open_file(const char *path, struct buf *why)
{
    BIO *file = BIO_new_file(path, "r");
    if (!file)
        complain(why, path, errno == EACCES ? "may not be read by this user" : "cannot be read");
    return file;
}

/* Never asks a terminal: a key with a passphrase is refused. */
static int no_passphrase(char *text, int size, int writing, void *arg)
{
    return -1;
}

static bool read_chain(BIO *file, struct identity *id)
{
    id->leaf = PEM_read_bio_X509_AUX(file, NULL, no_passphrase, NULL);
    id->chain = sk_X509_new_null();
    if (!id->leaf || !id->chain)
        return false;
    for (X509 *next; (next = PEM_read_bio_X509(file, NULL, no_passphrase, NULL));) {
        if (sk_X509_push(id->chain, next) <= 0) {
            X509_free(next);
            return false;
        }
    }
    ERR_clear_error(); /* "no start line": the end of the file */
    return true;
}

static bool read_certificate(const char *path, struct identity *id, struct buf *why)
{
    BIO *file = open_file(path, why);
    if (!file)
        return false;
    bool read = read_chain(file, id);
    BIO_free(file);
    if (!read)
        complain(why, path, "holds no certificate in PEM form");
    return read;
}

static EVP_PKEY *read_key(const char *path)
{
    BIO *file = BIO_new_file(path, "r");
    EVP_PKEY *key = file ? PEM_read_bio_PrivateKey(file, NULL, no_passphrase, NULL) : NULL;
    BIO_free(file);
    return key;
}

static bool take_key_if_it_fits(struct identity *id, const char *path)
{
    EVP_PKEY *key = read_key(path);
    if (key && X509_check_private_key(id->leaf, key) == 1) {
        id->key = key;
        return true;
    }
    EVP_PKEY_free(key);
    ERR_clear_error();
    return false;
}

static bool find_key(struct identity *id, const char *path, const struct tls_config *c, struct buf *why)
{
    bool found = take_key_if_it_fits(id, path);
    for (size_t i = 0; i < c->keys.n && !found; i++)
        found = take_key_if_it_fits(id, c->keys.items[i]);
    if (!found)
        complain(why, path, "none of tls.keys fits this certificate (or it has a passphrase)");
    return found;
}

/* SSL_CTX keeps one certificate of each kind: a second one would silently push the first out. */
static bool kind_is_new(SSL_CTX *ctx, EVP_PKEY *key)
{
    for (long rc = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_FIRST); rc == 1;
         rc = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_NEXT)) {
        const EVP_PKEY *have = SSL_CTX_get0_privatekey(ctx);
        if (have && EVP_PKEY_get_base_id(have) == EVP_PKEY_get_base_id(key))
            return false;
    }
    return true;
}

static bool use_identity(SSL_CTX *ctx, struct identity *id, const char *path, struct buf *why)
{
    if (!kind_is_new(ctx, id->key)) {
        complain(why, path, "is a second certificate of the same kind: one ECDSA and one RSA can be used");
        return false;
    }
    if (SSL_CTX_use_cert_and_key(ctx, id->leaf, id->key, id->chain, 1) == 1)
        return true;
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    complain(why, path, reason ? reason : "cannot be used");
    return false;
}

static bool load_one(SSL_CTX *ctx, const char *path, const struct tls_config *c, struct buf *why)
{
    struct identity id = {0};
    bool done =
        read_certificate(path, &id, why) && find_key(&id, path, c, why) && use_identity(ctx, &id, path, why);
    identity_fini(&id);
    return done;
}

/* A key file that cannot be read would only show as "none fits": say it here. */
static bool keys_can_be_read(const struct tls_config *c, struct buf *why)
{
    bool good = true;
    for (size_t i = 0; i < c->keys.n; i++) {
        BIO *file = open_file(c->keys.items[i], why);
        good = good && file;
        BIO_free(file);
    }
    return good;
}

bool tls_files_load(SSL_CTX *ctx, const struct tls_config *c, struct buf *why)
{
    if (c->certificates.n == 0) {
        complain(why, "tls.certificates", "is empty, but a tls:// listener needs a certificate");
        return false;
    }
    bool good = keys_can_be_read(c, why);
    for (size_t i = 0; i < c->certificates.n; i++)
        good = load_one(ctx, c->certificates.items[i], c, why) && good;
    return good;
}

static void warn_of_age(const char *path, const X509 *leaf, struct buf *out)
{
    int days = 0, seconds = 0;
    if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(leaf)) != 1)
        return;
    if (days < 0 || seconds < 0)
        buf_printf(out, "%s: this certificate has expired: phones will refuse it\n", path);
    else if (days < SOON_DAYS)
        buf_printf(out, "%s: this certificate expires in %d days\n", path, days);
    if (X509_cmp_current_time(X509_get0_notBefore(leaf)) > 0)
        buf_printf(out, "%s: this certificate is not valid yet: is the clock right?\n", path);
}

void tls_files_warn(const struct tls_config *c, struct buf *out)
{
    for (size_t i = 0; i < c->certificates.n; i++) {
        struct identity id = {0};
        if (read_certificate(c->certificates.items[i], &id, NULL))
            warn_of_age(c->certificates.items[i], id.leaf, out);
        identity_fini(&id);
    }
}
