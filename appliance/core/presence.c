#include "appliance/core/presence.h"
#include "appliance/base/list.h"
#include "appliance/base/map.h"
#include "appliance/base/random.h"
#include "appliance/core/directory.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* A private user identity is name@realm. */
#define NAME_MAX_BYTES (2u * DIRECTORY_NAME_MAX + 1)

struct present {
    struct map_node node;
    struct list leaving; /* linked while nothing is held, the first to leave in front */
    uint64_t left_at;
    unsigned held;
    size_t n;
    uint8_t name[];
};

struct presence {
    pthread_mutex_t lock;
    struct hash_key key;
    struct map names;
    struct list leaving;
};

struct presence *presence_create(void)
{
    struct presence *p = calloc(1, sizeof(*p));
    if (!p || map_init(&p->names, 64) < 0) {
        free(p);
        return NULL;
    }
    pthread_mutex_init(&p->lock, NULL);
    list_init(&p->leaving);
    p->key = random_hash_key();
    return p;
}

static void forget(struct map_node *node, void *names)
{
    struct present *who = container_of(node, struct present, node);
    map_remove(names, node);
    list_remove(&who->leaving);
    free(who);
}

void presence_destroy(struct presence *p)
{
    if (!p)
        return;
    map_walk(&p->names, forget, &p->names);
    map_fini(&p->names);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static struct present *find(const struct presence *p, struct bytes name)
{
    for (struct map_node *n = map_find(&p->names, bytes_hash(&p->key, name)); n; n = map_next(n)) {
        struct present *who = container_of(n, struct present, node);
        if (bytes_eq(bytes_of(who->name, who->n), name))
            return who;
    }
    return NULL;
}

static struct present *add(struct presence *p, struct bytes name)
{
    struct present *who = calloc(1, sizeof(*who) + name.n);
    if (!who)
        return NULL;
    who->n = name.n;
    memcpy(who->name, name.p, name.n);
    list_init(&who->leaving);
    map_insert(&p->names, &who->node, bytes_hash(&p->key, name));
    return who;
}

/* Workers' clocks are one clock, read a moment apart: a time that seems to lie ahead is now. */
static bool is_gone(const struct present *who, uint64_t now)
{
    return !who->held && now > who->left_at && now - who->left_at >= PRESENCE_GRACE_MS;
}

static void forget_gone(struct presence *p, uint64_t now)
{
    list_each_safe (it, &p->leaving) {
        struct present *who = container_of(it, struct present, leaving);
        if (!is_gone(who, now))
            return;
        forget(&who->node, &p->names);
    }
}

bool presence_arrive(struct presence *p, struct bytes name, uint64_t now)
{
    if (name.n == 0 || name.n > NAME_MAX_BYTES)
        return false;
    pthread_mutex_lock(&p->lock);
    forget_gone(p, now);
    struct present *who = find(p, name);
    if (!who)
        who = add(p, name);
    if (who) {
        who->held++;
        list_remove(&who->leaving);
    }
    pthread_mutex_unlock(&p->lock);
    return who != NULL;
}

void presence_leave(struct presence *p, struct bytes name, uint64_t now)
{
    pthread_mutex_lock(&p->lock);
    struct present *who = find(p, name);
    if (who && who->held && --who->held == 0) {
        who->left_at = now;
        list_push_back(&p->leaving, &who->leaving);
    }
    forget_gone(p, now);
    pthread_mutex_unlock(&p->lock);
}

bool presence_has(struct presence *p, struct bytes name, uint64_t now)
{
    pthread_mutex_lock(&p->lock);
    const struct present *who = find(p, name);
    bool has = who && !is_gone(who, now);
    pthread_mutex_unlock(&p->lock);
    return has;
}
