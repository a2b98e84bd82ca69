#include "modules/registrar/binding.h"
#include <stdlib.h>

static const struct store_stmt put_row = {
    STORE_SOFT, "INSERT OR REPLACE INTO binding "
                "(aor, contact_key, contact, path, instance, reg_id, call_id, cseq, q, expires) "
                "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"};
static const struct store_stmt delete_row = {STORE_SOFT,
                                             "DELETE FROM binding WHERE aor = ?1 AND contact_key = ?2"};

struct binding *binding_hold(struct binding *b)
{
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    return b;
}

void binding_drop(struct binding *b)
{
    if (b && atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1)
        free(b);
}

uint32_t binding_seconds(const struct binding *b, uint64_t now)
{
    if (b->expires <= now)
        return 0;
    return (uint32_t)((b->expires - now + 999) / 1000);
}

void binding_set_fini(struct binding_set *s)
{
    for (size_t i = 0; i < s->n; i++)
        binding_drop(s->items[i]);
    s->n = 0;
}

struct binding *binding_create(const struct location_update *u, const struct binding_change *c,
                               uint64_t serial)
{
    size_t size = u->aor.n + u->call_id.n + u->path.n + c->key.n + c->contact.n + c->params.n + c->instance.n;
    struct binding *b = malloc(sizeof(*b) + size);
    if (!b)
        return NULL;
    uint8_t *at = b->text;
    b->aor = bytes_keep(&at, u->aor);
    b->key = bytes_keep(&at, c->key);
    b->contact = bytes_keep(&at, c->contact);
    b->params = bytes_keep(&at, c->params);
    b->path = bytes_keep(&at, u->path);
    b->instance = bytes_keep(&at, c->instance);
    b->call_id = bytes_keep(&at, u->call_id);
    b->cseq = u->cseq;
    b->reg_id = c->reg_id;
    b->q = c->q;
    b->expires = u->now + (uint64_t)c->expires * 1000;
    b->serial = serial;
    atomic_init(&b->refs, 1);
    return b;
}

void binding_write(const struct binding *b, struct store *store, int64_t expires_wall)
{
    if (!store)
        return;
    const struct store_value v[] = {
        V_TEXT(b->aor),
        V_TEXT(b->key),
        V_TEXT(b->contact),
        V_TEXT(b->path),
        b->instance.n ? V_TEXT(b->instance) : V_NULL,
        b->reg_id ? V_INT((int64_t)b->reg_id) : V_NULL,
        V_TEXT(b->call_id),
        V_INT((int64_t)b->cseq),
        V_INT((int64_t)b->q),
        V_INT(expires_wall),
    };
    store_exec(store, &put_row, v, sizeof(v) / sizeof(v[0])); /* a lost row is counted by the store */
}

void binding_erase(const struct binding *b, struct store *store)
{
    if (!store)
        return;
    const struct store_value v[] = {V_TEXT(b->aor), V_TEXT(b->key)};
    store_exec(store, &delete_row, v, 2);
}
