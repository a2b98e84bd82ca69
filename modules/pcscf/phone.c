#include "modules/pcscf/phone.h"
#include "appliance/core/directory.h"
#include "appliance/core/store.h"
#include "modules/sip/nameaddr.h"
#include "mux/conn.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The flow stands in the condition of the delete: a contact that came back on another flow has taken the row
 * over, and the end of its old flow must not take it away. */
static const struct store_stmt put_row = {
    STORE_SOFT, "INSERT OR REPLACE INTO registration "
                "(aor, contact_key, flow, contact, private_id, service_route, associated_uri, expires) "
                "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"};
static const struct store_stmt delete_row = {
    STORE_SOFT, "DELETE FROM registration WHERE aor = ?1 AND contact_key = ?2 AND flow = ?3"};

#define FLOW_TEXT (ADDR_TEXT + 8)

static struct bytes flow_text(const struct flow *f, char dst[static FLOW_TEXT])
{
    char peer[ADDR_TEXT];
    addr_format(&f->peer, peer);
    int n = snprintf(dst, FLOW_TEXT, "%s %s", transport_name(f->transport), peer);
    return bytes_of(dst, n > 0 && n < FLOW_TEXT ? (size_t)n : 0);
}

void registration_save(const struct registration *r)
{
    const struct pcscf *p = r->phone->room;
    if (!p->w->gw->store)
        return;
    char flow[FLOW_TEXT];
    const struct store_value v[] = {
        V_TEXT(r->aor),
        V_TEXT(r->key),
        V_TEXT(flow_text(&r->phone->flow, flow)),
        V_TEXT(r->contact),
        V_TEXT(r->private_id),
        V_TEXT(r->service_route),
        V_TEXT(r->identities),
        V_INT(p->w->wall + (int64_t)((r->expiry.due - p->w->now) / 1000)),
    };
    store_exec(p->w->gw->store, &put_row, v,
               sizeof(v) / sizeof(v[0])); /* a lost row is counted by the store */
}

static void row_delete(struct pcscf *p, const struct registration *r)
{
    if (!p->w->gw->store)
        return;
    char flow[FLOW_TEXT];
    const struct store_value v[] = {V_TEXT(r->aor), V_TEXT(r->key), V_TEXT(flow_text(&r->phone->flow, flow))};
    store_exec(p->w->gw->store, &delete_row, v, 3);
}

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
    else if (ph->outbound && timer)
        conn_idle_timeout(c, timer + timer / 2);
    else
        conn_idle_timeout(c, expires_ms + 60000);
}

static void phone_reap(struct phone *ph)
{
    if (ph->n || timer_armed(&ph->farewell))
        return;
    set_idle(ph, 0);
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

static void registration_destroy(struct pcscf *p, struct registration *r)
{
    if (r->present)
        directory_leave(p->w->gw->directory, presence_name(r), p->w->now);
    reg_event_leave(r);
    timer_stop(&p->w->timers, &r->expiry);
    list_remove(&r->link);
    buf_fini(&r->changed);
    free(r);
}

static void registration_end(struct registration *r, const char *why)
{
    struct phone *ph = r->phone;
    struct pcscf *p = ph->room;
    log_info(&p->w->log, "sip.unregistered", F_BYTES("aor", r->aor), F_ADDR("peer", &ph->flow.peer),
             F_STR("why", why));
    row_delete(p, r);
    registration_destroy(p, r);
    ph->n--;
    stat_dec(&p->stats[PCSCF_REGISTERED]);
}

static void on_expiry(struct worker *w, struct timer *t)
{
    (void)w;
    struct registration *r = container_of(t, struct registration, expiry);
    struct phone *ph = r->phone;
    registration_end(r, "expired");
    phone_reap(ph);
}

/* Time for what is on its way to the phone: its own NOTIFY, the answers to it (TS 24.229 5.2.5.2). */
#define FAREWELL 1000

void registration_revoke(struct registration *r, const char *why, bool bye)
{
    struct phone *ph = r->phone;
    struct worker *w = ph->room->w;
    registration_end(r, why);
    if (bye && !ph->n && ph->flow.transport != TRANSPORT_UDP)
        timer_set(&w->timers, &ph->farewell, w->now + FAREWELL);
    phone_reap(ph);
}

static void on_farewell(struct worker *w, struct timer *t)
{
    struct phone *ph = container_of(t, struct phone, farewell);
    struct conn *c = ph->n ? NULL : conn_get(w, ph->flow.conn);
    if (c)
        conn_close(c, CLOSE_MODULE);
    phone_reap(ph);
}

static struct registration *registration_find(const struct phone *ph, struct bytes aor, struct bytes key)
{
    list_each (it, &ph->registrations) {
        struct registration *r = container_of(it, struct registration, link);
        if (bytes_eq(r->aor, aor) && bytes_eq(r->key, key))
            return r;
    }
    return NULL;
}

bool phone_has(const struct phone *ph, struct bytes aor, struct bytes key)
{
    return ph && registration_find(ph, aor, key);
}

static struct bytes keep(uint8_t **at, struct bytes from)
{
    struct bytes kept = bytes_of(*at, from.n);
    if (from.n)
        memcpy(*at, from.p, from.n);
    *at += from.n;
    return kept;
}

static struct registration *registration_create(const struct registration_facts *f)
{
    size_t size = f->aor.n + f->key.n + f->contact.n + f->private_id.n + f->service_route.n + f->identities.n;
    struct registration *r = calloc(1, sizeof(*r) + size);
    if (!r)
        return NULL;
    uint8_t *at = r->text;
    r->aor = keep(&at, f->aor);
    r->key = keep(&at, f->key);
    r->contact = keep(&at, f->contact);
    r->private_id = keep(&at, f->private_id);
    r->service_route = keep(&at, f->service_route);
    r->identities = keep(&at, f->identities);
    r->instance = f->instance;
    r->expiry.fire = on_expiry;
    list_init(&r->link);
    list_init(&r->at_event);
    buf_init(&r->changed);
    return r;
}

/* Takes the place of the older one of that key without a word: a refresh is no news. */
static void replace(struct phone *ph, struct registration *old)
{
    registration_destroy(ph->room, old);
    ph->n--;
    stat_dec(&ph->room->stats[PCSCF_REGISTERED]);
}

static int put(struct pcscf *p, struct phone *ph, const struct registration_facts *f)
{
    struct registration *old = registration_find(ph, f->aor, f->key);
    if (!old && ph->n >= (uint64_t)p->config->max_registrations)
        return -ENOSPC;
    struct registration *r = registration_create(f);
    if (!r)
        return -ENOMEM;
    if (old)
        replace(ph, old);
    else
        log_info(&p->w->log, "sip.registered", F_BYTES("aor", f->aor), F_ADDR("peer", &ph->flow.peer),
                 F_STR("transport", transport_name(ph->flow.transport)), F_UINT("expires", f->expires));
    r->phone = ph;
    r->since = p->w->now;
    r->present = p->w->gw->directory && directory_arrive(p->w->gw->directory, presence_name(r), p->w->now);
    list_push_front(&ph->registrations, &r->link);
    ph->n++;
    ph->outbound = f->outbound;
    stat_inc(&p->stats[PCSCF_REGISTERED]);
    timer_set(&p->w->timers, &r->expiry, p->w->now + (uint64_t)f->expires * 1000);
    registration_save(r);
    set_idle(ph, (uint64_t)f->expires * 1000);
    reg_event_join(r, f->path);
    return 0;
}

int phone_register(struct pcscf *p, const struct flow *f, const struct registration_facts *facts)
{
    struct phone *ph = phone_find(p, f);
    if (!ph)
        ph = phone_create(p, f);
    if (!ph)
        return -ENOMEM;
    int rc = put(p, ph, facts);
    phone_reap(ph);
    return rc;
}

void phone_unregister(struct pcscf *p, const struct flow *f, struct bytes aor, struct bytes key)
{
    struct phone *ph = phone_find(p, f);
    struct registration *r = ph ? registration_find(ph, aor, key) : NULL;
    if (!r)
        return;
    registration_end(r, "asked");
    phone_reap(ph);
}

void phone_unregister_all(struct pcscf *p, const struct flow *f, struct bytes aor)
{
    struct phone *ph = phone_find(p, f);
    if (!ph)
        return;
    list_each_safe (it, &ph->registrations) {
        struct registration *r = container_of(it, struct registration, link);
        if (bytes_eq(r->aor, aor))
            registration_end(r, "asked");
    }
    phone_reap(ph);
}

static void end_all(struct phone *ph, const char *why)
{
    list_each_safe (it, &ph->registrations)
        registration_end(container_of(it, struct registration, link), why);
    phone_reap(ph);
}

void phone_lost(struct pcscf *p, const struct flow *f)
{
    struct phone *ph = phone_find(p, f);
    if (!ph)
        return;
    if (ph->n)
        pcscf_count(p, PCSCF_FLOWS_LOST);
    timer_stop(&p->w->timers, &ph->farewell);
    end_all(ph, "flow closed");
}

static void clear_one(struct map_node *node, void *arg)
{
    (void)arg;
    struct phone *ph = container_of(node, struct phone, node);
    list_each_safe (it, &ph->registrations) {
        registration_destroy(ph->room, container_of(it, struct registration, link));
    }
    timer_stop(&ph->room->w->timers, &ph->farewell);
    map_remove(&ph->room->phones, &ph->node);
    free(ph);
}

/* The rows stay: they are what a restart knows of the phones. */
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

/* ---- identities ---- */

bool phone_owns(const struct phone *ph, const struct flow_token *t)
{
    list_each (it, &ph->registrations) {
        if (flow_owner(container_of(it, struct registration, link)->aor) == t->owner)
            return true;
    }
    return false;
}

static bool has_aor(const struct phone *ph, struct bytes aor)
{
    list_each (it, &ph->registrations) {
        if (bytes_eq(container_of(it, struct registration, link)->aor, aor))
            return true;
    }
    return false;
}

bool phones_share_user(const struct pcscf *p, const struct flow *a, const struct flow *b)
{
    const struct phone *one = phone_find(p, a), *other = phone_find(p, b);
    if (!one || !other)
        return false;
    list_each (it, &one->registrations) {
        if (has_aor(other, container_of(it, struct registration, link)->aor))
            return true;
    }
    return false;
}

static bool same_user(struct bytes aor, const struct sip_uri *uri)
{
    char text[SIP_AOR_MAX];
    size_t n = sip_aor(uri, text, sizeof(text));
    return n && bytes_eq(aor, bytes_of(text, n));
}

bool registration_has_identity(const struct registration *r, const struct sip_uri *uri)
{
    struct bytes rest = r->identities, item;
    char wanted[SIP_AOR_MAX];
    size_t n = sip_aor(uri, wanted, sizeof(wanted));
    if (!rest.n)
        return same_user(r->aor, uri);
    while (n && sip_list_next(&rest, &item) == 1) {
        struct sip_nameaddr na;
        if (sip_nameaddr_parse(item, &na) && same_user(bytes_of(wanted, n), &na.uri))
            return true;
    }
    return false;
}

struct bytes registration_default_identity(const struct registration *r)
{
    struct bytes rest = r->identities, item;
    struct sip_nameaddr na;
    if (sip_list_next(&rest, &item) == 1 && sip_nameaddr_parse(item, &na))
        return na.uri.text;
    return r->aor;
}
