#include "modules/turn/quota.h"
#include "appliance/base/list.h"
#include "appliance/base/map.h"
#include "appliance/base/random.h"
#include "appliance/core/worker.h"
#include "modules/turn/reservation.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct holder {
    struct map_node node;
    uint64_t held;
    size_t n;
    uint8_t name[];
};

struct quota {
    pthread_mutex_t lock;
    _Atomic unsigned rooms; /* that have joined */
    uint64_t held;
    struct hash_key key;
    struct map holders;
    struct reservations reservations;
};

static struct quota *quota_create(void)
{
    struct quota *q = calloc(1, sizeof(*q));
    if (!q || map_init(&q->holders, 64) < 0) {
        free(q);
        return NULL;
    }
    pthread_mutex_init(&q->lock, NULL);
    pthread_mutex_init(&q->reservations.lock, NULL);
    list_init(&q->reservations.held);
    q->key = random_hash_key();
    return q;
}

static void free_holder(struct map_node *node, void *arg)
{
    map_remove(arg, node);
    free(container_of(node, struct holder, node));
}

static void quota_destroy(struct quota *q)
{
    map_walk(&q->holders, free_holder, &q->holders);
    map_fini(&q->holders);
    pthread_mutex_destroy(&q->lock);
    pthread_mutex_destroy(&q->reservations.lock);
    free(q);
}

struct quota *quota_join(struct gateway *gw)
{
    struct quota *q = atomic_load(&gw->quota);
    if (!q) {
        struct quota *fresh = quota_create();
        if (!fresh)
            return NULL;
        if (atomic_compare_exchange_strong(&gw->quota, &q, fresh))
            q = fresh;
        else
            quota_destroy(fresh);
    }
    atomic_fetch_add(&q->rooms, 1);
    return q;
}

void quota_part(struct gateway *gw)
{
    struct quota *q = atomic_load(&gw->quota);
    if (!q || atomic_fetch_sub(&q->rooms, 1) != 1)
        return;
    atomic_store(&gw->quota, NULL);
    quota_destroy(q);
}

struct reservations *quota_reservations(struct quota *q)
{
    return &q->reservations;
}

static struct holder *find(struct quota *q, struct bytes user)
{
    for (struct map_node *n = map_find(&q->holders, bytes_hash(&q->key, user)); n; n = map_next(n)) {
        struct holder *h = container_of(n, struct holder, node);
        if (bytes_eq(bytes_of(h->name, h->n), user))
            return h;
    }
    return NULL;
}

static struct holder *add(struct quota *q, struct bytes user)
{
    struct holder *h = calloc(1, sizeof(*h) + user.n);
    if (!h)
        return NULL;
    h->n = user.n;
    memcpy(h->name, user.p, user.n);
    map_insert(&q->holders, &h->node, bytes_hash(&q->key, user));
    return h;
}

static int take(struct quota *q, struct bytes user, uint64_t per_user, uint64_t total)
{
    if (total && q->held >= total)
        return -ENOSPC;
    struct holder *h = find(q, user);
    if (h && per_user && h->held >= per_user)
        return -EDQUOT;
    if (!h && !(h = add(q, user)))
        return -ENOMEM;
    h->held++;
    q->held++;
    return 0;
}

int quota_take(struct quota *q, struct bytes user, uint64_t per_user, uint64_t total)
{
    pthread_mutex_lock(&q->lock);
    int rc = take(q, user, per_user, total);
    pthread_mutex_unlock(&q->lock);
    return rc;
}

void quota_give(struct quota *q, struct bytes user)
{
    pthread_mutex_lock(&q->lock);
    struct holder *h = find(q, user);
    if (h) {
        q->held--;
        if (--h->held == 0)
            free_holder(&h->node, &q->holders);
    }
    pthread_mutex_unlock(&q->lock);
}
