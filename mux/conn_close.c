/* The end of a connection, and the end of each turn of one that stands: flushed, closed, reaped. */
#include "mux/conn.h"
#include "mux/conn_private.h"
#include <sys/socket.h>
#include <unistd.h>

/* What ends in order, and what any scanner does all day, is for who looks closely. */
static enum log_level close_level(enum close_reason why)
{
    switch (why) {
    case CLOSE_PROTOCOL:
    case CLOSE_SLOW:
    case CLOSE_TOO_BIG:
    case CLOSE_PEER_LIMIT:
    case CLOSE_FLOOD:
    case CLOSE_PROXY:
    case CLOSE_BACKLOG:
    case CLOSE_MEMORY:
        return LOG_INFO;
    default:
        return LOG_DEBUG;
    }
}

static void say_closing(struct entry *e)
{
    struct worker *w = e->door->w;
    door_count(e->door, DOOR_CLOSES + e->why);
    log_at(&w->log, close_level(e->why), "conn.closed", F_ADDR("peer", &e->conn.peer),
           F_STR("reason", close_reason_name(e->why)),
           F_STR("module", e->conn.module ? e->conn.module->name : ""),
           F_STR("tls", conn_tls_version(&e->conn)), F_UINT("ms", w->now - e->conn.opened_at));
}

void conn_close(struct conn *c, enum close_reason why)
{
    struct entry *e = entry_of(c);
    if (e->stage >= STAGE_CLOSING)
        return;
    e->why = why;
    entry_leave_shaking(e);
    conn_tls_leave_underway(e);
    e->stage = STAGE_CLOSING;
    e->frame_since = 0;
    e->deadline = e->door->w->now + (uint64_t)e->door->config->close_timeout;
    say_closing(e);
    entry_arm(e);
    entry_touch(e);
}

void entry_break(struct entry *e, enum close_reason why)
{
    e->broken = true;
    conn_close(&e->conn, why);
    entry_touch(e);
}

static void tell_closed(struct entry *e)
{
    if (!e->told)
        return;
    e->told = false;
    if (e->conn.module->closed)
        e->conn.module->closed(&e->conn);
}

/* close(2) with unread bytes in the socket would send RST, and RST may overtake our last bytes at the peer:
 * so our side is shut first, and the descriptor stays until the peer has closed too or the deadline has
 * passed (RFC 9112 9.6). */
static void linger(struct entry *e)
{
    if (e->eof || shutdown(e->fd, SHUT_WR) < 0) {
        e->stage = STAGE_GONE;
        return;
    }
    e->stage = STAGE_LINGER;
    e->deadline = e->door->w->now + (uint64_t)e->door->config->close_timeout;
}

static void reap(struct entry *e)
{
    struct door *d = e->door;
    timer_stop(&d->w->timers, &e->timer);
    list_remove(&e->dirty);
    ev_io_stop(d->w->loop, &e->io);
    SSL_free(e->ssl);
    tls_drop(e->tls);
    close(e->fd);
    spare_give(d, &e->rest);
    spare_give(d, &e->out);
    spare_give(d, &e->wire);
    if (e->counted)
        guard_leave_address(d->guard, &e->conn.peer);
    if (!e->dialled)
        guard_leave(d->guard);
    stat_dec(&d->stats[e->conn.transport == TRANSPORT_TLS ? DOOR_OPEN_TLS : DOOR_OPEN_TCP]);
    slots_give(&d->conns, e);
}

static void settle_closing(struct entry *e)
{
    tell_closed(e);
    if (!e->broken)
        entry_flush(e);
    if (e->broken)
        e->stage = STAGE_GONE;
    else if (e->stage == STAGE_CLOSING && buf_len(&e->wire) == 0)
        linger(e);
}

/* Everything of ours has left. On TLS its last record has said so already; the FIN waits for the close. */
static void end_ours(struct entry *e)
{
    if (e->ended || !conn_tls_half_closes(e))
        conn_close(&e->conn, CLOSE_MODULE);
    else if (!e->ssl && !e->shut)
        e->shut = shutdown(e->fd, SHUT_WR) == 0;
}

static void settle_open(struct entry *e)
{
    if (e->resumed || (e->wanted && e->stage == STAGE_OPEN)) {
        e->resumed = false;
        entry_give(e, BYTES_NONE);
    }
    entry_flush(e);
    if (e->ending && !conn_unsent(&e->conn))
        end_ours(e);
    if (!e->wants_drained || e->stage != STAGE_OPEN || !e->told ||
        conn_unsent(&e->conn) > (size_t)e->door->config->out_high / 2)
        return;
    e->wants_drained = false;
    if (e->conn.module->drained)
        e->conn.module->drained(&e->conn);
}

void entry_settle(struct entry *e)
{
    if (e->stage < STAGE_CLOSING)
        settle_open(e);
    if (e->stage >= STAGE_CLOSING)
        settle_closing(e);
    if (e->stage == STAGE_GONE) {
        reap(e);
        return;
    }
    entry_watch(e);
    entry_arm(e);
}

void entry_abandon(struct entry *e)
{
    conn_close(&e->conn, CLOSE_SHUTDOWN);
    settle_closing(e);
    reap(e);
}
