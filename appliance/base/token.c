#include "appliance/base/token.h"
#include "appliance/base/random.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
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
    EVP_CIPHER *siv;
    uint8_t short_keys[2][TOKEN_KEY_BYTES]; /* likewise */
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

/* One key, one use: what the short tokens are sealed with tells nothing of the other. */
static bool derive(const struct token_key *key, uint8_t out[static TOKEN_KEY_BYTES])
{
    static const uint8_t label[] = "Sallyport short token";
    unsigned n = 0;
    return HMAC(EVP_sha256(), key->key, TOKEN_KEY_BYTES, label, sizeof label - 1, out, &n) != NULL &&
           n == TOKEN_KEY_BYTES;
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
    EVP_CIPHER_free(cipher);                                /* the contexts hold it */
    box->siv = EVP_CIPHER_fetch(NULL, "AES-128-SIV", NULL); /* its key is of two times 128 bits */
    return ok && box->siv && derive(current, box->short_keys[0]) &&
           (!previous || derive(previous, box->short_keys[1]));
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
    EVP_CIPHER_free(box->siv);
    OPENSSL_cleanse(box->short_keys, sizeof box->short_keys);
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

/* SIV needs the whole of it at once, and a fresh start for each: so a context for each. */
static EVP_CIPHER_CTX *begin_short(const struct token_box *box, unsigned which, enum token_purpose why,
                                   bool seal)
{
    const uint8_t aad[] = {'S', 'P', 2, (uint8_t)why};
    int n;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (ctx && EVP_CipherInit_ex2(ctx, box->siv, box->short_keys[which], NULL, seal, NULL) == 1 &&
        EVP_CipherUpdate(ctx, NULL, &n, aad, sizeof aad) == 1)
        return ctx;
    EVP_CIPHER_CTX_free(ctx);
    return NULL;
}

size_t token_seal_short(struct token_box *box, enum token_purpose why, struct bytes plain, uint8_t *dst,
                        size_t cap)
{
    uint8_t nothing[TAG_BYTES];
    int n = 0;
    if (!plain.n || plain.n > TOKEN_PLAIN_MAX || cap < plain.n + TOKEN_SHORT_OVERHEAD)
        return 0;
    EVP_CIPHER_CTX *ctx = begin_short(box, 0, why, true);
    bool ok = ctx && run_cipher(ctx, plain, dst + TAG_BYTES) && EVP_CipherFinal_ex(ctx, nothing, &n) == 1 &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, dst) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return ok ? plain.n + TOKEN_SHORT_OVERHEAD : 0;
}

static bool open_short_with(const struct token_box *box, unsigned which, enum token_purpose why,
                            struct bytes sealed, uint8_t *dst)
{
    uint8_t tag[TAG_BYTES], nothing[TAG_BYTES];
    int n = 0;
    EVP_CIPHER_CTX *ctx = begin_short(box, which, why, false);
    memcpy(tag, sealed.p, TAG_BYTES);
    bool ok = ctx && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) == 1 &&
              run_cipher(ctx, bytes_skip(sealed, TAG_BYTES), dst) &&
              EVP_CipherFinal_ex(ctx, nothing, &n) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

size_t token_open_short(struct token_box *box, enum token_purpose why, struct bytes sealed, uint8_t *dst,
                        size_t cap)
{
    uint8_t plain[TOKEN_PLAIN_MAX];
    if (sealed.n <= TOKEN_SHORT_OVERHEAD || sealed.n > TOKEN_PLAIN_MAX + TOKEN_SHORT_OVERHEAD ||
        cap < sealed.n - TOKEN_SHORT_OVERHEAD)
        return BYTES_NOT_FOUND;
    size_t n = sealed.n - TOKEN_SHORT_OVERHEAD;
    bool ok = open_short_with(box, 0, why, sealed, plain) ||
              (box->open[1].ctx && open_short_with(box, 1, why, sealed, plain));
    if (ok)
        memcpy(dst, plain, n);
    OPENSSL_cleanse(plain, sizeof plain);
    return ok ? n : BYTES_NOT_FOUND;
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
