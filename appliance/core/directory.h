/* directory: who may come in: users and their keys, looked up in memory by any worker.
 *
 * Floor 1. One credential serves SIP Digest and TURN: HA1 = H(name:realm:password) (RFC 7616 3.4.2) is the
 * long-term key of RFC 8489 9.2.2. Read when a request carries credentials, never on a media packet, so
 * sharded read-write locks are cheap enough. Loaded from the store at start; changes are written through.
 * It also knows who is there now: the names that hold a SIP registration on this gateway, which one room
 * says and another asks. Any thread. */
#pragma once
#include "appliance/base/bytes.h"
#include <stdbool.h>

struct store;
struct directory;

#define DIRECTORY_NAME_MAX 128
#define PRESENCE_GRACE_MS  60000u

#define USER_HASH 32

struct user_name {
    uint8_t n;
    char text[DIRECTORY_NAME_MAX];
};

struct user_key {
    uint8_t md5[16];
    uint8_t sha256[32];
    bool enabled;
};

struct directory *directory_create(void);
void directory_destroy(struct directory *d);
int directory_load(struct directory *d, struct store *s); /* all users; blocks. Count of users or -errno */

/* False when there is no such user. Copies the keys out; wipe them (OPENSSL_cleanse) after use. */
bool directory_find(struct directory *d, struct bytes realm, struct bytes name, struct user_key *out);
/* The same by USERHASH (RFC 8489 14.4), SHA-256(name ":" realm); name is set to whose it is. */
bool directory_find_hash(struct directory *d, struct bytes realm, const uint8_t hash[static USER_HASH],
                         struct user_name *name, struct user_key *out);
size_t directory_count(const struct directory *d);

/* Put in memory and written to the store (blocks until committed; not on a traffic worker). 0 or -errno. */
int directory_put(struct directory *d, struct store *s, struct bytes realm, struct bytes name,
                  const struct user_key *key, int64_t wall);
int directory_remove(struct directory *d, struct store *s, struct bytes realm,
                     struct bytes name); /* -ENOENT */
typedef void directory_each(void *arg, struct bytes realm, struct bytes name, bool enabled);
void directory_walk(struct directory *d, directory_each *each, void *arg);

/* One registration more or one less of that name, as it came in (a private user identity, "alice" or
 * "alice@example.org"); every true directory_arrive is paired with one directory_leave. False: out of memory
 * or too long a name. now: worker ms. */
bool directory_arrive(struct directory *d, struct bytes name, uint64_t now);
void directory_leave(struct directory *d, struct bytes name, uint64_t now);
/* Does the user, as `name` or as `name@realm`, hold one, or has not been without for long
 * (PRESENCE_GRACE_MS)? A phone that changes its network is without a registration until the new one is
 * answered. */
bool directory_is_present(struct directory *d, struct bytes realm, struct bytes name, uint64_t now);

/* ---- user_key.c */

bool user_names_fit(struct bytes realm, struct bytes name); /* neither empty nor too long */
/* HA1 of both kinds from a password. The texts are taken byte for byte: who sets a password gives name and
 * password in the form that clients hash (opaque_string.h, RFC 8489 9.2.2). 0 or -EINVAL (empty, too long,
 * ':' in name, control bytes). */
int user_key_derive(struct bytes realm, struct bytes name, struct bytes password, struct user_key *out);
/* The same without a look at what the names are made of: for those that a shared secret vouches for. */
bool user_key_hash(struct bytes realm, struct bytes name, struct bytes password, struct user_key *out);
/* USERHASH of names that fit; false on trouble with the digest. */
bool user_hash(struct bytes realm, struct bytes name, uint8_t out[static USER_HASH]);
