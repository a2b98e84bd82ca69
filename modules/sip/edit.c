#include "modules/sip/edit.h"
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Replacements come behind all inserts at the same place: these belong in front of what is replaced. */
#define RANK_REPLACE INT32_MAX

void sip_edit_init(struct sip_edit *e, const struct sip_msg *m)
{
    e->m = m;
    e->n = 0;
    e->failed = m->raw.n > UINT32_MAX ? -EINVAL : 0;
    e->scratch_used = 0;
}

static void fail(struct sip_edit *e, int error)
{
    if (!e->failed)
        e->failed = error;
}

struct bytes sip_edit_text(struct sip_edit *e, const char *fmt, ...)
{
    va_list args;
    size_t room = SIP_EDIT_SCRATCH - e->scratch_used;
    char *at = e->scratch + e->scratch_used;
    va_start(args, fmt);
    int n = vsnprintf(at, room, fmt, args);
    va_end(args);
    if (n < 0 || (size_t)n >= room) {
        fail(e, -ENOSPC);
        return BYTES_NONE;
    }
    e->scratch_used += (size_t)n;
    return bytes_of(at, (size_t)n);
}

/* ---- the sorted list ---- */

static bool before(const struct sip_edit_op *a, const struct sip_edit_op *b)
{
    return a->from != b->from ? a->from < b->from : a->rank < b->rank;
}

static void add_op(struct sip_edit *e, const struct sip_edit_op *op)
{
    if (e->n == SIP_EDITS_MAX) {
        fail(e, -ENOSPC);
        return;
    }
    size_t i = e->n++;
    for (; i > 0 && before(op, &e->ops[i - 1]); i--)
        e->ops[i] = e->ops[i - 1];
    e->ops[i] = *op;
}

static void add_edit(struct sip_edit *e, struct bytes old, struct bytes with, int32_t rank)
{
    const uint8_t *start = e->m->raw.p;
    if (e->failed)
        return;
    if (!old.p || old.p < start || old.p + old.n > start + e->m->raw.n) {
        fail(e, -EINVAL);
        return;
    }
    struct sip_edit_op op = {.rank = rank, .put = with};
    op.from = (uint32_t)(old.p - start);
    op.to = op.from + (uint32_t)old.n;
    add_op(e, &op);
}

void sip_edit_replace(struct sip_edit *e, struct bytes old, struct bytes with)
{
    add_edit(e, old, with, old.n > 0 ? RANK_REPLACE : (int32_t)e->n + 1);
}

void sip_edit_cut(struct sip_edit *e, struct bytes old)
{
    sip_edit_replace(e, old, BYTES_NONE);
}

/* Later ones stand above earlier ones. */
static void insert_above(struct sip_edit *e, const uint8_t *at, struct bytes text)
{
    add_edit(e, bytes_of(at, 0), text, -(int32_t)e->n - 1);
}

static void insert_below(struct sip_edit *e, const uint8_t *at, struct bytes text)
{
    add_edit(e, bytes_of(at, 0), text, (int32_t)e->n + 1);
}

/* ---- result ---- */

/* Walks the pieces of the result: kept bytes and inserted texts in turn. */
struct pieces {
    const struct sip_edit *e;
    size_t op;
    size_t pos;
    bool put; /* the text of ops[op] is next */
};

/* What stands inside something that was cut goes with it; a replacement that half overlaps another edit is a
 * mistake of ours that must not reach the wire. */
static int check(const struct sip_edit *e)
{
    size_t pos = 0;
    for (size_t i = 0; i < e->n; i++) {
        const struct sip_edit_op *op = &e->ops[i];
        if (op->from < pos && op->to > pos && op->put.n > 0)
            return -EINVAL;
        pos = op->to > pos ? op->to : pos;
    }
    return e->failed;
}

static bool next_piece(struct pieces *it, struct bytes *piece)
{
    const struct sip_edit *e = it->e;
    if (it->op == e->n) {
        *piece = bytes_skip(e->m->raw, it->pos);
        it->pos = e->m->raw.n;
        return piece->n > 0;
    }
    const struct sip_edit_op *op = &e->ops[it->op];
    if (!it->put && op->from >= it->pos) {
        *piece = bytes_of(e->m->raw.p + it->pos, op->from - it->pos);
        it->pos = op->from;
        it->put = true;
        return true;
    }
    *piece = it->put ? op->put : BYTES_NONE;
    it->pos = op->to > it->pos ? op->to : it->pos;
    it->put = false;
    it->op++;
    return true;
}

size_t sip_edit_size(struct sip_edit *e)
{
    struct pieces it = {.e = e};
    struct bytes piece;
    size_t n = 0;
    if (check(e) < 0)
        return 0;
    while (next_piece(&it, &piece))
        n += piece.n;
    return n;
}

int sip_edit_apply(struct sip_edit *e, struct buf *out)
{
    struct pieces it = {.e = e};
    struct bytes piece;
    int rc = check(e);
    size_t size = sip_edit_size(e);
    uint8_t *at = rc == 0 ? buf_reserve(out, size) : NULL;
    if (!at)
        return rc ? rc : -ENOMEM;
    while (next_piece(&it, &piece)) {
        if (piece.n > 0)
            memcpy(at, piece.p, piece.n);
        at += piece.n;
    }
    buf_commit(out, size);
    return 0;
}

int sip_edit_iov(struct sip_edit *e, struct iovec *iov, int max)
{
    struct pieces it = {.e = e};
    struct bytes piece;
    int n = 0, rc = check(e);
    if (rc < 0)
        return rc;
    while (next_piece(&it, &piece)) {
        if (piece.n == 0)
            continue;
        if (n == max)
            return -E2BIG;
        iov[n].iov_base = (void *)(uintptr_t)piece.p;
        iov[n++].iov_len = piece.n;
    }
    return n;
}

/* ---- whole header fields ---- */

void sip_edit_ruri(struct sip_edit *e, struct bytes uri)
{
    sip_edit_replace(e, e->m->ruri_text, uri);
}

static const uint8_t *headers_start(const struct sip_msg *m)
{
    return m->start_line.p + m->start_line.n + 2;
}

/* In front of the empty line. */
static const uint8_t *headers_end(const struct sip_msg *m)
{
    return m->raw.p + m->head_len - 2;
}

/* "Name: value CRLF" as three views in a row, so that a long value is not copied. */
static void insert_line(struct sip_edit *e, const uint8_t *at, struct bytes name, struct bytes value)
{
    insert_below(e, at, name);
    insert_below(e, at, BYTES(": "));
    insert_below(e, at, value);
    insert_below(e, at, BYTES("\r\n"));
}

void sip_edit_push(struct sip_edit *e, enum sip_header_id id, struct bytes value)
{
    const struct sip_header *h = sip_msg_first(e->m, id);
    const uint8_t *at = h ? h->line.p : headers_start(e->m);
    insert_above(e, at, BYTES("\r\n"));
    insert_above(e, at, value);
    insert_above(e, at, BYTES(": "));
    insert_above(e, at, sip_header_name_bytes(id));
}

void sip_edit_add(struct sip_edit *e, enum sip_header_id id, struct bytes value)
{
    const struct sip_header *h = sip_msg_first(e->m, id), *next;
    while (h && (next = sip_msg_next(e->m, h)) != NULL)
        h = next;
    const uint8_t *at = h ? h->line.p + h->line.n : headers_end(e->m);
    insert_line(e, at, sip_header_name_bytes(id), value);
}

void sip_edit_add_named(struct sip_edit *e, struct bytes name, struct bytes value)
{
    insert_line(e, headers_end(e->m), name, value);
}

void sip_edit_set_value(struct sip_edit *e, const struct sip_header *h, struct bytes value)
{
    sip_edit_replace(e, h->value, value);
}

void sip_edit_set(struct sip_edit *e, enum sip_header_id id, struct bytes value)
{
    const struct sip_header *h = sip_msg_first(e->m, id);
    if (!h) {
        sip_edit_add(e, id, value);
        return;
    }
    sip_edit_set_value(e, h, value);
    while ((h = sip_msg_next(e->m, h)) != NULL)
        sip_edit_remove_header(e, h);
}

void sip_edit_remove_header(struct sip_edit *e, const struct sip_header *h)
{
    sip_edit_cut(e, h->line);
}

void sip_edit_remove(struct sip_edit *e, enum sip_header_id id)
{
    for (const struct sip_header *h = sip_msg_first(e->m, id); h; h = sip_msg_next(e->m, h))
        sip_edit_remove_header(e, h);
}
