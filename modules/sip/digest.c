/* digest: the computation and its verdict. Reading and writing the header fields: digest_text.c */
#include "modules/sip/digest.h"
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

static const EVP_MD *hash_of(enum digest_algorithm a)
{
    switch (a) {
    case DIGEST_MD5:
        return EVP_md5();
    case DIGEST_SHA256:
        return EVP_sha256();
    default:
        return NULL;
    }
}

/* The parts with ':' between them, hashed, as hex (RFC 7616 3.4.1). Length, or 0. */
static size_t hash_parts(const EVP_MD *md, const struct bytes *parts, size_t n,
                         char hex[static DIGEST_HEX_MAX])
{
    uint8_t raw[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestInit_ex(ctx, md, NULL) == 1;
    for (size_t i = 0; ok && i < n; i++) {
        ok = i == 0 || EVP_DigestUpdate(ctx, ":", 1) == 1;
        ok = ok && EVP_DigestUpdate(ctx, parts[i].p, parts[i].n) == 1;
    }
    ok = ok && EVP_DigestFinal_ex(ctx, raw, &len) == 1;
    EVP_MD_CTX_free(ctx);
    return ok ? bytes_to_hex(bytes_of(raw, len), hex, DIGEST_HEX_MAX) : 0;
}

static struct bytes key_bytes(const struct user_key *key, enum digest_algorithm a)
{
    return a == DIGEST_SHA256 ? bytes_of(key->sha256, sizeof(key->sha256))
                              : bytes_of(key->md5, sizeof(key->md5));
}

size_t digest_response(const struct digest_input *in, const struct user_key *key,
                       char dst[static DIGEST_HEX_MAX])
{
    const EVP_MD *md = hash_of(in->algorithm);
    char ha1[DIGEST_HEX_MAX], ha2[DIGEST_HEX_MAX];
    dst[0] = 0;
    if (!md || in->qop == DIGEST_QOP_OTHER)
        return 0;
    struct bytes a2[] = {in->method, in->uri};
    size_t n1 = bytes_to_hex(key_bytes(key, in->algorithm), ha1, sizeof(ha1));
    size_t n2 = hash_parts(md, a2, 2, ha2);
    struct bytes with_qop[] = {bytes_of(ha1, n1), in->nonce,     in->nc_text,
                               in->cnonce,        BYTES("auth"), bytes_of(ha2, n2)};
    struct bytes bare[] = {bytes_of(ha1, n1), in->nonce, bytes_of(ha2, n2)}; /* RFC 2069 */
    bool qop = in->qop == DIGEST_QOP_AUTH;
    size_t n = n1 > 0 && n2 > 0 ? hash_parts(md, qop ? with_qop : bare, qop ? 6 : 3, dst) : 0;
    OPENSSL_cleanse(ha1, sizeof(ha1));
    return n;
}

/* The peer may write its hex in upper case (RFC 7616 says LHEX, RFC 2617 clients did not all care). */
static bool hex_eq(struct bytes theirs, struct bytes ours)
{
    char lower[DIGEST_HEX_MAX];
    if (theirs.n != ours.n || theirs.n >= sizeof(lower))
        return false;
    for (size_t i = 0; i < theirs.n; i++)
        lower[i] = (char)(theirs.p[i] >= 'A' && theirs.p[i] <= 'F' ? theirs.p[i] | 0x20 : theirs.p[i]);
    return bytes_eq_secret(bytes_of(lower, theirs.n), ours);
}

enum digest_verdict digest_verify(const struct digest_credentials *c, const struct user_key *key,
                                  struct bytes method)
{
    char expected[DIGEST_HEX_MAX];
    struct digest_input in = {
        .algorithm = c->algorithm,
        .qop = c->qop,
        .nonce = c->nonce,
        .nc_text = c->nc_text,
        .cnonce = c->cnonce,
        .method = method,
        .uri = c->uri,
    };
    size_t n = digest_response(&in, key, expected);
    if (n == 0)
        return DIGEST_REFUSED;
    bool ok = hex_eq(c->response, bytes_of(expected, n));
    OPENSSL_cleanse(expected, sizeof(expected));
    return ok ? DIGEST_OK : DIGEST_WRONG;
}
