#include "modules/pcscf/phone.h"
#include "appliance/core/directory.h"
#include "modules/pcscf/moved.h"
#include "mux/conn.h"
#include <errno.h>
#include <stdlib.h>

/* For how long answers may come by a newer flow: longer than anybody lets a phone ring (timer C). */
#define LEFT_MS 240000u

/* ---- phones ---- */

static uint64_t flow_hash(const struct pcscf *p, const struct flow *f)
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

static timer_fire on_farewell;

static struct phone *phone_create(struct pcscf *p, const struct flow *f)
{
    struct phone *ph = calloc(1, sizeof(*ph));
    if (!ph)
        return NULL;
    ph->room = p;
    ph->flow = *f;
    ph->farewell.fire = on_farewell;
    list_init(&ph->registrations);
    list_init(&ph->left);
    map_insert(&p->phones, &ph->node, flow_hash(p, f));
    return ph;
}

/* A connection that stays silent for longer than its phone promised to is dead: after the Flow-Timer and half
 * as much again (RFC 5626 5.4), or after the registration itself should have been refreshed. */
static void set_idle(const struct phone *ph, uint64_t expires_ms)
{
    struct conn *c = ph->flow.transport == TRANSPORT_UDP ? NULL : conn_get(ph->room->w, ph->flow.conn);
    if (!c)
        return;
    uint64_t timer = (uint64_t)ph->room->config->flow_timer;
    if (ph->n == 0)
        conn_idle_timeout(c, (uint64_t)ph->room->config->unregistered_idle);
    else if (ph->keeps_alive && timer)
        conn_idle_timeout(c, timer + timer / 2);
    else
        conn_idle_timeout(c, expires_ms + 60000);
}

static void phone_reap(struct phone *ph)
{
    if (ph->n || !list_empty(&ph->left) || timer_armed(&ph->farewell))
        return;
    map_remove(&ph->room->phones, &ph->node);
    free(ph);
}

/* ---- registrations ---- */

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
static void enter(struct phone *ph, struct registration *r)
{
    struct pcscf *p = ph->room;
    r->phone = ph;
    r->present = p->w->gw->directory && directory_arrive(p->w->gw->directory, presence_name(r), p->w->now);
    list_push_front(&ph->registrations, &r->link);
    map_insert(&p->registered, &r->by_aor, aor_hash(p, r->aor));
    ph->n++;
    ph->sos = ph->sos || r->sos;
    stat_inc(&p->stats[PCSCF_REGISTERED]);
}

/* It counts no longer. */
static void withdraw(struct registration *r)
{
    struct phone *ph = r->phone;
    struct pcscf *p = ph->room;
    if (r->present)
        directory_leave(p->w->gw->directory, presence_name(r), p->w->now);
    r->present = false;
    reg_event_leave(r);
    timer_stop(&p->w->timers, &r->expiry);
    list_remove(&r->link);
    map_remove(&p->registered, &r->by_aor);
    ph->n--;
    stat_dec(&p->stats[PCSCF_REGISTERED]);
}

static void end(struct registration *r, const char *why)
{
    struct phone *ph = r->phone;
    struct pcscf *p = ph->room;
    log_info(&p->w->log, "sip.unregistered", F_BYTES("aor", r->aor), F_ADDR("peer", &ph->flow.peer),
             F_STR("why", why));
    registration_forget(r);
    withdraw(r);
    registration_destroy(r);
}

/* Nothing may be left on that flow. */
static void settle(struct phone *ph)
{
    if (!ph->n)
        set_idle(ph, 0);
    phone_reap(ph);
}

void registration_end(struct registration *r, const char *why)
{
    struct phone *ph = r->phone;
    end(r, why);
    settle(ph);
}

/* Time for what is on its way to the phone: its own NOTIFY, the answers to it (TS 24.229 5.2.5.2). */
#define FAREWELL 1000

void registration_revoke(struct registration *r, const char *why, bool bye)
{
    struct phone *ph = r->phone;
    struct worker *w = ph->room->w;
    end(r, why);
    if (bye && !ph->n && ph->flow.transport != TRANSPORT_UDP)
        timer_set(&w->timers, &ph->farewell, w->now + FAREWELL);
    settle(ph);
}

static void on_farewell(struct worker *w, struct timer *t)
{
    struct phone *ph = container_of(t, struct phone, farewell);
    struct conn *c = ph->n ? NULL : conn_get(w, ph->flow.conn);
    if (c)
        conn_close(c, CLOSE_MODULE);
    phone_reap(ph);
}

static void forget_left(struct registration *r)
{
    timer_stop(&r->phone->room->w->timers, &r->expiry);
    list_remove(&r->link);
    registration_destroy(r);
}

static void on_forget(struct worker *w, struct timer *t)
{
    (void)w;
    struct registration *r = container_of(t, struct registration, expiry);
    struct phone *ph = r->phone;
    forget_left(r);
    phone_reap(ph);
}

/* The row is the newer flow's by now. */
void registration_leave(struct registration *r)
{
    struct phone *ph = r->phone;
    struct pcscf *p = ph->room;
    log_debug(&p->w->log, "sip.registration_moved", F_BYTES("aor", r->aor), F_ADDR("peer", &ph->flow.peer));
    withdraw(r);
    list_push_front(&ph->left, &r->link);
    r->expiry.fire = on_forget;
    timer_set(&p->w->timers, &r->expiry, p->w->now + LEFT_MS);
    settle(ph);
}

static void on_expiry(struct worker *w, struct timer *t)
{
    (void)w;
    registration_end(container_of(t, struct registration, expiry), "expired");
}

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
    r->expiry.fire = on_expiry;
    timer_set(&p->w->timers, &r->expiry, p->w->now + (uint64_t)f->expires * 1000);
    registration_save_refreshed(r);
    ph->keeps_alive = f->keeps_alive;
    set_idle(ph, (uint64_t)f->expires * 1000);
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
    enter(ph, r);
    withdraw(old);
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
        forget_left(left);
    log_info(&p->w->log, "sip.registered", F_BYTES("aor", f->aor), F_ADDR("peer", &ph->flow.peer),
             F_STR("transport", transport_name(ph->flow.transport)), F_UINT("expires", f->expires));
    enter(ph, r);
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

void phone_unregister(struct pcscf *p, const struct flow *f, struct bytes aor, struct bytes key)
{
    struct phone *ph = phone_find(p, f);
    struct registration *r = ph ? find_in(&ph->registrations, aor, key) : NULL;
    if (r)
        registration_end(r, "asked");
    moved_away(p, aor, key);
}

void phone_unregister_all(struct pcscf *p, const struct flow *f, struct bytes aor)
{
    (void)f;
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
    list_each_safe (it, &ph->registrations)
        end(container_of(it, struct registration, link), "flow closed");
    list_each_safe (it, &ph->left)
        forget_left(container_of(it, struct registration, link));
    phone_reap(ph);
}

/* The rows stay: they are what a restart knows of the phones. */
static void clear_one(struct map_node *node, void *arg)
{
    (void)arg;
    struct phone *ph = container_of(node, struct phone, node);
    list_each_safe (it, &ph->registrations) {
        struct registration *r = container_of(it, struct registration, link);
        withdraw(r);
        registration_destroy(r);
    }
    list_each_safe (it, &ph->left)
        forget_left(container_of(it, struct registration, link));
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

bool phone_owns(const struct phone *ph, const struct flow_token *t)
{
    list_each (it, &ph->registrations) {
        if (flow_owner(container_of(it, struct registration, link)->aor) == t->owner)
            return true;
    }
    return false;
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
