#include "modules/pcscf/core/core_uri.h"
#include "modules/sip/uri.h"

uint16_t core_default_port(uint8_t transport)
{
    return transport == TRANSPORT_TLS ? 5061 : 5060;
}

static bool refuse(const char **why, const char *text)
{
    if (why)
        *why = text;
    return false;
}

static bool set_name(struct core_uri *out, struct bytes name)
{
    if (name.n && name.p[name.n - 1] == '.') /* the root, which resolvers know without */
        name.n--;
    if (!name.n || !bytes_to_str(name, out->name, sizeof(out->name)))
        return false;
    for (char *c = out->name; *c; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
    return true;
}

static bool set_addr(struct core_uri *out, const struct addr *a)
{
    char text[ADDR_TEXT];
    out->addr = *a;
    out->port = a->port ? a->port : core_default_port(out->transport);
    out->addr.port = out->port;
    addr_format_ip(a, text);
    return !addr_is_any(a) && set_name(out, bytes_str(text));
}

/* Host and port after "udp:", "tcp:", "tls:", "dns:". */
static bool read_place(struct bytes text, struct core_uri *out, const char **why)
{
    struct addr a;
    struct sip_host host;
    if (addr_parse(text, 0, &a)) {
        if (!out->transport)
            return refuse(why, "an address has no DNS records: write udp:, tcp: or tls: before it");
        return set_addr(out, &a) || refuse(why, "that address cannot be connected to");
    }
    if (sip_host_parse(text, false, &host) != text.n || host.kind != SIP_HOST_NAME)
        return refuse(why, "write a host name or an address behind the colon, with :PORT where it is needed");
    out->port = host.port;
    struct bytes name = host.text;
    return set_name(out, name) || refuse(why, "the name is too long");
}

static bool read_transport(const struct sip_uri *u, struct core_uri *out, const char **why)
{
    static const struct {
        struct bytes name;
        uint8_t transport;
    } known[] = {{{(const uint8_t *)"udp", 3}, TRANSPORT_UDP},
                 {{(const uint8_t *)"tcp", 3}, TRANSPORT_TCP},
                 {{(const uint8_t *)"tls", 3}, TRANSPORT_TLS}};
    struct bytes value;
    out->secure = u->scheme == SIP_URI_SIPS;
    if (!sip_uri_param(u, BYTES("transport"), &value)) {
        out->transport = TRANSPORT_NONE;
        return true;
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (bytes_ieq(value, known[i].name))
            out->transport = known[i].transport;
    }
    if (out->secure && out->transport == TRANSPORT_TCP) /* RFC 3261 26.2.2: TLS over TCP */
        out->transport = TRANSPORT_TLS;
    if (out->secure && out->transport == TRANSPORT_UDP)
        return refuse(why, "sips: is never sent over UDP");
    return out->transport || refuse(why, "transport= is udp, tcp or tls");
}

/* RFC 3263 4.1: a numeric host or a port leave nothing for NAPTR to say. */
static void fill_transport(struct core_uri *out, bool fixed)
{
    if (!out->transport && (fixed || out->secure))
        out->transport = out->secure ? TRANSPORT_TLS : TRANSPORT_UDP;
}

/* maddr: where to go, while the host stays the name (RFC 3261 19.1.1). */
static bool read_maddr(const struct sip_uri *u, struct core_uri *out, const char **why)
{
    struct bytes value;
    struct addr a;
    if (!sip_uri_param(u, BYTES("maddr"), &value))
        return true;
    if (!addr_parse(value, 0, &a) || a.port || addr_is_any(&a))
        return refuse(why, "maddr= is an address without port");
    fill_transport(out, true);
    out->addr = a;
    out->addr.port = out->port = u->host.port ? u->host.port : core_default_port(out->transport);
    return true;
}

static bool read_uri(struct bytes text, struct core_uri *out, const char **why)
{
    struct sip_uri u;
    if (!sip_uri_parse(text, &u) || !sip_uri_is_sip(&u) || u.host.kind == SIP_HOST_NONE)
        return refuse(why, "this is no SIP URI");
    if (u.user.n || u.has_password || u.headers.n)
        return refuse(why, "a next hop has no user and no headers: write sip:HOST");
    if (!read_transport(&u, out, why))
        return false;
    if (u.host.kind != SIP_HOST_NAME) {
        fill_transport(out, true);
        return (set_addr(out, &u.host.addr) || refuse(why, "that address cannot be connected to")) &&
               read_maddr(&u, out, why);
    }
    out->port = u.host.port;
    fill_transport(out, u.host.port != 0);
    return (set_name(out, u.host.text) || refuse(why, "the name is too long")) && read_maddr(&u, out, why);
}

bool core_uri_parse(struct bytes text, struct core_uri *out, const char **why)
{
    *out = (struct core_uri){0};
    if (bytes_istarts(text, BYTES("sip:")) || bytes_istarts(text, BYTES("sips:")))
        return read_uri(text, out, why);
    if (bytes_istarts(text, BYTES("udp:")))
        out->transport = TRANSPORT_UDP;
    else if (bytes_istarts(text, BYTES("tcp:")))
        out->transport = TRANSPORT_TCP;
    else if (bytes_istarts(text, BYTES("tls:")))
        out->transport = TRANSPORT_TLS;
    else if (!bytes_istarts(text, BYTES("dns:")))
        return refuse(why, "write udp:HOST:PORT, tcp:HOST:PORT, tls:HOST:PORT, dns:NAME or sip:NAME");
    if (!read_place(bytes_skip(text, 4), out, why))
        return false;
    fill_transport(out, out->port != 0);
    return true;
}
