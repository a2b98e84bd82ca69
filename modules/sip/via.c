#include "modules/sip/via.h"
#include "modules/sip/chars.h"

static enum sip_via_transport transport_of(struct bytes name)
{
    static const char *const names[] = {
        [SIP_VIA_UDP] = "UDP",   [SIP_VIA_TCP] = "TCP", [SIP_VIA_TLS] = "TLS",
        [SIP_VIA_SCTP] = "SCTP", [SIP_VIA_WS] = "WS",   [SIP_VIA_WSS] = "WSS",
    };
    for (int t = SIP_VIA_UDP; t <= SIP_VIA_WSS; t++)
        if (bytes_ieq(name, bytes_str(names[t])))
            return (enum sip_via_transport)t;
    return SIP_VIA_OTHER;
}

/* "SIP / 2.0 / UDP": a token, and the slash behind it when there has to be one. */
static bool take_part(struct bytes *rest, bool slash, struct bytes *part)
{
    size_t n = sip_token_len(*rest);
    *part = bytes_first(*rest, n);
    *rest = bytes_skip(*rest, n);
    if (n == 0)
        return false;
    if (!slash)
        return sip_lws_len(*rest) > 0;
    *rest = sip_skip_lws(*rest);
    if (rest->n == 0 || rest->p[0] != '/')
        return false;
    *rest = sip_skip_lws(bytes_skip(*rest, 1));
    return true;
}

/* *known: it is SIP/2.0. Of another version (RFC 4475 badvers) we still want to know where the 505 has to go.
 */
static bool take_protocol(struct bytes *rest, struct sip_via *out, bool *known)
{
    struct bytes name, version;
    if (!take_part(rest, true, &name) || !take_part(rest, true, &version) ||
        !take_part(rest, false, &out->transport_name))
        return false;
    out->transport = transport_of(out->transport_name);
    *rest = sip_skip_lws(*rest);
    *known = bytes_ieq(name, BYTES("SIP")) && bytes_eq(version, BYTES("2.0"));
    return true;
}

static void via_param(struct sip_via *v, const struct sip_param *p)
{
    if (bytes_ieq(p->name, BYTES("branch")))
        v->branch = p->value;
    else if (bytes_ieq(p->name, BYTES("received")))
        v->received = p->value;
    else if (bytes_ieq(p->name, BYTES("maddr")))
        v->maddr = p->value;
    else if (bytes_ieq(p->name, BYTES("alias")))
        v->has_alias = true;
    else if (bytes_ieq(p->name, BYTES("keep"))) {
        v->has_keep = true;
        v->keep = p->value;
    } else if (bytes_ieq(p->name, BYTES("rport"))) {
        v->has_rport = true;
        v->rport = p->value;
    }
}

bool sip_via_parse(struct bytes value, struct sip_via *out)
{
    struct sip_param p;
    struct bytes rest = bytes_trim(value);
    bool known;
    int rc;
    *out = (struct sip_via){.text = rest};
    if (!take_protocol(&rest, out, &known))
        return false;
    size_t n = sip_host_parse(rest, true, &out->by);
    if (n == 0) {
        out->by = (struct sip_host){0};
        return false;
    }
    out->params = rest = bytes_skip(rest, n);
    while ((rc = sip_param_next(&rest, &p)) == 1)
        via_param(out, &p);
    return rc == 0 && known;
}

bool sip_via_is_3261(const struct sip_via *v)
{
    return bytes_istarts(v->branch, SIP_COOKIE) && v->branch.n > SIP_COOKIE.n;
}

/* received= and maddr= as an address, with or without brackets. */
static bool literal(struct bytes text, struct addr *out)
{
    return text.n > 0 && addr_parse(text, 0, out) && out->port == 0;
}

bool sip_via_target(const struct sip_via *v, struct addr *out)
{
    uint32_t port = 0;
    if (!literal(v->maddr, out) && !literal(v->received, out)) {
        if (v->by.kind != SIP_HOST_V4 && v->by.kind != SIP_HOST_V6)
            return false;
        *out = v->by.addr;
    }
    /* rport goes with received: a maddr has the port of sent-by (RFC 3581 4, RFC 3261 18.2.2) */
    if (v->maddr.n == 0 && bytes_u32(v->rport, &port) && port > 0 && port <= 65535)
        out->port = (uint16_t)port;
    else
        out->port = v->by.port ? v->by.port : v->transport == SIP_VIA_TLS ? 5061 : 5060;
    return true;
}

static bool needs_received(const struct sip_via *via, const struct addr *source)
{
    bool literal_by = via->by.kind == SIP_HOST_V4 || via->by.kind == SIP_HOST_V6;
    return via->has_rport || !literal_by || !addr_ip_eq(&via->by.addr, source);
}

static void put_param(struct buf *out, const struct sip_param *p)
{
    buf_str(out, ";");
    buf_append(out, p->name);
    if (p->has_value) {
        buf_str(out, "=");
        buf_append(out, p->value);
    }
}

void sip_via_write_source(const struct sip_via *via, const struct addr *source, struct buf *out)
{
    struct sip_param p;
    struct bytes rest = via->params;
    char ip[ADDR_TEXT];
    buf_append(out, bytes_first(via->text, (size_t)(via->params.p - via->text.p)));
    while (sip_param_next(&rest, &p) == 1)
        if (!bytes_ieq(p.name, BYTES("received")) && !bytes_ieq(p.name, BYTES("rport")))
            put_param(out, &p);
    if (needs_received(via, source)) {
        addr_format_ip(source, ip);
        buf_str(out, ";received=");
        buf_str(out, ip);
    }
    if (via->has_rport) {
        buf_str(out, ";rport=");
        buf_u64(out, source->port);
    }
}
