/* What was decrypted, or came in the clear: whose it is, and how it gets there: first bytes, frames. */
#include "mux/conn_private.h"
#include "mux/sniff.h"
#include <string.h>

static void open_with(struct entry *e, const struct module *m)
{
    e->conn.module = m;
    e->conn.state = NULL;
    e->wanted = NULL;
    e->told = true;
    e->stage = STAGE_OPEN;
    if (m->opened)
        m->opened(&e->conn);
}

static const struct module *whose(struct entry *e, struct bytes first, bool *more)
{
    *more = false;
    for (const struct module *const *m = e->door->modules; *m; m++) {
        enum sniff answer = (*m)->sniff ? (*m)->sniff(first) : SNIFF_NO;
        if (answer == SNIFF_YES)
            return *m;
        *more = *more || answer == SNIFF_MORE;
    }
    return NULL;
}

/* The deadline counts from the first byte, or the first part of a record, and no later one moves it. */
static void hurry(struct entry *e)
{
    if (!e->hurried)
        e->deadline = e->door->w->now + (uint64_t)e->door->config->first_bytes_timeout;
    e->hurried = true;
}

/* True when the connection was opened. */
static bool sniff(struct entry *e, struct bytes first)
{
    const struct door_config *c = e->door->config;
    bool more;
    const struct module *m = whose(e, first, &more);
    if (m) {
        door_count(e->door, door_stat_sniffed(m->name));
        e->deadline = 0;
        open_with(e, m);
        return true;
    }
    if (!more || first.n >= (size_t)c->sniff_limit)
        conn_close(&e->conn, CLOSE_UNKNOWN);
    else
        hurry(e);
    return false;
}

static size_t feed_module(struct entry *e, struct bytes in)
{
    if (!in.n)
        return 0;
    e->deadline = 0; /* it was not silent */
    const struct module *m = e->conn.module;
    size_t eaten = m->data ? m->data(&e->conn, in) : in.n;
    return eaten < in.n ? eaten : in.n;
}

/* Gives `in` to whom it belongs; a module may hand the connection over in the middle of it. Returns what was
 * eaten. */
static size_t consume(struct entry *e, struct bytes in)
{
    size_t eaten = 0;
    do {
        struct bytes left = bytes_skip(in, eaten);
        if (e->wanted)
            open_with(e, e->wanted);
        if (e->stage == STAGE_SNIFF && (!left.n || !sniff(e, left)))
            return eaten;
        if (e->stage == STAGE_OPEN && !e->wanted)
            eaten += feed_module(e, left);
    } while (e->wanted && e->stage == STAGE_OPEN);
    return eaten;
}

/* A slow frame counts from its first byte; only a frame that got whole starts the count anew. */
static void watch_frame(struct entry *e, bool ate)
{
    bool incomplete = buf_len(&e->rest) > 0 || e->half_record;
    if (e->stage != STAGE_OPEN || !incomplete || e->paused)
        e->frame_since = 0;
    else if (ate || !e->frame_since)
        e->frame_since = e->door->w->now;
    if (e->stage == STAGE_SNIFF && incomplete)
        hurry(e);
    entry_arm(e);
}

void entry_keep(struct entry *e, struct bytes left)
{
    buf_clear(&e->rest);
    if (!left.n)
        return;
    spare_take(e->door, &e->rest);
    if (!buf_append(&e->rest, left))
        entry_break(e, CLOSE_MEMORY);
}

/* A rest that is small is put in front of the new bytes (the door's buffers have HEADROOM there); to a larger
 * one the new bytes are appended, so that a long frame that comes in small pieces is not copied anew with
 * each. */
bool entry_join(struct entry *e, struct bytes *in)
{
    size_t n = buf_len(&e->rest);
    if (n == 0)
        return true;
    if (n <= HEADROOM && in->n) {
        uint8_t *start = e->door->mem + (in->p - e->door->mem) - n;
        memcpy(start, buf_bytes(&e->rest).p, n);
        *in = bytes_of(start, n + in->n);
        return true;
    }
    if (in->n && !buf_append(&e->rest, *in))
        return false;
    *in = buf_bytes(&e->rest);
    return true;
}

void entry_give(struct entry *e, struct bytes in)
{
    if (!entry_join(e, &in)) {
        entry_break(e, CLOSE_MEMORY);
        return;
    }
    bool in_rest = e->rest.mem && in.p == buf_bytes(&e->rest).p;
    size_t eaten = consume(e, in);
    if (in_rest)
        buf_consume(&e->rest, eaten);
    else
        entry_keep(e, bytes_skip(in, eaten));
    if (buf_len(&e->rest) == 0 || e->stage >= STAGE_CLOSING)
        spare_give(e->door, &e->rest);
    if (e->stage == STAGE_OPEN && !e->paused && buf_len(&e->rest) > e->frame_max)
        conn_close(&e->conn, CLOSE_TOO_BIG);
    watch_frame(e, eaten > 0);
}
