#include "modules/pcscf/route.h"
#include "mux/conn.h"
#include <stdio.h>

static uint16_t phone_port(const struct pcscf *p, const struct flow *f)
{
    if (f->transport == TRANSPORT_UDP) {
        const struct udp_port *u = udp_port_get(p->w, f->udp_index);
        return u ? u->local.port : 5060;
    }
    if (f->transport == TRANSPORT_TLS && p->config->port)
        return (uint16_t)p->config->port;
    const struct conn *c = conn_get(p->w, f->conn);
    if (c)
        return c->local.port;
    return f->transport == TRANSPORT_TLS ? 443 : 5060;
}

static bool fits(int n, size_t cap)
{
    return n > 0 && (size_t)n < cap;
}

bool route_phone_host(const struct pcscf *p, const struct flow *f, char *dst, size_t cap)
{
    return fits(snprintf(dst, cap, "%s:%u", p->host, phone_port(p, f)), cap);
}

static const char *transport_param(uint8_t transport)
{
    static const char *const params[] = {[TRANSPORT_NONE] = "",
                                         [TRANSPORT_UDP] = "",
                                         [TRANSPORT_TCP] = ";transport=tcp",
                                         [TRANSPORT_TLS] = ";transport=tls"};
    return params[transport];
}

bool route_for_phone(const struct pcscf *p, const struct flow *f, const char *token,
                     char dst[static ROUTE_URI_MAX])
{
    int n = snprintf(dst, ROUTE_URI_MAX, "<sip:%s@%s:%u%s;lr>", token, p->host, phone_port(p, f),
                     transport_param(f->transport));
    return fits(n, ROUTE_URI_MAX);
}

static bool core_uri(const struct pcscf *p, const char *user, const char *params,
                     char dst[static ROUTE_URI_MAX])
{
    return fits(snprintf(dst, ROUTE_URI_MAX, "<sip:%s@%s%s%s>", user, p->core.host,
                         transport_param(p->core.reach_transport), params),
                ROUTE_URI_MAX);
}

bool route_for_core(const struct pcscf *p, const char *token, bool ob, char dst[static ROUTE_URI_MAX])
{
    return core_uri(p, token, ob ? ";lr;ob" : ";lr", dst);
}

bool route_contact_for_core(const struct pcscf *p, const char *user, char dst[static ROUTE_URI_MAX])
{
    return core_uri(p, user, "", dst);
}

/* ---- ours ---- */

/* RFC 3261 19.1.2. */
static uint16_t port_of(const struct sip_uri *uri)
{
    struct bytes transport = BYTES_NONE;
    if (uri->host.port)
        return uri->host.port;
    sip_uri_param(uri, BYTES("transport"), &transport);
    return uri->scheme == SIP_URI_SIPS || bytes_ieq(transport, BYTES("tls")) ? 5061 : 5060;
}

/* UDP has ports of its own; which stream it is, not all write as they mean it. */
static bool may_mean(const struct sip_uri *uri, uint8_t transport)
{
    struct bytes said;
    if (uri->scheme != SIP_URI_SIPS && !sip_uri_param(uri, BYTES("transport"), &said))
        return true;
    bool udp = uri->scheme != SIP_URI_SIPS && bytes_ieq(said, BYTES("udp"));
    return udp == (transport == TRANSPORT_UDP);
}

/* Is that one of the ports at which we are reached? The core may have another one of the same address. */
static bool is_our_port(const struct pcscf *p, const struct sip_uri *uri)
{
    const uint16_t port = port_of(uri);
    struct listening l;
    unsigned i = 0;
    if (p->config->port && port == p->config->port && may_mean(uri, TRANSPORT_TLS))
        return true;
    if (p->core.reach.family && port == p->core.reach.port && may_mean(uri, p->core.reach_transport))
        return true;
    for (; listening_get(p->w, i, &l); i++)
        if ((!l.module || l.module == &pcscf_module) && l.local.port == port && may_mean(uri, l.transport))
            return true;
    return i == 0 && (port == 443 || port == 5060); /* as phone_port() has it without a door */
}

static bool is_reach(const struct core_link *l, const struct sip_uri *uri)
{
    return l->reach.family && uri->host.kind != SIP_HOST_NAME && addr_ip_eq(&uri->host.addr, &l->reach) &&
           port_of(uri) == l->reach.port && may_mean(uri, l->reach_transport);
}

/* A name leaves it to DNS then (RFC 3263 4.2). An address means 5060, but where no core is outside, we write
 * it without ourselves. */
static bool needs_no_port(const struct pcscf *p, const struct sip_uri *uri)
{
    return !uri->host.port && (uri->host.kind == SIP_HOST_NAME || p->core.reach.family == ADDR_NONE);
}

bool route_is_ours(const struct pcscf *p, const struct sip_uri *uri)
{
    if (!sip_uri_is_sip(uri))
        return false;
    if (is_reach(&p->core, uri))
        return true;
    return bytes_ieq(uri->host.text, bytes_str(p->host)) && (needs_no_port(p, uri) || is_our_port(p, uri));
}

bool route_take_first(struct bytes *values, struct sip_nameaddr *out)
{
    struct bytes first;
    return sip_list_next(values, &first) == 1 && sip_nameaddr_parse(first, out);
}

bool route_first(struct bytes values, struct sip_nameaddr *out)
{
    return route_take_first(&values, out);
}

bool route_leads_back(const struct pcscf *p, struct bytes values)
{
    struct sip_nameaddr na;
    return route_first(values, &na) && route_is_ours(p, &na.uri);
}

bool route_read(const struct pcscf *p, const struct sip_msg *rq, struct route_top *out)
{
    *out = (struct route_top){0};
    struct sip_values it = sip_values(rq, SIP_H_ROUTE);
    struct bytes item;
    while (sip_values_next(&it, &item)) {
        struct sip_nameaddr na;
        if (!sip_nameaddr_parse(item, &na))
            return false;
        bool ours = route_is_ours(p, &na.uri);
        bool second = out->own == 1 && bytes_eq(na.uri.user, out->token);
        if (!ours || (out->own && !second)) {
            out->has_next = true;
            out->next_is_ours = ours;
            out->next = na.uri;
            return true;
        }
        out->token = na.uri.user;
        out->own++;
    }
    return !it.bad;
}

static bool same_uri(struct bytes a, struct bytes b)
{
    struct sip_nameaddr na, nb;
    return sip_nameaddr_parse(a, &na) && sip_nameaddr_parse(b, &nb) && sip_uri_eq(&na.uri, &nb.uri);
}

bool route_follows(const struct pcscf *p, const struct sip_msg *rq, struct bytes list)
{
    struct sip_values it = sip_values(rq, SIP_H_ROUTE);
    struct bytes item, due = BYTES_NONE;
    struct sip_nameaddr na;
    bool first = true;
    while (sip_values_next(&it, &item)) {
        bool ours = first && sip_nameaddr_parse(item, &na) && route_is_ours(p, &na.uri);
        first = false;
        if (!ours && (sip_list_next(&list, &due) != 1 || !same_uri(item, due)))
            return false;
    }
    return !it.bad && sip_list_next(&list, &due) == 0;
}

/* ---- sorting ---- */

/* The next header field with its folds (RFC 3261 7.3.1). */
static bool next_field(struct bytes *rest, struct bytes *field)
{
    size_t n = 0;
    do {
        size_t end = bytes_find_byte(bytes_skip(*rest, n), '\n');
        if (end == BYTES_NOT_FOUND)
            return false;
        n += end + 1;
    } while (n < rest->n && (rest->p[n] == ' ' || rest->p[n] == '\t'));
    *field = bytes_trim(bytes_first(*rest, n));
    *rest = bytes_skip(*rest, n);
    return field->n > 0;
}

/* The user part of the first value, if that field is a Route. */
static bool route_user(struct bytes field, struct bytes *user)
{
    struct bytes item, value = bytes_skip(field, 5);
    struct sip_nameaddr na;
    if (!bytes_istarts(field, BYTES("Route")))
        return false;
    value = bytes_trim(value);
    if (!value.n || value.p[0] != ':')
        return false;
    value = bytes_skip(value, 1);
    bool ok = sip_list_next(&value, &item) == 1 && sip_nameaddr_parse(item, &na);
    *user = ok ? na.uri.user : BYTES_NONE;
    return true;
}

/* NOTIFY of a subscription of ours comes to our Contact, by no Route. */
static uint16_t sort_request_uri(struct worker *w, struct bytes msg)
{
    const struct pcscf *p = pcscf_of(w);
    struct bytes method, uri;
    if (!p || !bytes_split(&msg, ' ', &method) || !bytes_split(&msg, ' ', &uri))
        return w->id;
    return reg_event_home(p, uri, w->id);
}

uint16_t route_sort(struct worker *w, struct bytes msg)
{
    struct bytes rest = msg, field, user;
    struct flow_token t;
    while (next_field(&rest, &field)) {
        if (route_user(field, &user))
            return flow_token_open(w, user, &t) == FLOW_TOKEN_OK ? t.flow.conn.worker : w->id;
    }
    return sort_request_uri(w, msg);
}

uint16_t route_home(struct pcscf *p, const struct sip_msg *rq)
{
    struct route_top top;
    struct flow_token t;
    struct flow now;
    const struct phone *ph;
    if (!route_read(p, rq, &top) || !top.token.n)
        return p->w->id;
    if (flow_token_open(p->w, top.token, &t) == FLOW_TOKEN_FOREIGN)
        return p->w->id;
    ph = phone_find(p, &t.flow);
    if (ph && phone_carries(ph, t.owner))
        return p->w->id;
    return whereabouts_find(p->whereabouts, t.owner, t.instance, &now) ? now.conn.worker : p->w->id;
}
