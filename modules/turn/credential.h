/* credential: the key that a request must have been signed with, and whose it is.
 *
 * Floor 3. Three kinds of user: one of the directory (by USERNAME or USERHASH), one that a shared secret
 * vouches for until a time that his name says (shared_secret.h), one that brings a token (access_token.h).
 * What the rest of the room knows him by is `name`: for quotas, for 441, for the log.
 *
 * Names, realms and passwords are taken byte for byte: a client sends them prepared by OpaqueString (RFC 8265
 * 4.2, RFC 8489 14.3), the directory got stored ones in that form (core/opaque_string.h), and what a shared
 * secret vouches for is made by a program. */
#pragma once
#include "appliance/core/directory.h"
#include "modules/turn/password_algorithm.h"

#define CREDENTIAL_KEY_MAX 64u

struct credential {
    uint8_t key[CREDENTIAL_KEY_MAX];
    uint8_t key_n;
    uint8_t name_n;
    char name[DIRECTORY_NAME_MAX];
    uint32_t seconds_left; /* of a token; 0: it is none */
};

static inline struct bytes credential_key(const struct credential *c)
{
    return bytes_of(c->key, c->key_n);
}
static inline struct bytes credential_name(const struct credential *c)
{
    return bytes_of(c->name, c->name_n);
}
/* False: too long. */
bool credential_set_name(struct credential *c, struct bytes name);
void credential_set_key(struct credential *c, const struct user_key *key, enum password_algorithm algorithm);
/* Is what that name stands for, and a token vouched for or not, this user's (RFC 8656 5: 441)? Tokens name
 * nobody, and their key id changes when the authorization server takes a new key: a client must come with a
 * fresh one for what it has (RFC 7635 9), so what one token made is any token's. To get at it takes its
 * 5-tuple, or what only its client was told. */
bool credential_owns(const struct credential *c, struct bytes name, bool by_token);
void credential_wipe(struct credential *c);
