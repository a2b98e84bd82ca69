#include "modules/pcscf/registration/whereabouts.h"
#include <pthread.h>
#include <stdlib.h>

struct whereabouts {
    pthread_mutex_t lock;
    struct map map;
    uint64_t serial;
    unsigned refs; /* workers start and end one after the other */
};

struct whereabouts *whereabouts_join(struct gateway *gw)
{
    struct whereabouts *t = atomic_load(&gw->whereabouts);
    if (t) {
        t->refs++;
        return t;
    }
    t = calloc(1, sizeof(*t));
    if (!t || map_init(&t->map, 64) < 0) {
        free(t);
        return NULL;
    }
    pthread_mutex_init(&t->lock, NULL);
    t->refs = 1;
    atomic_store(&gw->whereabouts, t);
    return t;
}

void whereabouts_part(struct gateway *gw, struct whereabouts *t)
{
    if (!t || --t->refs)
        return;
    atomic_store(&gw->whereabouts, NULL);
    pthread_mutex_destroy(&t->lock);
    map_fini(&t->map);
    free(t);
}

/* Both are hashes already, which nobody outside can see. */
static uint64_t hash_of(uint64_t owner, uint64_t instance)
{
    return owner ^ (instance << 32 | instance >> 32);
}

static bool is_of(const struct whereabout *who, uint64_t owner, uint64_t instance)
{
    return who->owner == owner && who->instance == instance;
}

static unsigned find_waiting(struct whereabouts *t, const struct whereabout *who, struct flow *old)
{
    unsigned n = 0;
    struct map_node *it = map_find(&t->map, hash_of(who->owner, who->instance));
    for (; it && n < WHEREABOUTS_OLD; it = map_next(it)) {
        const struct whereabout *other = container_of(it, struct whereabout, node);
        if (other->waits && is_of(other, who->owner, who->instance))
            old[n++] = other->flow;
    }
    return n;
}

unsigned whereabouts_add(struct whereabouts *t, struct whereabout *who, struct flow *old)
{
    pthread_mutex_lock(&t->lock);
    unsigned n = who->waits ? 0 : find_waiting(t, who, old);
    who->serial = ++t->serial;
    who->in = true;
    map_insert(&t->map, &who->node, hash_of(who->owner, who->instance));
    pthread_mutex_unlock(&t->lock);
    return n;
}

void whereabouts_remove(struct whereabouts *t, struct whereabout *who)
{
    if (!who->in)
        return;
    pthread_mutex_lock(&t->lock);
    map_remove(&t->map, &who->node);
    who->in = false;
    pthread_mutex_unlock(&t->lock);
}

bool whereabouts_find(struct whereabouts *t, uint64_t owner, uint64_t instance, struct flow *out)
{
    const struct whereabout *best = NULL;
    pthread_mutex_lock(&t->lock);
    for (struct map_node *it = map_find(&t->map, hash_of(owner, instance)); it; it = map_next(it)) {
        const struct whereabout *who = container_of(it, struct whereabout, node);
        if (!who->waits && is_of(who, owner, instance) && (!best || who->serial > best->serial))
            best = who;
    }
    if (best)
        *out = best->flow;
    pthread_mutex_unlock(&t->lock);
    return best != NULL;
}
