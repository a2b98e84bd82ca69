#include "modules/turn/shared_secret.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

/* Digits of a time, and a name behind them. */
#define USERNAME_MAX (20u + 1 + DIRECTORY_NAME_MAX)
#define MAC_BYTES    20u
#define PASSWORD     28u /* of them in base64, padded */

bool shared_secret_of_realm(const char *item, struct bytes realm, struct bytes *secret)
{
    struct bytes text = bytes_str(item);
    size_t colon = bytes_find_byte(text, ':');
    if (colon == BYTES_NOT_FOUND || !bytes_eq(bytes_first(text, colon), realm))
        return false;
    *secret = bytes_skip(text, colon + 1);
    return true;
}

bool shared_secret_check(const char *item, const char **why)
{
    struct bytes text = bytes_str(item);
    size_t colon = bytes_find_byte(text, ':');
    if (colon != BYTES_NOT_FOUND && colon > 0 && text.n - colon - 1 >= 8 && text.n <= SHARED_SECRET_MAX)
        return true;
    *why = "write realm:secret, the secret of 8 characters at least";
    return false;
}

bool shared_secret_username(struct bytes username, int64_t wall, struct bytes *owner)
{
    uint64_t expires;
    size_t colon = bytes_find_byte(username, ':');
    struct bytes digits = colon == BYTES_NOT_FOUND ? username : bytes_first(username, colon);
    struct bytes name = colon == BYTES_NOT_FOUND ? BYTES_NONE : bytes_skip(username, colon + 1);
    if (username.n > USERNAME_MAX || name.n > DIRECTORY_NAME_MAX || !bytes_u64(digits, &expires))
        return false;
    *owner = name.n ? name : username;
    return wall >= 0 && expires > (uint64_t)wall;
}

bool shared_secret_key(struct bytes secret, struct bytes realm, struct bytes username, struct user_key *out)
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned char password[PASSWORD + 1];
    unsigned n = 0;
    if (secret.n > SHARED_SECRET_MAX || username.n > USERNAME_MAX ||
        !HMAC(EVP_sha1(), secret.p, (int)secret.n, username.p, username.n, mac, &n) || n != MAC_BYTES)
        return false;
    EVP_EncodeBlock(password, mac, MAC_BYTES);
    bool good = user_key_hash(realm, username, bytes_of(password, PASSWORD), out);
    OPENSSL_cleanse(password, sizeof(password));
    OPENSSL_cleanse(mac, sizeof(mac));
    return good;
}
