#include "modules/pcscf/call/absence_private.h"
#include "modules/pcscf/call/dialog_release.h"
#include "modules/pcscf/passage.h"
#include <stdlib.h>

#define POINTER_MS 300000 /* longer than any transaction lasts: timer C is 3 minutes */

/* ---- how long ---- */

static uint64_t patience_ms(const struct pcscf *p, enum patience what)
{
    uint64_t call = (uint64_t)p->config->flow_grace, fresh = (uint64_t)p->config->call_grace,
             help = (uint64_t)p->emergency->flow_grace;
    if (what == PATIENCE_NEW)
        return fresh < call ? fresh : call;
    return what == PATIENCE_HELP && help > call ? help : call;
}

/* What was on its way to the phone already, or calls back for help, is no longer news to it. */
static enum patience patience_of(const struct passage *g)
{
    if (!g->initial)
        return g->emergency ? PATIENCE_HELP : PATIENCE_CALL;
    return g->late && !g->callback ? PATIENCE_NEW : PATIENCE_CALL;
}

static enum patience patience_of_dialog(const struct dialog *d)
{
    return d->is.help ? PATIENCE_HELP : PATIENCE_CALL;
}

static bool is_over(const struct absence *a, enum patience what)
{
    return !a->moved && a->room->w->now >= a->since + patience_ms(a->room, what);
}

bool absence_is(const struct passage *g)
{
    const struct absence *a = absence_find(g->p, &g->flow, g->owner, g->instance);
    return a && !is_over(a, patience_of(g));
}

/* ---- its end ---- */

void absence_free(struct absence *a)
{
    timer_stop(&a->room->w->timers, &a->timer);
    whereabouts_remove(a->room->whereabouts, &a->who);
    map_remove(&a->room->absences, &a->node);
    free(a);
}

/* Of those whose patience is that or less; the others stay. */
static struct passage *next_waiting(struct absence *a, enum patience most)
{
    list_each (it, &a->waiting) {
        struct passage *g = container_of(it, struct passage, wait);
        if (patience_of(g) > most)
            continue;
        list_remove(it);
        return g;
    }
    return NULL;
}

void absence_send_waiting(struct absence *a, const struct flow *to)
{
    struct pcscf *p = a->room;
    const struct sip_hop hop = sip_hop_flow(to);
    struct passage *g;
    while ((g = next_waiting(a, PATIENCE_HELP))) {
        g->flow = *to;
        if (proxy_move(g->proxy, proxy_branch_at(g->proxy, 0), &hop) == 0)
            pcscf_count(p, PCSCF_RESENT);
    }
}

/* RFC 5626 5.3.1; a caller who has heard it ring already is told that nobody is there. */
static void fail_waiting(struct absence *a, enum patience most)
{
    struct passage *g;
    while ((g = next_waiting(a, most))) {
        if (!g->rang)
            pcscf_count(a->room, PCSCF_FLOW_FAILED);
        proxy_fail(g->proxy, proxy_branch_at(g->proxy, 0), g->rang ? 480 : 430);
    }
}

static struct dialog *next_dialog(const struct absence *a, enum patience most)
{
    list_each (it, &a->dialogs) {
        struct dialog *d = container_of(it, struct dialog, link);
        if (patience_of_dialog(d) <= most)
            return d;
    }
    return NULL;
}

/* From the front each time: with one early dialog its siblings may go. */
static void release(struct absence *a, enum patience most)
{
    struct dialog *d;
    while ((d = next_dialog(a, most)))
        dialog_release(d, a->why);
}

/* An INVITE that is not over keeps its dialogs on its own worker; they follow when they are confirmed. */
static void move_dialogs(struct absence *a)
{
    list_each_safe (it, &a->dialogs) {
        struct dialog *d = container_of(it, struct dialog, link);
        if (d->confirmed)
            dialog_move(d, &a->to);
    }
}

void absence_moves(struct absence *a, const struct flow *to)
{
    struct pcscf *p = a->room;
    whereabouts_remove(p->whereabouts, &a->who);
    a->moved = true;
    a->to = *to;
    timer_set(&p->w->timers, &a->timer, p->w->now + POINTER_MS);
    log_debug(&p->w->log, "sip.phone_moved", F_ADDR("from", &a->who.flow.peer), F_ADDR("to", &to->peer));
    absence_send_waiting(a, to);
    move_dialogs(a);
}

static void absence_waits(struct absence *a);

bool absence_is_empty(const struct absence *a)
{
    return list_empty(&a->dialogs) && list_empty(&a->waiting);
}

static void set_timer(struct absence *a)
{
    timer_set(&a->room->w->timers, &a->timer, a->since + patience_ms(a->room, a->patience));
}

static void on_timer(struct worker *w, struct timer *t)
{
    (void)w;
    struct absence *a = container_of(t, struct absence, timer);
    if (a->moved && !absence_is_empty(a)) { /* they ring still, or their phone has left there too */
        absence_waits(a);
        return;
    }
    enum patience over = a->moved ? PATIENCE_HELP : a->patience;
    fail_waiting(a, over);
    release(a, over);
    if (over == PATIENCE_HELP || (over == PATIENCE_CALL && absence_is_empty(a))) {
        absence_free(a);
        return;
    }
    a->patience++;
    set_timer(a);
}

/* ---- its begin ---- */

/* From now on it is waited for; unless it is somewhere else already. In the table first, so that no
 * registration comes in between. */
static void absence_waits(struct absence *a)
{
    struct pcscf *p = a->room;
    struct flow now;
    a->moved = false;
    a->since = p->w->now;
    a->patience = PATIENCE_NEW;
    set_timer(a);
    whereabouts_add(p->whereabouts, &a->who, NULL);
    if (absence_now(a, &now))
        absence_moves(a, &now);
}

static struct absence *absence_create(struct pcscf *p, const struct flow *f, uint64_t owner,
                                      uint64_t instance)
{
    struct absence *a = calloc(1, sizeof(*a));
    if (!a)
        return NULL;
    a->room = p;
    a->why = flow_alive(p->w, f) ? DIALOG_UNREGISTERED : DIALOG_LOST;
    a->who = (struct whereabout){.owner = owner, .instance = instance, .flow = *f, .waits = true};
    a->timer.fire = on_timer;
    list_init(&a->dialogs);
    list_init(&a->waiting);
    map_insert(&p->absences, &a->node, flow_hash(p, f));
    absence_waits(a);
    return a;
}

static struct absence *absence_ensure(struct pcscf *p, const struct flow *f, uint64_t owner,
                                      uint64_t instance)
{
    struct absence *a = absence_find(p, f, owner, instance);
    if (!a)
        return absence_create(p, f, owner, instance);
    if (a->moved && !absence_now(a, &a->to))
        absence_waits(a); /* it has left there too */
    return a;
}

struct list *absence_home(struct pcscf *p, const struct flow *f, uint64_t owner, uint64_t instance)
{
    struct phone *ph = phone_find(p, f);
    if (ph && phone_owns(ph, owner))
        return &ph->dialogs;
    struct absence *a = absence_ensure(p, f, owner, instance);
    return a ? &a->dialogs : NULL;
}

struct list *absence_home_of(struct pcscf *p, const struct flow *f, const struct dialog_facts *is)
{
    if (!is->help || f->conn.worker != p->w->id || !flow_alive(p->w, f))
        return absence_home(p, f, is->owner, is->instance);
    struct phone *ph = phone_stand(p, f);
    return ph ? &ph->dialogs : NULL;
}

static void leave(struct pcscf *p, struct dialog *d, enum dialog_end why, bool at_once)
{
    struct flow now;
    bool elsewhere =
        whereabouts_find(p->whereabouts, d->is.owner, d->is.instance, &now) && !flow_eq(&now, &d->flow);
    struct absence *a =
        at_once && !elsewhere ? NULL : absence_ensure(p, &d->flow, d->is.owner, d->is.instance);
    if (!a) {
        dialog_release(d, why);
        return;
    }
    a->why = why;
    list_remove(&d->link);
    list_push_back(&a->dialogs, &d->link);
    if (a->moved && d->confirmed)
        dialog_move(d, &a->to);
}

static bool has_left(const struct phone *ph, const struct dialog *d)
{
    struct flow now;
    if (phone_owns(ph, d->is.owner))
        return false;
    return !d->is.help || ph->lost ||
           (whereabouts_find(ph->room->whereabouts, d->is.owner, d->is.instance, &now) &&
            !flow_eq(&now, &ph->flow));
}

static struct dialog *first_left(const struct phone *ph)
{
    list_each (it, &ph->dialogs) {
        struct dialog *d = container_of(it, struct dialog, link);
        if (has_left(ph, d))
            return d;
    }
    return NULL;
}

/* From the front each time: with one early dialog its siblings may go. */
void absence_begin(struct phone *ph, enum dialog_end why, bool at_once)
{
    struct dialog *d;
    ph->busy = true;
    while ((d = first_left(ph)))
        leave(ph->room, d, why, at_once);
    ph->busy = false;
}

void absence_expect(struct pcscf *p, const struct flow *f, uint64_t owner, uint64_t instance)
{
    struct flow now;
    if (!p->config->flow_grace || whereabouts_find(p->whereabouts, owner, instance, &now))
        return;
    struct absence *a = absence_ensure(p, f, owner, instance);
    if (a)
        a->why = DIALOG_LOST;
}

bool absence_hold(struct passage *g)
{
    struct pcscf *p = g->p;
    enum patience patience = patience_of(g);
    struct absence *a = patience_ms(p, patience) ? absence_ensure(p, &g->flow, g->owner, g->instance) : NULL;
    if (!a || is_over(a, patience))
        return false;
    list_remove(&g->wait);
    list_push_back(&a->waiting, &g->wait);
    pcscf_count(p, PCSCF_HELD);
    if (a->moved)
        absence_send_waiting(a, &a->to);
    return true;
}

static void clear_one(struct map_node *node, void *arg)
{
    (void)arg;
    absence_free(container_of(node, struct absence, node));
}

void absences_clear(struct pcscf *p)
{
    if (p->absences.rows)
        map_walk(&p->absences, clear_one, NULL);
}
