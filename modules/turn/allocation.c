#include "modules/turn/allocation.h"
#include "modules/stun/stun.h"
#include "modules/turn/quota.h"
#include "modules/turn/store_rows.h"
#include "mux/conn.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t next_expiry(const struct allocation *a)
{
    return a->second.fd >= 0 ? sooner(a->expires, a->second_expires) : a->expires;
}

/* Sweeps what is due and sets the timer to what is next. */
static void on_timer(struct worker *w, struct timer *timer)
{
    struct allocation *a = container_of(timer, struct allocation, timer);
    if (allocation_expires(a) <= w->now) {
        allocation_destroy(a, ALLOCATION_EXPIRED);
        return;
    }
    /* One relay of two: the other one goes on (RFC 8656 8.1). */
    if (next_expiry(a) <= w->now)
        allocation_drop_family(a, a->expires <= w->now ? a->relay.relayed.family : a->second.relayed.family);
    uint64_t channel = channel_sweep(a, w->now); /* first: a permission stays under its channels */
    uint64_t permission = permission_sweep(a, w->now);
    timer_set(&w->timers, &a->timer, sooner(sooner(channel, permission), next_expiry(a)));
}

void allocation_wake(struct allocation *a, uint64_t due)
{
    if (!timer_armed(&a->timer) || a->timer.due > due)
        timer_set(&a->turn->w->timers, &a->timer, due);
}

static void fill(struct allocation *a, struct turn *t, const struct allocation_wish *wish)
{
    a->turn = t;
    a->second.fd = -1;
    a->created = t->w->now;
    a->expires = a->second_expires = t->w->now + wish->lifetime;
    a->timer.fire = on_timer;
    a->mobility.on = wish->mobile;
    session_keep(&a->session, wish->credential, t->w->wall);
    list_init(&a->permissions);
    list_init(&a->channels);
    list_init(&a->unwritten);
    random_fill(a->id, sizeof(a->id));
    memcpy(a->made_by, wish->made_by, sizeof(a->made_by));
    a->name_n = (uint8_t)wish->name.n;
    memcpy(a->name, wish->name.p, wish->name.n);
}

/* The port above goes into reserve, or the whole request fails (RFC 8656 7.2 step 8). */
static int reserve_next(struct allocation *a, int next)
{
    struct reserved what = {.fd = next,
                            .port = (uint16_t)(a->relay.port + 1),
                            .bind = a->relay.address->bind,
                            .by_token = session_is_kept(&a->session)};
    int rc = reservation_make(a->turn, &what, allocation_name(a), a->token);
    if (rc < 0)
        close(next);
    a->has_token = rc == 0;
    return rc;
}

static int open_relay(struct allocation *a, const struct relay_wish *wish)
{
    int next = -1;
    int rc = wish->tcp ? tcp_relay_open(a, wish) : relay_udp_open(&a->relay, a, wish, &next);
    if (rc < 0 || !wish->reserve)
        return rc;
    rc = reserve_next(a, next);
    if (rc < 0)
        relay_udp_close(&a->relay, a->turn);
    return rc;
}

static unsigned missing_because(const struct relay_wish *wish)
{
    return wish->address ? 508 : 440;
}

/* Each relayed address is one of the user's (and a port): the second one is paid for too. */
static int open_second(struct allocation *a, const struct relay_wish *wish)
{
    const struct turn_config *c = a->turn->config;
    if (!wish->address)
        return -EAFNOSUPPORT;
    int rc = quota_take(a->turn->quota, allocation_name(a), (uint64_t)c->user_allocations,
                        (uint64_t)c->total_allocations);
    if (rc < 0)
        return rc;
    rc = relay_udp_open(&a->second, a, wish, NULL);
    if (rc < 0) {
        a->second.fd = -1;
        quota_give(a->turn->quota, allocation_name(a));
    }
    return rc;
}

static void missing(struct allocation *a, const struct relay_wish *which, uint8_t family)
{
    a->missing_family = family;
    a->missing_because = (uint16_t)missing_because(which);
}

/* RFC 8656 7.2 step 9: one of two is enough; the client is told which one it has not got, and why. */
static int open_relays(struct allocation *a, const struct allocation_wish *wish)
{
    int first = open_relay(a, &wish->relay);
    if (!wish->dual)
        return first;
    if (first == 0) {
        if (open_second(a, &wish->second) < 0)
            missing(a, &wish->second, STUN_FAMILY_V6);
        return 0;
    }
    if (!wish->second.address || relay_udp_open(&a->relay, a, &wish->second, NULL) < 0)
        return first;
    missing(a, &wish->relay, STUN_FAMILY_V4);
    return 0;
}

static int build(struct turn *t, const struct allocation_wish *wish, struct allocation **out)
{
    struct allocation *a = slots_take(&t->allocations);
    if (!a)
        return -ENOSPC;
    fill(a, t, wish);
    int rc = open_relays(a, wish);
    if (rc < 0) {
        slots_give(&t->allocations, a);
        return rc;
    }
    *out = a;
    return 0;
}

int allocation_create(struct turn *t, const struct allocation_wish *wish, struct allocation **out)
{
    const struct turn_config *c = t->config;
    if (wish->name.n > DIRECTORY_NAME_MAX)
        return -EINVAL;
    int rc = quota_take(t->quota, wish->name, (uint64_t)c->user_allocations, (uint64_t)c->total_allocations);
    if (rc < 0)
        return rc == -ENOSPC ? -EUSERS : rc;
    rc = build(t, wish, out);
    if (rc < 0) {
        quota_give(t->quota, wish->name);
        return rc;
    }
    struct allocation *a = *out;
    path_open(&a->paths[0], a, &wish->client);
    a->client = wish->client;
    allocation_wake(a, a->expires);
    rows_changed(a);
    turn_count(t, TS_CREATED);
    turn_count(t, TS_ALLOCATIONS);
    log_info(&t->w->log, "turn.allocated", F_BYTES("user", wish->name), F_ADDR("client", &wish->client.addr),
             F_ADDR("relayed", &a->relay.relayed), F_STR("transport", a->tcp ? "TCP" : "UDP"));
    return 0;
}

static void close_second(struct allocation *a)
{
    if (a->second.fd < 0)
        return;
    relay_udp_close(&a->second, a->turn);
    a->second.fd = -1;
    quota_give(a->turn->quota, allocation_name(a));
}

static void count_traffic(const struct allocation *a)
{
    unsigned ways = (unsigned)a->carried[0] + (unsigned)a->carried[1];
    turn_count(a->turn, ways == 0 ? TS_ENDED_UNUSED : ways == 1 ? TS_ENDED_ONE_WAY : TS_ENDED_BOTH_WAYS);
}

static void count_end(const struct allocation *a, enum allocation_end why)
{
    struct turn *t = a->turn;
    stat_dec(&t->stats[TS_ALLOCATIONS]);
    if (a->mobility.away)
        stat_dec(&t->stats[TS_AWAY]);
    if (why == ALLOCATION_EXPIRED)
        turn_count(t, TS_EXPIRED);
    count_traffic(a);
}

void allocation_destroy(struct allocation *a, enum allocation_end why)
{
    static const char *const names[] = {"the client deleted it", "no refresh came",
                                        "the client's connection ended", "shutdown"};
    if (!a)
        return;
    struct turn *t = a->turn;
    enum path_end how = why == ALLOCATION_CLIENT_GONE ? PATH_GONE : PATH_KEPT;
    log_info(&t->w->log, "turn.ended", F_BYTES("user", allocation_name(a)), F_ADDR("client", &a->client.addr),
             F_ADDR("relayed", &a->relay.relayed), F_STR("because", names[why]),
             F_UINT("lasted_ms", t->w->now - a->created), F_UINT("bytes_to_peer", a->bytes[0]),
             F_UINT("bytes_to_client", a->bytes[1]),
             F_UINT(a->unpermitted[0] ? "to_peer_without_permission" : NULL, a->unpermitted[0]),
             F_UINT(a->unpermitted[1] ? "to_client_without_permission" : NULL, a->unpermitted[1]));
    batch_flush(t); /* what the client sent before the end goes out before the socket closes */
    row_allocation_gone(a);
    list_remove(&a->unwritten);
    channel_drop_all(a);
    permission_drop_all(a);
    timer_stop(&t->w->timers, &a->timer);
    tcp_relay_close(a);
    relay_udp_close(&a->relay, t);
    close_second(a);
    path_close(&a->paths[0], how);
    path_close(&a->paths[1], how);
    quota_give(t->quota, allocation_name(a));
    count_end(a, why);
    session_wipe(&a->session);
    slots_give(&t->allocations, a);
}

struct allocation *allocation_of(struct turn *t, const struct client *c)
{
    return path_find(t, c);
}

void allocation_refresh(struct allocation *a, uint8_t family, uint64_t lifetime)
{
    uint64_t expires = a->turn->w->now + lifetime;
    if (family == ADDR_NONE || family == a->relay.relayed.family)
        a->expires = expires;
    if (family == ADDR_NONE || family == a->second.relayed.family)
        a->second_expires = expires;
    allocation_wake(a, next_expiry(a));
    rows_changed(a);
}

bool allocation_drop_family(struct allocation *a, uint8_t family)
{
    if (family == ADDR_NONE || a->second.fd < 0) {
        allocation_destroy(a, ALLOCATION_DELETED);
        return false;
    }
    batch_flush(a->turn);
    channel_drop_family(a, family);
    permission_drop_family(a, family);
    if (family == a->relay.relayed.family) {
        relay_udp_swap(&a->relay, &a->second, a);
        a->expires = a->second_expires;
    }
    close_second(a);
    a->row_stale = true; /* it names both */
    rows_changed(a);
    return true;
}

uint64_t allocation_expires(const struct allocation *a)
{
    return a->second.fd >= 0 && a->second_expires > a->expires ? a->second_expires : a->expires;
}

uint64_t allocation_seconds_left(const struct allocation *a)
{
    uint64_t now = a->turn->w->now;
    return allocation_expires(a) > now ? (allocation_expires(a) - now) / 1000 : 0;
}

void allocation_check_peers(struct allocation *a)
{
    struct turn *t = a->turn;
    tcp_relay_check_peers(a);
    list_each (it, &a->channels) {
        struct channel *c = container_of(it, struct channel, link);
        if (peer_check(t, &c->peer) != PEER_ALLOWED)
            c->expires = t->w->now;
    }
    list_each (it, &a->permissions) {
        struct permission *p = container_of(it, struct permission, link);
        if (peer_check_ip(t, &p->peer) != PEER_ALLOWED)
            p->expires = t->w->now;
    }
    allocation_wake(a, t->w->now);
}
