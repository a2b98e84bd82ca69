#include "modules/pcscf/call/dialog.h"
#include "modules/pcscf/call/absence.h"
#include "modules/pcscf/call/dialog_release.h"
#include "modules/pcscf/registration/phone.h"
#include <stdlib.h>

/* ---- finding ---- */

static uint64_t call_hash(const struct pcscf *p, struct bytes call_id)
{
    return bytes_hash(&p->w->hash_key, call_id);
}

struct dialog *dialog_find(const struct pcscf *p, struct bytes call_id, struct bytes phone_tag,
                           struct bytes far_tag)
{
    for (struct map_node *n = map_find(&p->dialogs, call_hash(p, call_id)); n; n = map_next(n)) {
        struct dialog *d = container_of(n, struct dialog, node);
        if (bytes_eq(d->is.text[DIALOG_CALL_ID], call_id) &&
            bytes_eq(d->is.text[DIALOG_PHONE_TAG], phone_tag) &&
            bytes_eq(d->is.text[DIALOG_FAR_TAG], far_tag))
            return d;
    }
    return NULL;
}

struct each {
    void (*fn)(const struct dialog *d, void *arg);
    void *arg;
};

static void each_one(struct map_node *node, void *arg)
{
    const struct each *e = arg;
    e->fn(container_of(node, struct dialog, node), e->arg);
}

void dialogs_each(const struct pcscf *p, void (*fn)(const struct dialog *d, void *arg), void *arg)
{
    struct each e = {fn, arg};
    map_walk((struct map *)(uintptr_t)&p->dialogs, each_one, &e);
}

/* ---- texts ---- */

/* The old block goes last: the new texts may be views into it. */
bool dialog_change(struct dialog *d, const struct bytes text[static DIALOG_TEXTS])
{
    size_t n = 0;
    for (unsigned i = 0; i < DIALOG_TEXTS; i++)
        n += text[i].n;
    uint8_t *texts = n <= DIALOG_TEXT_MAX ? malloc(n ? n : 1) : NULL, *at = texts, *old = d->texts;
    if (!texts)
        return false;
    for (unsigned i = 0; i < DIALOG_TEXTS; i++) {
        if (text[i].n)
            memcpy(at, text[i].p, text[i].n);
        d->is.text[i] = bytes_of(at, text[i].n);
        at += text[i].n;
    }
    d->texts = texts;
    free(old);
    return true;
}

/* ---- birth, confirmation, death ---- */

static enum pcscf_stat gauge_of(const struct dialog *d)
{
    return d->confirmed ? PCSCF_DIALOGS_CONFIRMED : PCSCF_DIALOGS_EARLY;
}

/* Out of all tables of this worker. */
static void detach(struct dialog *d)
{
    timer_stop(&d->room->w->timers, &d->session);
    map_remove(&d->room->dialogs, &d->node);
    list_remove(&d->fork);
    list_remove(&d->link);
    d->invite = NULL;
    stat_dec(&d->room->stats[gauge_of(d)]);
    if (d->is.help)
        stat_dec(&d->room->stats[PCSCF_EMERGENCY_CALLS]);
}

static struct dialog *not_kept(struct pcscf *p)
{
    pcscf_count(p, PCSCF_DIALOGS_NOT_KEPT);
    return NULL;
}

/* How many more there may be when one is for help. */
#define HELP_ROOM           100
#define HELP_ROOM_PER_PHONE 2

static bool is_full(const struct pcscf *p, const struct list *home, enum dialog_help help)
{
    int64_t n = 0;
    list_each (it, home)
        n++;
    return n >= p->config->max_dialogs_per_phone + (help ? HELP_ROOM_PER_PHONE : 0) ||
           (int64_t)p->dialogs.count >= p->config->max_dialogs + (help ? HELP_ROOM : 0);
}

static void enter(struct pcscf *p, struct dialog *d)
{
    d->room = p;
    map_insert(&p->dialogs, &d->node, call_hash(p, d->is.text[DIALOG_CALL_ID]));
    stat_inc(&p->stats[gauge_of(d)]);
    if (d->is.help)
        stat_inc(&p->stats[PCSCF_EMERGENCY_CALLS]);
}

struct dialog *dialog_create(struct pcscf *p, const struct flow *f, const struct dialog_facts *facts)
{
    struct list *home = absence_home_of(p, f, facts);
    if (!home || is_full(p, home, facts->help))
        return not_kept(p);
    struct dialog *d = calloc(1, sizeof(*d));
    if (!d)
        return not_kept(p);
    d->flow = *f;
    d->is = *facts;
    d->began = p->w->now;
    d->session.fire = dialog_overdue;
    list_init(&d->fork);
    if (!dialog_change(d, facts->text)) {
        free(d);
        return not_kept(p);
    }
    enter(p, d);
    list_push_back(home, &d->link);
    return d;
}

void dialog_confirm(struct dialog *d)
{
    struct pcscf *p = d->room;
    if (d->confirmed)
        return;
    stat_dec(&p->stats[PCSCF_DIALOGS_EARLY]);
    stat_inc(&p->stats[PCSCF_DIALOGS_CONFIRMED]);
    pcscf_count(p, PCSCF_CALLS_ANSWERED);
    d->confirmed = p->w->now ? p->w->now : 1;
    log_info(&p->w->log, "sip.call_answered", F_BYTES("call_id", d->is.text[DIALOG_CALL_ID]),
             F_BYTES("aor", d->is.text[DIALOG_AOR]), F_STR("side", dialog_side(d->is.from_phone)),
             F_ADDR("peer", &d->flow.peer), F_UINT("rang_ms", d->confirmed - d->began),
             F_STR(d->is.help ? "kind" : NULL, dialog_kind(d->is.help)));
    dialog_row_put(d);
}

const char *dialog_side(bool from_phone)
{
    return from_phone ? "caller" : "called";
}

const char *dialog_kind(enum dialog_help help)
{
    static const char *const kinds[] = {
        [DIALOG_ORDINARY] = "call", [DIALOG_EMERGENCY] = "emergency", [DIALOG_CALLBACK] = "callback"};
    return kinds[help];
}

static const struct {
    const char *by, *why;
} ends[] = {
    [DIALOG_HUNG_UP_PHONE] = {"phone", "hung up"},
    [DIALOG_HUNG_UP_FAR] = {"network", "hung up"},
    [DIALOG_LOST] = {"edge", "the phone's connection was lost and it did not come back"},
    [DIALOG_UNREGISTERED] = {"edge", "the phone's registration ended"},
    [DIALOG_OVERDUE] = {"edge", "session timer: no refresh came"},
};

static void say_end(const struct dialog *d, enum dialog_end why, struct bytes detail)
{
    struct pcscf *p = d->room;
    /* It may have come from another worker, whose clock was ahead by a turn. */
    uint64_t lasted = p->w->now > d->confirmed ? p->w->now - d->confirmed : 0;
    log_info(&p->w->log, "sip.call_ended", F_BYTES("call_id", d->is.text[DIALOG_CALL_ID]),
             F_BYTES("aor", d->is.text[DIALOG_AOR]), F_STR("side", dialog_side(d->is.from_phone)),
             F_ADDR("peer", &d->flow.peer), F_UINT("lasted_ms", lasted), F_STR("by", ends[why].by),
             F_STR("why", ends[why].why), F_BYTES(detail.n ? "reason" : NULL, detail),
             F_STR(d->is.help ? "kind" : NULL, dialog_kind(d->is.help)));
    pcscf_count(p, PCSCF_CALLS_ENDED + why);
}

void dialog_end(struct dialog *d, enum dialog_end why, struct bytes detail)
{
    if (d->confirmed && why != DIALOG_UNANSWERED) {
        say_end(d, why, detail);
        dialog_row_delete(d);
    }
    detach(d);
    if (d->is.help)
        phone_helped(d->room, &d->flow);
    free(d->texts);
    free(d);
}

/* ---- moving ---- */

static void settle(struct dialog *d)
{
    struct pcscf *p = d->room;
    struct flow now;
    struct list *home = absence_home_of(p, &d->flow, &d->is);
    if (!home) {
        dialog_release(d, DIALOG_LOST);
        return;
    }
    list_push_back(home, &d->link);
    dialog_row_put(d);
    if (absence_leads(d, &now))
        dialog_move(d, &now); /* it has moved on meanwhile */
}

static void on_arrival(struct worker *w, struct letter *l)
{
    struct dialog *d = container_of(l, struct dialog, letter);
    struct pcscf *p = w->ended ? NULL : pcscf_of(w);
    if (!p) {
        free(d->texts);
        free(d);
        return;
    }
    enter(p, d);
    const struct hang_up *h = hang_up_of(p, d);
    if (h) {
        dialog_end(d, h->by_phone ? DIALOG_HUNG_UP_PHONE : DIALOG_HUNG_UP_FAR, BYTES_NONE);
        return;
    }
    if (d->session_seconds)
        timer_set(&w->timers, &d->session, d->session.due);
    settle(d);
}

void dialog_move(struct dialog *d, const struct flow *to)
{
    struct pcscf *p = d->room;
    struct worker *home = gateway_worker(p->w->gw, to->conn.worker);
    if (!home)
        return;
    const struct flow old = d->flow;
    bool help = d->is.help;
    d->flow = *to;
    pcscf_count(p, PCSCF_DIALOGS_MOVED);
    if (home == p->w) {
        list_remove(&d->link);
        settle(d);
    } else {
        detach(d);
        d->letter.open = on_arrival;
        worker_post(home, &d->letter);
    }
    if (help)
        phone_helped(p, &old);
}

static void clear_one(struct map_node *node, void *arg)
{
    (void)arg;
    struct dialog *d = container_of(node, struct dialog, node);
    detach(d);
    free(d->texts);
    free(d);
}

void dialogs_clear(struct pcscf *p)
{
    if (p->dialogs.rows)
        map_walk(&p->dialogs, clear_one, NULL);
}
