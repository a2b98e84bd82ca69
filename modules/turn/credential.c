#include "modules/turn/credential.h"
#include <openssl/crypto.h>
#include <string.h>

bool credential_set_name(struct credential *c, struct bytes name)
{
    if (name.n == 0 || name.n > sizeof(c->name))
        return false;
    memcpy(c->name, name.p, name.n);
    c->name_n = (uint8_t)name.n;
    return true;
}

void credential_set_key(struct credential *c, const struct user_key *key, enum password_algorithm algorithm)
{
    bool sha256 = algorithm == PASSWORD_SHA256;
    c->key_n = sha256 ? sizeof(key->sha256) : sizeof(key->md5);
    memcpy(c->key, sha256 ? key->sha256 : key->md5, c->key_n);
}

bool credential_owns(const struct credential *c, struct bytes name, bool by_token)
{
    bool token = c->seconds_left > 0;
    return token == by_token && (token || bytes_eq(credential_name(c), name));
}

void credential_wipe(struct credential *c)
{
    OPENSSL_cleanse(c, sizeof(*c));
}
