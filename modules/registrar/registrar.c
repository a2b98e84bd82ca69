#include "modules/registrar/registrar.h"
#include "appliance/base/random.h"
#include "appliance/core/directory.h"
#include "modules/registrar/network.h"
#include "modules/sip/branch.h"
#include "modules/sip/home.h"
#include "modules/sip/proxy.h"
#include "modules/sip/reply.h"
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#define SWEEP_MS 1000

struct registrar *registrar_of(const struct worker *w)
{
    return worker_room(w, &registrar_module);
}

/* ---- users ---- */

struct bytes registrar_domain(const struct registrar *r, const struct sip_uri *uri)
{
    for (size_t i = 0; sip_uri_is_sip(uri) && i < r->config->domains.n; i++) {
        if (bytes_ieq(uri->host.text, bytes_str(r->config->domains.items[i])))
            return bytes_str(r->config->domains.items[i]);
    }
    return BYTES_NONE;
}

bool registrar_user(const struct registrar *r, const struct sip_uri *uri, struct home_user *out)
{
    uint8_t name[SIP_AOR_MAX];
    out->realm = registrar_domain(r, uri);
    if (!out->realm.n || !uri->user.n || !sip_aor(uri, out->aor, sizeof(out->aor)))
        return false;
    size_t n = sip_unescape(uri->user, name, sizeof(name));
    return n != BYTES_NOT_FOUND && bytes_to_str(bytes_of(name, n), out->name, sizeof(out->name));
}

bool registrar_knows(struct registrar *r, const struct home_user *u)
{
    struct user_key key;
    bool known = directory_find(r->w->gw->directory, u->realm, bytes_str(u->name), &key) && key.enabled;
    OPENSSL_cleanse(&key, sizeof(key));
    return known;
}

/* ---- the table of the process ---- */

static const struct store_stmt delete_expired = {STORE_SOFT, "DELETE FROM binding WHERE expires <= ?1"};

/* The first worker makes it, the last one frees it. Rows of before that have expired go; the others wait for
 * the recovery of their flows. */
static struct location *location_join(struct worker *w)
{
    struct gateway *gw = w->gw;
    struct location *l = atomic_load(&gw->location);
    if (l)
        return location_hold(l);
    l = location_create(gw->store);
    if (!l)
        return NULL;
    atomic_store(&gw->location, l);
    if (gw->store)
        store_exec(gw->store, &delete_expired, (const struct store_value[]){V_INT(w->wall)}, 1);
    return l;
}

/* Workers start and end one after the other. */
static void location_part(struct worker *w, struct location *l)
{
    if (l && location_drop(l))
        atomic_store(&w->gw->location, NULL);
}

void registrar_gauge(struct registrar *r)
{
    if (r->w->id == 0)
        atomic_store_explicit(&r->stats[REGISTRAR_BINDINGS], location_count(r->location),
                              memory_order_relaxed);
}

/* Every worker sweeps its share of the shards, one each second: look-ups skip what has expired, so this only
 * frees. */
static void on_sweep(struct worker *w, struct timer *t)
{
    struct registrar *r = container_of(t, struct registrar, sweep);
    unsigned workers = w->gw->n_workers ? w->gw->n_workers : 1;
    location_expire(r->location, r->next_shard, w->now);
    r->next_shard += workers;
    if (r->next_shard >= LOCATION_SHARDS)
        r->next_shard = w->id;
    registrar_gauge(r);
    timer_set(&w->timers, t, w->now + SWEEP_MS);
}

/* ---- the entity ---- */

static void on_request(struct sip_layer *l, struct server_txn *st, const struct sip_msg *rq)
{
    struct registrar *r = sip_layer_state(l);
    if (proxy_check(st))
        return;
    if (rq->method == SIP_REGISTER)
        registrar_save(r, st, rq);
    else
        registrar_route(r, st, rq);
}

static const struct sip_layer_user requests = {.on_request = on_request, .on_ack = registrar_ack};

static uint16_t sort(struct worker *w, const struct sip_hop *from, struct bytes msg)
{
    (void)from;
    return sip_sort_response(msg, w->id); /* a request is served wherever it comes up */
}

/* The edge has parsed it before, but has added to it: it may have grown too large. */
static void answer_fault(struct registrar *r, const struct sip_hop *from, const struct sip_msg *m,
                         const struct sip_fault *fault)
{
    char tag[17];
    struct buf out;
    random_text(tag, 16);
    buf_init(&out);
    if (fault->answer && sip_reply_fault(m, fault, bytes_of(tag, 16), &out) == 0)
        sip_layer_send(r->layer, from, buf_bytes(&out));
    buf_fini(&out);
}

static void receive(struct worker *w, const struct sip_hop *from, struct bytes msg)
{
    struct registrar *r = registrar_of(w);
    struct sip_msg m;
    struct sip_fault fault;
    if (!r || from->kind != HOP_LOCAL)
        return;
    if (sip_msg_parse(&m, msg, SIP_STREAM, &fault) == 0)
        sip_layer_receive(r->layer, from, &m);
    else
        answer_fault(r, from, &m, &fault);
}

static bool sent_by(struct worker *w, const struct sip_hop *to, struct sip_sent_by *out)
{
    const struct registrar *r = registrar_of(w);
    if (!r || to->kind != HOP_LOCAL)
        return false;
    out->transport = "TCP"; /* a letter is as reliable, and has no name of its own in a Via */
    return (size_t)snprintf(out->sent_by, sizeof(out->sent_by), "%s", r->host) < sizeof(out->sent_by);
}

const struct sip_entity registrar_entity = {
    .name = "registrar", .sort = sort, .receive = receive, .sent_by = sent_by};

/* ---- start and stop ---- */

static bool name_ourselves(struct registrar *r)
{
    struct sip_host host;
    if (!r->config->domains.n)
        return false;
    struct bytes domain = bytes_str(r->config->domains.items[0]);
    if (domain.n > 200 || sip_host_parse(domain, false, &host) != domain.n)
        return false;
    snprintf(r->host, sizeof(r->host), "scscf.%s", r->config->domains.items[0]);
    return true;
}

static int init(struct registrar *r, sip_send *send)
{
    struct worker *w = r->w;
    const struct sip_layer_setup setup = {
        .w = w,
        .entity = &registrar_entity,
        .user = &requests,
        .config = config_of(w->config, &sip_settings),
        .stats = stats_row(w->gw->stats, &sip_stats, w->id),
        .send = send,
        .state = r,
    };
    if (!name_ourselves(r)) {
        log_error(&w->log, "registrar.domains",
                  F_STR("problem", "set registrar.domains to the domain of your users"));
        return -EINVAL;
    }
    r->location = location_join(w);
    r->layer = r->location ? sip_layer_create(&setup) : NULL;
    if (!r->layer)
        return -ENOMEM;
    r->next_shard = w->id;
    r->sweep.fire = on_sweep;
    timer_set(&w->timers, &r->sweep, w->now + SWEEP_MS);
    return 0;
}

struct registrar *registrar_create(struct worker *w, sip_send *send)
{
    struct registrar *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    r->w = w;
    r->config = config_of(w->config, &registrar_settings);
    r->stats = stats_row(w->gw->stats, &registrar_stats, w->id);
    if (init(r, send) < 0 || worker_set_room(w, &registrar_module, r) < 0 ||
        sip_home_set(w, &registrar_entity) < 0) {
        registrar_destroy(r);
        return NULL;
    }
    return r;
}

void registrar_destroy(struct registrar *r)
{
    if (!r)
        return;
    if (registrar_of(r->w) == r) {
        worker_set_room(r->w, &registrar_module, NULL);
        sip_home_set(r->w, NULL);
    }
    timer_stop(&r->w->timers, &r->sweep);
    sip_layer_destroy(r->layer);
    location_part(r->w, r->location);
    free(r);
}

static int start(struct worker *w)
{
    return registrar_create(w, NULL) ? 0 : -EINVAL;
}

static void stop(struct worker *w)
{
    registrar_destroy(registrar_of(w));
}

static void reload(struct worker *w, const struct config *old)
{
    (void)old;
    struct registrar *r = registrar_of(w);
    r->config = config_of(w->config, &registrar_settings);
    sip_layer_reload(r->layer, config_of(w->config, &sip_settings));
}

const struct module registrar_module = {
    .name = "registrar",
    .settings = &registrar_settings,
    .stats = &registrar_stats,
    .start = start,
    .stop = stop,
    .reload = reload,
};
