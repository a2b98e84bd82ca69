#include "modules/pcscf/keepalive.h"
#include "appliance/base/wire.h"
#include "mux/conn.h"
#include <errno.h>

bool keepalive_is_offered(const struct sip_via *via)
{
    return via->has_keep && !via->keep.n;
}

void keepalive_accept(const struct pcscf *p, const struct sip_msg *rq, const struct sip_msg *rs,
                      struct sip_edit *e)
{
    struct sip_values it = sip_values(rs, SIP_H_VIA);
    struct bytes item;
    struct sip_via via;
    if (!rq || !keepalive_is_offered(&rq->via))
        return;
    bool below_ours = sip_values_next(&it, &item) && sip_values_next(&it, &item);
    if (below_ours && sip_via_parse(item, &via) && keepalive_is_offered(&via))
        sip_edit_param(e, via.params, BYTES("keep"),
                       sip_edit_text(e, "%lld", (long long)(p->config->flow_timer / 1000)));
}

void keepalive_pong(struct pcscf *p, struct conn *c)
{
    pcscf_count(p, PCSCF_PINGS);
    if (conn_send(c, BYTES("\r\n")) == -ENOBUFS)
        conn_close(c, CLOSE_BACKLOG);
}

static bool only_crlf(struct bytes in)
{
    for (size_t i = 0; i < in.n; i++) {
        if (in.p[i] != '\r' && in.p[i] != '\n' && in.p[i] != 0)
            return false;
    }
    return true;
}

#define STUN_HEAD       20
#define STUN_COOKIE     0x2112a442u
#define BINDING_REQUEST 0x0001
#define BINDING_SUCCESS 0x0101
#define XOR_MAPPED      0x0020

/* RFC 8489 5: top bits 00, whole words, the magic cookie. */
static bool is_binding_request(struct bytes in)
{
    return in.n >= STUN_HEAD && load_u16(in.p) == BINDING_REQUEST && load_u32(in.p + 4) == STUN_COOKIE &&
           load_u16(in.p + 2) % 4 == 0 && in.n == STUN_HEAD + (size_t)load_u16(in.p + 2);
}

/* The transaction id stands behind the cookie, so 16 bytes of the request are the key of the XOR (RFC
 * 8489 14.2). */
static size_t write_binding_success(struct bytes request, const struct addr *from, uint8_t *dst, size_t cap)
{
    struct wire_out out = wire_out(dst, cap);
    struct bytes key = bytes_of(request.p + 4, 16);
    size_t ip = addr_ip_len(from);
    wire_put_u16(&out, BINDING_SUCCESS);
    wire_put_u16(&out, (uint16_t)(8 + ip));
    wire_put_bytes(&out, key);
    wire_put_u16(&out, XOR_MAPPED);
    wire_put_u16(&out, (uint16_t)(4 + ip));
    wire_put_u8(&out, 0);
    wire_put_u8(&out, from->family == ADDR_V6 ? 2 : 1);
    wire_put_u16(&out, (uint16_t)(from->port ^ (STUN_COOKIE >> 16)));
    for (size_t i = 0; i < ip; i++)
        wire_put_u8(&out, from->ip[i] ^ key.p[i]);
    return out.full ? 0 : wire_len(&out);
}

bool keepalive_datagram(struct pcscf *p, struct udp_port *u, const struct addr *from, struct bytes in)
{
    uint8_t answer[64];
    if (only_crlf(in))
        return true;
    if (!is_binding_request(in))
        return false;
    pcscf_count(p, PCSCF_PINGS);
    size_t n = write_binding_success(in, from, answer, sizeof(answer));
    if (n)
        udp_send(u, from, bytes_of(answer, n));
    return true;
}
