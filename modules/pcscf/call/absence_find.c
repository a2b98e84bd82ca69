/* Which absence, and where its phone is. */
#include "modules/pcscf/call/absence_private.h"

static struct absence *next_at(const struct map_node *n, const struct flow *f)
{
    for (; n; n = map_next(n)) {
        struct absence *a = container_of((struct map_node *)(uintptr_t)n, struct absence, node);
        if (flow_eq(&a->who.flow, f))
            return a;
    }
    return NULL;
}

static struct absence *first_at(const struct pcscf *p, const struct flow *f)
{
    return p->absences.count ? next_at(map_find(&p->absences, flow_hash(p, f)), f) : NULL;
}

struct absence *absence_find(const struct pcscf *p, const struct flow *f, uint64_t owner, uint64_t instance)
{
    struct absence *a = first_at(p, f);
    while (a && (a->who.owner != owner || a->who.instance != instance))
        a = next_at(map_next(&a->node), f);
    return a;
}

bool absence_now(const struct absence *a, struct flow *now)
{
    bool foreign = a->who.flow.conn.worker != a->room->w->id;
    return whereabouts_find(a->room->whereabouts, a->who.owner, a->who.instance, now) &&
           (foreign || !flow_eq(now, &a->who.flow));
}

bool absence_follow(const struct pcscf *p, const struct flow *old, struct flow *now)
{
    struct absence *a = first_at(p, old);
    while (a && !(a->moved && absence_now(a, now)))
        a = next_at(map_next(&a->node), old);
    return a != NULL;
}

bool absence_leads(const struct dialog *d, struct flow *now)
{
    const struct absence *a = absence_find(d->room, &d->flow, d->is.owner, d->is.instance);
    return a && a->moved && absence_now(a, now);
}

bool absence_is_lost(const struct pcscf *p, const struct flow *old)
{
    struct absence *a = first_at(p, old);
    while (a && a->why != DIALOG_LOST)
        a = next_at(map_next(&a->node), old);
    return a != NULL;
}
