/* RFC 7635's token from a stranger; the first byte chooses between what he sends and what an authorization
 * server with our own key would seal, so that what is behind the tag is met too. */
#include "modules/turn/access_token.h"
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct oauth_key key = {.key = {1, 2, 3}, .n = 32};

static void try(struct bytes value)
{
    struct access_token t;
    if (access_token_open(value, &key, BYTES("server"), &t) &&
        (t.key_n < SESSION_KEY_MIN || t.key_n > SESSION_KEY_MAX))
        abort();
}

static void seal_and_try(struct bytes block)
{
    uint8_t token[2 + 12 + 512 + 16] = {0, 12};
    int n = 0, rest = 0;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (block.n > 512)
        block.n = 512;
    if (!ctx || !EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key.key, token + 2) ||
        !EVP_EncryptUpdate(ctx, NULL, &n, (const uint8_t *)"server", 6) ||
        !EVP_EncryptUpdate(ctx, token + 14, &n, block.p, (int)block.n) ||
        !EVP_EncryptFinal_ex(ctx, token + 14 + n, &rest) ||
        !EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, token + 14 + n))
        abort();
    EVP_CIPHER_CTX_free(ctx);
    try(bytes_of(token, 14 + (size_t)n + 16));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size && data[0] & 1)
        seal_and_try(bytes_of(data + 1, size - 1));
    else if (size)
        try(bytes_of(data + 1, size - 1));
    return 0;
}
