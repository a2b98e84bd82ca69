#include "appliance/core/suspects.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define ROWS      4096u
#define WAYS      4u
#define POINT     1000u /* of a score, one failure */
#define SCORE_MAX (1000000u * POINT)

struct suspect {
    uint64_t key; /* 0: nobody */
    uint64_t at;  /* when the score was that */
    uint64_t until;
    uint32_t score;
};

struct suspects {
    atomic_bool any; /* somebody has failed since the start */
    pthread_mutex_t lock;
    struct suspect rows[ROWS][WAYS];
};

struct suspects *suspects_create(void)
{
    struct suspects *s = calloc(1, sizeof *s);
    if (s)
        pthread_mutex_init(&s->lock, NULL);
    return s;
}

void suspects_destroy(struct suspects *s)
{
    if (!s)
        return;
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static struct suspect *find(struct suspects *s, uint64_t key)
{
    struct suspect *row = s->rows[key % ROWS];
    for (unsigned i = 0; i < WAYS; i++) {
        if (row[i].key == key)
            return &row[i];
    }
    return NULL;
}

static struct suspect *find_or_make(struct suspects *s, uint64_t key, uint64_t now)
{
    struct suspect *who = find(s, key), *row = s->rows[key % ROWS];
    if (who)
        return who;
    who = row;
    for (unsigned i = 1; i < WAYS; i++) {
        if (who->key && (!row[i].key || row[i].score < who->score))
            who = &row[i];
    }
    *who = (struct suspect){.key = key, .at = now};
    return who;
}

static void drain(struct suspect *who, uint64_t drain_ms, uint64_t now)
{
    uint64_t passed = now > who->at ? now - who->at : 0;
    uint64_t less = drain_ms ? passed * POINT / drain_ms : UINT64_MAX;
    who->score = less < who->score ? who->score - (uint32_t)less : 0;
    who->at = now;
}

uint32_t suspects_add(struct suspects *s, uint64_t key, uint32_t n, uint64_t drain_ms, uint64_t now)
{
    key = key ? key : 1;
    pthread_mutex_lock(&s->lock);
    atomic_store_explicit(&s->any, true, memory_order_relaxed);
    struct suspect *who = find_or_make(s, key, now);
    drain(who, drain_ms, now);
    if (who->score <= SCORE_MAX)
        who->score += n * POINT;
    n = (who->score + POINT / 2) / POINT;
    pthread_mutex_unlock(&s->lock);
    return n;
}

/* The entry, locked, or NULL and not locked. */
static struct suspect *open_entry(struct suspects *s, uint64_t key)
{
    if (!atomic_load_explicit(&s->any, memory_order_relaxed))
        return NULL;
    pthread_mutex_lock(&s->lock);
    struct suspect *who = find(s, key ? key : 1);
    if (!who)
        pthread_mutex_unlock(&s->lock);
    return who;
}

void suspects_forgive(struct suspects *s, uint64_t key)
{
    struct suspect *who = open_entry(s, key);
    if (!who)
        return;
    who->score /= 2;
    who->until = 0;
    pthread_mutex_unlock(&s->lock);
}

void suspects_forget(struct suspects *s, uint64_t key)
{
    struct suspect *who = open_entry(s, key);
    if (!who)
        return;
    *who = (struct suspect){0};
    pthread_mutex_unlock(&s->lock);
}

void suspects_hold(struct suspects *s, uint64_t key, uint64_t until)
{
    struct suspect *who = open_entry(s, key);
    if (!who)
        return;
    who->until = until;
    pthread_mutex_unlock(&s->lock);
}

uint64_t suspects_held(struct suspects *s, uint64_t key, uint64_t now)
{
    struct suspect *who = open_entry(s, key);
    if (!who)
        return 0;
    uint64_t left = who->until > now ? who->until - now : 0;
    pthread_mutex_unlock(&s->lock);
    return left;
}
