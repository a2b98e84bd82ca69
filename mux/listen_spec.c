#include "mux/listen_spec.h"
#include <string.h>

static const struct module *module_named(struct bytes name, const struct module *const *modules)
{
    for (; *modules; modules++) {
        if (bytes_eq(name, bytes_str((*modules)->name)))
            return *modules;
    }
    return NULL;
}

static enum transport transport_named(struct bytes name)
{
    if (bytes_eq(name, BYTES("tls")))
        return TRANSPORT_TLS;
    if (bytes_eq(name, BYTES("tcp")))
        return TRANSPORT_TCP;
    return bytes_eq(name, BYTES("udp")) ? TRANSPORT_UDP : TRANSPORT_NONE;
}

static const char *read_scheme(struct bytes scheme, const struct module *const *modules,
                               struct listen_spec *out)
{
    size_t plus = bytes_find_byte(scheme, '+');
    if (plus != BYTES_NOT_FOUND) {
        out->module = module_named(bytes_first(scheme, plus), modules);
        if (!out->module)
            return "there is no module of that name";
        scheme = bytes_skip(scheme, plus + 1);
    }
    out->transport = transport_named(scheme);
    if (out->transport == TRANSPORT_NONE)
        return "the transport must be tls, tcp or udp";
    if (out->transport == TRANSPORT_UDP && (!out->module || !out->module->datagram))
        return "a UDP listener needs a module that takes datagrams: sip+udp:// or turn+udp://";
    if (out->transport != TRANSPORT_UDP && out->module && !out->module->data)
        return "that module takes no connections";
    return NULL;
}

static const char *read_star(struct bytes port, struct listen_spec *out)
{
    uint32_t n;
    if (!bytes_u32(port, &n) || n == 0 || n > 65535)
        return "the port must be 1 to 65535";
    out->star = true;
    out->addr.port = (uint16_t)n;
    return NULL;
}

static const char *read_address(struct bytes text, struct listen_spec *out)
{
    if (bytes_starts(text, BYTES("*:")))
        return read_star(bytes_skip(text, 2), out);
    if (!addr_parse(text, 0, &out->addr))
        return "the address must be *:port, 192.0.2.1:port or [2001:db8::1]:port";
    return out->addr.port == 0 ? "a port is missing: address:port" : NULL;
}

bool listen_parse(const char *text, const struct module *const *modules, struct listen_spec *out,
                  const char **why)
{
    struct bytes all = bytes_str(text);
    size_t colon = bytes_find(all, BYTES("://"));
    *out = (struct listen_spec){0};
    if (colon == BYTES_NOT_FOUND) {
        *why = "it must look like tls://*:443 or sip+udp://*:5060";
        return false;
    }
    *why = read_scheme(bytes_first(all, colon), modules, out);
    if (!*why)
        *why = read_address(bytes_skip(all, colon + 3), out);
    return !*why;
}
