/* registration_end: how a registration ends: by itself, by the phone, by the network, by going on elsewhere.
 */
#include "modules/pcscf/phone_parts.h"
#include "mux/conn.h"

/* For how long answers may come by a newer flow: longer than anybody lets a phone ring (timer C). */
#define LEFT_MS 240000u

const struct registration_ending registration_closed = {"sip.unregistered", "flow closed", DIALOG_LOST,
                                                        false};
static const struct registration_ending expired = {"sip.unregistered", "expired", DIALOG_UNREGISTERED, false};

void registration_finish(struct registration *r, const struct registration_ending *how)
{
    struct phone *ph = r->phone;
    struct pcscf *p = ph->room;
    const struct whereabout who = r->where;
    log_info(&p->w->log, how->event, F_BYTES("aor", r->aor), F_ADDR("peer", &ph->flow.peer),
             F_STR("why", how->why));
    registration_forget(r);
    registration_withdraw(r);
    registration_destroy(r);
    absence_begin(ph, how->calls, how->at_once);
    if (ph->lost)
        absence_expect(p, &ph->flow, who.owner, who.instance);
}

/* Nothing may be left on that flow. */
static void settle(struct phone *ph)
{
    if (!ph->n)
        phone_set_idle(ph, 0);
    phone_reap(ph);
}

void registration_end(struct registration *r, const char *why)
{
    struct phone *ph = r->phone;
    registration_finish(r, &(struct registration_ending){"sip.unregistered", why, DIALOG_UNREGISTERED, true});
    settle(ph);
}

/* Time for what is on its way to the phone: its own NOTIFY, the answers to it (TS 24.229 5.2.5.2). */
#define FAREWELL 1000

void registration_revoke(struct registration *r, const char *why, bool bye)
{
    struct phone *ph = r->phone;
    struct worker *w = ph->room->w;
    registration_finish(r, &(struct registration_ending){"sip.revoked", why, DIALOG_UNREGISTERED, true});
    if (bye && !ph->n && list_empty(&ph->dialogs) && ph->flow.transport != TRANSPORT_UDP)
        timer_set(&w->timers, &ph->farewell, w->now + FAREWELL);
    settle(ph);
}

void phone_on_farewell(struct worker *w, struct timer *t)
{
    struct phone *ph = container_of(t, struct phone, farewell);
    struct conn *c = ph->n || !list_empty(&ph->dialogs) ? NULL : conn_get(w, ph->flow.conn);
    if (c)
        conn_close(c, CLOSE_MODULE);
    phone_reap(ph);
}

void registration_forget_left(struct registration *r)
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
    registration_forget_left(r);
    phone_reap(ph);
}

/* The row is the newer flow's by now. */
void registration_leave(struct registration *r)
{
    struct phone *ph = r->phone;
    struct pcscf *p = ph->room;
    log_debug(&p->w->log, "sip.registration_moved", F_BYTES("aor", r->aor), F_ADDR("peer", &ph->flow.peer));
    registration_withdraw(r);
    list_push_front(&ph->left, &r->link);
    r->expiry.fire = on_forget;
    timer_set(&p->w->timers, &r->expiry, p->w->now + LEFT_MS);
    absence_begin(ph, DIALOG_LOST, false);
    settle(ph);
}

void registration_on_expiry(struct worker *w, struct timer *t)
{
    (void)w;
    struct registration *r = container_of(t, struct registration, expiry);
    struct phone *ph = r->phone;
    registration_finish(r, &expired);
    settle(ph);
}
