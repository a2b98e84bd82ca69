/* What is kept of a password, and of a name (RFC 7616 3.4.2, RFC 8489 9.2.2 and 14.4). */
#include "appliance/core/directory.h"
#include <errno.h>
#include <openssl/evp.h>

#define PASSWORD_MAX 512

bool user_names_fit(struct bytes realm, struct bytes name)
{
    return realm.n > 0 && realm.n <= DIRECTORY_NAME_MAX && name.n > 0 && name.n <= DIRECTORY_NAME_MAX;
}

static bool is_plain(struct bytes b)
{
    for (size_t i = 0; i < b.n; i++)
        if (b.p[i] < 0x20 || b.p[i] == 0x7f)
            return false;
    return true;
}

/* H of n texts with colons between. */
static bool hash_joined(const EVP_MD *md, const struct bytes *part, int n, uint8_t *out)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx && EVP_DigestInit_ex(ctx, md, NULL);
    for (int i = 0; good && i < n; i++)
        good = (i == 0 || EVP_DigestUpdate(ctx, ":", 1)) && EVP_DigestUpdate(ctx, part[i].p, part[i].n);
    good = good && EVP_DigestFinal_ex(ctx, out, NULL);
    EVP_MD_CTX_free(ctx);
    return good;
}

int user_key_derive(struct bytes realm, struct bytes name, struct bytes password, struct user_key *out)
{
    if (!user_names_fit(realm, name) || password.n == 0 || password.n > PASSWORD_MAX)
        return -EINVAL;
    if (!is_plain(realm) || !is_plain(name) || !is_plain(password))
        return -EINVAL;
    if (bytes_find_byte(name, ':') != BYTES_NOT_FOUND)
        return -EINVAL;
    *out = (struct user_key){.enabled = true};
    bool good = user_key_hash(realm, name, password, out);
    return good ? 0 : -EIO; /* a machine whose OpenSSL refuses MD5 (FIPS) */
}

bool user_key_hash(struct bytes realm, struct bytes name, struct bytes password, struct user_key *out)
{
    const struct bytes part[3] = {name, realm, password};
    return hash_joined(EVP_md5(), part, 3, out->md5) && hash_joined(EVP_sha256(), part, 3, out->sha256);
}

bool user_hash(struct bytes realm, struct bytes name, uint8_t out[static USER_HASH])
{
    const struct bytes part[2] = {name, realm};
    return hash_joined(EVP_sha256(), part, 2, out);
}
