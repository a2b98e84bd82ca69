#include "appliance/core/abuse_internal.h"
#include "appliance/core/store.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

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
    if (ban.reason == BAN_REASONS || !addr_parse(v[0].b, 0, &ban.addr) || abuse_exempts(a, &ban.addr))
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

bool abuse_ban_now(struct worker *w, struct abuse *a, const struct addr *from, enum ban_reason why,
                   const char *note)
{
    const struct abuse_config c = abuse_limits(a);
    struct ban ban = {.addr = ban_address(from), .reason = why, .since = w->wall, .times = 1}, before;
    if (!c.ban || abuse_exempts(a, from))
        return false;
    if (bans_find(a->bans, from, &before)) {
        if (before.until > w->wall)
            return true;
        ban.times = w->wall - before.until < c.ban_max / 1000 ? before.times + 1 : 1;
    }
    ban.until = w->wall + abuse_doubled(c.ban, ban.times - 1, c.ban_max) / 1000;
    snprintf(ban.note, sizeof ban.note, "%s", note);
    return put(w, a, &ban) == 0;
}

bool abuse_ban(struct worker *w, const struct addr *from, enum ban_reason why, const char *note)
{
    struct abuse *a = abuse_of(w);
    return a && abuse_ban_now(w, a, from, why, note);
}

/* ---- the operator's */

int abuse_ban_by_hand(struct worker *w, const struct addr *addr, int64_t seconds, const char *note)
{
    struct abuse *a = abuse_of(w);
    struct ban ban = {.addr = ban_address(addr), .reason = BAN_OPERATOR, .since = w->wall, .times = 1};
    if (!a || abuse_exempts(a, addr))
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
    suspects_forget(a->suspects, abuse_key(a, addr));
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
        if (abuse_exempts(a, &all.list[i]))
            abuse_lift(w, &all.list[i]);
    free(all.list);
}

struct span {
    int64_t after, until;
    bool any;
};

static void look_for_end(void *arg, const struct ban *ban)
{
    struct span *s = arg;
    s->any = s->any || (ban->until > s->after && ban->until <= s->until);
}

/* An idle gateway writes nothing: rows go only when a ban has ended since the last look. */
static void forget_ended(struct worker *w, struct abuse *a)
{
    struct span since = {.after = a->tended, .until = w->wall};
    const struct store_value now[] = {V_INT(w->wall)};
    bans_walk(a->bans, look_for_end, &since);
    a->tended = w->wall;
    if (since.any && a->store)
        store_exec(a->store, &delete_ended, now, 1);
}

void abuse_tend(struct worker *w)
{
    struct abuse *a = abuse_of(w);
    if (!a)
        return;
    struct in_force f = {.wall = w->wall};
    lift_exempt(w, a);
    forget_ended(w, a);
    bans_walk(a->bans, give, &f);
    atomic_store_explicit(&stats_row(w->gw->stats, &abuse_stats, w->id)[ABUSE_BANS], f.n,
                          memory_order_relaxed);
}
