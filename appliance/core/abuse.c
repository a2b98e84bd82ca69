#include "appliance/core/abuse.h"
#include "appliance/base/random.h"
#include "appliance/core/store.h"
#include "appliance/core/suspects.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define KNOWN   8192u
#define DOUBLES 20u /* a wait or a ban is doubled at most so often */

struct abuse {
    struct bans *bans;
    struct suspects *suspects;
    struct buckets *rates; /* by address */
    struct hash_key hash;
    struct store *store;
    pthread_mutex_t lock; /* of limits and exempt */
    struct abuse_config limits;
    struct cidr_set exempt;
    _Atomic uint64_t known[KNOWN]; /* who has proved himself from where: the last ones */
};

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

static struct abuse *abuse_of(const struct worker *w)
{
    return w->gw ? w->gw->abuse : NULL;
}

static bool is_exempt(struct abuse *a, const struct addr *from)
{
    pthread_mutex_lock(&a->lock);
    bool exempt = cidr_set_match(&a->exempt, from) != NULL;
    pthread_mutex_unlock(&a->lock);
    return exempt;
}

bool abuse_is_exempt(const struct worker *w, const struct addr *from)
{
    struct abuse *a = abuse_of(w);
    return a && is_exempt(a, from);
}

static struct abuse_config limits_of(struct abuse *a)
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

/* ---- rows */

static const struct store_stmt put_row = {
    STORE_SOFT, "INSERT OR REPLACE INTO ban (address, reason, since, until, times, note) "
                "VALUES (?1, ?2, ?3, ?4, ?5, ?6)"};
static const struct store_stmt delete_row = {STORE_SOFT, "DELETE FROM ban WHERE address = ?1"};
static const struct store_stmt delete_ended = {STORE_SOFT, "DELETE FROM ban WHERE until <= ?1"};
static const struct store_stmt all_rows = {
    STORE_SOFT, "SELECT address, reason, since, until, times, note FROM ban ORDER BY until"};

static struct bytes address_text(const struct addr *a, char dst[static ADDR_TEXT])
{
    return bytes_of(dst, addr_format_ip(a, dst));
}

static void row_put(struct abuse *a, const struct ban *ban)
{
    char address[ADDR_TEXT];
    const struct store_value v[] = {V_TEXT(address_text(&ban->addr, address)),
                                    V_TEXT(bytes_str(ban_reason_name(ban->reason))),
                                    V_INT(ban->since),
                                    V_INT(ban->until),
                                    V_INT(ban->times),
                                    V_TEXT(bytes_str(ban->note))};
    if (a->store)
        store_exec(a->store, &put_row, v, 6); /* a lost row is counted by the store */
}

static void row_delete(struct abuse *a, const struct addr *addr)
{
    char address[ADDR_TEXT];
    struct addr one = ban_address(addr);
    const struct store_value v[] = {V_TEXT(address_text(&one, address))};
    if (a->store)
        store_exec(a->store, &delete_row, v, 1);
}

static bool load_row(void *arg, const struct store_value *v, unsigned n)
{
    struct abuse *a = arg;
    struct ban ban = {.since = v[2].i, .until = v[3].i, .times = (uint32_t)v[4].i};
    ban.reason = n == 6 ? ban_reason_of(v[1].b) : BAN_REASONS;
    if (ban.reason == BAN_REASONS || !addr_parse(v[0].b, 0, &ban.addr) || is_exempt(a, &ban.addr))
        return true;
    if (!bytes_to_str(v[5].b, ban.note, sizeof ban.note))
        ban.note[0] = '\0';
    bans_put(a->bans, &ban);
    return true;
}

int abuse_load(struct abuse *a, struct store *s, int64_t wall)
{
    const struct store_value now[] = {V_INT(wall)};
    a->store = s;
    int rc = store_exec_now(s, &delete_ended, now, 1, NULL);
    return rc < 0 ? rc : store_query(s, &all_rows, NULL, 0, load_row, a);
}

/* ---- bans */

static int put(struct worker *w, struct abuse *a, const struct ban *ban)
{
    char address[ADDR_TEXT];
    struct bytes text = address_text(&ban->addr, address);
    int rc = bans_put(a->bans, ban);
    if (rc < 0) {
        log_warn(&w->log, "ban.no_room", F_BYTES("address", text), F_ERRNO(rc));
        return rc;
    }
    row_put(a, ban);
    abuse_count(w, ABUSE_BANNED + (unsigned)ban->reason);
    log_warn(&w->log, "ban.added", F_BYTES("address", text), F_STR("reason", ban_reason_name(ban->reason)),
             F_INT("seconds", ban->until == BAN_FOR_EVER ? 0 : ban->until - ban->since),
             F_UINT("times", ban->times), F_STR("note", ban->note));
    return 0;
}

static int64_t doubled(int64_t value, uint32_t times, int64_t most)
{
    for (uint32_t i = 0; i < times && i < DOUBLES && value < most; i++)
        value *= 2;
    return value < most ? value : most;
}

/* Each ban of an address is twice as long as the one before it, while that is remembered. */
static bool ban_now(struct worker *w, struct abuse *a, const struct addr *from, enum ban_reason why,
                    const char *note)
{
    const struct abuse_config c = limits_of(a);
    struct ban ban = {.addr = ban_address(from), .reason = why, .since = w->wall, .times = 1}, before;
    if (!c.ban || is_exempt(a, from))
        return false;
    if (bans_find(a->bans, from, &before)) {
        if (before.until > w->wall)
            return true;
        ban.times = w->wall - before.until < c.ban_max / 1000 ? before.times + 1 : 1;
    }
    ban.until = w->wall + doubled(c.ban, ban.times - 1, c.ban_max) / 1000;
    snprintf(ban.note, sizeof ban.note, "%s", note);
    return put(w, a, &ban) == 0;
}

bool abuse_ban(struct worker *w, const struct addr *from, enum ban_reason why, const char *note)
{
    struct abuse *a = abuse_of(w);
    return a && ban_now(w, a, from, why, note);
}

/* ---- failures */

static uint64_t address_key(const struct abuse *a, const struct addr *from)
{
    struct addr one = ban_address(from);
    return addr_ip_hash(&a->hash, &one);
}

bool abuse_take(struct worker *w, const struct addr *from, struct bucket_rate rate)
{
    struct abuse *a = abuse_of(w);
    return !a || buckets_take(a->rates, address_key(a, from), rate, w->now);
}

static uint64_t user_key(const struct abuse *a, struct bytes user)
{
    return ~bytes_hash(&a->hash, user);
}

static uint64_t pair_key(const struct abuse *a, const struct addr *from, struct bytes user)
{
    uint64_t key = address_key(a, from) * 31 ^ user_key(a, user);
    return key ? key : 1;
}

static _Atomic uint64_t *known_place(struct abuse *a, uint64_t pair)
{
    return &a->known[pair % KNOWN];
}

static bool is_known(struct abuse *a, const struct addr *from, struct bytes user)
{
    uint64_t pair = from ? pair_key(a, from, user) : 0;
    return pair && atomic_load_explicit(known_place(a, pair), memory_order_relaxed) == pair;
}

static void hold(struct abuse *a, const struct abuse_config *c, uint64_t key, uint32_t over, uint64_t now)
{
    if (over && c->backoff)
        suspects_hold(a->suspects, key, now + (uint64_t)doubled(c->backoff, over - 1, c->backoff_max));
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
    uint64_t key = address_key(a, from), drain = (uint64_t)(c->window / c->failures);
    uint32_t most = (uint32_t)c->failures, half = most / 2;
    uint32_t points = why == BAN_FLOOD ? (most + FLOOD_SHARE - 1) / FLOOD_SHARE : 1;
    uint32_t n = suspects_add(a->suspects, key, points, drain, w->now);
    hold(a, c, key, n > half ? n - half : 0, w->now);
    if (n < most)
        return false;
    suspects_forget(a->suspects, key);
    return ban_now(w, a, from, why, "");
}

bool abuse_failed(struct worker *w, const struct addr *from, struct bytes user, enum ban_reason why)
{
    struct abuse *a = abuse_of(w);
    if (!a)
        return false;
    const struct abuse_config c = limits_of(a);
    if (!c.failures)
        return false;
    if (user.n)
        user_failed(a, &c, user, w->now);
    if (!from || is_exempt(a, from))
        return false;
    return address_failed(w, a, &c, from, why) || bans_has(a->bans, from, w->wall);
}

void abuse_succeeded(struct worker *w, const struct addr *from, struct bytes user)
{
    struct abuse *a = abuse_of(w);
    if (!a)
        return;
    suspects_forgive(a->suspects, address_key(a, from));
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
    uint64_t ms = from && !is_exempt(a, from) ? suspects_held(a->suspects, address_key(a, from), w->now) : 0;
    uint64_t users = user.n ? suspects_held(a->suspects, user_key(a, user), w->now) : 0;
    if (users > ms && !is_known(a, from, user))
        ms = users;
    return (uint32_t)((ms + 999) / 1000);
}

/* ---- the operator's */

int abuse_ban_by_hand(struct worker *w, const struct addr *addr, int64_t seconds, const char *note)
{
    struct abuse *a = abuse_of(w);
    struct ban ban = {.addr = ban_address(addr), .reason = BAN_OPERATOR, .since = w->wall, .times = 1};
    if (!a || is_exempt(a, addr))
        return -EPERM;
    ban.until = seconds ? w->wall + seconds : BAN_FOR_EVER;
    snprintf(ban.note, sizeof ban.note, "%s", note);
    return put(w, a, &ban);
}

/* Lifted is forgotten: he begins as anybody. */
bool abuse_lift(struct worker *w, const struct addr *addr)
{
    struct abuse *a = abuse_of(w);
    char address[ADDR_TEXT];
    struct ban ban;
    bool banned = a && bans_find(a->bans, addr, &ban) && ban.until > w->wall;
    if (!banned)
        return false;
    bans_remove(a->bans, addr);
    suspects_forget(a->suspects, address_key(a, addr));
    row_delete(a, addr);
    log_info(&w->log, "ban.lifted", F_BYTES("address", address_text(&ban.addr, address)),
             F_STR("reason", ban_reason_name(ban.reason)));
    return true;
}

struct in_force {
    int64_t wall;
    unsigned n;
    void (*each)(void *arg, const struct ban *ban);
    void *arg;
};

static void give(void *arg, const struct ban *ban)
{
    struct in_force *f = arg;
    if (ban->until <= f->wall)
        return;
    f->n++;
    if (f->each)
        f->each(f->arg, ban);
}

void abuse_walk(struct worker *w, void (*each)(void *arg, const struct ban *ban), void *arg)
{
    struct in_force f = {w->wall, 0, each, arg};
    if (abuse_of(w))
        bans_walk(abuse_of(w)->bans, give, &f);
}

struct addresses {
    struct addr *list;
    unsigned n, cap;
};

static void collect(void *arg, const struct ban *ban)
{
    struct addresses *all = arg;
    if (all->n == all->cap) {
        struct addr *more = reallocarray(all->list, all->cap + 256u, sizeof *more);
        if (!more)
            return;
        all->list = more;
        all->cap += 256u;
    }
    all->list[all->n++] = ban->addr;
}

unsigned abuse_lift_all(struct worker *w)
{
    struct addresses all = {0};
    unsigned n = 0;
    abuse_walk(w, collect, &all);
    for (unsigned i = 0; i < all.n; i++)
        n += abuse_lift(w, &all.list[i]);
    free(all.list);
    return n;
}

static void lift_exempt(struct worker *w, struct abuse *a)
{
    struct addresses all = {0};
    abuse_walk(w, collect, &all);
    for (unsigned i = 0; i < all.n; i++)
        if (is_exempt(a, &all.list[i]))
            abuse_lift(w, &all.list[i]);
    free(all.list);
}

void abuse_tend(struct worker *w)
{
    struct abuse *a = abuse_of(w);
    if (!a)
        return;
    struct in_force f = {.wall = w->wall};
    lift_exempt(w, a);
    bans_walk(a->bans, give, &f);
    atomic_store_explicit(&stats_row(w->gw->stats, &abuse_stats, w->id)[ABUSE_BANS], f.n,
                          memory_order_relaxed);
    const struct store_value now[] = {V_INT(w->wall)};
    if (a->store)
        store_exec(a->store, &delete_ended, now, 1);
}
