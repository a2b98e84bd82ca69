#include "modules/turn/access_token.h"
#include "appliance/base/wire.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define NONCE_BYTES 12u /* RFC 5116 5.1 and 5.2 */
#define TAG_BYTES   16u
#define DELTA       5u /* seconds, RFC 7635 7 */
#define BLOCK_FIXED (2u + 8 + 4)

/* Base64 of RFC 4648 section 4, padded or not; our own decoder is of section 5. */
static size_t from_base64(struct bytes text, uint8_t *dst, size_t cap)
{
    char url[(ACCESS_TOKEN_MAX + 2) / 3 * 4];
    for (int i = 0; i < 2 && text.n && text.p[text.n - 1] == '='; i++)
        text.n--;
    if (text.n > sizeof(url))
        return BYTES_NOT_FOUND;
    for (size_t i = 0; i < text.n; i++) {
        char c = (char)text.p[i];
        url[i] = c == '+' ? '-' : c == '/' ? '_' : c;
    }
    size_t n = bytes_from_base64url(bytes_of(url, text.n), dst, cap);
    OPENSSL_cleanse(url, sizeof(url));
    return n;
}

bool oauth_key_parse(const char *item, struct oauth_key *out)
{
    struct bytes text = bytes_str(item);
    size_t colon = bytes_find_byte(text, ':');
    if (colon == BYTES_NOT_FOUND || colon == 0 || colon > ACCESS_TOKEN_KID)
        return false;
    out->kid = bytes_first(text, colon);
    out->n = from_base64(bytes_skip(text, colon + 1), out->key, sizeof(out->key));
    return out->n == 16 || out->n == 32;
}

bool oauth_key_check(const char *item, const char **why)
{
    struct oauth_key key;
    bool good = oauth_key_parse(item, &key);
    OPENSSL_cleanse(&key, sizeof(key));
    if (!good)
        *why = "write kid:key, the key of 16 or 32 bytes in base64, the kid of 64 characters at most";
    return good;
}

struct sealed {
    struct bytes nonce, cipher, tag;
};

static bool cut(struct bytes token, struct sealed *out)
{
    struct wire_in in = wire_in(token);
    if (wire_u16(&in) != NONCE_BYTES)
        return false;
    out->nonce = wire_bytes(&in, NONCE_BYTES);
    if (in.bad || wire_left(&in) < TAG_BYTES + BLOCK_FIXED)
        return false;
    out->cipher = wire_bytes(&in, wire_left(&in) - TAG_BYTES);
    out->tag = wire_bytes(&in, TAG_BYTES);
    return !in.bad;
}

static bool decrypt(EVP_CIPHER_CTX *ctx, const struct oauth_key *key, const struct sealed *s,
                    struct bytes server, uint8_t *plain)
{
    const EVP_CIPHER *cipher = key->n == 32 ? EVP_aes_256_gcm() : EVP_aes_128_gcm();
    int n = 0, rest = 0;
    return EVP_DecryptInit_ex(ctx, cipher, NULL, key->key, s->nonce.p) == 1 &&
           EVP_DecryptUpdate(ctx, NULL, &n, server.p, (int)server.n) == 1 &&
           EVP_DecryptUpdate(ctx, plain, &n, s->cipher.p, (int)s->cipher.n) == 1 &&
           (size_t)n == s->cipher.n &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, (void *)(uintptr_t)s->tag.p) == 1 &&
           EVP_DecryptFinal_ex(ctx, plain + n, &rest) == 1 && rest == 0;
}

static bool read_block(struct bytes plain, struct access_token *out)
{
    struct wire_in in = wire_in(plain);
    out->key_n = wire_u16(&in);
    if (in.bad || out->key_n < SESSION_KEY_MIN || out->key_n > SESSION_KEY_MAX)
        return false;
    struct bytes key = wire_bytes(&in, out->key_n);
    out->timestamp = wire_u64(&in);
    out->lifetime = wire_u32(&in);
    if (in.bad || wire_left(&in))
        return false;
    memcpy(out->key, key.p, key.n);
    return true;
}

static bool open_token(struct bytes token, const struct oauth_key *key, struct bytes server,
                       struct access_token *out)
{
    struct sealed s;
    uint8_t plain[ACCESS_TOKEN_MAX];
    if (token.n > ACCESS_TOKEN_MAX || !cut(token, &s))
        return false;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool good = ctx && decrypt(ctx, key, &s, server, plain) && read_block(bytes_of(plain, s.cipher.n), out);
    EVP_CIPHER_CTX_free(ctx);
    OPENSSL_cleanse(plain, sizeof(plain));
    return good;
}

bool access_token_open(struct bytes value, const struct oauth_key *key, struct bytes server,
                       struct access_token *out)
{
    uint8_t token[ACCESS_TOKEN_MAX];
    /* The first byte of a token is the high one of twelve; base64 has no such character. */
    if (value.n && value.p[0] == 0)
        return open_token(value, key, server, out);
    size_t n = from_base64(value, token, sizeof(token));
    return n != BYTES_NOT_FOUND && open_token(bytes_of(token, n), key, server, out);
}

uint32_t access_token_left(const struct access_token *t, int64_t wall)
{
    uint64_t made = t->timestamp >> 16, now = wall > 0 ? (uint64_t)wall : 0;
    uint64_t apart = made > now ? made - now : now - made;
    uint64_t good = (uint64_t)t->lifetime + DELTA;
    uint64_t left = good > apart ? good - apart : 0;
    return left < t->lifetime ? (uint32_t)left : t->lifetime;
}
