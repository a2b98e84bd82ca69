#include "appliance/core/directory.h"
#include "appliance/base/list.h"
#include "appliance/base/map.h"
#include "appliance/base/random.h"
#include "appliance/core/presence.h"
#include "appliance/core/store.h"
#include <errno.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* So many that two workers seldom meet in one. */
#define SHARDS 64

static const struct store_stmt sql_all = {STORE_HARD,
                                          "SELECT realm, name, ha1_md5, ha1_sha256, enabled FROM user"};
static const struct store_stmt sql_put = {
    STORE_HARD, "INSERT INTO user (realm, name, ha1_md5, ha1_sha256, enabled, created, changed)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)"
                " ON CONFLICT (realm, name) DO UPDATE SET ha1_md5 = excluded.ha1_md5,"
                " ha1_sha256 = excluded.ha1_sha256, enabled = excluded.enabled, changed = excluded.changed"};
static const struct store_stmt sql_remove = {STORE_HARD, "DELETE FROM user WHERE realm = ?1 AND name = ?2"};

/* One allocation a user, its size set by the limits of realm and name. */
struct user {
    struct map_node node;
    struct map_node by_hash;
    struct user_key key;
    uint8_t hash[USER_HASH];
    uint8_t realm_len, name_len;
    uint8_t text[]; /* realm, name */
};

struct shard {
    _Alignas(64) pthread_rwlock_t lock;
    struct map users;
};

/* The same users by USERHASH. Who changes a user holds the lock of his shard, then that of this one: what is
 * found here under the lock stands while it is held. */
struct hash_shard {
    _Alignas(64) pthread_rwlock_t lock;
    struct map users;
};

struct directory {
    struct shard shards[SHARDS];
    struct hash_shard hashes[SHARDS];
    struct presence *presence;
    struct hash_key hash_key;
    atomic_size_t count;
    pthread_mutex_t writers; /* keeps store and memory in one order */
};

static struct bytes user_realm(const struct user *u)
{
    return bytes_of(u->text, u->realm_len);
}
static struct bytes user_name(const struct user *u)
{
    return bytes_of(u->text + u->realm_len, u->name_len);
}

static void user_destroy(struct user *u)
{
    if (u)
        OPENSSL_cleanse(&u->key, sizeof u->key);
    free(u);
}

static struct user *user_create(struct bytes realm, struct bytes name, const struct user_key *key)
{
    struct user *u = calloc(1, sizeof *u + realm.n + name.n);
    if (!u)
        return NULL;
    if (!user_hash(realm, name, u->hash)) {
        free(u);
        return NULL;
    }
    u->key = *key;
    u->realm_len = (uint8_t)realm.n;
    u->name_len = (uint8_t)name.n;
    memcpy(u->text, realm.p, realm.n);
    memcpy(u->text + realm.n, name.p, name.n);
    return u;
}

/* realm and name fit. A byte that no realm may hold parts the two. */
static uint64_t hash_names(const struct directory *d, struct bytes realm, struct bytes name)
{
    uint8_t both[2 * DIRECTORY_NAME_MAX + 1];
    memcpy(both, realm.p, realm.n);
    both[realm.n] = 0;
    memcpy(both + realm.n + 1, name.p, name.n);
    return bytes_hash(&d->hash_key, bytes_of(both, realm.n + 1 + name.n));
}

static struct shard *shard_of(struct directory *d, uint64_t hash)
{
    return &d->shards[hash >> 32 & (SHARDS - 1)];
}

static struct hash_shard *hash_shard_of(struct directory *d, uint64_t hash)
{
    return &d->hashes[hash >> 32 & (SHARDS - 1)];
}

static uint64_t hash_of_hash(const struct directory *d, const uint8_t hash[static USER_HASH])
{
    return bytes_hash(&d->hash_key, bytes_of(hash, USER_HASH));
}

static void enter_hash(struct directory *d, struct user *u)
{
    uint64_t hash = hash_of_hash(d, u->hash);
    struct hash_shard *s = hash_shard_of(d, hash);
    pthread_rwlock_wrlock(&s->lock);
    map_insert(&s->users, &u->by_hash, hash);
    pthread_rwlock_unlock(&s->lock);
}

static void leave_hash(struct directory *d, struct user *u)
{
    struct hash_shard *s = hash_shard_of(d, hash_of_hash(d, u->hash));
    pthread_rwlock_wrlock(&s->lock);
    map_remove(&s->users, &u->by_hash);
    pthread_rwlock_unlock(&s->lock);
}

static struct user *find(const struct shard *s, uint64_t hash, struct bytes realm, struct bytes name)
{
    for (struct map_node *n = map_find(&s->users, hash); n; n = map_next(n)) {
        struct user *u = (struct user *)n;
        if (bytes_eq(user_realm(u), realm) && bytes_eq(user_name(u), name))
            return u;
    }
    return NULL;
}

struct directory *directory_create(void)
{
    struct directory *d = aligned_alloc(64, sizeof *d);
    if (!d)
        return NULL;
    memset(d, 0, sizeof *d);
    d->hash_key = random_hash_key();
    pthread_mutex_init(&d->writers, NULL);
    d->presence = presence_create();
    bool good = d->presence != NULL;
    for (size_t i = 0; i < SHARDS; i++) {
        pthread_rwlock_init(&d->shards[i].lock, NULL);
        pthread_rwlock_init(&d->hashes[i].lock, NULL);
        good = map_init(&d->shards[i].users, 16) == 0 && good;
        good = map_init(&d->hashes[i].users, 16) == 0 && good;
    }
    if (good)
        return d;
    directory_destroy(d);
    return NULL;
}

static void destroy_node(struct map_node *n, void *users)
{
    map_remove(users, n);
    user_destroy((struct user *)n);
}

void directory_destroy(struct directory *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *s = &d->shards[i];
        if (s->users.rows)
            map_walk(&s->users, destroy_node, &s->users);
        map_fini(&s->users);
        map_fini(&d->hashes[i].users);
        pthread_rwlock_destroy(&s->lock);
        pthread_rwlock_destroy(&d->hashes[i].lock);
    }
    presence_destroy(d->presence);
    pthread_mutex_destroy(&d->writers);
    OPENSSL_cleanse(&d->hash_key, sizeof d->hash_key);
    free(d);
}

bool directory_find(struct directory *d, struct bytes realm, struct bytes name, struct user_key *out)
{
    if (!user_names_fit(realm, name))
        return false;
    uint64_t hash = hash_names(d, realm, name);
    struct shard *s = shard_of(d, hash);
    pthread_rwlock_rdlock(&s->lock);
    const struct user *u = find(s, hash, realm, name);
    if (u)
        *out = u->key;
    pthread_rwlock_unlock(&s->lock);
    return u != NULL;
}

static const struct user *find_hash(const struct hash_shard *s, uint64_t key, struct bytes realm,
                                    const uint8_t hash[static USER_HASH])
{
    for (struct map_node *n = map_find(&s->users, key); n; n = map_next(n)) {
        const struct user *u = container_of(n, struct user, by_hash);
        if (memcmp(u->hash, hash, USER_HASH) == 0 && bytes_eq(user_realm(u), realm))
            return u;
    }
    return NULL;
}

bool directory_find_hash(struct directory *d, struct bytes realm, const uint8_t hash[static USER_HASH],
                         struct user_name *name, struct user_key *out)
{
    uint64_t key = hash_of_hash(d, hash);
    struct hash_shard *s = hash_shard_of(d, key);
    pthread_rwlock_rdlock(&s->lock);
    const struct user *u = find_hash(s, key, realm, hash);
    if (u) {
        *out = u->key;
        name->n = u->name_len;
        memcpy(name->text, user_name(u).p, u->name_len);
    }
    pthread_rwlock_unlock(&s->lock);
    return u != NULL;
}

size_t directory_count(const struct directory *d)
{
    return atomic_load(&d->count);
}

/* Takes the place of an older entry of the same names. */
static int put_in_memory(struct directory *d, struct bytes realm, struct bytes name,
                         const struct user_key *key)
{
    struct user *fresh = user_create(realm, name, key);
    if (!fresh)
        return -ENOMEM;
    uint64_t hash = hash_names(d, realm, name);
    struct shard *s = shard_of(d, hash);
    pthread_rwlock_wrlock(&s->lock);
    struct user *old = find(s, hash, realm, name);
    if (old) {
        map_remove(&s->users, &old->node);
        leave_hash(d, old);
    } else {
        atomic_fetch_add(&d->count, 1);
    }
    map_insert(&s->users, &fresh->node, hash);
    enter_hash(d, fresh);
    pthread_rwlock_unlock(&s->lock);
    user_destroy(old);
    return 0;
}

static bool remove_from_memory(struct directory *d, struct bytes realm, struct bytes name)
{
    uint64_t hash = hash_names(d, realm, name);
    struct shard *s = shard_of(d, hash);
    pthread_rwlock_wrlock(&s->lock);
    struct user *u = find(s, hash, realm, name);
    if (u) {
        map_remove(&s->users, &u->node);
        leave_hash(d, u);
        atomic_fetch_sub(&d->count, 1);
    }
    pthread_rwlock_unlock(&s->lock);
    user_destroy(u);
    return u != NULL;
}

struct loading {
    struct directory *d;
    int rc;
};

static bool load_row(void *arg, const struct store_value *c, unsigned n)
{
    struct loading *l = arg;
    struct user_key key;
    if (n != 5 || c[2].b.n != sizeof key.md5 || c[3].b.n != sizeof key.sha256 ||
        !user_names_fit(c[0].b, c[1].b)) {
        l->rc = -EINVAL;
        return false;
    }
    memcpy(key.md5, c[2].b.p, sizeof key.md5);
    memcpy(key.sha256, c[3].b.p, sizeof key.sha256);
    key.enabled = c[4].i != 0;
    l->rc = put_in_memory(l->d, c[0].b, c[1].b, &key);
    OPENSSL_cleanse(&key, sizeof key);
    return l->rc == 0;
}

int directory_load(struct directory *d, struct store *s)
{
    struct loading l = {d, 0};
    int rc = store_query(s, &sql_all, NULL, 0, load_row, &l);
    if (rc == 0)
        rc = l.rc;
    return rc < 0 ? rc : (int)directory_count(d);
}

static int write_user(struct store *s, struct bytes realm, struct bytes name, const struct user_key *key,
                      int64_t wall)
{
    const struct store_value v[] = {
        V_TEXT(realm),
        V_TEXT(name),
        V_BLOB(bytes_of(key->md5, sizeof key->md5)),
        V_BLOB(bytes_of(key->sha256, sizeof key->sha256)),
        V_INT(key->enabled),
        V_INT(wall),
    };
    return store_exec_now(s, &sql_put, v, sizeof v / sizeof *v, NULL);
}

int directory_put(struct directory *d, struct store *s, struct bytes realm, struct bytes name,
                  const struct user_key *key, int64_t wall)
{
    if (!user_names_fit(realm, name))
        return -EINVAL;
    pthread_mutex_lock(&d->writers);
    int rc = s ? write_user(s, realm, name, key, wall) : 0;
    if (rc == 0)
        rc = put_in_memory(d, realm, name, key);
    pthread_mutex_unlock(&d->writers);
    return rc;
}

int directory_remove(struct directory *d, struct store *s, struct bytes realm, struct bytes name)
{
    if (!user_names_fit(realm, name))
        return -ENOENT;
    const struct store_value v[] = {V_TEXT(realm), V_TEXT(name)};
    pthread_mutex_lock(&d->writers);
    int rc = s ? store_exec_now(s, &sql_remove, v, 2, NULL) : 0;
    if (rc == 0 && !remove_from_memory(d, realm, name))
        rc = -ENOENT;
    pthread_mutex_unlock(&d->writers);
    return rc;
}

struct walking {
    directory_each *each;
    void *arg;
};

static void walk_node(struct map_node *n, void *arg)
{
    const struct walking *k = arg;
    const struct user *u = (const struct user *)n;
    k->each(k->arg, user_realm(u), user_name(u), u->key.enabled);
}

void directory_walk(struct directory *d, directory_each *each, void *arg)
{
    struct walking k = {each, arg};
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *s = &d->shards[i];
        pthread_rwlock_rdlock(&s->lock);
        map_walk(&s->users, walk_node, &k);
        pthread_rwlock_unlock(&s->lock);
    }
}

bool directory_arrive(struct directory *d, struct bytes name, uint64_t now)
{
    return presence_arrive(d->presence, name, now);
}

void directory_leave(struct directory *d, struct bytes name, uint64_t now)
{
    presence_leave(d->presence, name, now);
}

bool directory_is_present(struct directory *d, struct bytes realm, struct bytes name, uint64_t now)
{
    uint8_t both[2 * DIRECTORY_NAME_MAX + 1];
    if (!user_names_fit(realm, name))
        return false;
    memcpy(both, name.p, name.n);
    both[name.n] = '@';
    memcpy(both + name.n + 1, realm.p, realm.n);
    return presence_has(d->presence, name, now) ||
           presence_has(d->presence, bytes_of(both, name.n + 1 + realm.n), now);
}
