#include "appliance/base/addr.h"
#include <arpa/inet.h>
#include <string.h>

static struct addr v4_from(const uint8_t ip[static 4], uint16_t port)
{
    struct addr a = {.family = ADDR_V4, .port = port};
    memcpy(a.ip, ip, 4);
    return a;
}

static bool is_mapped(const uint8_t ip[static 16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}; /* ::ffff:0:0/96 */
    return memcmp(ip, mapped, sizeof mapped) == 0;
}

static struct addr from_in6(const struct sockaddr_in6 *in)
{
    if (is_mapped(in->sin6_addr.s6_addr))
        return v4_from(in->sin6_addr.s6_addr + 12, ntohs(in->sin6_port));
    struct addr a = {.family = ADDR_V6, .port = ntohs(in->sin6_port), .scope = in->sin6_scope_id};
    memcpy(a.ip, in->sin6_addr.s6_addr, 16);
    return a;
}

struct addr addr_from_sockaddr(const struct sockaddr *sa)
{
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof in);
        return v4_from((const uint8_t *)&in.sin_addr, ntohs(in.sin_port));
    }
    if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in;
        memcpy(&in, sa, sizeof in);
        return from_in6(&in);
    }
    return (struct addr){0};
}

socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    if (a->family == ADDR_V4) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(a->port)};
        memcpy(&in.sin_addr, a->ip, 4);
        memcpy(out, &in, sizeof in);
        return sizeof in;
    }
    if (a->family == ADDR_V6) {
        struct sockaddr_in6 in = {
            .sin6_family = AF_INET6, .sin6_port = htons(a->port), .sin6_scope_id = a->scope};
        memcpy(&in.sin6_addr, a->ip, 16);
        memcpy(out, &in, sizeof in);
        return sizeof in;
    }
    return 0;
}

int addr_af(const struct addr *a)
{
    if (a->family == ADDR_V4)
        return AF_INET;
    return a->family == ADDR_V6 ? AF_INET6 : AF_UNSPEC;
}

uint64_t addr_hash(const struct hash_key *key, const struct addr *a)
{
    uint8_t all[19];
    memcpy(all, a->ip, 16);
    memcpy(all + 16, &a->port, 2);
    all[18] = a->family;
    return bytes_hash(key, bytes_of(all, sizeof all));
}

/* One household or phone has a whole /64 (RFC 6177 section 2), so limits count that as one stranger. */
uint64_t addr_ip_hash(const struct hash_key *key, const struct addr *a)
{
    uint8_t net[9];
    memcpy(net, a->ip, 8);
    net[8] = a->family;
    return bytes_hash(key, bytes_of(net, sizeof net));
}

bool addr_is_any(const struct addr *a)
{
    static const uint8_t any[16];
    return a->family != ADDR_NONE && memcmp(a->ip, any, sizeof any) == 0;
}
