/* addr: an IP address and port, and networks of them.
 *
 * Floor 0. Value types, no DNS. IPv4 is kept as IPv4, not mapped. */
#pragma once
#include "appliance/base/bytes.h"
#include <netinet/in.h>
#include <sys/socket.h>

enum addr_family { ADDR_NONE = 0, ADDR_V4 = 4, ADDR_V6 = 6 };

struct addr {
    uint8_t family; /* enum addr_family */
    uint16_t port;  /* host order */
    uint8_t ip[16]; /* network order; the first 4 for IPv4, the rest zero */
    uint32_t scope; /* IPv6 interface index, 0 mostly */
};

#define ADDR_TEXT 64 /* "[v6%scope]:port" with NUL */

static inline size_t addr_ip_len(const struct addr *a)
{
    return a->family == ADDR_V6 ? 16 : 4;
}
struct addr addr_from_sockaddr(const struct sockaddr *sa); /* v4-mapped becomes IPv4 */
socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *out);
int addr_af(const struct addr *a); /* AF_INET, AF_INET6, AF_UNSPEC */

/* "1.2.3.4", "1.2.3.4:5", "::1", "[::1]", "[::1]:5", "fe80::1%2". default_port where none is written. The
 * scope is a number: names of interfaces would need the kernel. The family stays as it is written. */
bool addr_parse(struct bytes text, uint16_t default_port, struct addr *out);
size_t addr_format(const struct addr *a, char dst[static ADDR_TEXT]); /* with port, RFC 5952; "-" for none */
size_t addr_format_ip(const struct addr *a, char dst[static ADDR_TEXT]); /* without; no brackets */

static inline bool addr_ip_eq(const struct addr *a, const struct addr *b)
{
    return a->family == b->family && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}
static inline bool addr_eq(const struct addr *a, const struct addr *b) /* ip and port */
{
    return a->port == b->port && addr_ip_eq(a, b);
}
uint64_t addr_hash(const struct hash_key *key, const struct addr *a);    /* ip and port */
uint64_t addr_ip_hash(const struct hash_key *key, const struct addr *a); /* ip; an IPv6 /64 counts as one */
bool addr_is_any(const struct addr *a);

/* The address that packets to `a` would in the end reach, for access decisions: unwraps v4-mapped,
 * v4-compatible, 6to4 (2002::/16), NAT64 (64:ff9b::/96, 64:ff9b:1::/48), Teredo (2001::/32) and ISATAP
 * into the IPv4 address inside; :: becomes 0.0.0.0, ::1 stays (it is loopback, RFC 4291). Port kept.
 * RFC 8215 leaves open where in 64:ff9b:1::/48 the IPv4 address stands; this is a guess by shape (RFC 6052
 * section 2.2), so a policy should refuse that network as a whole too. */
struct addr addr_canonical(const struct addr *a);

struct cidr {
    struct addr net; /* host bits zero, port 0 */
    uint8_t bits;
};
bool cidr_parse(struct bytes text, struct cidr *out); /* "10.0.0.0/8", "::1"; set host bits are an error */
size_t cidr_format(const struct cidr *c, char dst[static ADDR_TEXT]);
bool cidr_has(const struct cidr *c, const struct addr *a); /* same family only */

/* Networks to be matched by any of them. Owns its memory. */
struct cidr_set {
    struct cidr *items;
    size_t n;
};
bool cidr_set_add(struct cidr_set *s, struct cidr c);                              /* false: out of memory */
const struct cidr *cidr_set_match(const struct cidr_set *s, const struct addr *a); /* longest match or NULL */
void cidr_set_fini(struct cidr_set *s);
