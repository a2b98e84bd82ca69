#include "mux/guard.h"
#include "appliance/base/list.h"
#include "appliance/base/map.h"
#include "appliance/base/random.h"
#include "appliance/core/worker.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define SHARDS 16

struct shard {
    pthread_mutex_t lock;
    struct map counts;
};

struct guard {
    _Atomic uint64_t total;
    _Atomic unsigned doors;
    struct hash_key key;
    struct shard shards[SHARDS];
};

struct count {
    struct map_node node;
    struct addr addr;
    uint64_t n;
};

struct guard *guard_create(void)
{
    struct guard *g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    g->key = random_hash_key();
    for (int i = 0; i < SHARDS; i++) {
        pthread_mutex_init(&g->shards[i].lock, NULL);
        if (map_init(&g->shards[i].counts, 16) == 0)
            continue;
        guard_destroy(g);
        return NULL;
    }
    return g;
}

static void forget(struct map_node *node, void *arg)
{
    map_remove(arg, node);
    free(container_of(node, struct count, node));
}

void guard_destroy(struct guard *g)
{
    if (!g)
        return;
    for (int i = 0; i < SHARDS; i++) {
        struct map *counts = &g->shards[i].counts;
        if (counts->rows) {
            map_walk(counts, forget, counts);
            map_fini(counts);
        }
        pthread_mutex_destroy(&g->shards[i].lock);
    }
    free(g);
}

enum guard_verdict guard_enter(struct guard *g, uint64_t limit)
{
    if (atomic_fetch_add(&g->total, 1) < limit)
        return GUARD_OK;
    atomic_fetch_sub(&g->total, 1);
    return GUARD_FULL;
}

void guard_leave(struct guard *g)
{
    atomic_fetch_sub(&g->total, 1);
}

/* What is counted as one: an IPv4 address, an IPv6 /64. */
static struct addr counted_as(const struct addr *a)
{
    struct addr one = *a;
    one.port = 0;
    one.scope = 0;
    if (one.family == ADDR_V6)
        memset(one.ip + 8, 0, 8);
    return one;
}

static struct count *find(struct map *counts, uint64_t hash, const struct addr *one)
{
    for (struct map_node *node = map_find(counts, hash); node; node = map_next(node)) {
        struct count *c = container_of(node, struct count, node);
        if (addr_ip_eq(&c->addr, one))
            return c;
    }
    return NULL;
}

static enum guard_verdict count_up(struct map *counts, uint64_t hash, const struct addr *one, uint64_t limit)
{
    struct count *c = find(counts, hash, one);
    if (c) {
        if (c->n >= limit)
            return GUARD_ADDRESS_FULL;
        c->n++;
        return GUARD_OK;
    }
    c = calloc(1, sizeof *c);
    if (!c)
        return GUARD_MEMORY;
    c->addr = *one;
    c->n = 1;
    map_insert(counts, &c->node, hash);
    return GUARD_OK;
}

static void count_down(struct map *counts, uint64_t hash, const struct addr *one)
{
    struct count *c = find(counts, hash, one);
    if (!c || --c->n > 0)
        return;
    forget(&c->node, counts);
}

enum guard_verdict guard_enter_address(struct guard *g, const struct addr *a, uint64_t limit)
{
    struct addr one = counted_as(a);
    uint64_t hash = addr_ip_hash(&g->key, &one);
    struct shard *s = &g->shards[hash % SHARDS];
    pthread_mutex_lock(&s->lock);
    enum guard_verdict v = count_up(&s->counts, hash / SHARDS, &one, limit);
    pthread_mutex_unlock(&s->lock);
    return v;
}

void guard_leave_address(struct guard *g, const struct addr *a)
{
    struct addr one = counted_as(a);
    uint64_t hash = addr_ip_hash(&g->key, &one);
    struct shard *s = &g->shards[hash % SHARDS];
    pthread_mutex_lock(&s->lock);
    count_down(&s->counts, hash / SHARDS, &one);
    pthread_mutex_unlock(&s->lock);
}

uint64_t guard_count(const struct guard *g)
{
    return atomic_load(&g->total);
}

size_t guard_addresses(struct guard *g)
{
    size_t n = 0;
    for (int i = 0; i < SHARDS; i++) {
        pthread_mutex_lock(&g->shards[i].lock);
        n += g->shards[i].counts.count;
        pthread_mutex_unlock(&g->shards[i].lock);
    }
    return n;
}

struct guard *guard_join(struct gateway *gw)
{
    struct guard *g = atomic_load(&gw->guard);
    if (!g) {
        struct guard *fresh = guard_create();
        if (!fresh)
            return NULL;
        if (atomic_compare_exchange_strong(&gw->guard, &g, fresh))
            g = fresh;
        else
            guard_destroy(fresh);
    }
    atomic_fetch_add(&g->doors, 1);
    return g;
}

/* Workers start one after the other and end one after the other, so nobody joins while the last one parts. */
void guard_part(struct gateway *gw)
{
    struct guard *g = atomic_load(&gw->guard);
    if (!g || atomic_fetch_sub(&g->doors, 1) > 1)
        return;
    atomic_store(&gw->guard, NULL);
    guard_destroy(g);
}
