#include "modules/turn/quota.h"
#include "appliance/base/list.h"
#include "appliance/base/map.h"
#include "appliance/base/random.h"
#include "appliance/core/worker.h"
#include "modules/turn/bandwidth.h"
#include "modules/turn/reservation.h"
#include "modules/turn/session.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define BUCKET_MS   1000u
#define BUCKET_MIN  2048u
#define USER_SHARE  50u  /* of a second's bytes, what one draw brings: fifty questions a second at most */
#define TOTAL_SHARE 500u /* smaller, for many draw from it */

struct bucket {
    uint64_t tokens; /* bytes */
    uint64_t at;     /* filled so far, ms; 0: never asked */
};

struct holder {
    struct map_node node;
    struct list leaving; /* held is 0, but the buckets are not full yet */
    uint64_t held;
    struct bucket buckets[BANDWIDTH_WAYS];
    size_t n;
    uint8_t name[];
};

struct quota {
    pthread_mutex_t lock;
    _Atomic unsigned rooms; /* that have joined */
    uint64_t held;
    struct hash_key key;
    struct map holders;
    struct list leaving; /* the longest gone in front */
    struct bucket buckets[BANDWIDTH_WAYS];
    struct reservations reservations;
    struct sessions sessions;
};

static struct quota *quota_create(void)
{
    struct quota *q = calloc(1, sizeof(*q));
    if (!q || map_init(&q->holders, 64) < 0 || sessions_init(&q->sessions) < 0) {
        if (q)
            map_fini(&q->holders);
        free(q);
        return NULL;
    }
    pthread_mutex_init(&q->lock, NULL);
    pthread_mutex_init(&q->reservations.lock, NULL);
    list_init(&q->reservations.held);
    list_init(&q->leaving);
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
    sessions_fini(&q->sessions);
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

struct sessions *quota_sessions(struct quota *q)
{
    return &q->sessions;
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
    list_remove(&h->leaving);
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

/* A bucket holds what a second brings, and at least a datagram as they go over the Internet. */
static void fill(struct bucket *b, uint64_t rate, uint64_t now)
{
    uint64_t most = rate > BUCKET_MIN ? rate : BUCKET_MIN;
    uint64_t ms = now > b->at ? now - b->at : 0;
    uint64_t more = b->at ? rate * (ms < BUCKET_MS ? ms : BUCKET_MS) / 1000 : most;
    if (more) /* else the rest of a byte would be lost */
        b->at = now;
    b->tokens = more >= most - (b->tokens < most ? b->tokens : most) ? most : b->tokens + more;
}

/* What the bucket would give; UINT64_MAX when there is no limit. */
static uint64_t offer(struct bucket *b, uint64_t rate, uint64_t share, const struct draw *d)
{
    if (!rate)
        return UINT64_MAX;
    fill(b, rate, d->now);
    uint64_t want = d->n > rate / share ? d->n : rate / share;
    return want < b->tokens ? want : b->tokens;
}

static void forget_those_who_left(struct quota *q, uint64_t now)
{
    while (!list_empty(&q->leaving)) {
        struct holder *h = container_of(q->leaving.next, struct holder, leaving);
        if (now < h->buckets[0].at + BUCKET_MS || now < h->buckets[1].at + BUCKET_MS)
            return;
        list_remove(&h->leaving);
        free_holder(&h->node, &q->holders);
    }
}

static uint64_t draw(struct quota *q, struct holder *h, const struct bandwidth_limits *limits,
                     const struct draw *d)
{
    struct bucket *own = &h->buckets[d->way], *all = &q->buckets[d->way];
    uint64_t mine = offer(own, limits->user, USER_SHARE, d), ours = offer(all, limits->total, TOTAL_SHARE, d);
    uint64_t got = mine < ours ? mine : ours;
    if (got < d->n)
        return 0;
    if (limits->user)
        own->tokens -= got;
    if (limits->total)
        all->tokens -= got;
    return got;
}

uint64_t quota_draw(struct quota *q, struct bytes user, const struct bandwidth_limits *limits,
                    const struct draw *d)
{
    pthread_mutex_lock(&q->lock);
    forget_those_who_left(q, d->now);
    struct holder *h = find(q, user);
    uint64_t got = h ? draw(q, h, limits, d) : 0;
    pthread_mutex_unlock(&q->lock);
    return got;
}

/* Had he drawn, he is remembered until his buckets are full: else to come anew would fill them. */
static void leave(struct quota *q, struct holder *h)
{
    if (h->buckets[0].at || h->buckets[1].at)
        list_push_back(&q->leaving, &h->leaving);
    else
        free_holder(&h->node, &q->holders);
}

void quota_give(struct quota *q, struct bytes user)
{
    pthread_mutex_lock(&q->lock);
    struct holder *h = find(q, user);
    if (h) {
        q->held--;
        if (--h->held == 0)
            leave(q, h);
    }
    pthread_mutex_unlock(&q->lock);
}
