#include "modules/pcscf/emergency.h"
#include "modules/pcscf/phone_parts.h"
#include "modules/pcscf/registration/moved.h"
#include "mux/conn.h"
#include <errno.h>
#include <stdlib.h>

/* ---- phones ---- */

uint64_t flow_hash(const struct pcscf *p, const struct flow *f)
{
    uint8_t packed[FLOW_WIRE];
    flow_pack(f, packed);
    return bytes_hash(&p->w->hash_key, bytes_of(packed, sizeof(packed)));
}

struct phone *phone_find(const struct pcscf *p, const struct flow *f)
{
    for (struct map_node *n = map_find(&p->phones, flow_hash(p, f)); n; n = map_next(n)) {
        struct phone *ph = container_of(n, struct phone, node);
        if (flow_eq(&ph->flow, f))
            return ph;
    }
    return NULL;
}

static struct phone *phone_create(struct pcscf *p, const struct flow *f)
{
    struct phone *ph = calloc(1, sizeof(*ph));
    if (!ph)
        return NULL;
    ph->room = p;
    ph->flow = *f;
    ph->farewell.fire = phone_on_farewell;
    list_init(&ph->registrations);
    list_init(&ph->left);
    list_init(&ph->dialogs);
    map_insert(&p->phones, &ph->node, flow_hash(p, f));
    return ph;
}

struct phone *phone_in_use(const struct pcscf *p, const struct flow *f)
{
    struct phone *ph = phone_find(p, f);
    return ph && (ph->n || !list_empty(&ph->dialogs)) ? ph : NULL;
}

/* A connection that stays silent for longer than its phone promised to is dead: after the Flow-Timer and half
 * as much again (RFC 5626 5.4), or after the registration itself should have been refreshed. */
void phone_set_idle(const struct phone *ph, uint64_t expires_ms)
{
    struct conn *c = ph->flow.transport == TRANSPORT_UDP ? NULL : conn_get(ph->room->w, ph->flow.conn);
    if (!c)
        return;
    uint64_t timer = (uint64_t)ph->room->config->flow_timer;
    if (ph->n == 0 && !list_empty(&ph->dialogs))
        conn_idle_timeout(c, EMERGENCY_IDLE);
    else if (ph->n == 0)
        conn_idle_timeout(c, (uint64_t)ph->room->config->unregistered_idle);
    else if (ph->keeps_alive && timer)
        conn_idle_timeout(c, timer + timer / 2);
    else
        conn_idle_timeout(c, expires_ms + 60000);
}

void phone_reap(struct phone *ph)
{
    if (ph->n || ph->busy || !list_empty(&ph->left) || !list_empty(&ph->dialogs) ||
        timer_armed(&ph->farewell))
        return;
    map_remove(&ph->room->phones, &ph->node);
    free(ph);
}

/* ---- for help ---- */

struct phone *phone_stand(struct pcscf *p, const struct flow *f)
{
    struct phone *ph = phone_find(p, f);
    struct conn *c = f->transport == TRANSPORT_UDP ? NULL : conn_get(p->w, f->conn);
    if (c && !(ph && ph->n))
        conn_idle_timeout(c, EMERGENCY_IDLE);
    return ph ? ph : phone_create(p, f);
}

void phone_helped(struct pcscf *p, const struct flow *f)
{
    struct phone *ph = phone_find(p, f);
    struct conn *c = f->transport == TRANSPORT_UDP ? NULL : conn_get(p->w, f->conn);
    if (c && !phone_in_use(p, f))
        conn_idle_timeout(c, (uint64_t)p->config->unregistered_idle);
    if (ph)
        phone_reap(ph);
}

/* ---- registrations ---- */

static struct registration *find_in(const struct list *l, struct bytes aor, struct bytes key)
{
    list_each (it, l) {
        struct registration *r = container_of(it, struct registration, link);
        if (bytes_eq(r->aor, aor) && bytes_eq(r->key, key))
            return r;
    }
    return NULL;
}

bool phone_has(const struct phone *ph, struct bytes aor, struct bytes key)
{
    return ph && find_in(&ph->registrations, aor, key);
}

unsigned phone_room(const struct pcscf *p, bool sos)
{
    return (unsigned)p->config->max_registrations + (sos ? 2 : 0);
}

/* ---- granted ---- */

/* Until when, after whatever was said before. */
static void grant(struct registration *r, const struct registration_facts *f)
{
    struct phone *ph = r->phone;
    struct pcscf *p = ph->room;
    r->order = moved_order(p);
    r->since = p->w->now;
    r->expiry.fire = registration_on_expiry;
    timer_set(&p->w->timers, &r->expiry, p->w->now + (uint64_t)f->expires * 1000);
    registration_save_refreshed(r);
    ph->keeps_alive = f->keeps_alive;
    phone_set_idle(ph, (uint64_t)f->expires * 1000);
    reg_event_leave(r);
    reg_event_join(r, f->path);
}

static void refresh(struct phone *ph, struct registration *r, const struct registration_facts *f)
{
    r->proved = r->proved || f->proved;
    registration_keep_path(r, f->path);
    list_remove(&r->link);
    list_push_front(&ph->registrations, &r->link);
    grant(r, f);
}

/* Takes the place of the older one of that key without a word: the same binding on the same flow is no news.
 */
static int replace(struct phone *ph, struct registration *old, const struct registration_facts *f)
{
    struct registration *r = registration_create(f);
    if (!r)
        return -ENOMEM;
    r->proved = r->proved || (old->proved && bytes_eq(r->private_id, old->private_id));
    registration_enter(ph, r);
    registration_withdraw(old);
    registration_destroy(old);
    grant(r, f);
    return 0;
}

static int add(struct phone *ph, const struct registration_facts *f)
{
    struct pcscf *p = ph->room;
    if (ph->n >= phone_room(p, f->sos))
        return -ENOSPC;
    struct registration *left = find_in(&ph->left, f->aor, f->key), *r = registration_create(f);
    if (!r)
        return -ENOMEM;
    if (left)
        registration_forget_left(left);
    log_info(&p->w->log, "sip.registered", F_BYTES("aor", f->aor), F_ADDR("peer", &ph->flow.peer),
             F_STR("transport", transport_name(ph->flow.transport)), F_UINT("expires", f->expires));
    registration_enter(ph, r);
    grant(r, f);
    moved_here(p, r);
    return 0;
}

/* A refresh that needed no password names nobody: it is still who it was. */
static int put(struct phone *ph, const struct registration_facts *said)
{
    struct registration_facts f = *said;
    struct registration *old = find_in(&ph->registrations, f.aor, f.key);
    if (!old)
        return add(ph, &f);
    if (!f.private_id.n)
        f.private_id = old->private_id;
    if (!registration_says(old, &f))
        return replace(ph, old, &f);
    refresh(ph, old, &f);
    return 0;
}

int phone_register(struct pcscf *p, const struct flow *f, const struct registration_facts *facts)
{
    struct phone *ph = phone_find(p, f);
    if (!ph)
        ph = phone_create(p, f);
    if (!ph)
        return -ENOMEM;
    int rc = put(ph, facts);
    phone_reap(ph);
    return rc;
}

/* ---- gone ---- */

/* Of that flow: who is registered under the name, or in one set with it. key empty: by any contact. */
static struct registration *find_of_set(const struct phone *ph, struct bytes aor, struct bytes key)
{
    struct sip_uri uri;
    bool named = sip_uri_parse(aor, &uri);
    list_each (it, &ph->registrations) {
        struct registration *r = container_of(it, struct registration, link);
        if (key.n && !bytes_eq(r->key, key))
            continue;
        if (bytes_eq(r->aor, aor) || (named && registration_has_identity(r, &uri)))
            return r;
    }
    return NULL;
}

/* What was registered as one set ends as one, by whichever of its names (TS 24.229 5.2.5.1). Its phone may be
 * gone after each. */
static void end_set(struct pcscf *p, const struct flow *f, struct bytes aor, struct bytes key)
{
    struct registration *r;
    for (struct phone *ph; (ph = phone_find(p, f)) && (r = find_of_set(ph, aor, key));)
        registration_end(r, "asked");
}

void phone_unregister(struct pcscf *p, const struct flow *f, struct bytes aor, struct bytes key)
{
    end_set(p, f, aor, key);
    moved_away(p, aor, key);
}

void phone_unregister_all(struct pcscf *p, const struct flow *f, struct bytes aor)
{
    end_set(p, f, aor, BYTES_NONE);
    for (struct registration *next, *r = registration_first(p, aor); r; r = next) {
        next = registration_next(r);
        registration_end(r, "asked");
    }
    moved_away(p, aor, BYTES_NONE);
}

void phone_lost(struct pcscf *p, const struct flow *f)
{
    struct phone *ph = phone_find(p, f);
    if (!ph)
        return;
    if (ph->n)
        pcscf_count(p, PCSCF_FLOWS_LOST);
    timer_stop(&p->w->timers, &ph->farewell);
    ph->lost = true;
    list_each_safe (it, &ph->registrations)
        registration_finish(container_of(it, struct registration, link), &registration_closed);
    list_each_safe (it, &ph->left)
        registration_forget_left(container_of(it, struct registration, link));
    absence_begin(ph, DIALOG_LOST, false); /* calls for help of somebody who is not registered */
    phone_reap(ph);
}

/* The rows stay: they are what a restart knows of the phones. */
static void clear_one(struct map_node *node, void *arg)
{
    (void)arg;
    struct phone *ph = container_of(node, struct phone, node);
    list_each_safe (it, &ph->registrations) {
        struct registration *r = container_of(it, struct registration, link);
        registration_withdraw(r);
        registration_destroy(r);
    }
    list_each_safe (it, &ph->left)
        registration_forget_left(container_of(it, struct registration, link));
    timer_stop(&ph->room->w->timers, &ph->farewell);
    phone_reap(ph);
}

void phones_clear(struct pcscf *p)
{
    map_walk(&p->phones, clear_one, NULL);
}

struct visit {
    void (*each)(const struct registration *r, void *arg);
    void *arg;
};

static void visit_phone(struct map_node *node, void *arg)
{
    const struct visit *v = arg;
    const struct phone *ph = container_of(node, struct phone, node);
    list_each (it, &ph->registrations)
        v->each(container_of(it, struct registration, link), v->arg);
}

void registrations_each(struct pcscf *p, void (*each)(const struct registration *r, void *arg), void *arg)
{
    struct visit v = {each, arg};
    map_walk(&p->phones, visit_phone, &v);
}

/* ---- whose ---- */

bool phone_owns(const struct phone *ph, uint64_t owner)
{
    list_each (it, &ph->registrations) {
        if (container_of(it, struct registration, link)->where.owner == owner)
            return true;
    }
    return false;
}

bool phone_carries(const struct phone *ph, uint64_t owner)
{
    list_each (it, &ph->dialogs) {
        const struct dialog *d = container_of(it, struct dialog, link);
        if (d->is.help && d->is.owner == owner)
            return true;
    }
    return phone_owns(ph, owner);
}

static bool has_aor(const struct list *registrations, struct bytes aor)
{
    list_each (it, registrations) {
        if (bytes_eq(container_of(it, struct registration, link)->aor, aor))
            return true;
    }
    return false;
}

static bool shares(const struct list *registrations, const struct phone *other)
{
    list_each (it, registrations) {
        struct bytes aor = container_of(it, struct registration, link)->aor;
        if (has_aor(&other->registrations, aor) || has_aor(&other->left, aor))
            return true;
    }
    return false;
}

bool phones_share_user(const struct pcscf *p, const struct flow *a, const struct flow *b)
{
    const struct phone *one = phone_find(p, a), *other = phone_find(p, b);
    return one && other && (shares(&one->registrations, other) || shares(&one->left, other));
}
