/* A connection's life: accepted, counted, opened, its deadlines. conn_close.c has its end. */
#include "mux/conn.h"
#include "appliance/core/abuse.h"
#include "mux/conn_private.h"
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_ready(struct ev_loop *loop, ev_io *io, int events)
{
    struct entry *e = io->data;
    if (e->stage == STAGE_CONNECT) {
        dial_connected(e);
        return;
    }
    if (events & EV_WRITE) {
        e->blocked = false;
        entry_touch(e);
    }
    if (events & EV_READ)
        entry_receive(e);
}

void entry_touch(struct entry *e)
{
    if (!list_linked(&e->dirty))
        list_push_back(&e->door->dirty, &e->dirty);
}

static int wanted_events(const struct entry *e)
{
    int events = e->blocked ? EV_WRITE : 0;
    bool reads = e->stage >= STAGE_CLOSING || (!e->paused && !e->ended && !list_linked(&e->shaking));
    return reads && !e->eof && !e->broken ? events | EV_READ : events;
}

void entry_watch(struct entry *e)
{
    int events = wanted_events(e);
    int priority = e->stage == STAGE_HANDSHAKE ? PRIORITY_HANDSHAKE : PRIORITY_OPEN;
    if (events == e->events && priority == ev_priority(&e->io))
        return;
    ev_io_stop(e->door->w->loop, &e->io);
    e->events = events;
    if (!events)
        return;
    ev_io_modify(&e->io,
                 events); /* stopped and started with the same events: the kernel need not hear of it */
    ev_set_priority(&e->io, priority);
    ev_io_start(e->door->w->loop, &e->io);
}

/* Deadlines. Only the nearest is armed, and one that moved away is noticed when it fires: reading a packet
 * touches no timer. */
static uint64_t earlier(uint64_t due, uint64_t since, uint64_t ms)
{
    return since && ms && since + ms < due ? since + ms : due;
}

static uint64_t idle_since(const struct entry *e)
{
    return e->stage == STAGE_OPEN && !e->paused && !e->ended ? e->heard_at : 0;
}

static uint64_t write_ms(const struct entry *e)
{
    return e->patient ? 0 : (uint64_t)e->door->config->write_timeout;
}

static uint64_t next_due(const struct entry *e)
{
    uint64_t due = e->deadline ? e->deadline : UINT64_MAX;
    due = earlier(due, e->frame_since, e->frame_ms);
    due = earlier(due, e->write_since, write_ms(e));
    return earlier(due, idle_since(e), e->idle_ms);
}

void entry_arm(struct entry *e)
{
    uint64_t due = next_due(e);
    if (due == UINT64_MAX || (timer_armed(&e->timer) && e->timer.due <= due))
        return;
    timer_set(&e->door->w->timers, &e->timer, due);
}

static enum close_reason stage_overdue(const struct entry *e)
{
    switch (e->stage) {
    case STAGE_PROXY:
        return CLOSE_PROXY;
    case STAGE_CONNECT:
    case STAGE_HANDSHAKE:
        return CLOSE_HANDSHAKE_LATE;
    default:
        return buf_len(&e->rest) || e->half_record ? CLOSE_SLOW : CLOSE_SILENT;
    }
}

static bool overdue(const struct entry *e, uint64_t now, enum close_reason *why)
{
    if (e->deadline && e->deadline <= now)
        *why = stage_overdue(e);
    else if (earlier(UINT64_MAX, e->frame_since, e->frame_ms) <= now)
        *why = CLOSE_SLOW;
    else if (earlier(UINT64_MAX, e->write_since, write_ms(e)) <= now)
        *why = CLOSE_BACKLOG;
    else if (earlier(UINT64_MAX, idle_since(e), e->idle_ms) <= now)
        *why = CLOSE_IDLE;
    else
        return false;
    return true;
}

static void on_time(struct worker *w, struct timer *t)
{
    struct entry *e = container_of(t, struct entry, timer);
    enum close_reason why;
    if (!overdue(e, w->now, &why)) {
        entry_arm(e);
        return;
    }
    if (e->stage < STAGE_CLOSING && why != CLOSE_BACKLOG)
        conn_close(&e->conn, why);
    else
        entry_break(e, why);
}

/* Accepting. */
static enum close_reason verdict_reason(enum guard_verdict v)
{
    if (v == GUARD_MEMORY)
        return CLOSE_MEMORY;
    return v == GUARD_FULL ? CLOSE_LIMIT : CLOSE_PEER_LIMIT;
}

struct entry *entry_create(const struct listener *l, int fd, const struct addr *peer)
{
    struct door *d = l->door;
    struct entry *e = slots_take(&d->conns);
    if (!e)
        return NULL;
    e->conn = (struct conn){.w = d->w, .transport = l->transport, .peer = *peer, .local = l->local};
    e->conn.listener = l->index;
    e->conn.opened_at = e->heard_at = d->w->now;
    e->door = d;
    e->fd = fd;
    e->wanted = l->module;
    e->frame_ms = (uint64_t)d->config->frame_timeout;
    e->frame_max = (size_t)d->config->frame_max;
    e->timer.fire = on_time;
    list_init(&e->dirty);
    list_init(&e->shaking);
    list_init(&e->underway);
    ev_io_init(&e->io, on_ready, fd, 0);
    e->io.data = e;
    return e;
}

static void look_at_local(struct entry *e)
{
    struct sockaddr_storage sa = {0};
    socklen_t n = sizeof sa;
    if (addr_is_any(&e->conn.local) && getsockname(e->fd, (struct sockaddr *)&sa, &n) == 0)
        e->conn.local = addr_from_sockaddr((struct sockaddr *)&sa);
}

static void refuse(struct door *d, int fd, const struct addr *peer, enum close_reason why)
{
    door_count(d, DOOR_CLOSES + why);
    log_warn(&d->w->log, "conn.refused", F_ADDR("peer", peer), F_STR("reason", close_reason_name(why)),
             F_STR("hint", why == CLOSE_LIMIT ? "door.connections_max are open" : "out of memory"));
    close(fd);
}

void entry_accept(struct listener *l, int fd, const struct addr *peer)
{
    struct door *d = l->door;
    door_count(d, DOOR_ACCEPTS);
    enum guard_verdict v = guard_enter(d->guard, (uint64_t)d->config->connections_max);
    struct entry *e = v == GUARD_OK ? entry_create(l, fd, peer) : NULL;
    if (!e) {
        if (v == GUARD_OK)
            guard_leave(d->guard);
        refuse(d, fd, peer, v == GUARD_OK ? CLOSE_MEMORY : verdict_reason(v));
        return;
    }
    stat_inc(&d->stats[l->transport == TRANSPORT_TLS ? DOOR_OPEN_TLS : DOOR_OPEN_TCP]);
    look_at_local(e);
    e->deadline = d->w->now + (uint64_t)d->config->handshake_timeout;
    e->stage = STAGE_PROXY;
    if (!cidr_set_match(&d->config->proxy_trusted, peer))
        entry_begin(e);
    entry_arm(e);
    entry_watch(e);
}

static enum guard_verdict count_address(struct entry *e)
{
    const struct door_config *c = e->door->config;
    if (cidr_set_match(&c->per_address_exempt, &e->conn.peer))
        return GUARD_OK;
    enum guard_verdict v =
        guard_enter_address(e->door->guard, &e->conn.peer, (uint64_t)c->connections_per_address);
    e->counted = v == GUARD_OK;
    return v;
}

int entry_begin(struct entry *e)
{
    if (abuse_is_banned(e->conn.w, &e->conn.peer)) {
        entry_break(e, CLOSE_BANNED);
        return -EACCES;
    }
    enum guard_verdict v = count_address(e);
    if (v != GUARD_OK) {
        entry_break(e, verdict_reason(v));
        return -EMFILE;
    }
    if (e->conn.transport != TRANSPORT_TLS) {
        entry_ready(e);
        return 0;
    }
    e->stage = STAGE_HANDSHAKE;
    return 0;
}

/* From here on silence is no mistake: a client may keep a spare connection. So the deadline is long until the
 * first byte has come, and short from then on until the protocol is known. */
void entry_ready(struct entry *e)
{
    if (e->dialled) {
        dial_ready(e);
        return;
    }
    e->stage = STAGE_SNIFF;
    e->deadline = e->door->w->now + (uint64_t)e->door->config->silent_timeout;
    if (e->wanted)
        entry_give(e, BYTES_NONE);
    entry_watch(e);
    entry_arm(e);
}

/* What modules ask and want. */
struct ref conn_ref(const struct conn *c)
{
    const struct entry *e = entry_of_const(c);
    return slots_ref(&e->door->conns, e);
}

struct conn *conn_get(struct worker *w, struct ref r)
{
    struct door *d = door_of(w);
    if (!d || r.worker != w->id || ref_is_none(r))
        return NULL;
    struct entry *e = slots_get(&d->conns, r);
    return e && entry_takes(e) ? &e->conn : NULL;
}

struct flow conn_flow(const struct conn *c)
{
    return (struct flow){
        .transport = (uint8_t)c->transport, .side = c->side, .conn = conn_ref(c), .peer = c->peer};
}

void conn_pause(struct conn *c)
{
    struct entry *e = entry_of(c);
    e->paused = true;
    e->resumed = false;
    e->frame_since = 0; /* it is not the peer who is slow */
    entry_touch(e);
}

void conn_resume(struct conn *c)
{
    struct entry *e = entry_of(c);
    if (!e->paused)
        return;
    e->paused = false;
    e->resumed = true;
    e->heard_at = c->w->now;
    entry_touch(e);
}

void conn_finish(struct conn *c)
{
    struct entry *e = entry_of(c);
    e->ending = true;
    entry_touch(e);
}

void conn_idle_timeout(struct conn *c, uint64_t ms)
{
    struct entry *e = entry_of(c);
    e->idle_ms = ms;
    e->heard_at = c->w->now;
    if (e->stage == STAGE_OPEN)
        entry_arm(e);
}

void conn_frame_limits(struct conn *c, uint64_t ms, size_t bytes)
{
    struct entry *e = entry_of(c);
    e->frame_ms = ms;
    e->frame_max = bytes;
    if (e->stage == STAGE_OPEN)
        entry_arm(e);
}

void conn_wait_for_reader(struct conn *c)
{
    entry_of(c)->patient = true;
}

void conn_hand_over(struct conn *c, const struct module *to)
{
    struct entry *e = entry_of(c);
    if (e->stage >= STAGE_CLOSING)
        return;
    e->wanted = to;
    e->told = false; /* nobody is told `closed` until the new one was told `opened` */
    c->state = NULL;
    entry_touch(e);
}
