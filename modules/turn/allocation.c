#include "modules/turn/allocation.h"
#include "modules/stun/stun.h"
#include "modules/turn/quota.h"
#include "modules/turn/store_rows.h"
#include "mux/conn.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

static void client_begin(struct allocation *a)
{
    struct turn *t = a->turn;
    if (!a->client.conn) {
        map_insert(&t->by_client, &a->by_client, client_hash(&t->w->hash_key, &a->client));
        return;
    }
    a->client.conn->state = a;
    /* A call on hold is silent for long; the allocation's own lifetime bounds it. */
    conn_idle_timeout(a->client.conn, 0);
    conn_frame_limits(a->client.conn, (uint64_t)t->config->frame_timeout, FRAME_CLIENT_MAX);
}

static void client_end(struct allocation *a, enum allocation_end why)
{
    struct turn *t = a->turn;
    if (!a->client.conn) {
        map_remove(&t->by_client, &a->by_client);
        return;
    }
    a->client.conn->state = NULL;
    if (why == ALLOCATION_CLIENT_GONE)
        return;
    conn_idle_timeout(a->client.conn, (uint64_t)t->config->idle_timeout);
    conn_frame_limits(a->client.conn, (uint64_t)t->config->frame_timeout, FRAME_STRANGER_MAX);
}

/* Sweeps what is due and sets the timer to what is next. */
static void on_timer(struct worker *w, struct timer *timer)
{
    struct allocation *a = container_of(timer, struct allocation, timer);
    if (a->expires <= w->now) {
        allocation_destroy(a, ALLOCATION_EXPIRED);
        return;
    }
    uint64_t next = a->expires;
    uint64_t channel = channel_sweep(a, w->now);
    uint64_t permission = permission_sweep(a, w->now);
    next = channel < next ? channel : next;
    next = permission < next ? permission : next;
    timer_set(&w->timers, &a->timer, next);
}

void allocation_wake(struct allocation *a, uint64_t due)
{
    if (!timer_armed(&a->timer) || a->timer.due > due)
        timer_set(&a->turn->w->timers, &a->timer, due);
}

static void fill(struct allocation *a, struct turn *t, const struct allocation_wish *wish)
{
    a->turn = t;
    a->client = wish->client;
    a->created = t->w->now;
    a->expires = t->w->now + wish->lifetime;
    a->timer.fire = on_timer;
    list_init(&a->permissions);
    list_init(&a->channels);
    random_fill(a->id, sizeof(a->id));
    memcpy(a->made_by, wish->made_by, sizeof(a->made_by));
    a->name_n = (uint8_t)wish->name.n;
    memcpy(a->name, wish->name.p, wish->name.n);
}

/* The port above goes into reserve, or the whole request fails (RFC 8656 7.2 step 8). */
static int reserve_next(struct allocation *a, int next)
{
    struct reserved what = {
        .fd = next, .port = (uint16_t)(a->relay.port + 1), .bind = a->relay.address->bind};
    int rc = reservation_make(a->turn, &what, allocation_name(a), a->token);
    if (rc < 0)
        close(next);
    a->has_token = rc == 0;
    return rc;
}

static int open_relay(struct allocation *a, const struct relay_wish *wish)
{
    int next = -1;
    int rc = relay_udp_open(&a->relay, a, wish, &next);
    if (rc < 0 || !wish->reserve)
        return rc;
    rc = reserve_next(a, next);
    if (rc < 0)
        relay_udp_close(&a->relay, a->turn);
    return rc;
}

static int build(struct turn *t, const struct allocation_wish *wish, struct allocation **out)
{
    struct allocation *a = slots_take(&t->allocations);
    if (!a)
        return -ENOSPC;
    fill(a, t, wish);
    int rc = open_relay(a, &wish->relay);
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
        return rc;
    rc = build(t, wish, out);
    if (rc < 0) {
        quota_give(t->quota, wish->name);
        return rc;
    }
    client_begin(*out);
    allocation_wake(*out, (*out)->expires);
    row_allocation(*out);
    turn_count(t, TS_CREATED);
    turn_count(t, TS_ALLOCATIONS);
    log_debug(&t->w->log, "turn.allocated", F_BYTES("user", wish->name), F_ADDR("client", &wish->client.addr),
              F_ADDR("relayed", &(*out)->relay.relayed));
    return 0;
}

void allocation_destroy(struct allocation *a, enum allocation_end why)
{
    static const char *const names[] = {"deleted", "expired", "client gone", "shutdown"};
    if (!a)
        return;
    struct turn *t = a->turn;
    log_debug(&t->w->log, "turn.ended", F_BYTES("user", allocation_name(a)),
              F_ADDR("client", &a->client.addr), F_ADDR("relayed", &a->relay.relayed),
              F_STR("because", names[why]), F_UINT("to_peer", a->bytes[0]), F_UINT("to_client", a->bytes[1]));
    batch_flush(t); /* what the client sent before the end goes out before the socket closes */
    row_allocation_gone(a);
    channel_drop_all(a);
    permission_drop_all(a);
    timer_stop(&t->w->timers, &a->timer);
    relay_udp_close(&a->relay, t);
    client_end(a, why);
    quota_give(t->quota, allocation_name(a));
    stat_dec(&t->stats[TS_ALLOCATIONS]);
    if (why == ALLOCATION_EXPIRED)
        turn_count(t, TS_EXPIRED);
    slots_give(&t->allocations, a);
}

struct allocation *allocation_of(struct turn *t, const struct client *c)
{
    if (c->conn)
        return c->conn->state;
    for (struct map_node *n = map_find(&t->by_client, client_hash(&t->w->hash_key, c)); n; n = map_next(n)) {
        struct allocation *a = container_of(n, struct allocation, by_client);
        if (client_eq(&a->client, c))
            return a;
    }
    return NULL;
}

void allocation_refresh(struct allocation *a, uint64_t lifetime)
{
    a->expires = a->turn->w->now + lifetime;
    allocation_wake(a, a->expires);
    row_allocation(a);
}

uint64_t allocation_seconds_left(const struct allocation *a)
{
    uint64_t now = a->turn->w->now;
    return a->expires > now ? (a->expires - now) / 1000 : 0;
}

void allocation_check_peers(struct allocation *a)
{
    struct turn *t = a->turn;
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
