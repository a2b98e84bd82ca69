/* One worker's door: put together, reloaded, taken down; and its end of the turn. */
#include "mux/door.h"
#include "appliance/core/bans.h"
#include "mux/conn_private.h"
#include "mux/tls_files.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define CONNS_MAX   (1u << 22) /* slots; what counts is door.connections_max */
#define TURN_ROUNDS 4

struct door *door_of(const struct worker *w)
{
    return worker_room(w, &door_settings);
}

void spare_take(struct door *d, struct buf *b)
{
    if (!b->mem && d->n_spare > 0)
        *b = d->spare[--d->n_spare];
}

void spare_give(struct door *d, struct buf *b)
{
    if (b->mem && b->cap <= SPARE_MAX && d->n_spare < DOOR_SPARE) {
        buf_clear(b);
        d->spare[d->n_spare++] = *b;
        buf_init(b);
        return;
    }
    buf_fini(b);
}

static void settle_round(struct door *d)
{
    struct list batch;
    struct list *it;
    list_init(&batch);
    while ((it = list_pop_front(&d->dirty)))
        list_push_back(&batch, it);
    while ((it = list_pop_front(&batch)))
        entry_settle(container_of(it, struct entry, dirty));
}

/* Settling one may make others dirty (a `drained` that sends on): a few rounds now, the rest after a look at
 * the sockets, without sleeping in between. */
static void settle(struct door *d)
{
    for (int i = 0; i < TURN_ROUNDS && !list_empty(&d->dirty); i++)
        settle_round(d);
}

/* What the turn brought for those that stand leaves before the handshakes begin, not behind them. */
static void at_end(struct worker *w, struct turn_hook *h)
{
    struct door *d = container_of(h, struct door, hook);
    settle(d);
    handshakes_serve(d);
    settle(d);
    if (list_empty(&d->dirty) && list_empty(&d->shaking))
        ev_idle_stop(w->loop, &d->again);
    else
        ev_idle_start(w->loop, &d->again);
}

static void on_again(struct ev_loop *loop, ev_idle *i, int events)
{
    ev_idle_stop(loop, i);
}

static bool has_tls_listener(const struct door_config *c)
{
    for (size_t i = 0; i < c->listen.n; i++) {
        if (bytes_find(bytes_str(c->listen.items[i]), BYTES("tls://")) != BYTES_NOT_FOUND)
            return true;
    }
    return false;
}

static int load_tls(struct door *d)
{
    struct worker *w = d->w;
    struct buf why;
    if (!has_tls_listener(d->config))
        return 0;
    buf_init(&why);
    struct tls *fresh = tls_create(config_of(w->config, &tls_settings), d->modules, &why);
    if (fresh) {
        tls_set_ticket_keys(fresh, w->keyring);
        tls_drop(d->tls);
        d->tls = fresh;
    } else {
        log_lines(&w->log, LOG_ERROR, "tls.cannot_load", "problem", buf_bytes(&why));
    }
    buf_fini(&why);
    return fresh ? 0 : -EINVAL;
}

static void warn_of_limits(struct door *d)
{
    struct worker *w = d->w;
    struct rlimit files;
    struct buf ages;
    if (w->id != 0)
        return;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < (rlim_t)d->config->connections_max)
        log_warn(&w->log, "door.few_files", F_UINT("limit", files.rlim_cur),
                 F_INT("connections_max", d->config->connections_max), F_STR("hint", "raise LimitNOFILE"));
    buf_init(&ages);
    tls_files_warn(config_of(w->config, &tls_settings), &ages);
    log_lines(&w->log, LOG_WARN, "tls.certificate", "problem", buf_bytes(&ages));
    buf_fini(&ages);
}

static int make_memory(struct door *d)
{
    d->mem = malloc(HEADROOM + RAW_MAX + HEADROOM + PLAIN_MAX);
    if (!d->mem)
        return -ENOMEM;
    d->raw = d->mem + HEADROOM;
    d->plain = d->raw + RAW_MAX + HEADROOM;
    d->guard = guard_join(d->w->gw);
    if (!d->guard)
        return -ENOMEM;
    int rc = slots_init(&d->conns, sizeof(struct entry), CONNS_MAX, d->w->id);
    return rc < 0 ? rc : conn_tls_bio(d);
}

static int start_modules(struct door *d)
{
    for (const struct module *const *m = d->modules; *m; m++) {
        int rc = (*m)->start ? (*m)->start(d->w) : 0;
        if (rc < 0) {
            log_error(&d->w->log, "door.module_failed", F_STR("module", (*m)->name), F_ERRNO(rc));
            return rc;
        }
        d->n_started++;
    }
    return 0;
}

/* Last started, first stopped. */
static void stop_modules(struct door *d)
{
    while (d->n_started > 0) {
        const struct module *m = d->modules[--d->n_started];
        if (m->stop)
            m->stop(d->w);
    }
}

static struct door *door_create(struct worker *w, const struct module *const *modules)
{
    struct door *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->w = w;
    d->modules = modules;
    d->config = config_of(w->config, &door_settings);
    d->stats = stats_row(w->gw->stats, &door_stats, w->id);
    d->reserve_fd = -1;
    list_init(&d->shaking);
    list_init(&d->underway);
    d->hook.at_end = at_end;
    list_init(&d->dirty);
    ev_idle_init(&d->again, on_again);
    return d;
}

static void abandon_all(struct door *d)
{
    uint32_t cursor = 0;
    for (struct entry *e; d->conns.chunks && (e = slots_next(&d->conns, &cursor));)
        entry_abandon(e);
}

static void door_destroy(struct door *d)
{
    listeners_close(d);
    abandon_all(d);
    stop_modules(d);
    udp_close(d);
    list_remove(&d->hook.link);
    ev_idle_stop(d->w->loop, &d->again);
    worker_set_room(d->w, &door_settings, NULL);
    slots_fini(&d->conns);
    tls_drop(d->tls);
    BIO_meth_free(d->bio);
    while (d->n_spare > 0)
        buf_fini(&d->spare[--d->n_spare]);
    if (d->guard)
        guard_part(d->w->gw);
    free(d->mem);
    free(d);
}

/* The loop does not turn in here: nothing arrives before the modules have started, and they find their UDP
 * ports. The door's end-of-turn hook comes after theirs, so that what they send in them leaves in the same
 * turn. */
static int open_up(struct door *d)
{
    int rc = make_memory(d);
    if (rc == 0)
        rc = worker_set_room(d->w, &door_settings, d);
    if (rc == 0)
        rc = load_tls(d);
    if (rc == 0)
        rc = listeners_open(d);
    if (rc == 0)
        rc = start_modules(d);
    if (rc == 0)
        worker_hook_turn(d->w, &d->hook);
    return rc;
}

int door_start(struct worker *w, const struct module *const *modules)
{
    if (w->management)
        return 0;
    struct door *d = door_create(w, modules);
    if (!d)
        return -ENOMEM;
    int rc = open_up(d);
    if (rc < 0)
        door_destroy(d);
    else
        warn_of_limits(d);
    return rc;
}

void door_stop(struct worker *w)
{
    struct door *d = door_of(w);
    if (d)
        door_destroy(d);
}

void door_drain(struct worker *w)
{
    struct door *d = door_of(w);
    if (!d || d->drained)
        return;
    d->drained = true;
    listeners_close(d);
}

int door_reload(struct worker *w, const struct config *old)
{
    struct door *d = door_of(w);
    if (!d)
        return 0;
    d->config = config_of(w->config, &door_settings);
    int rc = load_tls(d);
    door_count(d, rc < 0 ? DOOR_CERT_RELOAD_ERRORS : DOOR_CERT_RELOADS);
    for (unsigned i = 0; i < d->n_started; i++) {
        if (d->modules[i]->reload)
            d->modules[i]->reload(w, old);
    }
    return rc;
}

void door_ticket_keys(struct worker *w)
{
    struct door *d = door_of(w);
    if (d && d->tls)
        tls_set_ticket_keys(d->tls, w->keyring);
}

void door_each(struct worker *w, void (*each)(struct conn *c, void *arg), void *arg)
{
    struct door *d = door_of(w);
    uint32_t cursor = 0;
    if (!d)
        return;
    for (struct entry *e; (e = slots_next(&d->conns, &cursor));) {
        if (e->stage < STAGE_CLOSING)
            each(&e->conn, arg);
    }
}

struct closing {
    struct addr from;
    unsigned n;
};

static void close_if_from(struct conn *c, void *arg)
{
    struct closing *all = arg;
    struct addr peer = ban_address(&c->peer);
    if (!addr_ip_eq(&peer, &all->from))
        return;
    conn_close(c, CLOSE_BANNED);
    all->n++;
}

unsigned door_close_address(struct worker *w, const struct addr *from)
{
    struct closing all = {.from = ban_address(from)};
    door_each(w, close_if_from, &all);
    return all.n;
}
