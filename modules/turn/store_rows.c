#include "modules/turn/store_rows.h"
#include "appliance/core/store.h"
#include "modules/turn/allocation.h"

#define SLACK_MS  60000u
#define GATHER_MS 50u

static const struct store_stmt put_allocation = {
    STORE_SOFT,
    "INSERT INTO allocation (id, realm, username, client, transport, relayed, created, expires,"
    " relayed_too, worker, mobile, ticket) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
    " ON CONFLICT (id) DO UPDATE SET expires = excluded.expires, client = excluded.client,"
    " transport = excluded.transport, relayed = excluded.relayed, relayed_too = excluded.relayed_too,"
    " ticket = excluded.ticket",
};
/* Permissions and channels go with it: ON DELETE CASCADE. */
static const struct store_stmt delete_allocation = {STORE_SOFT, "DELETE FROM allocation WHERE id = ?1"};
static const struct store_stmt put_permission = {
    STORE_SOFT,
    "INSERT INTO permission (allocation, peer, expires) VALUES (?1, ?2, ?3)"
    " ON CONFLICT (allocation, peer) DO UPDATE SET expires = excluded.expires",
};
static const struct store_stmt delete_permission = {
    STORE_SOFT,
    "DELETE FROM permission WHERE allocation = ?1 AND peer = ?2",
};
static const struct store_stmt put_channel = {
    STORE_SOFT,
    "INSERT INTO channel (allocation, number, peer, expires) VALUES (?1, ?2, ?3, ?4)"
    " ON CONFLICT (allocation, number) DO UPDATE SET peer = excluded.peer, expires = excluded.expires",
};
static const struct store_stmt delete_channel = {
    STORE_SOFT,
    "DELETE FROM channel WHERE allocation = ?1 AND number = ?2",
};

static struct store *store_of(const struct allocation *a)
{
    return a->turn->w->gw->store;
}

static struct store_value id_of(const struct allocation *a)
{
    return V_BLOB(bytes_of(a->id, sizeof(a->id)));
}

static int64_t wall_of(const struct allocation *a, uint64_t ms)
{
    const struct worker *w = a->turn->w;
    return w->wall + ((int64_t)ms - (int64_t)w->now + 500) / 1000;
}

/* Does the store have to be told? Then it is taken for told. */
static bool fell_behind(uint64_t *stored, uint64_t expires)
{
    if (*stored && expires >= *stored && expires - *stored < SLACK_MS)
        return false;
    *stored = expires;
    return true;
}

static void row_allocation(struct allocation *a)
{
    char client[ADDR_TEXT], relayed[ADDR_TEXT], too[ADDR_TEXT];
    if (!fell_behind(&a->stored, allocation_expires(a)) && !a->row_stale)
        return;
    a->row_stale = false;
    a->stored = allocation_expires(a);
    size_t client_n = addr_format(&a->client.addr, client),
           relayed_n = addr_format(&a->relay.relayed, relayed),
           too_n = a->second.fd >= 0 ? addr_format(&a->second.relayed, too) : 0;
    const struct store_value v[] = {
        id_of(a),
        V_TEXT(bytes_str(a->turn->config->realm)),
        V_TEXT(allocation_name(a)),
        V_TEXT(bytes_of(client, client_n)),
        V_TEXT(bytes_str(client_transport(&a->client))),
        V_TEXT(bytes_of(relayed, relayed_n)),
        V_INT(wall_of(a, a->created)),
        V_INT(wall_of(a, allocation_expires(a))),
        V_TEXT(bytes_of(too, too_n)),
        V_INT(a->turn->w->id),
        V_INT(a->mobility.on),
        V_INT(a->mobility.serial),
    };
    store_exec(store_of(a), &put_allocation, v, sizeof(v) / sizeof(v[0]));
}

void row_allocation_gone(const struct allocation *a)
{
    const struct store_value v[] = {id_of(a)};
    if (a->stored)
        store_exec(store_of(a), &delete_allocation, v, 1);
}

static void row_permission(const struct allocation *a, struct permission *p)
{
    char peer[ADDR_TEXT];
    if (!fell_behind(&p->stored, p->expires))
        return;
    const struct store_value v[] = {
        id_of(a),
        V_TEXT(bytes_of(peer, addr_format_ip(&p->peer, peer))),
        V_INT(wall_of(a, p->expires)),
    };
    store_exec(store_of(a), &put_permission, v, sizeof(v) / sizeof(v[0]));
}

void row_permission_gone(const struct allocation *a, struct permission *p)
{
    char peer[ADDR_TEXT];
    if (!p->stored)
        return;
    p->stored = 0;
    const struct store_value v[] = {id_of(a), V_TEXT(bytes_of(peer, addr_format_ip(&p->peer, peer)))};
    store_exec(store_of(a), &delete_permission, v, sizeof(v) / sizeof(v[0]));
}

static void row_channel(const struct allocation *a, struct channel *c)
{
    char peer[ADDR_TEXT];
    if (!fell_behind(&c->stored, c->expires))
        return;
    const struct store_value v[] = {
        id_of(a),
        V_INT(c->number),
        V_TEXT(bytes_of(peer, addr_format(&c->peer, peer))),
        V_INT(wall_of(a, c->expires)),
    };
    store_exec(store_of(a), &put_channel, v, sizeof(v) / sizeof(v[0]));
}

void row_channel_gone(const struct allocation *a, struct channel *c)
{
    if (!c->stored)
        return;
    c->stored = 0;
    const struct store_value v[] = {id_of(a), V_INT(c->number)};
    store_exec(store_of(a), &delete_channel, v, sizeof(v) / sizeof(v[0]));
}

/* --- when --- */

static void write_rows(struct allocation *a)
{
    row_allocation(a);
    list_each (it, &a->permissions) {
        struct permission *p = container_of(it, struct permission, link);
        if (permission_is_live(p, a->turn->w->now))
            row_permission(a, p);
    }
    list_each (it, &a->channels)
        row_channel(a, container_of(it, struct channel, link));
}

static void on_gathered(struct worker *w, struct timer *timer)
{
    struct turn *t = container_of(timer, struct turn, rows_due);
    struct list *it;
    while ((it = list_pop_front(&t->unwritten)))
        write_rows(container_of(it, struct allocation, unwritten));
}

void rows_init(struct turn *t)
{
    list_init(&t->unwritten);
    t->rows_due.fire = on_gathered;
}

void rows_fini(struct turn *t)
{
    timer_stop(&t->w->timers, &t->rows_due);
}

void rows_changed(struct allocation *a)
{
    struct turn *t = a->turn;
    /* A TCP allocation is not written: with us its connections end, and it is nothing without them. */
    if (!store_of(a) || a->tcp || list_linked(&a->unwritten))
        return;
    list_push_back(&t->unwritten, &a->unwritten);
    if (!timer_armed(&t->rows_due))
        timer_set(&t->w->timers, &t->rows_due, t->w->now + GATHER_MS);
}
