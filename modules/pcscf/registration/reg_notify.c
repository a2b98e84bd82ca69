#include "modules/pcscf/registration/reg_subscription.h"
#include "modules/pcscf/registration/reginfo.h"
#include "modules/pcscf/registration/registration.h"
#include "modules/sip/server_txn.h"
#include <stdlib.h>

/* ---- what the document says of our registrations ---- */

static bool is_contact(const struct reginfo_contact *c, const struct registration *r)
{
    struct sip_contact is = {.instance = c->instance, .reg_id = c->reg_id, .has_reg_id = c->reg_id != 0};
    struct sip_uri contact;
    if (!sip_uri_parse(c->uri, &is.na.uri))
        return false;
    if (registration_has_key(r, &is))
        return true;
    if (is.instance.n && is.has_reg_id) /* RFC 5626: two flows of one phone may have one URI */
        return false;
    return sip_uri_parse(r->contact, &contact) && sip_uri_eq(&contact, &is.na.uri);
}

/* One that was bound anew stands twice: then the one that is active counts. */
static const struct reginfo_contact *
contact_of(const struct reginfo *doc, const struct reginfo_registration *reg, const struct registration *r)
{
    const struct reginfo_contact *found = NULL;
    for (unsigned i = reg->first; i < reg->first + reg->n; i++) {
        const struct reginfo_contact *c = &doc->contacts[i];
        if (!is_contact(c, r))
            continue;
        found = c;
        if (c->state == REGINFO_ACTIVE)
            break;
    }
    return found;
}

static void stays(struct registration *r, const struct sip_uri *aor, const struct reginfo_contact *c)
{
    registration_add_identity(r, aor);
    if (c->event == REGINFO_SHORTENED && c->has_expires && registration_shorten(r, c->expires))
        pcscf_count(r->phone->room, PCSCF_SHORTENED);
}

/* The phone's own unregistering has come by here; told late, it must not take away what the phone has
 * registered since. */
static bool is_old_news(const struct registration *r, enum reginfo_event why)
{
    bool own = why == REGINFO_UNREGISTERED || why == REGINFO_EXPIRED;
    return own && r->phone->room->w->now < r->since + 5000;
}

/* False: that was its end. */
static bool loses(struct registration *r, const struct sip_uri *aor, enum reginfo_event why)
{
    struct pcscf *p = r->phone->room;
    if (is_old_news(r, why))
        return true;
    if (!registration_is_of(r, aor) && registration_drop_identity(r, aor))
        return true;
    pcscf_count(p, PCSCF_REVOKED);
    registration_revoke(r, reginfo_event_name(why), why != REGINFO_UNREGISTERED);
    return false;
}

/* A registration that has ended has no contact left, listed or not (RFC 3680 4.7.1); nor has one that never
 * was, where all that there is is told. */
static bool has_nobody(const struct reginfo *doc, const struct reginfo_registration *reg)
{
    return reg->state == REGINFO_TERMINATED || (doc->full && reg->state == REGINFO_INIT);
}

static void apply_to(struct registration *r, const struct reginfo *doc)
{
    for (unsigned i = 0; i < doc->n_registrations; i++) {
        const struct reginfo_registration *reg = &doc->registrations[i];
        struct sip_uri aor;
        if (!sip_uri_parse(reg->aor, &aor))
            continue;
        const struct reginfo_contact *c = contact_of(doc, reg, r);
        if (c && c->state == REGINFO_ACTIVE)
            stays(r, &aor, c);
        else if ((c || has_nobody(doc, reg)) && !loses(r, &aor, c ? c->event : REGINFO_EVENTS))
            return;
    }
}

/* RFC 3680 5.2. False: older than what we have. */
static bool take_version(struct reg_event *s, const struct reginfo *doc)
{
    bool gap = s->has_version && doc->version > s->version && doc->version - s->version > 1;
    if (s->has_version && doc->version < s->version)
        return false;
    s->version = doc->version;
    s->has_version = true;
    if (gap && !doc->full && s->state == REG_EVENT_ACTIVE && reg_event_may_hasten(s))
        reg_event_refresh(s);
    return true;
}

static void apply(struct reg_event *s, const struct reginfo *doc)
{
    if (!take_version(s, doc)) {
        pcscf_count(s->p, PCSCF_NOTIFY_STALE);
        return;
    }
    list_each_safe (it, &s->registrations)
        apply_to(container_of(it, struct registration, at_event), doc);
}

/* ---- what becomes of the subscription ---- */

static uint32_t seconds_of(struct bytes params, struct bytes name)
{
    struct bytes value;
    uint32_t seconds;
    return sip_param_value(params, name, &value) && sip_number_parse(value, &seconds) ? seconds : 0;
}

/* RFC 6665 4.1.3. */
static void terminated(struct reg_event *s, const struct sip_worded *state)
{
    struct bytes reason = BYTES_NONE;
    sip_param_value(state->params, BYTES("reason"), &reason);
    if (list_empty(&s->registrations))
        reg_event_destroy(s);
    else if (bytes_ieq(reason, BYTES("rejected")) || bytes_ieq(reason, BYTES("invariant")))
        reg_event_refused(s, "NOTIFY", 0);
    else if ((bytes_ieq(reason, BYTES("deactivated")) || bytes_ieq(reason, BYTES("timeout"))) &&
             reg_event_may_hasten(s))
        reg_event_begin(s);
    else
        reg_event_retry(s, seconds_of(state->params, BYTES("retry-after")));
}

static void take_state(struct reg_event *s, const struct sip_worded *state)
{
    if (bytes_ieq(state->word, BYTES("terminated"))) {
        terminated(s, state);
        return;
    }
    uint32_t seconds = seconds_of(state->params, BYTES("expires"));
    if (s->state == REG_EVENT_LEAVING)
        return;
    if (s->state == REG_EVENT_ASKING)
        log_debug(&s->p->w->log, "sip.reg_event", F_STR("identity", s->identity), F_UINT("expires", seconds));
    reg_event_set(s, REG_EVENT_ACTIVE);
    s->failures = 0;
    if (seconds)
        reg_event_expires(s, seconds);
    else if (s->expires_at <= s->p->w->now)
        reg_event_expires(s, s->asked);
}

/* ---- the request ---- */

struct notify {
    const struct sip_msg *rq;
    struct sip_worded state;
    struct reginfo *doc; /* NULL: it had no body */
    const char *headers; /* of a refusal */
};

static int read_body(struct reg_event *s, struct notify *n)
{
    struct sip_media_type type;
    const char *problem;
    if (!n->rq->body.n)
        return 0;
    if (!sip_media_type_parse(sip_msg_value(n->rq, SIP_H_CONTENT_TYPE), &type) ||
        !sip_media_type_is(&type, "application", "reginfo+xml")) {
        n->headers = "Accept: application/reginfo+xml\r\n";
        return 415;
    }
    n->doc = reginfo_parse(n->rq->body, &problem);
    if (!n->doc)
        log_info(&s->p->w->log, "sip.reg_event_malformed", F_STR("identity", s->identity),
                 F_STR("problem", problem));
    return n->doc ? 0 : 400;
}

/* 0, or the status to refuse with. */
static int read_notify(struct reg_event *s, struct notify *n)
{
    struct sip_worded event;
    if (!sip_worded_parse(sip_msg_value(n->rq, SIP_H_EVENT), &event) || !bytes_eq(event.word, BYTES("reg"))) {
        n->headers = "Allow-Events: reg\r\n";
        return 489;
    }
    if (!sip_dialog_matches(&s->dialog, n->rq))
        return 481;
    if (!sip_worded_parse(sip_msg_value(n->rq, SIP_H_SUBSCRIPTION_STATE), &n->state))
        return 400;
    int status = sip_dialog_accept(&s->dialog, n->rq);
    return status ? status : read_body(s, n);
}

static struct reg_event *find(struct pcscf *p, const struct sip_msg *rq, const struct sip_branch *home)
{
    struct reg_event *s = home->ref.worker == p->w->id ? slots_get(&p->reg_events.slots, home->ref) : NULL;
    return s && bytes_eq(rq->ruri.user, bytes_str(s->user)) ? s : NULL;
}

static void count(struct pcscf *p, int status)
{
    pcscf_count(p, status == 0 ? PCSCF_NOTIFY_OK : status == 481 ? PCSCF_NOTIFY_UNKNOWN : PCSCF_NOTIFY_BAD);
}

/* The answer first: what the document says may close connections and end the subscription. */
static void take(struct reg_event *s, struct server_txn *st, const struct notify *n)
{
    server_txn_refuse(st, 200);
    timer_stop(&s->p->w->timers, &s->patience);
    if (n->doc)
        apply(s, n->doc);
    take_state(s, &n->state);
}

bool reg_event_notify(struct pcscf *p, struct server_txn *st, const struct sip_msg *rq)
{
    struct sip_branch home;
    struct notify n = {.rq = rq};
    if (rq->method != SIP_NOTIFY || !route_is_ours(p, &rq->ruri) || !sip_branch_parse(rq->ruri.user, &home))
        return false;
    struct reg_event *s = find(p, rq, &home);
    int status = s ? read_notify(s, &n) : 481;
    count(p, status);
    if (status)
        server_txn_refuse_with(st, status, bytes_str(n.headers));
    else
        take(s, st, &n);
    free(n.doc);
    return true;
}

uint16_t reg_event_home(const struct pcscf *p, struct bytes text, uint16_t here)
{
    struct sip_uri uri;
    struct sip_branch home;
    if (!sip_uri_parse(text, &uri) || !sip_branch_parse(uri.user, &home) || !route_is_ours(p, &uri))
        return here;
    return home.ref.worker;
}
