#include "modules/turn/peer_policy.h"
#include "modules/turn/turn.h"
#include <errno.h>
#include <ifaddrs.h>

/* Interfaces come and go; a minute is soon enough. */
#define OWN_ADDRESSES_MS 60000u
/* The door numbers its UDP ports with gaps, from their places in door.listen. */
#define UDP_INDEX_MAX 512u

#define V4(a, b, c, d, n)                                                                                    \
    {                                                                                                        \
        .net = {.family = ADDR_V4, .ip = {a, b, c, d}}, .bits = n                                            \
    }
#define V6(n, ...)                                                                                           \
    {                                                                                                        \
        .net = {.family = ADDR_V6, .ip = {__VA_ARGS__}}, .bits = n                                           \
    }

/* Addresses behind a tunnel: what is sent there may come back to us, again and again (RFC 8656 21.4). */
static const struct cidr tunnels[] = {
    V6(32, 0x20, 0x01, 0x00, 0x00), /* Teredo (RFC 4380) */
    V6(16, 0x20, 0x02),             /* 6to4 (RFC 3056) */
};

/* RFC 6890 and the IANA special-purpose registries. Other networks that carry an IPv4 address inside are not
 * here, for that address is judged too; but for the local NAT64 network, where RFC 8215 leaves open in which
 * bits it stands. */
static const struct cidr special[] = {
    V4(0, 0, 0, 0, 8),       /* this host (RFC 791); also what :: becomes: CVE-2020-26262 */
    V4(10, 0, 0, 0, 8),      /* private (RFC 1918) */
    V4(100, 64, 0, 0, 10),   /* shared, CGNAT (RFC 6598) */
    V4(127, 0, 0, 0, 8),     /* loopback */
    V4(169, 254, 0, 0, 16),  /* link-local (RFC 3927), cloud metadata */
    V4(172, 16, 0, 0, 12),   /* private */
    V4(192, 0, 0, 0, 24),    /* IETF protocols */
    V4(192, 0, 2, 0, 24),    /* documentation (RFC 5737) */
    V4(192, 88, 99, 0, 24),  /* 6to4 anycast (RFC 7526) */
    V4(192, 168, 0, 0, 16),  /* private */
    V4(198, 18, 0, 0, 15),   /* benchmarks (RFC 2544) */
    V4(198, 51, 100, 0, 24), /* documentation */
    V4(203, 0, 113, 0, 24),  /* documentation */
    V4(224, 0, 0, 0, 4),     /* multicast */
    V4(240, 0, 0, 0, 4),     /* reserved, broadcast */
    V6(127, 0),              /* :: and ::1 */
    V6(48, 0x00, 0x64, 0xFF, 0x9B, 0x00, 0x01), /* local NAT64 (RFC 8215) */
    V6(64, 0x01),                               /* discard (RFC 6666) */
    V6(48, 0x20, 0x01, 0x00, 0x02),             /* benchmarks (RFC 5180) */
    V6(28, 0x20, 0x01, 0x00, 0x10),             /* ORCHID (RFC 4843) */
    V6(28, 0x20, 0x01, 0x00, 0x20),             /* ORCHIDv2 (RFC 7343) */
    V6(32, 0x20, 0x01, 0x0D, 0xB8),             /* documentation (RFC 3849) */
    V6(20, 0x3F, 0xFF),                         /* documentation (RFC 9637) */
    V6(16, 0x5F, 0x00),                         /* segment routing (RFC 9602) */
    V6(7, 0xFC),                                /* unique local (RFC 4193) */
    V6(10, 0xFE, 0x80),                         /* link-local */
    V6(10, 0xFE, 0xC0),                         /* site-local, once */
    V6(8, 0xFF),                                /* multicast */
};

static bool is_among(const struct cidr *nets, size_t n, const struct addr *a)
{
    for (size_t i = 0; i < n; i++)
        if (cidr_has(&nets[i], a))
            return true;
    return false;
}

static bool is_tunnel(const struct addr *a)
{
    return is_among(tunnels, sizeof(tunnels) / sizeof(tunnels[0]), a);
}

static bool is_special(const struct addr *a)
{
    return is_tunnel(a) || is_among(special, sizeof(special) / sizeof(special[0]), a);
}

enum peer_verdict peer_check_client(const struct addr *client)
{
    return is_tunnel(client) ? PEER_SPECIAL : PEER_ALLOWED;
}

static bool is_own_relay(const struct turn *t, const struct addr *a)
{
    for (unsigned i = 0; i < t->n_relays; i++)
        if (addr_ip_eq(&t->relays[i].bind, a) || addr_ip_eq(&t->relays[i].advertised, a))
            return true;
    return false;
}

static int read_own(struct cidr_set *own)
{
    struct ifaddrs *all = NULL;
    int rc = getifaddrs(&all) < 0 ? -errno : 0;
    for (struct ifaddrs *i = all; rc == 0 && i; i = i->ifa_next) {
        if (!i->ifa_addr)
            continue;
        struct addr a = addr_from_sockaddr(i->ifa_addr);
        if (a.family == ADDR_NONE)
            continue;
        a.port = 0;
        a.scope = 0;
        if (!cidr_set_add(own, (struct cidr){.net = a, .bits = (uint8_t)(8 * addr_ip_len(&a))}))
            rc = -ENOMEM;
    }
    freeifaddrs(all);
    return rc;
}

static bool is_listener(const struct turn *t, uint16_t port)
{
    for (unsigned i = 0; i < t->policy.n_listeners; i++)
        if (t->policy.listeners[i] == port)
            return true;
    return false;
}

static void add_listener(struct turn *t, uint16_t port)
{
    struct peer_policy *p = &t->policy;
    if (p->n_listeners < POLICY_LISTENERS_MAX && !is_listener(t, port))
        p->listeners[p->n_listeners++] = port;
}

/* Of both kinds, for both kinds of relays (RFC 6062 4.2): a connection from ourselves would pass for one of
 * the core or of a trusted proxy. */
static void read_listeners(struct turn *t)
{
    uint16_t port;
    t->policy.n_listeners = 0;
    for (unsigned i = 0; (port = tcp_port_get(t->w, i)) != 0; i++)
        add_listener(t, port);
    for (uint16_t i = 0; i < UDP_INDEX_MAX; i++) {
        const struct udp_port *u = udp_port_get(t->w, i);
        if (u)
            add_listener(t, u->local.port);
    }
}

/* What cannot be read anew is kept as it was. Where nothing was read yet it is asked again each time, and
 * until then check() says no: a machine out of descriptors must not take its own addresses for the world's.
 */
static void refresh(struct turn *t)
{
    struct peer_policy *p = &t->policy;
    struct cidr_set fresh = {0};
    if (p->read && t->w->now - p->read_at < OWN_ADDRESSES_MS)
        return;
    if (read_own(&fresh) == 0) {
        cidr_set_fini(&p->own);
        p->own = fresh;
        p->read = true;
    } else {
        cidr_set_fini(&fresh);
    }
    read_listeners(t);
    p->read_at = t->w->now;
}

bool peer_policy_is_listener(struct turn *t, uint16_t port)
{
    if (t->policy.n_listeners == 0)
        read_listeners(t);
    return is_listener(t, port);
}

void peer_policy_fini(struct turn *t)
{
    cidr_set_fini(&t->policy.own);
}

static bool is_relay_port(const struct turn *t, uint16_t port)
{
    return port >= t->relay_ports.first && port <= t->relay_ports.last;
}

/* One form of the address against the rules of the header, in their order. */
static enum peer_verdict judge(const struct turn *t, const struct addr *a, bool with_port)
{
    bool relay = is_own_relay(t, a);
    bool own = relay || cidr_set_match(&t->policy.own, a);
    if (with_port && a->port == 0)
        return PEER_NO_PORT;
    if (with_port && own && is_listener(t, a->port))
        return PEER_LISTENER;
    if (cidr_set_match(&t->config->deny_peers, a))
        return PEER_REFUSED;
    if (relay && (!with_port || is_relay_port(t, a->port)))
        return PEER_ALLOWED;
    if (cidr_set_match(&t->config->allow_peers, a))
        return PEER_ALLOWED;
    if (own)
        return PEER_OWN;
    return is_special(a) ? PEER_SPECIAL : PEER_ALLOWED;
}

/* As written and as unwrapped: fe80::5efe:8.8.8.8 is link-local whatever address it has inside. */
static enum peer_verdict check(struct turn *t, const struct addr *peer, bool with_port)
{
    struct addr inner = addr_canonical(peer);
    refresh(t);
    if (!t->policy.read)
        return PEER_OWN;
    enum peer_verdict v = judge(t, peer, with_port);
    return v == PEER_ALLOWED ? judge(t, &inner, with_port) : v;
}

enum peer_verdict peer_check(struct turn *t, const struct addr *peer)
{
    return check(t, peer, true);
}

enum peer_verdict peer_check_ip(struct turn *t, const struct addr *peer)
{
    return check(t, peer, false);
}

const char *peer_verdict_name(enum peer_verdict v)
{
    static const char *const names[] = {
        [PEER_ALLOWED] = "allowed",    [PEER_NO_PORT] = "port 0",  [PEER_LISTENER] = "own listener",
        [PEER_REFUSED] = "deny_peers", [PEER_OWN] = "own address", [PEER_SPECIAL] = "special network",
    };
    return names[v];
}
