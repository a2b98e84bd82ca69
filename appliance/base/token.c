#include "appliance/base/token.h"
#include "appliance/base/random.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

#define NONCE_BYTES 12 /* NIST SP 800-38D section 5.2.1.1 */
#define TAG_BYTES   16
#define SEALED_MAX  (TOKEN_PLAIN_MAX + TOKEN_OVERHEAD)

/* Layout: key id, nonce, cipher text, tag. The key id and the purpose are authenticated as AAD. */

struct opener {
    uint8_t id;
    EVP_CIPHER_CTX *ctx; /* NULL: there is none */
};

struct token_box {
    uint8_t seal_id;
    EVP_CIPHER_CTX *seal;
    struct opener open[2]; /* current, previous */
};

/* A context that keeps the key: each token then only sets its nonce. */
static EVP_CIPHER_CTX *keyed(const EVP_CIPHER *cipher, const struct token_key *key, bool seal)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (ctx && EVP_CipherInit_ex2(ctx, cipher, key->key, NULL, seal, NULL) != 1) {
        EVP_CIPHER_CTX_free(ctx);
        ctx = NULL;
    }
    return ctx;
}

static bool fill_box(struct token_box *box, const struct token_key *current, const struct token_key *previous)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    if (!cipher)
        return false;
    box->seal_id = current->id;
    box->seal = keyed(cipher, current, true);
    box->open[0] = (struct opener){current->id, keyed(cipher, current, false)};
    bool ok = box->seal && box->open[0].ctx;
    if (previous) {
        box->open[1] = (struct opener){previous->id, keyed(cipher, previous, false)};
        ok = ok && box->open[1].ctx;
    }
    EVP_CIPHER_free(cipher); /* the contexts hold it */
    return ok;
}

struct token_box *token_box_create(const struct token_key *current, const struct token_key *previous)
{
    struct token_box *box = calloc(1, sizeof *box);
    if (box && !fill_box(box, current, previous)) {
        token_box_destroy(box);
        box = NULL;
    }
    return box;
}

void token_box_destroy(struct token_box *box)
{
    if (!box)
        return;
    EVP_CIPHER_CTX_free(box->seal); /* cleanses the key schedule; takes NULL */
    EVP_CIPHER_CTX_free(box->open[0].ctx);
    EVP_CIPHER_CTX_free(box->open[1].ctx);
    free(box);
}

/* Nonce and AAD: the same for both directions. */
static bool begin(EVP_CIPHER_CTX *ctx, enum token_purpose why, uint8_t key_id, const uint8_t *nonce)
{
    const uint8_t aad[] = {'S', 'P', 1, (uint8_t)why, key_id};
    int n;
    return EVP_CipherInit_ex2(ctx, NULL, NULL, nonce, -1, NULL) == 1 &&
           EVP_CipherUpdate(ctx, NULL, &n, aad, sizeof aad) == 1;
}

/* GCM is a stream: as many bytes come out as go in. */
static bool run_cipher(EVP_CIPHER_CTX *ctx, struct bytes in, uint8_t *out)
{
    int n;
    return in.n == 0 || (EVP_CipherUpdate(ctx, out, &n, in.p, (int)in.n) == 1 && (size_t)n == in.n);
}

size_t token_seal(struct token_box *box, enum token_purpose why, struct bytes plain, uint8_t *dst, size_t cap)
{
    if (plain.n > TOKEN_PLAIN_MAX || cap < plain.n + TOKEN_OVERHEAD)
        return 0;
    uint8_t *nonce = dst + 1, *text = nonce + NONCE_BYTES, *tag = text + plain.n;
    uint8_t nothing[TAG_BYTES];
    int n;
    dst[0] = box->seal_id;
    random_fill(nonce, NONCE_BYTES);
    if (!begin(box->seal, why, box->seal_id, nonce) || !run_cipher(box->seal, plain, text) ||
        EVP_CipherFinal_ex(box->seal, nothing, &n) != 1 ||
        EVP_CIPHER_CTX_ctrl(box->seal, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, tag) != 1)
        return 0;
    return plain.n + TOKEN_OVERHEAD;
}

static bool open_with(const struct opener *o, enum token_purpose why, struct bytes sealed, uint8_t *dst)
{
    uint8_t tag[TAG_BYTES], nothing[TAG_BYTES];
    struct bytes text = bytes_of(sealed.p + 1 + NONCE_BYTES, sealed.n - TOKEN_OVERHEAD);
    int n;
    memcpy(tag, text.p + text.n, TAG_BYTES);
    return begin(o->ctx, why, o->id, sealed.p + 1) && run_cipher(o->ctx, text, dst) &&
           EVP_CIPHER_CTX_ctrl(o->ctx, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) == 1 &&
           EVP_CipherFinal_ex(o->ctx, nothing, &n) == 1;
}

size_t token_open(struct token_box *box, enum token_purpose why, struct bytes sealed, uint8_t *dst,
                  size_t cap)
{
    if (sealed.n < TOKEN_OVERHEAD || sealed.n > SEALED_MAX || cap < sealed.n - TOKEN_OVERHEAD)
        return BYTES_NOT_FOUND;
    size_t n = sealed.n - TOKEN_OVERHEAD;
    uint8_t plain[TOKEN_PLAIN_MAX]; /* dst sees nothing that the tag does not vouch for */
    for (size_t i = 0; i < 2; i++) {
        const struct opener *o = &box->open[i];
        if (!o->ctx || o->id != sealed.p[0] || !open_with(o, why, sealed, plain))
            continue;
        if (n > 0)
            memcpy(dst, plain, n);
        OPENSSL_cleanse(plain, sizeof plain);
        return n;
    }
    OPENSSL_cleanse(plain, sizeof plain);
    return BYTES_NOT_FOUND;
}

size_t token_seal_text(struct token_box *box, enum token_purpose why, struct bytes plain, char *dst,
                       size_t cap)
{
    uint8_t sealed[SEALED_MAX];
    size_t n = token_seal(box, why, plain, sealed, sizeof sealed);
    if (n > 0)
        return bytes_to_base64url(bytes_of(sealed, n), dst, cap);
    if (cap > 0)
        dst[0] = '\0';
    return 0;
}

size_t token_open_text(struct token_box *box, enum token_purpose why, struct bytes text, uint8_t *dst,
                       size_t cap)
{
    uint8_t sealed[SEALED_MAX];
    size_t n = bytes_from_base64url(text, sealed, sizeof sealed);
    return n == BYTES_NOT_FOUND ? BYTES_NOT_FOUND : token_open(box, why, bytes_of(sealed, n), dst, cap);
}
