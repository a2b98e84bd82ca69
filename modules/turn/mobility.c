#include "modules/turn/mobility.h"
#include "modules/turn/allocation.h"
#include "modules/turn/dispatch.h"
#include "modules/turn/roaming.h"
#include "modules/turn/store_rows.h"
#include <string.h>

unsigned mobility_wanted(const struct request *rq, bool *wanted)
{
    struct bytes ticket;
    *wanted = false;
    if (!stun_find(&rq->message, STUN_A_MOBILITY_TICKET, &ticket))
        return 0;
    if (ticket.n)
        return 400;
    if (!rq->turn->config->mobility)
        return 405;
    *wanted = true;
    return 0;
}

_Static_assert(WORKER_MAX <= UINT8_MAX && ALLOCATIONS_MAX < 1u << 24, "a ticket names every place");

void mobility_put_ticket(struct allocation *a, struct stun_writer *w)
{
    struct worker *worker = a->turn->w;
    uint8_t sealed[TICKET_SIZE];
    struct ticket t = {.node = (uint16_t)worker->gw->node,
                       .worker = (uint8_t)worker->id,
                       .slot = slots_ref(&a->turn->allocations, a).slot,
                       .serial = a->mobility.serial};
    memcpy(t.id, a->id, sizeof(t.id));
    if (ticket_seal(worker, &t, sealed))
        stun_put(w, STUN_A_MOBILITY_TICKET, bytes_of(sealed, sizeof(sealed)));
}

static struct path *other_path(struct allocation *a)
{
    return &a->paths[1 - a->path];
}

static bool is_there(const struct allocation *a, const struct client *c)
{
    return client_eq(&a->paths[0].client, c) || client_eq(&a->paths[1].client, c);
}

static bool is_old_but_good(const struct allocation *a, const struct ticket *t)
{
    return (uint16_t)(t->serial + 1) == a->mobility.serial && a->turn->w->now < a->mobility.old_until;
}

/* RFC 8016 3.2.2, in its order. */
static unsigned judge(struct request *rq, struct allocation *a, const struct ticket *t, bool *again)
{
    *again = is_there(a, &rq->client);
    if (*again && !is_old_but_good(a, t))
        return 400;
    if (!*again && rq->allocation)
        return 437; /* this 5-tuple has another allocation */
    if (turn_denies_client(rq))
        return 403;
    if (a->tcp && !client_is_stream(&rq->client))
        return 400; /* RFC 6062 5.1: a TCP allocation is for a client over TCP or TLS */
    if (!allocation_is_of(a, &rq->credential))
        return 441;
    return t->serial == a->mobility.serial || is_old_but_good(a, t) ? 0 : 400;
}

/* The one in that slot, if it is still the one that the ticket was made for. */
static struct allocation *find(struct turn *t, const struct ticket *ticket)
{
    uint32_t cursor = ticket->slot;
    struct allocation *a = slots_next(&t->allocations, &cursor);
    if (!a || cursor != ticket->slot + 1 || !a->mobility.on)
        return NULL;
    return memcmp(a->id, ticket->id, sizeof(ticket->id)) == 0 ? a : NULL;
}

void mobility_find(struct request *rq, struct bytes sealed, struct move *m)
{
    struct turn *t = rq->turn;
    struct ticket ticket;
    *m = (struct move){.error = 405};
    if (!t->config->mobility)
        return;
    m->error = 400;
    if (!ticket_open(t->w, sealed, &ticket))
        return;
    m->error = 437;
    if (ticket.node != (uint16_t)t->w->gw->node)
        return;
    if (ticket.worker != t->w->id) {
        if (!rq->allocation)
            m->error = guest_begin(rq, ticket.worker);
        m->elsewhere = m->error == 0;
        return;
    }
    struct allocation *a = find(t, &ticket);
    if (!a)
        return;
    m->error = judge(rq, a, &ticket, &m->again);
    rq->allocation = a;
}

static bool too_often(struct mobility *m, uint64_t now)
{
    if (now - m->window >= RESUMES_MS) {
        m->window = now;
        m->resumes = 0;
    }
    return ++m->resumes > RESUMES_MAX;
}

static void set_client(struct allocation *a)
{
    a->client = a->paths[a->path].client;
    a->moving = false;
}

static void come_back(struct allocation *a)
{
    a->path = (uint8_t)(1 - a->path);
    set_client(a);
    if (a->mobility.away)
        stat_dec(&a->turn->stats[TS_AWAY]);
    a->mobility.away = false;
}

unsigned mobility_move(struct request *rq)
{
    struct allocation *a = rq->allocation;
    struct turn *t = rq->turn;
    if (too_often(&a->mobility, t->w->now))
        return 486;
    path_close(other_path(a), PATH_LEFT);
    path_open(other_path(a), a, &rq->client);
    log_info(&t->w->log, "turn.moved", F_BYTES("user", rq->name), F_ADDR("from", &a->client.addr),
             F_ADDR("to", &rq->client.addr), F_STR("transport", client_transport(&rq->client)),
             F_ADDR("relayed", &a->relay.relayed));
    a->moving = true;
    if (client_is_none(&a->client))
        come_back(a);
    a->mobility.serial++;
    a->mobility.old_until = t->w->now + RETAIN_MS;
    a->row_stale = true; /* it names client and serial */
    turn_count(t, TS_MOVED);
    return 0;
}

void mobility_heard(struct allocation *a, const struct client *from)
{
    if (!client_eq(from, &other_path(a)->client))
        return;
    path_close(&a->paths[a->path], PATH_LEFT);
    come_back(a);
    a->mobility.old_until = 0;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* It waits, but not for the whole of a lifetime that its client may have asked for. */
static void go_away(struct allocation *a)
{
    struct turn *t = a->turn;
    uint64_t until = t->w->now + (uint64_t)t->config->mobility_hold;
    a->client = CLIENT_NONE;
    a->mobility.away = true;
    a->expires = sooner(a->expires, until);
    a->second_expires = sooner(a->second_expires, until);
    allocation_wake(a, a->expires);
    rows_changed(a);
    turn_count(t, TS_AWAY);
    turn_count(t, TS_WENT_AWAY);
}

void allocation_client_gone(struct allocation *a, const struct client *c)
{
    if (!a)
        return;
    if (!a->mobility.on) {
        allocation_destroy(a, ALLOCATION_CLIENT_GONE);
        return;
    }
    bool was_current = client_eq(&a->paths[a->path].client, c);
    path_close(was_current ? &a->paths[a->path] : other_path(a), PATH_GONE);
    if (was_current && a->moving)
        come_back(a);
    else if (was_current)
        go_away(a);
    a->moving = false;
}
