/* From the module to the socket: the out-batch, sealed and sent at the end of the turn. */
#include "mux/conn_private.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

size_t conn_unsent(const struct conn *c)
{
    const struct entry *e = entry_of_const(c);
    return buf_len(&e->out) + buf_len(&e->wire);
}

bool conn_is_high(const struct conn *c)
{
    return entry_of_const(c)->wants_drained;
}

uint8_t *conn_reserve(struct conn *c, size_t n)
{
    struct entry *e = entry_of(c);
    if (!entry_takes(e) || conn_unsent(c) + n > entry_out_max(e))
        return NULL;
    if (!e->out.mem)
        spare_take(e->door, &e->out);
    uint8_t *p = buf_reserve(&e->out, n);
    e->out.failed = false; /* one refusal is not the end of the batch */
    return p;
}

void conn_commit(struct conn *c, size_t n)
{
    struct entry *e = entry_of(c);
    buf_commit(&e->out, n);
    if (conn_unsent(c) > (size_t)e->door->config->out_high)
        e->wants_drained = true;
    entry_touch(e);
}

int conn_send(struct conn *c, struct bytes b)
{
    struct entry *e = entry_of(c);
    if (!entry_takes(e))
        return -ENOTCONN;
    uint8_t *p = conn_reserve(c, b.n);
    if (!p)
        return -ENOBUFS;
    if (b.n)
        memcpy(p, b.p, b.n);
    conn_commit(c, b.n);
    return e->wants_drained ? -EAGAIN : 0;
}

/* Moves what is next to `wire`. On TCP the batch itself becomes the wire. */
static bool fill_wire(struct entry *e)
{
    if (e->ssl)
        return conn_tls_seal(e);
    if (buf_len(&e->wire))
        return true;
    struct buf empty = e->wire;
    e->wire = e->out;
    e->out = empty;
    return true;
}

static void write_failed(struct entry *e)
{
    if (errno == EAGAIN || errno == EINTR) {
        e->blocked = true;
        return;
    }
    e->error = errno;
    entry_break(e, CLOSE_RESET);
}

/* How many bytes the kernel took. */
static size_t send_wire(struct entry *e)
{
    struct bytes b = buf_bytes(&e->wire);
    ssize_t n = send(e->fd, b.p, b.n, MSG_NOSIGNAL);
    if (n < 0) {
        write_failed(e);
        return 0;
    }
    stat_add(&e->door->stats[DOOR_BYTES_OUT], (uint64_t)n);
    buf_consume(&e->wire, (size_t)n);
    e->blocked = (size_t)n < b.n;
    return (size_t)n;
}

/* The deadline of a write is that of the whole piece which waited when it began: a peer that reads a byte now
 * and then does not move it. When that piece has left the next one has its own, for a stream that fills the
 * peer's line is never all written. */
static void watch_write(struct entry *e, size_t sent)
{
    e->write_left -= sent < e->write_left ? sent : e->write_left;
    if (e->write_left)
        return;
    e->write_left = buf_len(&e->wire);
    e->write_since = e->write_left ? e->door->w->now : 0;
}

/* Answers that OpenSSL makes by itself (key updates) come here without passing out_max. */
static bool over_limit(const struct entry *e)
{
    return buf_len(&e->wire) > entry_out_max(e) + WIRE_MARK;
}

static bool has_more(const struct entry *e)
{
    return buf_len(&e->out) > 0 && (!e->ssl || conn_tls_ready(e));
}

/* The last record goes out in the same write as the last data. */
static void say_goodbye(struct entry *e)
{
    bool last = e->stage == STAGE_CLOSING || (e->ending && conn_tls_half_closes(e));
    if (!last || e->notified || has_more(e))
        return;
    e->notified = true;
    if (e->ssl)
        conn_tls_notify(e);
}

static bool may_send(const struct entry *e)
{
    return !e->blocked && !e->broken && (buf_len(&e->wire) || has_more(e));
}

void entry_flush(struct entry *e)
{
    say_goodbye(e);
    while (may_send(e)) {
        if (buf_len(&e->wire) < WIRE_MARK && has_more(e) && !fill_wire(e))
            return;
        say_goodbye(e);
        watch_write(e, send_wire(e));
    }
    if (over_limit(e))
        entry_break(e, CLOSE_BACKLOG);
    if (buf_len(&e->out) == 0)
        spare_give(e->door, &e->out);
    if (buf_len(&e->wire) == 0)
        spare_give(e->door, &e->wire);
}
