#include "appliance/base/random.h"
#include "appliance/core/abuse_internal.h"
#include <errno.h>
#include <stdlib.h>

/* ---- the room */

struct abuse *abuse_create(void)
{
    struct abuse *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    pthread_mutex_init(&a->lock, NULL);
    a->hash = random_hash_key();
    a->bans = bans_create();
    a->suspects = suspects_create();
    a->rates = calloc(1, sizeof *a->rates);
    if (a->bans && a->suspects && a->rates)
        return a;
    abuse_destroy(a);
    return NULL;
}

void abuse_destroy(struct abuse *a)
{
    if (!a)
        return;
    bans_destroy(a->bans);
    suspects_destroy(a->suspects);
    free(a->rates);
    cidr_set_fini(&a->exempt);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

struct bans *abuse_bans(struct abuse *a)
{
    return a->bans;
}

static bool add_all(struct cidr_set *to, const struct cidr_set *from)
{
    for (size_t i = 0; i < from->n; i++)
        if (!cidr_set_add(to, from->items[i]))
            return false;
    return true;
}

int abuse_configure(struct abuse *a, const struct abuse_config *c, const struct cidr_set *more, unsigned n)
{
    struct cidr_set exempt = {0};
    bool good = add_all(&exempt, &c->exempt);
    for (unsigned i = 0; good && i < n; i++)
        good = add_all(&exempt, &more[i]);
    if (!good) {
        cidr_set_fini(&exempt);
        return -ENOMEM;
    }
    pthread_mutex_lock(&a->lock);
    struct cidr_set old = a->exempt;
    a->exempt = exempt;
    a->limits = *c;
    a->limits.exempt = (struct cidr_set){0}; /* that is a->exempt */
    pthread_mutex_unlock(&a->lock);
    cidr_set_fini(&old);
    return 0;
}

bool abuse_exempts(struct abuse *a, const struct addr *from)
{
    pthread_mutex_lock(&a->lock);
    bool exempt = cidr_set_match(&a->exempt, from) != NULL;
    pthread_mutex_unlock(&a->lock);
    return exempt;
}

bool abuse_is_exempt(const struct worker *w, const struct addr *from)
{
    struct abuse *a = abuse_of(w);
    return a && abuse_exempts(a, from);
}

struct abuse_config abuse_limits(struct abuse *a)
{
    pthread_mutex_lock(&a->lock);
    struct abuse_config c = a->limits;
    pthread_mutex_unlock(&a->lock);
    return c;
}

void abuse_count(struct worker *w, enum abuse_stat what)
{
    stat_inc(&stats_row(w->gw->stats, &abuse_stats, w->id)[what]);
}

int64_t abuse_doubled(int64_t value, uint32_t times, int64_t most)
{
    for (uint32_t i = 0; i < times && i < ABUSE_DOUBLES && value < most; i++)
        value *= 2;
    return value < most ? value : most;
}

uint64_t abuse_key(const struct abuse *a, const struct addr *from)
{
    struct addr one = ban_address(from);
    return addr_ip_hash(&a->hash, &one);
}

/* ---- failures */

bool abuse_take(struct worker *w, const struct addr *from, struct bucket_rate rate)
{
    struct abuse *a = abuse_of(w);
    return !a || buckets_take(a->rates, abuse_key(a, from), rate, w->now);
}

static uint64_t user_key(const struct abuse *a, struct bytes user)
{
    return ~bytes_hash(&a->hash, user);
}

static uint64_t pair_key(const struct abuse *a, const struct addr *from, struct bytes user)
{
    uint64_t key = abuse_key(a, from) * 31 ^ user_key(a, user);
    return key ? key : 1;
}

static _Atomic uint64_t *known_place(struct abuse *a, uint64_t pair)
{
    return &a->known[pair % ABUSE_KNOWN];
}

static bool is_known(struct abuse *a, const struct addr *from, struct bytes user)
{
    uint64_t pair = from ? pair_key(a, from, user) : 0;
    return pair && atomic_load_explicit(known_place(a, pair), memory_order_relaxed) == pair;
}

static void hold(struct abuse *a, const struct abuse_config *c, uint64_t key, uint32_t over, uint64_t now)
{
    if (over && c->backoff)
        suspects_hold(a->suspects, key, now + (uint64_t)abuse_doubled(c->backoff, over - 1, c->backoff_max));
}

/* A name that is tried from everywhere waits soon; a whole address only at half of what bans it, for there
 * may be a hundred phones behind it. */
static void user_failed(struct abuse *a, const struct abuse_config *c, struct bytes user, uint64_t now)
{
    uint64_t key = user_key(a, user), drain = (uint64_t)(c->window / c->failures);
    uint32_t n = suspects_add(a->suspects, key, 1, drain, now);
    hold(a, c, key, n > c->backoff_after ? n - (uint32_t)c->backoff_after : 0, now);
}

/* A connection that was closed for its flood is worth some failures: it cost hundreds of requests. */
#define FLOOD_SHARE 5

static bool address_failed(struct worker *w, struct abuse *a, const struct abuse_config *c,
                           const struct addr *from, enum ban_reason why)
{
    uint64_t key = abuse_key(a, from), drain = (uint64_t)(c->window / c->failures);
    uint32_t most = (uint32_t)c->failures, half = most / 2;
    uint32_t points = why == BAN_FLOOD ? (most + FLOOD_SHARE - 1) / FLOOD_SHARE : 1;
    uint32_t n = suspects_add(a->suspects, key, points, drain, w->now);
    hold(a, c, key, n > half ? n - half : 0, w->now);
    if (n < most)
        return false;
    suspects_forget(a->suspects, key);
    return abuse_ban_now(w, a, from, why, "");
}

bool abuse_failed(struct worker *w, const struct addr *from, struct bytes user, enum ban_reason why)
{
    struct abuse *a = abuse_of(w);
    if (!a)
        return false;
    const struct abuse_config c = abuse_limits(a);
    if (!c.failures)
        return false;
    if (user.n)
        user_failed(a, &c, user, w->now);
    if (!from || abuse_exempts(a, from))
        return false;
    return address_failed(w, a, &c, from, why) || bans_has(a->bans, from, w->wall);
}

void abuse_succeeded(struct worker *w, const struct addr *from, struct bytes user)
{
    struct abuse *a = abuse_of(w);
    if (!a)
        return;
    suspects_forgive(a->suspects, abuse_key(a, from));
    if (!user.n)
        return;
    suspects_forget(a->suspects, user_key(a, user));
    uint64_t pair = pair_key(a, from, user);
    atomic_store_explicit(known_place(a, pair), pair, memory_order_relaxed);
}

uint32_t abuse_wait(struct worker *w, const struct addr *from, struct bytes user)
{
    struct abuse *a = abuse_of(w);
    if (!a)
        return 0;
    uint64_t ms =
        from && !abuse_exempts(a, from) ? suspects_held(a->suspects, abuse_key(a, from), w->now) : 0;
    uint64_t users = user.n ? suspects_held(a->suspects, user_key(a, user), w->now) : 0;
    if (users > ms && !is_known(a, from, user))
        ms = users;
    return (uint32_t)((ms + 999) / 1000);
}
