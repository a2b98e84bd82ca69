#include "modules/sip/uac.h"
#include "modules/sip/layer.h"
#include <errno.h>

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
