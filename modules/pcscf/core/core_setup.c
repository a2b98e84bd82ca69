#include "modules/pcscf/core/core_setup.h"
#include "modules/pcscf/core/core_place.h"
#include "modules/pcscf/core/core_tls.h"
#include "modules/pcscf/core/resolver.h"
#include <errno.h>
#include <stdio.h>

static int explain(struct pcscf *p, const char *what)
{
    log_error(&p->w->log, "pcscf.core", F_STR("problem", what));
    return -EINVAL;
}

/* All of the list as one text, as places keep it. False: out of memory. */
static bool join_uris(const struct string_list *core, struct buf *out)
{
    for (size_t i = 0; i < core->n; i++) {
        if (core->items[i][0])
            buf_printf(out, "%s%s", buf_len(out) ? " " : "", core->items[i]);
    }
    return buf_append(out, bytes_of("", 1));
}

bool core_is_embedded(const struct string_list *core)
{
    for (size_t i = 0; i < core->n; i++) {
        if (core->items[i][0])
            return false;
    }
    return true;
}

/* ---- our side ---- */

#define LISTENERS_MAX 256

const struct udp_port *core_link_listener(const struct pcscf *p, const struct addr *to)
{
    const struct udp_port *first = NULL;
    for (uint16_t i = 0; i < LISTENERS_MAX; i++) {
        const struct udp_port *u = udp_port_get(p->w, i);
        if (!u || u->module != &pcscf_module || u->local.family != to->family)
            continue;
        if (addr_eq(&u->local, &p->core.reach))
            return u;
        if (!first)
            first = u;
    }
    return first;
}

static const struct udp_port *any_listener(const struct pcscf *p)
{
    return udp_port_of(p->w, &pcscf_module, NULL);
}

static bool nth_listener(const struct pcscf *p, uint8_t transport, unsigned n, struct listening *out)
{
    for (unsigned i = 0; listening_get(p->w, i, out); i++)
        if (out->module == &pcscf_module && out->transport == transport && n-- == 0)
            return true;
    return false;
}

/* The one that has the address at which the core reaches us; behind a NAT none has, and the first is it. */
static uint16_t find_tls_listener(const struct pcscf *p, const struct addr *reach)
{
    struct listening l;
    uint16_t first = UINT16_MAX;
    for (unsigned n = 0; nth_listener(p, TRANSPORT_TLS, n, &l); n++) {
        first = first == UINT16_MAX ? l.index : first;
        if (l.local.port == reach->port && (addr_is_any(&l.local) || addr_ip_eq(&l.local, reach)))
            return l.index;
    }
    return first;
}

/* How the core is to speak to us: as we speak to the first that is written. */
static uint8_t preferred_transport(const struct core_link *l, const struct string_list *core)
{
    for (size_t i = 0; i < core->n; i++) {
        struct core_uri uri;
        if (core_uri_parse(bytes_str(core->items[i]), &uri, NULL))
            return uri.transport                         ? uri.transport
                   : l->transports & 1u << TRANSPORT_UDP ? TRANSPORT_UDP
                                                         : TRANSPORT_TCP;
    }
    return TRANSPORT_UDP;
}

static struct addr first_address(const struct string_list *core)
{
    for (size_t i = 0; i < core->n; i++) {
        struct core_uri uri;
        if (core_uri_parse(bytes_str(core->items[i]), &uri, NULL) && uri.addr.family != ADDR_NONE)
            return uri.addr;
    }
    return (struct addr){0};
}

static int check_udp(const struct pcscf *p, const struct string_list *core)
{
    for (size_t i = 0; i < core->n; i++) {
        struct core_uri uri;
        if (core_uri_parse(bytes_str(core->items[i]), &uri, NULL) && uri.transport == TRANSPORT_UDP &&
            !any_listener(p))
            return -EINVAL;
    }
    return 0;
}

static void find_reach(struct core_link *l, const struct pcscf *p, const struct string_list *core)
{
    const struct addr like = first_address(core);
    if (l->reach.family != ADDR_NONE)
        return;
    if (l->reach_transport != TRANSPORT_UDP) {
        struct listening first;
        if (nth_listener(p, l->reach_transport, 0, &first))
            l->reach = first.local;
        return;
    }
    const struct udp_port *u = like.family ? core_link_listener(p, &like) : any_listener(p);
    if (u)
        l->reach = u->local;
}

static int set_reach(struct core_link *l, struct pcscf *p, const struct string_list *core)
{
    l->reach = p->config->core_address;
    l->reach_transport = preferred_transport(l, core);
    if (check_udp(p, core) < 0)
        return explain(
            p, "a core over UDP needs a listener for it: add \"sip+udp://ADDRESS:PORT\" to door.listen");
    find_reach(l, p, core);
    if (l->reach.family == ADDR_NONE || addr_is_any(&l->reach) || !l->reach.port)
        return explain(p,
                       "set pcscf.core_address: the address and port at which the core reaches this gateway");
    addr_format(&l->reach, l->host);
    l->tls_listener = find_tls_listener(p, &l->reach);
    return 0;
}

/* ---- the core's side ---- */

static int set_tls(struct core_link *l, struct pcscf *p)
{
    struct buf why;
    buf_init(&why);
    l->tls = core_tls_create(p->config, &why);
    if (!l->tls)
        log_error(&p->w->log, "pcscf.core_tls", F_BYTES("problem", buf_bytes(&why)));
    buf_fini(&why);
    return l->tls ? 0 : -EINVAL;
}

/* In a test without a loop there is nobody to ask. */
static int set_resolver(struct core_link *l, struct pcscf *p)
{
    const char *why = "";
    if (!p->w->loop)
        return 0;
    l->resolver = resolver_ares_create(p->w, &p->config->dns_servers, &why);
    if (!l->resolver)
        log_error(&p->w->log, "pcscf.dns", F_STR("problem", why),
                  F_STR("hint", "see /etc/resolv.conf, or set pcscf.dns_servers"));
    return l->resolver ? 0 : -EINVAL;
}

static int set_home(struct core_link *l, struct pcscf *p)
{
    struct buf text;
    buf_init(&text);
    if (join_uris(&p->config->core, &text))
        l->home = core_place_create(p, (const char *)buf_bytes(&text).p);
    buf_fini(&text);
    if (!l->home)
        return explain(p, "cannot be read: see sallyport.conf(5)");
    list_push_back(&l->places, &l->home->link);
    return 0;
}

int core_setup(struct core_link *l, struct pcscf *p)
{
    /* Beside an embedded home network there may be an E-CSCF outside, and nobody else. */
    const char *ecscf = p->emergency->ecscf;
    const struct string_list only = {&ecscf, 1};
    l->embedded = core_is_embedded(&p->config->core);
    if (l->embedded && !ecscf[0]) {
        snprintf(l->host, sizeof(l->host), "%s", p->host);
        return 0;
    }
    l->transports = 1u << TRANSPORT_TCP | 1u << TRANSPORT_TLS | (any_listener(p) ? 1u << TRANSPORT_UDP : 0);
    int rc = set_reach(l, p, l->embedded ? &only : &p->config->core);
    if (rc == 0)
        rc = set_tls(l, p);
    if (rc == 0)
        rc = set_resolver(l, p);
    return rc == 0 && !l->embedded ? set_home(l, p) : rc;
}
