#include "modules/pcscf/registration/registration.h"
#include "appliance/core/store.h"
#include "modules/pcscf/registration/phone.h"
#include "modules/pcscf/registration/wildcards.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- its text ---- */

/* Where each text of the facts is kept. */
static const struct {
    size_t fact, kept;
} texts[] = {
#define TEXT(name)                                                                                           \
    {                                                                                                        \
        offsetof(struct registration_facts, name), offsetof(struct registration, name)                       \
    }
    TEXT(aor),           TEXT(key),        TEXT(contact),  TEXT(private_id),
    TEXT(service_route), TEXT(identities), TEXT(charging), TEXT(term_ioi),
#undef TEXT
};
#define TEXTS (sizeof(texts) / sizeof(texts[0]))

static struct bytes fact(const struct registration_facts *f, size_t i)
{
    struct bytes b;
    memcpy(&b, (const char *)f + texts[i].fact, sizeof(b));
    return b;
}

static struct bytes *kept(const struct registration *r, size_t i)
{
    return (struct bytes *)(void *)((char *)(uintptr_t)r + texts[i].kept);
}

static void keep_texts(struct registration *r, const struct registration_facts *f)
{
    uint8_t *at = r->text;
    for (size_t i = 0; i < TEXTS; i++) {
        struct bytes from = fact(f, i);
        if (from.n)
            memcpy(at, from.p, from.n);
        *kept(r, i) = bytes_of(at, from.n);
        at += from.n;
    }
    r->path = bytes_of(at, f->path.n);
    registration_keep_path(r, f->path);
}

/* Each REGISTER has another token in its Path, of the same length. */
void registration_keep_path(struct registration *r, struct bytes path)
{
    if (path.n && path.n == r->path.n)
        memcpy((uint8_t *)(uintptr_t)r->path.p, path.p, path.n);
}

struct registration *registration_create(const struct registration_facts *f)
{
    size_t size = f->path.n;
    for (size_t i = 0; i < TEXTS; i++)
        size += fact(f, i).n;
    struct registration *r = calloc(1, sizeof(*r) + size);
    if (!r)
        return NULL;
    keep_texts(r, f);
    r->where = (struct whereabout){.owner = flow_owner(r->aor), .instance = f->instance};
    r->proved = f->proved;
    r->sos = f->sos;
    list_init(&r->link);
    list_init(&r->at_event);
    buf_init(&r->changed);
    if (wildcards_compile(r->identities, &r->wildcards) == 0)
        return r;
    free(r);
    return NULL;
}

void registration_destroy(struct registration *r)
{
    if (!r)
        return;
    wildcards_destroy(r->wildcards);
    buf_fini(&r->changed);
    free(r);
}

bool registration_says(const struct registration *r, const struct registration_facts *f)
{
    for (size_t i = 0; i < TEXTS; i++) {
        if (!bytes_eq(*kept(r, i), fact(f, i)))
            return false;
    }
    return r->sos == f->sos && r->where.instance == f->instance && r->path.n == f->path.n;
}

/* ---- its row ---- */

/* The flow stands in the condition of the delete: a contact that came back on another flow has taken the row
 * over, and the end of its old flow must not take it away. */
static const struct store_stmt put_row = {
    STORE_SOFT, "INSERT OR REPLACE INTO registration "
                "(aor, contact_key, flow, contact, private_id, service_route, associated_uri, expires) "
                "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"};
static const struct store_stmt delete_row = {
    STORE_SOFT, "DELETE FROM registration WHERE aor = ?1 AND contact_key = ?2 AND flow = ?3"};

struct bytes flow_text(const struct flow *f, char dst[static FLOW_TEXT])
{
    char peer[ADDR_TEXT];
    addr_format(&f->peer, peer);
    int n = snprintf(dst, FLOW_TEXT, "%s %s", transport_name(f->transport), peer);
    return bytes_of(dst, n > 0 && n < FLOW_TEXT ? (size_t)n : 0);
}

static int64_t wall_end(const struct registration *r)
{
    const struct worker *w = r->phone->room->w;
    return w->wall + (int64_t)((r->expiry.due - w->now) / 1000);
}

void registration_save(struct registration *r)
{
    struct store *store = r->phone->room->w->gw->store;
    char flow[FLOW_TEXT];
    if (!store)
        return;
    r->saved_end = wall_end(r);
    const struct store_value v[] = {
        V_TEXT(r->aor),        V_TEXT(r->key),        V_TEXT(flow_text(&r->phone->flow, flow)),
        V_TEXT(r->contact),    V_TEXT(r->private_id), V_TEXT(r->service_route),
        V_TEXT(r->identities), V_INT(r->saved_end),
    };
    store_exec(store, &put_row, v, sizeof(v) / sizeof(v[0])); /* a lost row is counted by the store */
}

void registration_save_refreshed(struct registration *r)
{
    int64_t end = wall_end(r), granted = end - r->phone->room->w->wall;
    if (end < r->saved_end || end - r->saved_end > granted / 8)
        registration_save(r);
}

void registration_forget(const struct registration *r)
{
    struct store *store = r->phone->room->w->gw->store;
    char flow[FLOW_TEXT];
    if (!store)
        return;
    const struct store_value v[] = {V_TEXT(r->aor), V_TEXT(r->key), V_TEXT(flow_text(&r->phone->flow, flow))};
    store_exec(store, &delete_row, v, 3);
}
