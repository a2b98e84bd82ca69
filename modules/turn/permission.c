/* Permissions (RFC 8656 9) and CreatePermission (RFC 8656 10). */
#include "modules/turn/allocation.h"
#include "modules/turn/dispatch.h"
#include "modules/turn/store_rows.h"
#include <stdlib.h>

static struct permission *lookup(struct allocation *a, const struct addr *peer)
{
    list_each (it, &a->permissions) {
        struct permission *p = container_of(it, struct permission, link);
        if (!addr_ip_eq(&p->peer, peer))
            continue;
        /* To the front: the peer that talks is found first, however many there are. */
        if (a->permissions.next != it) {
            list_remove(it);
            list_push_front(&a->permissions, it);
        }
        return p;
    }
    return NULL;
}

struct permission *permission_find(struct allocation *a, const struct addr *peer)
{
    struct permission *p = lookup(a, peer);
    return p && permission_is_live(p, a->turn->w->now) ? p : NULL;
}

static struct permission *add(struct allocation *a, const struct addr *peer)
{
    if (a->n_permissions >= (uint64_t)a->turn->config->max_permissions)
        return NULL;
    struct permission *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->peer = *peer;
    p->peer.port = 0;
    list_push_front(&a->permissions, &p->link);
    a->n_permissions++;
    turn_count(a->turn, TS_PERMISSIONS);
    return p;
}

/* Twice the same address in one request counts once. */
static bool is_repeat(const struct addr *peers, unsigned i)
{
    for (unsigned j = 0; j < i; j++)
        if (addr_ip_eq(&peers[j], &peers[i]))
            return true;
    return false;
}

bool permission_room(struct allocation *a, const struct addr *peers, unsigned n)
{
    uint64_t fresh = 0;
    for (unsigned i = 0; i < n; i++)
        fresh += !lookup(a, &peers[i]) && !is_repeat(peers, i);
    return a->n_permissions + fresh <= (uint64_t)a->turn->config->max_permissions;
}

static struct permission *find_or_add(struct allocation *a, const struct addr *peer)
{
    struct permission *p = lookup(a, peer);
    return p ? p : add(a, peer);
}

struct permission *permission_install(struct allocation *a, const struct addr *peer)
{
    struct permission *p = find_or_add(a, peer);
    if (!p)
        return NULL;
    p->expires = a->turn->w->now + PERMISSION_MS;
    allocation_wake(a, p->expires);
    rows_changed(a);
    return p;
}

static void drop(struct allocation *a, struct permission *p)
{
    list_remove(&p->link);
    a->n_permissions--;
    stat_dec(&a->turn->stats[TS_PERMISSIONS]);
    free(p);
}

/* One that a channel still leads to stays, dead, for the channel's refresh to wake. */
uint64_t permission_sweep(struct allocation *a, uint64_t now)
{
    uint64_t next = UINT64_MAX;
    list_each_safe (it, &a->permissions) {
        struct permission *p = container_of(it, struct permission, link);
        if (permission_is_live(p, now)) {
            next = p->expires < next ? p->expires : next;
            continue;
        }
        row_permission_gone(a, p);
        if (!p->channels)
            drop(a, p);
    }
    return next;
}

void permission_drop_family(struct allocation *a, uint8_t family)
{
    list_each_safe (it, &a->permissions) {
        struct permission *p = container_of(it, struct permission, link);
        if (p->peer.family != family)
            continue;
        row_permission_gone(a, p);
        drop(a, p);
    }
}

void permission_drop_all(struct allocation *a)
{
    list_each_safe (it, &a->permissions)
        drop(a, container_of(it, struct permission, link));
}

/* Enough for any client that was seen; more is a request of a size that nobody sends. */
#define PEERS_MAX 64u

struct peers {
    struct addr list[PEERS_MAX];
    unsigned n;
};

/* The peers of the request, or the error that RFC 8656 10.2 names. */
static unsigned read_peers(const struct request *rq, struct peers *out)
{
    struct stun_attr attr;
    out->n = 0;
    for (size_t cursor = 0; stun_next(&rq->message, &cursor, &attr);) {
        if (attr.type != STUN_A_XOR_PEER_ADDRESS)
            continue;
        if (out->n == PEERS_MAX)
            return 508;
        if (!stun_xor_decode(attr.value, rq->message.id, &out->list[out->n]))
            return 400;
        out->n++;
    }
    return out->n ? 0 : 400;
}

static unsigned judge_peers(struct request *rq, const struct peers *peers)
{
    for (unsigned i = 0; i < peers->n; i++)
        if (!allocation_relay(rq->allocation, peers->list[i].family))
            return 443;
    for (unsigned i = 0; i < peers->n; i++)
        if (turn_denies(rq, &peers->list[i], peer_check_ip(rq->turn, &peers->list[i])))
            return 403;
    return permission_room(rq->allocation, peers->list, peers->n) ? 0 : 508;
}

/* A place for each before any of them lives; places that stay empty are swept. */
static unsigned install_all(struct allocation *a, const struct peers *peers)
{
    for (unsigned i = 0; i < peers->n; i++) {
        if (find_or_add(a, &peers->list[i]))
            continue;
        permission_sweep(a, a->turn->w->now);
        return 508;
    }
    for (unsigned i = 0; i < peers->n; i++)
        permission_install(a, &peers->list[i]);
    return 0;
}

/* All of them or none. */
void handle_create_permission(struct request *rq)
{
    struct peers peers;
    unsigned error = read_peers(rq, &peers);
    if (!error)
        error = judge_peers(rq, &peers);
    if (!error)
        error = install_all(rq->allocation, &peers);
    if (error)
        turn_refuse(rq, error);
    else
        turn_agree(rq);
}
