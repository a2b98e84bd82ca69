#include "modules/registrar/location.h"
#include "appliance/base/list.h"
#include "appliance/base/map.h"
#include "appliance/base/random.h"
#include "modules/registrar/binding.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct record { /* an address of record with at least one binding */
    struct map_node node;
    struct binding *items[LOCATION_CONTACTS]; /* newest first */
    size_t n;
    size_t aor_len;
    uint8_t aor[];
};

struct shard {
    pthread_mutex_t lock;
    struct map map;
};

struct location {
    _Atomic unsigned refs;
    _Atomic uint64_t serial;
    _Atomic size_t count;
    struct hash_key key;
    struct store *store;
    struct shard shards[LOCATION_SHARDS];
};

static int shards_init(struct location *l)
{
    for (unsigned i = 0; i < LOCATION_SHARDS; i++) {
        pthread_mutex_init(&l->shards[i].lock, NULL);
        if (map_init(&l->shards[i].map, 16) == 0)
            continue;
        for (unsigned k = 0; k < i; k++)
            map_fini(&l->shards[k].map);
        return -ENOMEM;
    }
    return 0;
}

struct location *location_create(struct store *store)
{
    struct location *l = calloc(1, sizeof(*l));
    if (!l)
        return NULL;
    atomic_init(&l->refs, 1);
    l->key = random_hash_key();
    l->store = store;
    if (shards_init(l) < 0) {
        free(l);
        return NULL;
    }
    return l;
}

struct location *location_hold(struct location *l)
{
    atomic_fetch_add_explicit(&l->refs, 1, memory_order_relaxed);
    return l;
}

static void free_record(struct map_node *node, void *arg)
{
    struct map *map = arg;
    struct record *r = container_of(node, struct record, node);
    map_remove(map, node);
    for (size_t i = 0; i < r->n; i++)
        binding_drop(r->items[i]);
    free(r);
}

bool location_drop(struct location *l)
{
    if (!l || atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel) != 1)
        return false;
    for (unsigned i = 0; i < LOCATION_SHARDS; i++) {
        map_walk(&l->shards[i].map, free_record, &l->shards[i].map);
        map_fini(&l->shards[i].map);
        pthread_mutex_destroy(&l->shards[i].lock);
    }
    free(l);
    return true;
}

/* The shard takes the top bits, the map within it the low ones. */
static struct shard *shard_of(struct location *l, uint64_t hash)
{
    return &l->shards[hash >> 58];
}

static struct record *record_find(struct shard *s, struct bytes aor, uint64_t hash)
{
    for (struct map_node *n = map_find(&s->map, hash); n; n = map_next(n)) {
        struct record *r = container_of(n, struct record, node);
        if (bytes_eq(bytes_of(r->aor, r->aor_len), aor))
            return r;
    }
    return NULL;
}

static struct record *record_create(struct shard *s, struct bytes aor, uint64_t hash)
{
    struct record *r = calloc(1, sizeof(*r) + aor.n);
    if (!r)
        return NULL;
    r->aor_len = aor.n;
    memcpy(r->aor, aor.p, aor.n);
    map_insert(&s->map, &r->node, hash);
    return r;
}

static void record_take_out(struct location *l, struct record *r, size_t i)
{
    binding_drop(r->items[i]);
    memmove(&r->items[i], &r->items[i + 1], (r->n - i - 1) * sizeof(r->items[0]));
    r->n--;
    atomic_fetch_sub_explicit(&l->count, 1, memory_order_relaxed);
}

static void record_put_first(struct location *l, struct record *r, struct binding *b)
{
    memmove(&r->items[1], &r->items[0], r->n * sizeof(r->items[0]));
    r->items[0] = b;
    r->n++;
    atomic_fetch_add_explicit(&l->count, 1, memory_order_relaxed);
}

static size_t record_expire(struct location *l, struct record *r, uint64_t now)
{
    size_t gone = 0;
    for (size_t i = r->n; i-- > 0;) {
        if (r->items[i]->expires > now)
            continue;
        binding_erase(r->items[i], l->store);
        record_take_out(l, r, i);
        gone++;
    }
    return gone;
}

static void record_copy(const struct record *r, uint64_t now, struct binding_set *out)
{
    for (size_t i = 0; i < r->n; i++) {
        if (r->items[i]->expires > now)
            out->items[out->n++] = binding_hold(r->items[i]);
    }
}

static void record_reap(struct shard *s, struct record *r)
{
    if (r->n)
        return;
    map_remove(&s->map, &r->node);
    free(r);
}

/* ---- a REGISTER ---- */

static size_t find_key(const struct record *r, struct bytes key)
{
    for (size_t i = 0; i < r->n; i++) {
        if (bytes_eq(r->items[i]->key, key))
            return i;
    }
    return SIZE_MAX;
}

/* RFC 3261 10.3 steps 6 and 7: the same Call-ID must come with a higher CSeq. */
static bool is_stale(const struct binding *b, const struct location_update *u)
{
    return bytes_eq(b->call_id, u->call_id) && u->cseq <= b->cseq;
}

static int check_order(const struct record *r, const struct location_update *u)
{
    for (size_t i = 0; i < r->n; i++) {
        bool touched = u->all_gone;
        for (size_t k = 0; k < u->n && !touched; k++)
            touched = bytes_eq(r->items[i]->key, u->changes[k].key);
        if (touched && is_stale(r->items[i], u))
            return -ESTALE;
    }
    return 0;
}

static bool named_before(const struct location_update *u, size_t k)
{
    for (size_t i = 0; i < k; i++) {
        if (bytes_eq(u->changes[i].key, u->changes[k].key))
            return true;
    }
    return false;
}

static int check_room(const struct record *r, const struct location_update *u)
{
    size_t after = u->all_gone ? 0 : r->n;
    if (u->n > LOCATION_CONTACTS)
        return -ENOSPC;
    for (size_t k = 0; k < u->n; k++) {
        if (named_before(u, k))
            return -EINVAL;
        bool known = !u->all_gone && find_key(r, u->changes[k].key) != SIZE_MAX;
        if (u->changes[k].expires && !known)
            after++;
        if (!u->changes[k].expires && known)
            after--;
    }
    return after > LOCATION_CONTACTS ? -ENOSPC : 0;
}

/* Makes all new bindings before the first change, so that a failed malloc leaves the table as it was. */
static int make_all(struct location *l, const struct location_update *u, struct binding *made[])
{
    for (size_t k = 0; k < u->n; k++) {
        if (!u->changes[k].expires)
            continue;
        uint64_t serial = atomic_fetch_add_explicit(&l->serial, 1, memory_order_relaxed) + 1;
        made[k] = binding_create(u, &u->changes[k], serial);
        if (made[k])
            continue;
        while (k-- > 0)
            binding_drop(made[k]);
        return -ENOMEM;
    }
    return 0;
}

static void change_one(struct location *l, struct record *r, const struct location_update *u,
                       const struct binding_change *c, struct binding *made)
{
    size_t i = find_key(r, c->key);
    if (i != SIZE_MAX) {
        if (!made)
            binding_erase(r->items[i], l->store);
        record_take_out(l, r, i);
    }
    if (!made)
        return;
    record_put_first(l, r, made);
    binding_write(made, l->store, u->wall + (int64_t)c->expires);
}

static void remove_all(struct location *l, struct record *r)
{
    while (r->n) {
        binding_erase(r->items[r->n - 1], l->store);
        record_take_out(l, r, r->n - 1);
    }
}

static int apply_locked(struct location *l, struct record *r, const struct location_update *u)
{
    struct binding *made[LOCATION_CONTACTS] = {NULL};
    record_expire(l, r, u->now);
    int rc = check_order(r, u);
    if (rc == 0)
        rc = check_room(r, u);
    if (rc == 0)
        rc = make_all(l, u, made);
    if (rc < 0)
        return rc;
    if (u->all_gone)
        remove_all(l, r);
    /* Removals first: what leaves makes room for what comes. */
    for (size_t k = 0; k < u->n; k++) {
        if (!made[k])
            change_one(l, r, u, &u->changes[k], NULL);
    }
    for (size_t k = 0; k < u->n; k++) {
        if (made[k])
            change_one(l, r, u, &u->changes[k], made[k]);
    }
    return 0;
}

int location_apply(struct location *l, const struct location_update *u, struct binding_set *out)
{
    out->n = 0;
    uint64_t hash = bytes_hash(&l->key, u->aor);
    struct shard *s = shard_of(l, hash);
    int rc = -ENOMEM;
    pthread_mutex_lock(&s->lock);
    struct record *r = record_find(s, u->aor, hash);
    if (!r)
        r = record_create(s, u->aor, hash);
    if (r) {
        rc = apply_locked(l, r, u);
        if (rc == 0)
            record_copy(r, u->now, out);
        record_reap(s, r);
    }
    pthread_mutex_unlock(&s->lock);
    return rc;
}

void location_find(struct location *l, struct bytes aor, uint64_t now, struct binding_set *out)
{
    out->n = 0;
    uint64_t hash = bytes_hash(&l->key, aor);
    struct shard *s = shard_of(l, hash);
    pthread_mutex_lock(&s->lock);
    const struct record *r = record_find(s, aor, hash);
    if (r)
        record_copy(r, now, out);
    pthread_mutex_unlock(&s->lock);
}

static bool forget_locked(struct location *l, struct record *r, const struct binding *b)
{
    for (size_t i = 0; i < r->n; i++) {
        if (r->items[i] != b)
            continue;
        binding_erase(b, l->store);
        record_take_out(l, r, i);
        return true;
    }
    return false;
}

bool location_forget(struct location *l, const struct binding *b)
{
    uint64_t hash = bytes_hash(&l->key, b->aor);
    struct shard *s = shard_of(l, hash);
    pthread_mutex_lock(&s->lock);
    struct record *r = record_find(s, b->aor, hash);
    bool done = r && forget_locked(l, r, b);
    if (r)
        record_reap(s, r);
    pthread_mutex_unlock(&s->lock);
    return done;
}

struct expiry {
    struct location *l;
    struct shard *s;
    uint64_t now;
    size_t gone;
};

static void expire_record(struct map_node *node, void *arg)
{
    struct expiry *e = arg;
    struct record *r = container_of(node, struct record, node);
    e->gone += record_expire(e->l, r, e->now);
    record_reap(e->s, r);
}

size_t location_expire(struct location *l, unsigned shard, uint64_t now)
{
    struct shard *s = &l->shards[shard % LOCATION_SHARDS];
    struct expiry e = {l, s, now, 0};
    pthread_mutex_lock(&s->lock);
    map_walk(&s->map, expire_record, &e);
    pthread_mutex_unlock(&s->lock);
    return e.gone;
}

size_t location_count(struct location *l)
{
    return atomic_load_explicit(&l->count, memory_order_relaxed);
}
