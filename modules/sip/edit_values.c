/* edit_values: edits inside header fields: values of a comma list, parameters, Via, Max-Forwards, the body.
 */
#include "modules/sip/edit.h"
#include <errno.h>
#include <string.h>

static const uint8_t *end_of(struct bytes b)
{
    return b.p + b.n;
}

static void cut_between(struct sip_edit *e, const uint8_t *from, const uint8_t *to)
{
    if (to > from)
        sip_edit_cut(e, bytes_of(from, (size_t)(to - from)));
}

#define LINE_VALUES_MAX 64

/* The values of one line; more than 64 or a bad list fails the edit. */
static size_t line_values(struct sip_edit *e, const struct sip_header *h, struct bytes items[LINE_VALUES_MAX])
{
    struct bytes rest = h->value, item;
    size_t n = 0;
    int rc;
    while ((rc = sip_list_next(&rest, &item)) == 1 && n < LINE_VALUES_MAX)
        items[n++] = item;
    if (rc == 0)
        return n;
    if (!e->failed)
        e->failed = -EINVAL;
    return 0;
}

static bool dropped(uint64_t which, size_t i)
{
    return (which >> i & 1) != 0;
}

void sip_edit_remove_values(struct sip_edit *e, const struct sip_header *h, uint64_t which)
{
    struct bytes items[LINE_VALUES_MAX];
    size_t n = line_values(e, h, items), kept = n;
    for (size_t i = 0; i < n; i++) {
        if (dropped(which, i))
            continue;
        /* everything between the value that stayed before (or the front) and this one */
        if (kept == n)
            cut_between(e, items[0].p, items[i].p);
        else if (kept + 1 < i)
            cut_between(e, items[kept + 1].p, items[i].p);
        kept = i;
    }
    if (kept == n)
        sip_edit_remove_header(e, h);
    else if (kept + 1 < n)
        cut_between(e, end_of(items[kept]), end_of(items[n - 1]));
}

static uint64_t first_bits(size_t count)
{
    return count >= 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;
}

void sip_edit_pop(struct sip_edit *e, enum sip_header_id id, size_t count)
{
    struct bytes items[LINE_VALUES_MAX];
    const struct sip_header *h = sip_msg_first(e->m, id);
    for (; h && count > 0 && !e->failed; h = sip_msg_next(e->m, h)) {
        size_t n = line_values(e, h, items);
        size_t take = count < n ? count : n;
        sip_edit_remove_values(e, h, first_bits(take));
        count -= take;
    }
}

void sip_edit_remove_token(struct sip_edit *e, enum sip_header_id id, struct bytes token)
{
    struct bytes items[LINE_VALUES_MAX];
    for (const struct sip_header *h = sip_msg_first(e->m, id); h; h = sip_msg_next(e->m, h)) {
        uint64_t which = 0;
        size_t n = line_values(e, h, items);
        for (size_t i = 0; i < n; i++)
            if (bytes_ieq(items[i], token))
                which |= UINT64_C(1) << i;
        if (which)
            sip_edit_remove_values(e, h, which);
    }
}

void sip_edit_via_source(struct sip_edit *e, const struct addr *source)
{
    struct buf out;
    buf_fixed(&out, e->scratch + e->scratch_used, SIP_EDIT_SCRATCH - e->scratch_used);
    sip_via_write_source(&e->m->via, source, &out);
    if (out.failed) {
        e->failed = e->failed ? e->failed : -ENOSPC;
        return;
    }
    struct bytes text = buf_bytes(&out);
    e->scratch_used += text.n;
    if (!bytes_eq(text, e->m->via.text))
        sip_edit_replace(e, e->m->via.text, text);
}

void sip_edit_max_forwards(struct sip_edit *e)
{
    int left = e->m->max_forwards;
    sip_edit_set(e, SIP_H_MAX_FORWARDS, sip_edit_text(e, "%d", left < 0 ? 70 : left > 0 ? left - 1 : 0));
}

/* name, then "=value" unless the value is empty; the value is not copied. */
static void insert_param(struct sip_edit *e, const uint8_t *at, struct bytes name, struct bytes value)
{
    sip_edit_replace(e, bytes_of(at, 0), BYTES(";"));
    sip_edit_replace(e, bytes_of(at, 0), name);
    if (value.n == 0)
        return;
    sip_edit_replace(e, bytes_of(at, 0), BYTES("="));
    sip_edit_replace(e, bytes_of(at, 0), value);
}

void sip_edit_param(struct sip_edit *e, struct bytes params, struct bytes name, struct bytes value)
{
    struct sip_param p;
    if (!sip_param_find(params, name, &p)) {
        insert_param(e, end_of(params), name, value);
    } else if (value.n == 0) {
        cut_between(e, end_of(p.name), end_of(p.value));
    } else if (p.has_value) {
        sip_edit_replace(e, p.value, value);
    } else {
        sip_edit_replace(e, bytes_of(end_of(p.name), 0), BYTES("="));
        sip_edit_replace(e, bytes_of(end_of(p.name), 0), value);
    }
}

void sip_edit_body(struct sip_edit *e, struct bytes type, struct bytes body)
{
    const uint8_t *at = e->m->raw.p + e->m->head_len;
    sip_edit_replace(e, e->m->body.n > 0 ? e->m->body : bytes_of(at, 0), body);
    sip_edit_set(e, SIP_H_CONTENT_LENGTH, sip_edit_text(e, "%zu", body.n));
    if (type.n > 0)
        sip_edit_set(e, SIP_H_CONTENT_TYPE, type);
    else if (body.n == 0)
        sip_edit_remove(e, SIP_H_CONTENT_TYPE);
}

void sip_edit_need_length(struct sip_edit *e)
{
    if (!sip_msg_has(e->m, SIP_H_CONTENT_LENGTH))
        sip_edit_add(e, SIP_H_CONTENT_LENGTH, sip_edit_text(e, "%zu", e->m->body.n));
}
