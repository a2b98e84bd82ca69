/* registration_standing: how a registration begins to count, and stops: in its phone, in this worker's index,
 * in the directory, in the gauge. */
#include "appliance/core/directory.h"
#include "modules/pcscf/phone_parts.h"

/* By what name other rooms know the user: the private identity that the core has authenticated, or, where
 * none was given, the public one without its scheme. */
static struct bytes presence_name(const struct registration *r)
{
    size_t colon = bytes_find_byte(r->aor, ':');
    if (r->private_id.n || colon == BYTES_NOT_FOUND)
        return r->private_id;
    return bytes_skip(r->aor, colon + 1);
}

static uint64_t aor_hash(const struct pcscf *p, struct bytes aor)
{
    return bytes_hash(&p->w->hash_key, aor);
}

static struct registration *same_aor(struct map_node *n, struct bytes aor)
{
    for (; n; n = map_next(n)) {
        struct registration *r = container_of(n, struct registration, by_aor);
        if (bytes_eq(r->aor, aor))
            return r;
    }
    return NULL;
}

struct registration *registration_first(const struct pcscf *p, struct bytes aor)
{
    return same_aor(map_find(&p->registered, aor_hash(p, aor)), aor);
}

struct registration *registration_next(const struct registration *r)
{
    return same_aor(map_next(&r->by_aor), r->aor);
}

/* From now on it counts, and the world knows that its user is here. */
void registration_enter(struct phone *ph, struct registration *r)
{
    struct pcscf *p = ph->room;
    r->phone = ph;
    r->present = p->w->gw->directory && directory_arrive(p->w->gw->directory, presence_name(r), p->w->now);
    list_push_front(&ph->registrations, &r->link);
    map_insert(&p->registered, &r->by_aor, aor_hash(p, r->aor));
    ph->n++;
    ph->sos = ph->sos || r->sos;
    stat_inc(&p->stats[PCSCF_REGISTERED]);
    r->where.flow = ph->flow;
    absence_end(r);
}

/* It counts no longer. */
void registration_withdraw(struct registration *r)
{
    struct phone *ph = r->phone;
    struct pcscf *p = ph->room;
    if (r->present)
        directory_leave(p->w->gw->directory, presence_name(r), p->w->now);
    r->present = false;
    reg_event_leave(r);
    whereabouts_remove(p->whereabouts, &r->where);
    timer_stop(&p->w->timers, &r->expiry);
    list_remove(&r->link);
    map_remove(&p->registered, &r->by_aor);
    ph->n--;
    stat_dec(&p->stats[PCSCF_REGISTERED]);
}
