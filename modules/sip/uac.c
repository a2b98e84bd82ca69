#include "modules/sip/uac.h"
#include "modules/sip/layer.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void put_line(struct buf *out, const char *name, struct bytes value)
{
    buf_printf(out, "%s: ", name);
    buf_append(out, value);
    buf_str(out, "\r\n");
}

/* RFC 3261 12.2.1.1: where the first hop is a loose router (or there is none), the target is the Request-URI;
 * a strict one takes its place there, and the target stands last among the Routes. */
struct way {
    struct bytes ruri;
    struct bytes route;
    struct bytes last; /* URI of one more Route; empty: none */
};

static int find_way(const struct sip_uac_request *r, struct way *w)
{
    struct bytes rest = r->route, first;
    struct sip_nameaddr na;
    *w = (struct way){.ruri = r->target, .route = r->route};
    if (!r->route.n)
        return 0;
    if (sip_list_next(&rest, &first) != 1 || !sip_nameaddr_parse(first, &na))
        return -EBADMSG;
    if (!sip_uri_param(&na.uri, BYTES("lr"), NULL))
        *w = (struct way){.ruri = na.uri.text, .route = bytes_trim(rest), .last = r->target};
    return 0;
}

static void put_routes(const struct way *w, struct buf *out)
{
    if (w->route.n)
        put_line(out, "Route", w->route);
    if (!w->last.n)
        return;
    buf_str(out, "Route: <");
    buf_append(out, w->last);
    buf_str(out, ">\r\n");
}

static void put_body(const struct sip_uac_request *r, struct buf *out)
{
    if (r->content_type.n)
        put_line(out, "Content-Type", r->content_type);
    buf_printf(out, "Content-Length: %zu\r\n\r\n", r->body.n);
    buf_append(out, r->body);
}

int sip_uac_write(const struct sip_uac_request *r, const struct client_txn *ct, struct buf *out)
{
    struct way way;
    int rc = find_way(r, &way);
    if (rc < 0)
        return rc;
    buf_printf(out, "%s ", r->method);
    buf_append(out, way.ruri);
    buf_str(out, " SIP/2.0\r\n");
    if (!client_txn_via(ct, out))
        return out->failed ? -ENOMEM : -ENOTCONN;
    buf_str(out, "Max-Forwards: 70\r\n");
    put_routes(&way, out);
    put_line(out, "From", r->from);
    put_line(out, "To", r->to);
    put_line(out, "Call-ID", r->call_id);
    buf_printf(out, "CSeq: %u %s\r\n", r->cseq, r->method);
    buf_append(out, r->headers);
    put_body(r, out);
    return out->failed ? -ENOMEM : 0;
}

struct client_txn *sip_uac_send(struct sip_layer *l, const struct sip_hop *to,
                                const struct sip_uac_request *r, const struct client_user *user, void *arg)
{
    struct client_txn *ct = client_txn_create(l, to, 0, user, arg);
    struct buf *out = layer_out(l);
    if (!ct)
        return NULL;
    if (sip_uac_write(r, ct, out) < 0) {
        client_txn_drop(ct);
        return NULL;
    }
    return client_txn_send(ct, buf_bytes(out)) < 0 ? NULL : ct;
}

/* ---- one that may take another way ---- */

struct sip_uac {
    struct sip_layer *l;
    const struct sip_uac_user *user;
    struct sip_uac_request rq; /* views into the memory behind the data */
    struct ref now;            /* the transaction that is heard */
    unsigned live;             /* transactions that know it */
    _Alignas(max_align_t) uint8_t data[];
};

#define TEXTS 8

static void list_texts(struct sip_uac_request *r, struct bytes *texts[static TEXTS])
{
    struct bytes *const all[TEXTS] = {&r->target,  &r->route,   &r->from,         &r->to,
                                      &r->call_id, &r->headers, &r->content_type, &r->body};
    memcpy(texts, all, sizeof(all));
}

static void end(struct sip_uac *u)
{
    if (u->user->on_end)
        u->user->on_end(u);
    free(u);
}

static void uac_response(struct client_txn *ct, const struct sip_msg *rs)
{
    struct sip_uac *u = client_txn_arg(ct);
    u->user->on_response(u, rs);
}

static void uac_failure(struct client_txn *ct, int status, int err)
{
    struct sip_uac *u = client_txn_arg(ct);
    u->user->on_failure(u, status, err);
}

static void uac_gone(struct client_txn *ct)
{
    struct sip_uac *u = client_txn_arg(ct);
    if (--u->live == 0)
        end(u);
}

static const struct client_user uac_client = {
    .on_response = uac_response, .on_failure = uac_failure, .gone = uac_gone};

struct sip_uac *sip_uac_create(struct sip_layer *l, const struct sip_uac_request *r,
                               const struct sip_uac_user *user, size_t data_size)
{
    struct sip_uac_request copy = *r;
    struct bytes *texts[TEXTS];
    size_t n = 0;
    list_texts(&copy, texts);
    for (size_t i = 0; i < TEXTS; i++)
        n += texts[i]->n;
    struct sip_uac *u = calloc(1, sizeof(*u) + data_size + n);
    if (!u)
        return NULL;
    uint8_t *at = u->data + data_size;
    for (size_t i = 0; i < TEXTS; i++)
        *texts[i] = bytes_keep(&at, *texts[i]);
    u->l = l;
    u->user = user;
    u->rq = copy;
    u->now = REF_NONE;
    return u;
}

void *sip_uac_data(const struct sip_uac *u)
{
    return (void *)(uintptr_t)u->data;
}

/* Into the layer's buffer, for the way that its size wants. */
static int uac_write(struct sip_uac *u, struct client_txn *ct, struct buf **out)
{
    *out = layer_out(u->l);
    int rc = sip_uac_write(&u->rq, ct, *out);
    if (rc < 0 || !u->user->on_size)
        return rc;
    const struct sip_hop *to = client_txn_to(ct);
    const struct sip_hop better = u->user->on_size(u, to, buf_len(*out));
    if (sip_hop_eq(&better, to))
        return 0;
    client_txn_redirect(ct, &better);
    *out = layer_out(u->l);
    return sip_uac_write(&u->rq, ct, *out);
}

int sip_uac_try(struct sip_uac *u, const struct sip_hop *to)
{
    struct client_txn *before = client_txn_get(u->l, u->now);
    struct client_txn *ct = client_txn_create(u->l, to, 0, &uac_client, u);
    struct buf *out;
    if (!ct)
        return -EBUSY;
    u->live++;
    int rc = uac_write(u, ct, &out);
    if (rc < 0)
        client_txn_drop(ct);
    else
        rc = client_txn_send(ct, buf_bytes(out));
    if (rc < 0)
        return rc;
    u->now = client_txn_ref(ct);
    if (before)
        client_txn_drop(before);
    return 0;
}

bool sip_uac_silent(const struct sip_uac *u)
{
    const struct client_txn *ct = client_txn_get(u->l, u->now);
    return ct && !client_txn_provisional(ct) && !client_txn_answered(ct);
}

void sip_uac_drop(struct sip_uac *u)
{
    if (!u)
        return;
    struct client_txn *ct = client_txn_get(u->l, u->now);
    if (ct)
        client_txn_drop(ct);
    if (u->live == 0)
        end(u);
}
