#include "modules/pcscf/core/core_request.h"
#include "modules/pcscf/registration/charging.h"
#include "modules/pcscf/registration/reg_subscription.h"
#include <stdio.h>

#define MARGIN        600 /* seconds: it outlives the registrations by so much, and is refreshed so early */
#define RETRY_FIRST   5000
#define RETRY_LAST    (30 * 60 * 1000)
#define REFUSED_PAUSE (60 * 60 * 1000)
#define HASTY_PAUSE   60000
#define HEADERS_MAX   (2 * ROUTE_URI_MAX + 1024)

static void set(struct reg_event *s, struct timer *t, uint64_t ms)
{
    timer_set(&s->p->w->timers, t, s->p->w->now + ms);
}

/* Whatever the core still has of it finds nobody here any more. */
static void forget(struct reg_event *s)
{
    sip_uac_drop(s->request);
    s->request = NULL;
    timer_stop(&s->p->w->timers, &s->next);
    timer_stop(&s->p->w->timers, &s->patience);
    sip_dialog_fini(&s->dialog);
    s->has_version = false;
}

/* ---- sending ---- */

/* TS 24.229 5.2.3: longer than the registrations. */
static uint32_t wanted(const struct reg_event *s)
{
    uint64_t now = s->p->w->now, last = now;
    list_each (it, &s->registrations) {
        const struct registration *r = container_of(it, struct registration, at_event);
        if (r->expiry.due > last)
            last = r->expiry.due;
    }
    uint64_t seconds = (last - now) / 1000 + MARGIN;
    if (seconds < s->min_expires)
        return s->min_expires;
    return seconds > INT32_MAX ? INT32_MAX : (uint32_t)seconds;
}

/* The first goes to the entry of the home network, which knows who serves the user; the others go by the
 * route that the first has found (RFC 3261 12.2.1.1). */
static struct sip_hop next_hop(const struct reg_event *s)
{
    struct bytes rest = s->dialog.is.route, first;
    struct sip_nameaddr na;
    struct sip_uri target;
    if (!s->dialog.established)
        return core_link_hop(s->p);
    if (sip_list_next(&rest, &first) == 1 && sip_nameaddr_parse(first, &na))
        return core_link_hop_for(s->p, &na.uri);
    return sip_uri_parse(s->dialog.is.target, &target) ? core_link_hop_for(s->p, &target)
                                                       : core_link_hop(s->p);
}

/* TS 24.229 5.2.3 items 4 to 7. */
static bool write_headers(const struct reg_event *s, uint32_t expires, struct buf *out)
{
    char contact[ROUTE_URI_MAX], icid[CHARGING_ICID];
    charging_icid_make(icid);
    if (!route_contact_for_core(s->p, s->user, contact))
        return false;
    buf_printf(out, "Contact: %s\r\n", contact);
    buf_printf(out, "Event: reg\r\nAccept: application/reginfo+xml\r\nExpires: %u\r\n", expires);
    buf_printf(out, "P-Asserted-Identity: %s\r\n", s->path);
    buf_str(out, "P-Charging-Vector: ");
    charging_write(s->p, icid, out);
    buf_str(out, "\r\n");
    return !out->failed;
}

static const struct core_request_user subscriber;

static bool subscribe(struct reg_event *s, uint32_t expires)
{
    char text[HEADERS_MAX];
    struct buf headers;
    const struct sip_hop to = next_hop(s);
    buf_fixed(&headers, text, sizeof(text));
    if (to.kind == HOP_NONE || !write_headers(s, expires, &headers))
        return false;
    struct sip_uac_request rq = sip_dialog_request(&s->dialog, "SUBSCRIBE");
    rq.headers = buf_bytes(&headers);
    s->request = core_request_send(s->p, &to, &rq, &subscriber, s);
    s->asked = s->request ? expires : s->asked;
    return s->request;
}

static void wait_for_notify(struct reg_event *s)
{
    set(s, &s->patience, 64 * (uint64_t)sip_layer_config(s->p->layer)->t1); /* timer N */
}

/* A new token with each new dialog: what comes for an older one is not taken for it. */
static bool make_dialog(struct reg_event *s)
{
    struct sip_branch home = {.ref = slots_ref(&s->p->reg_events.slots, s)};
    char call_id[25], tag[13], local[CORE_HOST_MAX + 32], remote[SIP_AOR_MAX + 2];
    random_fill(&home.random, sizeof(home.random));
    sip_branch_write(&home, s->user);
    random_text(call_id, 24);
    random_text(tag, 12);
    snprintf(local, sizeof(local), "<sip:%s>;tag=%s", s->p->core.host, tag);
    snprintf(remote, sizeof(remote), "<%s>", s->identity);
    const struct sip_dialog_facts facts = {.call_id = bytes_str(call_id),
                                           .local = bytes_str(local),
                                           .remote = bytes_str(remote),
                                           .target = bytes_str(s->identity)};
    return sip_dialog_init(&s->dialog, &facts) == 0;
}

void reg_event_begin(struct reg_event *s)
{
    uint64_t now = s->p->w->now, paused = s->p->reg_events.paused_until;
    forget(s);
    if (now < paused) {
        reg_event_set(s, REG_EVENT_REFUSED);
        set(s, &s->next, paused - now + random_below(RETRY_LAST));
        return;
    }
    reg_event_set(s, REG_EVENT_ASKING);
    if (make_dialog(s) && subscribe(s, wanted(s)))
        wait_for_notify(s);
    else
        reg_event_retry(s, 0);
}

/* A little later each time, and not all of them together. */
static uint64_t back_off(struct reg_event *s)
{
    uint64_t ms = RETRY_FIRST;
    for (unsigned i = 0; i < s->failures && ms < RETRY_LAST; i++)
        ms *= 2;
    s->failures++;
    if (ms > RETRY_LAST)
        ms = RETRY_LAST;
    return ms + random_below((uint32_t)ms / 2);
}

bool reg_event_may_hasten(struct reg_event *s)
{
    uint64_t now = s->p->w->now;
    if (now < s->hasty_after)
        return false;
    s->hasty_after = now + HASTY_PAUSE;
    return true;
}

/* What fails now, the core may have again in a moment; until it expires there, the subscription stands. */
static void refresh_later(struct reg_event *s)
{
    timer_stop(&s->p->w->timers, &s->patience);
    set(s, &s->next, back_off(s));
}

void reg_event_refresh(struct reg_event *s)
{
    if (s->request)
        return;
    if (subscribe(s, wanted(s)))
        wait_for_notify(s);
    else
        refresh_later(s);
}

void reg_event_end(struct reg_event *s)
{
    sip_uac_drop(s->request);
    s->request = NULL;
    timer_stop(&s->p->w->timers, &s->next);
    timer_stop(&s->p->w->timers, &s->patience);
    reg_event_set(s, REG_EVENT_LEAVING);
    bool sent = subscribe(s, 0);
    set(s, &s->leaving, sent ? 64 * (uint64_t)sip_layer_config(s->p->layer)->t1 : 0);
}

/* ---- what becomes of it ---- */

/* TS 24.229 5.2.3: refreshed 600 seconds before its end, or at half of its time if that is 1200 or less. */
void reg_event_expires(struct reg_event *s, uint32_t seconds)
{
    uint64_t left = seconds > 2 * MARGIN ? seconds - MARGIN : seconds / 2;
    s->expires_at = s->p->w->now + (uint64_t)seconds * 1000;
    set(s, &s->next, (left < 5 ? 5 : left) * 1000);
}

void reg_event_retry(struct reg_event *s, uint32_t seconds)
{
    forget(s);
    reg_event_set(s, REG_EVENT_RETRYING);
    uint64_t wait = back_off(s);
    if (seconds)
        wait = seconds < REFUSED_PAUSE / 1000 ? (uint64_t)seconds * 1000 : REFUSED_PAUSE;
    set(s, &s->next, wait);
    pcscf_count(s->p, PCSCF_REG_EVENT_FAILED);
    log_debug(&s->p->w->log, "sip.reg_event_retry", F_STR("identity", s->identity), F_UINT("in_ms", wait));
}

void reg_event_refused(struct reg_event *s, const char *what, unsigned status)
{
    forget(s);
    reg_event_set(s, REG_EVENT_REFUSED);
    set(s, &s->next, REFUSED_PAUSE + random_below(RETRY_LAST));
    pcscf_count(s->p, PCSCF_REG_EVENT_REFUSED);
    log_warn(&s->p->w->log, "sip.reg_event_refused", F_STR("identity", s->identity), F_STR("by", what),
             F_UINT("status", status),
             F_STR("advice", "the core ends no registration here; let it trust this edge, or set "
                             "pcscf.reg_event = no"));
}

/* ---- responses ---- */

static uint32_t retry_after(const struct sip_msg *rs)
{
    struct sip_delta d;
    return sip_delta_parse(sip_msg_value(rs, SIP_H_RETRY_AFTER), &d) ? d.seconds : 0;
}

static bool is_one_of(unsigned status, const uint16_t *list)
{
    while (*list && *list != status)
        list++;
    return *list != 0;
}

/* The whole core has no such package (RFC 6665 7.3.2): nobody else need ask now. */
static bool package_is_unknown(unsigned status)
{
    return is_one_of(status, (const uint16_t[]){405, 489, 501, 0});
}

static void begin_declined(struct reg_event *s, const struct sip_msg *rs)
{
    if (is_one_of(rs->status, (const uint16_t[]){408, 430, 480, 486, 500, 503, 504, 600, 0})) {
        reg_event_retry(s, retry_after(rs));
        return;
    }
    if (package_is_unknown(rs->status))
        s->p->reg_events.paused_until = s->p->w->now + REFUSED_PAUSE;
    reg_event_refused(s, "answer to SUBSCRIBE", rs->status);
}

/* RFC 6665 4.1.2.2; TS 24.229 5.2.3: a new one at once after 481. */
static void refresh_declined(struct reg_event *s, const struct sip_msg *rs)
{
    if (rs->status == 481 && reg_event_may_hasten(s))
        reg_event_begin(s);
    else if (is_one_of(rs->status, (const uint16_t[]){404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489,
                                                      501, 604, 0}))
        reg_event_retry(s, retry_after(rs));
    else
        refresh_later(s);
}

static bool learn_minimum(struct reg_event *s, const struct sip_msg *rs)
{
    uint32_t least;
    if (rs->status != 423 || !sip_number_parse(sip_msg_value(rs, SIP_H_MIN_EXPIRES), &least))
        return false;
    if (least <= s->asked || least > INT32_MAX)
        return false;
    s->min_expires = least;
    return true;
}

static void declined(struct reg_event *s, const struct sip_msg *rs)
{
    if (learn_minimum(s, rs))
        reg_event_begin(s);
    else if (s->dialog.established)
        refresh_declined(s, rs);
    else
        begin_declined(s, rs);
}

/* RFC 6665 4.1.2.1: what the answer says may be less than what was asked. */
static void accepted(struct reg_event *s, const struct sip_msg *rs)
{
    bool says = sip_msg_has(rs, SIP_H_EXPIRES);
    uint32_t seconds = says ? sip_expires_value(sip_msg_value(rs, SIP_H_EXPIRES)) : s->asked;
    sip_dialog_response(&s->dialog, rs); /* or a NOTIFY has made it already */
    if (s->dialog.established && seconds)
        reg_event_expires(s, seconds);
    else
        reg_event_retry(s, 0);
}

static void on_response(void *arg, const struct sip_msg *rs)
{
    struct reg_event *s = arg;
    if (rs->status < 200)
        return;
    s->request = NULL;
    if (s->state == REG_EVENT_LEAVING) /* the last NOTIFY ends it, or time */
        return;
    if (rs->status < 300)
        accepted(s, rs);
    else
        declined(s, rs);
}

static void on_failure(void *arg, int status, int err)
{
    (void)err;
    struct reg_event *s = arg;
    s->request = NULL;
    if (s->state == REG_EVENT_LEAVING)
        return;
    if (status == 503)
        pcscf_count(s->p, PCSCF_CORE_DOWN);
    if (status == 503 && s->dialog.established)
        refresh_later(s);
    else
        reg_event_retry(s, 0);
}

static const struct core_request_user subscriber = {.on_response = on_response, .on_failure = on_failure};
