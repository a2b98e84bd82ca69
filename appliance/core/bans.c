#include "appliance/core/bans.h"
#include "appliance/base/random.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define ROWS 2048u
#define WAYS 8u

/* key 0 is free. A reader looks at one cache line of keys, and at `until` where his is among them; a writer
 * ends the old ban before it begins a new one. */
struct row {
    _Atomic uint64_t key[WAYS];
    _Atomic int64_t until[WAYS];
    struct ban ban[WAYS]; /* under the lock */
};

struct bans {
    struct hash_key hash;
    atomic_uint used;
    pthread_mutex_t lock; /* of writers, and of who reads more than key and until */
    struct row rows[ROWS];
};

static const char *const names[BAN_REASONS] = {
    [BAN_SIP_AUTH] = "sip-auth", [BAN_TURN_AUTH] = "turn-auth", [BAN_FLOOD] = "flood",
    [BAN_POLICY] = "policy",     [BAN_OPERATOR] = "operator",
};

const char *ban_reason_name(enum ban_reason r)
{
    return r < BAN_REASONS ? names[r] : "?";
}

enum ban_reason ban_reason_of(struct bytes name)
{
    enum ban_reason r = 0;
    while (r < BAN_REASONS && !bytes_eq(name, bytes_str(names[r])))
        r++;
    return r;
}

struct bans *bans_create(void)
{
    struct bans *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    b->hash = random_hash_key();
    pthread_mutex_init(&b->lock, NULL);
    return b;
}

void bans_destroy(struct bans *b)
{
    if (!b)
        return;
    pthread_mutex_destroy(&b->lock);
    free(b);
}

struct addr ban_address(const struct addr *a)
{
    struct addr one = {.family = a->family};
    memcpy(one.ip, a->ip, a->family == ADDR_V6 ? 8 : 4);
    return one;
}

static uint64_t key_of(const struct bans *b, const struct addr *a)
{
    struct addr one = ban_address(a);
    uint64_t key = addr_ip_hash(&b->hash, &one);
    return key ? key : 1;
}

#define NOWHERE WAYS

static unsigned find(const struct row *row, uint64_t key)
{
    unsigned i = 0;
    while (i < WAYS && atomic_load_explicit(&row->key[i], memory_order_acquire) != key)
        i++;
    return i;
}

bool bans_has(const struct bans *b, const struct addr *a, int64_t wall)
{
    if (atomic_load_explicit(&b->used, memory_order_relaxed) == 0)
        return false;
    uint64_t key = key_of(b, a);
    const struct row *row = &b->rows[key % ROWS];
    unsigned i = find(row, key);
    return i != NOWHERE && atomic_load_explicit(&row->until[i], memory_order_relaxed) > wall;
}

/* Where it stands, else a free place, else that of ours which ends first. */
static unsigned choose(const struct row *row, uint64_t key)
{
    unsigned best = find(row, key);
    if (best == NOWHERE)
        best = find(row, 0);
    if (best != NOWHERE)
        return best;
    for (unsigned i = 0; i < WAYS; i++) {
        if (row->ban[i].reason == BAN_OPERATOR)
            continue;
        if (best == NOWHERE || row->ban[i].until < row->ban[best].until)
            best = i;
    }
    return best;
}

static void empty(struct bans *b, struct row *row, unsigned i)
{
    if (!atomic_load_explicit(&row->key[i], memory_order_relaxed))
        return;
    atomic_store_explicit(&row->until[i], 0, memory_order_relaxed);
    atomic_store_explicit(&row->key[i], 0, memory_order_release);
    atomic_fetch_sub(&b->used, 1);
}

static void fill(struct bans *b, struct row *row, unsigned i, uint64_t key)
{
    atomic_fetch_add(&b->used, 1);
    atomic_store_explicit(&row->until[i], row->ban[i].until, memory_order_relaxed);
    atomic_store_explicit(&row->key[i], key, memory_order_release);
}

int bans_put(struct bans *b, const struct ban *ban)
{
    uint64_t key = key_of(b, &ban->addr);
    struct row *row = &b->rows[key % ROWS];
    pthread_mutex_lock(&b->lock);
    unsigned i = choose(row, key);
    if (i != NOWHERE) {
        empty(b, row, i);
        row->ban[i] = *ban;
        row->ban[i].addr = ban_address(&ban->addr);
        fill(b, row, i, key);
    }
    pthread_mutex_unlock(&b->lock);
    return i != NOWHERE ? 0 : -ENOSPC;
}

bool bans_find(struct bans *b, const struct addr *a, struct ban *out)
{
    uint64_t key = key_of(b, a);
    const struct row *row = &b->rows[key % ROWS];
    pthread_mutex_lock(&b->lock);
    unsigned i = find(row, key);
    if (i != NOWHERE)
        *out = row->ban[i];
    pthread_mutex_unlock(&b->lock);
    return i != NOWHERE;
}

bool bans_remove(struct bans *b, const struct addr *a)
{
    uint64_t key = key_of(b, a);
    struct row *row = &b->rows[key % ROWS];
    pthread_mutex_lock(&b->lock);
    unsigned i = find(row, key);
    if (i != NOWHERE)
        empty(b, row, i);
    pthread_mutex_unlock(&b->lock);
    return i != NOWHERE;
}

static void walk_row(const struct row *row, void (*each)(void *arg, const struct ban *ban), void *arg)
{
    for (unsigned i = 0; i < WAYS; i++) {
        if (atomic_load_explicit(&row->key[i], memory_order_relaxed))
            each(arg, &row->ban[i]);
    }
}

/* Where nobody was ever shut out the table's two thousand cache lines stay where they are. */
void bans_walk(struct bans *b, void (*each)(void *arg, const struct ban *ban), void *arg)
{
    if (atomic_load_explicit(&b->used, memory_order_relaxed) == 0)
        return;
    pthread_mutex_lock(&b->lock);
    for (unsigned row = 0; row < ROWS; row++)
        walk_row(&b->rows[row], each, arg);
    pthread_mutex_unlock(&b->lock);
}
