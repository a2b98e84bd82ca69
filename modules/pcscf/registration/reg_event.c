#include "modules/pcscf/registration/reg_event.h"
#include "modules/pcscf/registration/reg_subscription.h"
#include <errno.h>

#define SUBSCRIPTIONS_MAX (256 * 1024)
/* A phone that changes its connection is away for a moment; and where the core has ended the last
 * registration itself, its own last word comes sooner. */
#define LINGER 32000

int reg_events_init(struct reg_events *all, struct pcscf *p)
{
    *all = (struct reg_events){0};
    int rc = map_init(&all->by_identity, 64);
    if (rc < 0)
        return rc;
    rc = slots_init(&all->slots, sizeof(struct reg_event), SUBSCRIPTIONS_MAX, p->w->id);
    if (rc < 0)
        map_fini(&all->by_identity);
    return rc;
}

void reg_events_fini(struct reg_events *all)
{
    uint32_t cursor = 0;
    for (struct reg_event *s; all->by_identity.rows && (s = slots_next(&all->slots, &cursor));)
        reg_event_destroy(s);
    slots_fini(&all->slots);
    map_fini(&all->by_identity);
    *all = (struct reg_events){0};
}

/* ---- by identity ---- */

/* TS 24.229 5.2.3: the SIP URI that is the default public identity; where the first one given is none (a tel
 * URI), the one that was registered. */
static size_t identity_of(const struct registration *r, char dst[static SIP_AOR_MAX])
{
    struct sip_uri uri;
    struct bytes text = registration_default_identity(r);
    if (!sip_uri_parse(text, &uri) || !sip_uri_is_sip(&uri))
        text = r->aor;
    return sip_uri_parse(text, &uri) && sip_uri_is_sip(&uri) ? sip_aor(&uri, dst, SIP_AOR_MAX) : 0;
}

static struct reg_event *find(struct pcscf *p, const char *identity, uint64_t hash)
{
    for (struct map_node *n = map_find(&p->reg_events.by_identity, hash); n; n = map_next(n)) {
        struct reg_event *s = container_of(n, struct reg_event, node);
        if (strcmp(s->identity, identity) == 0)
            return s;
    }
    return NULL;
}

static void on_next(struct worker *w, struct timer *t)
{
    struct reg_event *s = container_of(t, struct reg_event, next);
    if (list_empty(&s->registrations)) /* `leaving` has the say */
        return;
    if (s->state == REG_EVENT_ACTIVE && w->now < s->expires_at)
        reg_event_refresh(s);
    else
        reg_event_begin(s);
}

/* RFC 6665 4.1.2.4, 4.1.2.2: no NOTIFY, no subscription. */
static void on_patience(struct worker *w, struct timer *t)
{
    (void)w;
    struct reg_event *s = container_of(t, struct reg_event, patience);
    reg_event_retry(s, 0);
}

static void on_leaving(struct worker *w, struct timer *t)
{
    struct reg_event *s = container_of(t, struct reg_event, leaving);
    if (s->state == REG_EVENT_ACTIVE && w->now < s->expires_at)
        reg_event_end(s);
    else
        reg_event_destroy(s);
}

static struct reg_event *create(struct pcscf *p, const char *identity, uint64_t hash)
{
    struct reg_event *s = slots_take(&p->reg_events.slots);
    if (!s)
        return NULL;
    s->p = p;
    s->next.fire = on_next;
    s->patience.fire = on_patience;
    s->leaving.fire = on_leaving;
    memcpy(s->identity, identity, strlen(identity) + 1);
    list_init(&s->registrations);
    map_insert(&p->reg_events.by_identity, &s->node, hash);
    return s;
}

void reg_event_set(struct reg_event *s, enum reg_event_state state)
{
    _Atomic uint64_t *active = &s->p->stats[PCSCF_REG_EVENTS];
    if (s->state == REG_EVENT_ACTIVE && state != REG_EVENT_ACTIVE)
        stat_dec(active);
    else if (s->state != REG_EVENT_ACTIVE && state == REG_EVENT_ACTIVE)
        stat_inc(active);
    s->state = state;
}

void reg_event_destroy(struct reg_event *s)
{
    struct pcscf *p = s->p;
    sip_uac_drop(s->request);
    list_each_safe (it, &s->registrations)
        reg_event_leave(container_of(it, struct registration, at_event));
    timer_stop(&p->w->timers, &s->next);
    timer_stop(&p->w->timers, &s->patience);
    timer_stop(&p->w->timers, &s->leaving);
    reg_event_set(s, REG_EVENT_LEAVING);
    sip_dialog_fini(&s->dialog);
    map_remove(&p->reg_events.by_identity, &s->node);
    slots_give(&p->reg_events.slots, s);
}

/* ---- who is in it ---- */

void reg_event_join(struct registration *r, struct bytes path)
{
    struct pcscf *p = r->phone->room;
    char identity[SIP_AOR_MAX];
    size_t n =
        r->sos ? 0 : identity_of(r, identity); /* TS 24.229 5.2.10: none for an emergency registration */
    if (!p->config->reg_event || p->core.embedded || !n)
        return;
    uint64_t hash = bytes_hash(&p->w->hash_key, bytes_of(identity, n));
    struct reg_event *s = find(p, identity, hash);
    bool fresh = !s;
    if (fresh)
        s = create(p, identity, hash);
    if (!s)
        return; /* counted by nobody: a registration without it is as good as before */
    r->event = s;
    list_push_front(&s->registrations, &r->at_event);
    bytes_to_str(path, s->path, sizeof(s->path));
    timer_stop(&p->w->timers, &s->leaving);
    if (fresh || s->state == REG_EVENT_LEAVING)
        reg_event_begin(s);
}

void reg_event_leave(struct registration *r)
{
    struct reg_event *s = r->event;
    if (!s)
        return;
    r->event = NULL;
    list_remove(&r->at_event);
    if (list_empty(&s->registrations))
        timer_set(&s->p->w->timers, &s->leaving, s->p->w->now + LINGER);
}

const char *reg_event_state_of(const struct registration *r)
{
    static const char *const names[] = {[REG_EVENT_ASKING] = "asking",
                                        [REG_EVENT_ACTIVE] = "active",
                                        [REG_EVENT_RETRYING] = "retrying",
                                        [REG_EVENT_REFUSED] = "refused",
                                        [REG_EVENT_LEAVING] = "leaving"};
    return r->event ? names[r->event->state] : "none";
}
