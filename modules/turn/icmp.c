#include "modules/turn/icmp.h"
#include "modules/stun/stun.h"
#include "modules/turn/allocation.h"
#include "modules/turn/send.h"
#include <errno.h>
#include <linux/errqueue.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* In one call; the next wake-up brings the rest. */
#define ERRORS_MAX 16u

/* RFC 792 and RFC 4443. */
#define ICMP4_UNREACHABLE   3u
#define ICMP4_FRAGMENTATION 4u /* a code of it */
#define ICMP4_TIME_EXCEEDED 11u
#define ICMP6_UNREACHABLE   1u
#define ICMP6_TOO_BIG       2u
#define ICMP6_TIME_EXCEEDED 3u

void icmp_ask(int fd, uint8_t family)
{
    int on = 1, may_fragment = RELAY_MAY_FRAGMENT;
    if (family == ADDR_V6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
        return;
    }
    setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
    /* RFC 8656 14, 15: without DONT-FRAGMENT the DF bit is 0. The kernel's preset would set it. */
    setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &may_fragment, sizeof(may_fragment));
}

struct icmp {
    struct addr peer;
    uint8_t type, code;
    uint32_t data;
};

static bool is_relayed(const struct icmp *i)
{
    if (i->peer.family == ADDR_V4)
        return i->type == ICMP4_UNREACHABLE || i->type == ICMP4_TIME_EXCEEDED;
    return i->type >= ICMP6_UNREACHABLE && i->type <= ICMP6_TIME_EXCEEDED;
}

/* RFC 8656 18.13: the MTU, where the message is about it. */
static bool has_mtu(const struct icmp *i)
{
    return i->peer.family == ADDR_V4 ? i->type == ICMP4_UNREACHABLE && i->code == ICMP4_FRAGMENTATION
                                     : i->type == ICMP6_TOO_BIG;
}

static bool from_error(const struct sock_extended_err *e, struct icmp *out)
{
    bool v4 = out->peer.family == ADDR_V4;
    out->type = e->ee_type;
    out->code = e->ee_code;
    if (e->ee_origin == SO_EE_ORIGIN_LOCAL && e->ee_errno == EMSGSIZE) {
        out->type = v4 ? ICMP4_UNREACHABLE : ICMP6_TOO_BIG;
        out->code = v4 ? ICMP4_FRAGMENTATION : 0;
    } else if (e->ee_origin != (v4 ? SO_EE_ORIGIN_ICMP : SO_EE_ORIGIN_ICMP6)) {
        return false;
    }
    out->data = has_mtu(out) ? e->ee_info : 0;
    return is_relayed(out);
}

static bool find_error(struct msghdr *m, struct icmp *out)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        struct sock_extended_err e;
        bool v4 = c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR;
        bool v6 = c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR;
        if (!v4 && !v6)
            continue;
        memcpy(&e, CMSG_DATA(c), sizeof(e));
        return from_error(&e, out);
    }
    return false;
}

static void tell(struct allocation *a, const struct icmp *i)
{
    uint8_t mem[128], id[STUN_ID], value[8] = {0, 0, i->type, i->code};
    struct stun_writer w;
    if (!permission_find(a, &i->peer)) {
        turn_count(a->turn, TS_DROP_NO_PERMISSION);
        return;
    }
    store_u32(value + 4, i->data);
    indication_id(a->turn, id);
    stun_begin(&w, mem, sizeof(mem), stun_type(STUN_INDICATION, STUN_DATA), id);
    stun_put_xor(&w, STUN_A_XOR_PEER_ADDRESS, &i->peer);
    stun_put(&w, STUN_A_ICMP, bytes_of(value, sizeof(value)));
    size_t n = stun_end(&w);
    if (!client_is_none(&a->client) && !bandwidth_take(&a->bandwidth, a, a->turn->w->now, TO_CLIENT, n))
        turn_count(a->turn, TS_DROP_BANDWIDTH);
    else if (client_send(&a->client, bytes_of(mem, n)) == 0)
        turn_count(a->turn, TS_ICMP);
}

static bool read_error(struct allocation *a, int fd)
{
    struct wire_addr to;
    uint8_t control[512];
    struct msghdr m = {.msg_name = &to.sa,
                       .msg_namelen = sizeof(to.v6),
                       .msg_control = control,
                       .msg_controllen = sizeof(control)};
    struct icmp i = {0};
    if (recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
        return false;
    if (m.msg_namelen)
        i.peer = ports_from_wire(a->turn, &to.sa);
    if (i.peer.family != ADDR_NONE && find_error(&m, &i))
        tell(a, &i);
    return true;
}

void icmp_read(struct allocation *a, struct relay_udp *r)
{
    for (unsigned n = 0; n < ERRORS_MAX && read_error(a, r->fd); n++)
        continue;
}
