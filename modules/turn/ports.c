#include "modules/turn/ports.h"
#include "appliance/base/random.h"
#include "modules/turn/turn.h"
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Ports that somebody else on this machine has are found out by trying; this many in a row is "none free". */
#define FOREIGN_MAX 256u
/* And this many even ports whose neighbour is not free is "no pair". */
#define PAIRS_MAX 64u
/* Of a TCP relay: peers whose connections are not accepted yet. */
#define STREAM_BACKLOG 16

bool relay_address_parse(struct bytes text, struct relay_address *out)
{
    struct relay_address ra = {0};
    struct bytes rest = text, bind;
    if (!bytes_split(&rest, '/', &bind) || !addr_parse(bytes_trim(bind), 0, &ra.bind))
        return false;
    ra.advertised = ra.bind;
    if (rest.n && !addr_parse(bytes_trim(rest), 0, &ra.advertised))
        return false;
    if (ra.bind.port || ra.advertised.port || ra.bind.family != ra.advertised.family ||
        addr_is_any(&ra.advertised))
        return false;
    ra.translated = !addr_ip_eq(&ra.bind, &ra.advertised);
    *out = ra;
    return true;
}

static bool has_family(const struct turn *t, uint8_t family)
{
    for (unsigned i = 0; i < t->n_relays; i++)
        if (t->relays[i].bind.family == family)
            return true;
    return false;
}

static void add_address(struct turn *t, struct addr a)
{
    a.port = 0;
    t->relays[t->n_relays++] = (struct relay_address){.bind = a, .advertised = a};
}

static bool is_global(const struct ifaddrs *i)
{
    if (!i->ifa_addr || !(i->ifa_flags & IFF_UP) || i->ifa_flags & IFF_LOOPBACK)
        return false;
    struct addr a = addr_from_sockaddr(i->ifa_addr);
    bool link_local = a.family == ADDR_V6 && a.ip[0] == 0xFE && (a.ip[1] & 0xC0) == 0x80;
    return a.family != ADDR_NONE && !link_local;
}

static void find_addresses(struct turn *t)
{
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) < 0)
        all = NULL;
    for (struct ifaddrs *i = all; i; i = i->ifa_next) {
        if (!is_global(i))
            continue;
        struct addr a = addr_from_sockaddr(i->ifa_addr);
        if (!has_family(t, a.family))
            add_address(t, a);
    }
    freeifaddrs(all);
    if (!t->n_relays)
        add_address(t, (struct addr){.family = ADDR_V4, .ip = {127, 0, 0, 1}});
}

static int read_addresses(struct turn *t)
{
    const struct string_list *list = &t->config->relay_addresses;
    for (size_t i = 0; i < list->n; i++) {
        if (t->n_relays == RELAY_ADDRESSES_MAX)
            return -E2BIG;
        if (!relay_address_parse(bytes_str(list->items[i]), &t->relays[t->n_relays]))
            return -EINVAL;
        t->n_relays++;
    }
    if (!t->n_relays)
        find_addresses(t);
    return 0;
}

static bool is_taken(const struct relay_address *ra, unsigned i)
{
    return ra->taken[i / 8] >> i % 8 & 1;
}

static void mark(struct relay_address *ra, unsigned i, bool taken)
{
    uint8_t bit = (uint8_t)(1u << i % 8);
    ra->taken[i / 8] = (uint8_t)(taken ? ra->taken[i / 8] | bit : ra->taken[i / 8] & ~bit);
    ra->used += taken ? 1u : -1u;
}

/* Ports are numbered by pairs of this worker: 2k and 2k + 1 are the two ports of its k-th pair. */
static unsigned port_of(const struct relay_address *ra, unsigned i)
{
    return 2 * (ra->first_pair + i / 2 * ra->workers) + i % 2;
}

static unsigned index_of(const struct relay_address *ra, unsigned port)
{
    return 2 * ((port / 2 - ra->first_pair) / ra->workers) + port % 2;
}

static int share_ports(struct turn *t, struct relay_address *ra)
{
    ra->turn = t;
    unsigned workers = t->w->gw->n_workers ? t->w->gw->n_workers : 1;
    unsigned first = t->relay_ports.first / 2u, last = t->relay_ports.last / 2u;
    unsigned ahead = (t->w->id % workers + workers - first % workers) % workers;
    ra->workers = workers;
    ra->first_pair = first + ahead;
    ra->count = first + ahead > last ? 0 : 2 * ((last - first - ahead) / workers + 1);
    ra->taken = calloc(ra->count / 8 + 1, 1);
    if (!ra->taken)
        return -ENOMEM;
    /* The range may begin or end in the middle of a pair. */
    for (unsigned i = 0; i < ra->count; i++)
        if (port_of(ra, i) < t->relay_ports.first || port_of(ra, i) > t->relay_ports.last)
            mark(ra, i, true);
    return 0;
}

int ports_init(struct turn *t)
{
    int rc = read_addresses(t);
    for (unsigned i = 0; rc == 0 && i < t->n_relays; i++) {
        rc = share_ports(t, &t->relays[i]);
        log_info(&t->w->log, "turn.relay_address", F_ADDR("bind", &t->relays[i].bind),
                 F_ADDR("advertised", &t->relays[i].advertised), F_UINT("ports", t->relays[i].count));
    }
    if (rc < 0)
        log_error(&t->w->log, "turn.relay_addresses_refused", F_ERRNO(rc));
    return rc;
}

void ports_fini(struct turn *t)
{
    for (unsigned i = 0; i < t->n_relays; i++)
        free(t->relays[i].taken);
    t->n_relays = 0;
}

struct relay_address *ports_address(struct turn *t, uint8_t family)
{
    for (unsigned i = 0; i < t->n_relays; i++)
        if (t->relays[i].bind.family == family)
            return &t->relays[i];
    return NULL;
}

/* Connections that have ended keep the port in TIME_WAIT for a minute, which is no reason not to listen on
 * it. SO_REUSEPORT comes after bind: then somebody else's listener is still noticed, and our own connections
 * from this port (RFC 6062 5.2) can be bound beside it. */
static int bind_stream(int fd, const struct sockaddr *sa, socklen_t n)
{
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, sa, n) < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0 ||
        listen(fd, STREAM_BACKLOG) < 0)
        return -errno;
    return 0;
}

static int bind_datagram(int fd, const struct sockaddr *sa, socklen_t n)
{
    return bind(fd, sa, n) < 0 ? -errno : 0;
}

static int open_bound(const struct relay_address *ra, int type, uint16_t port)
{
    struct sockaddr_storage ss;
    struct addr a = ra->bind;
    a.port = port;
    socklen_t n = addr_to_sockaddr(&a, &ss);
    int on = 1, fd = socket(ss.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (ss.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    int rc = type == SOCK_STREAM ? bind_stream(fd, (struct sockaddr *)&ss, n)
                                 : bind_datagram(fd, (struct sockaddr *)&ss, n);
    if (rc == 0)
        return fd;
    close(fd);
    return rc;
}

static unsigned common_divisor(unsigned a, unsigned b)
{
    while (b) {
        unsigned rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* A relay on the port of a listener of ours could be bound where the protocol is the other one, but no client
 * of ours would be let through to it. */
static bool is_free(const struct relay_address *ra, unsigned i)
{
    return !is_taken(ra, i) && !peer_policy_is_listener(ra->turn, (uint16_t)port_of(ra, i));
}

/* From a random port in random steps that meet every port once: cannot be guessed, does not walk through a
 * stranger's neighbourhood, and is sure to end. */
static int open_any(struct relay_address *ra, int type, bool even, uint16_t *port)
{
    if (ra->used >= ra->count)
        return -ENOSPC;
    unsigned at = random_below(ra->count), step = 1 + random_below(ra->count), foreign = 0;
    while (common_divisor(step, ra->count) != 1)
        step++;
    for (unsigned tried = 0; tried < ra->count && foreign < FOREIGN_MAX;
         tried++, at = (at + step) % ra->count) {
        if (!is_free(ra, at) || (even && at % 2))
            continue;
        *port = (uint16_t)port_of(ra, at);
        int fd = open_bound(ra, type, *port);
        if (fd >= 0) {
            mark(ra, at, true);
            return fd;
        }
        if (fd != -EADDRINUSE && fd != -EACCES)
            return fd;
        foreign++;
    }
    return -ENOSPC;
}

int ports_open(struct relay_address *ra, bool even, uint16_t *port)
{
    return open_any(ra, SOCK_DGRAM, even, port);
}

int ports_open_tcp(struct relay_address *ra, uint16_t *port)
{
    return open_any(ra, SOCK_STREAM, false, port);
}

int ports_open_pair(struct relay_address *ra, uint16_t *port, int *next)
{
    for (unsigned tried = 0; tried < PAIRS_MAX; tried++) {
        int fd = ports_open(ra, true, port);
        if (fd < 0)
            return fd;
        *next = is_free(ra, index_of(ra, *port + 1u)) ? open_bound(ra, SOCK_DGRAM, (uint16_t)(*port + 1u))
                                                      : -EADDRINUSE;
        if (*next >= 0)
            return fd;
        ports_close(ra, fd, *port);
    }
    return -ENOSPC;
}

void ports_close(struct relay_address *ra, int fd, uint16_t port)
{
    close(fd);
    mark(ra, index_of(ra, port), false);
}

struct wire_addr ports_to_wire(const struct turn *t, const struct addr *peer)
{
    struct sockaddr_storage ss;
    struct wire_addr out = {.n = 0};
    struct addr to = *peer;
    for (unsigned i = 0; i < t->n_relays; i++) {
        const struct relay_address *ra = &t->relays[i];
        if (ra->translated && !addr_is_any(&ra->bind) && addr_ip_eq(&ra->advertised, peer)) {
            to = ra->bind;
            to.port = peer->port;
            break;
        }
    }
    out.n = addr_to_sockaddr(&to, &ss);
    memcpy(&out.sa, &ss, out.n <= sizeof(out.v6) ? out.n : 0);
    return out;
}

struct addr ports_from_wire(const struct turn *t, const struct sockaddr *sa)
{
    struct addr from = addr_from_sockaddr(sa);
    for (unsigned i = 0; i < t->n_relays; i++) {
        const struct relay_address *ra = &t->relays[i];
        if (ra->translated && addr_ip_eq(&ra->bind, &from)) {
            uint16_t port = from.port;
            from = ra->advertised;
            from.port = port;
            break;
        }
    }
    return from;
}
