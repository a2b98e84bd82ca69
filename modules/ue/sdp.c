#include "modules/ue/sdp.h"
#include <errno.h>
#include <inttypes.h>

#define PCMU 0 /* RFC 3551 6 */

/* RFC 8445 5.1.2.1: type preference 0 for relayed, one local address, component 1. */
#define RELAY_PRIORITY ((0u << 24) + (65535u << 8) + (256 - 1))

void sdp_make(struct sdp *s, const struct addr *relay, uint64_t session)
{
    *s = (struct sdp){.session = session, .version = 1, .media = *relay, .sends = true, .receives = true};
    s->payloads[s->n_payloads++] = PCMU;
    s->rtcp_mux = true;
    s->candidates[s->n_candidates++] =
        (struct sdp_candidate){.kind = SDP_RELAY, .component = 1, .priority = RELAY_PRIORITY, .addr = *relay};
}

static const char *family_word(const struct addr *a)
{
    return a->family == ADDR_V6 ? "IP6" : "IP4";
}

static const char *direction_word(const struct sdp *s)
{
    if (s->sends)
        return s->receives ? "sendrecv" : "sendonly";
    return s->receives ? "recvonly" : "inactive";
}

static void write_candidate(const struct sdp_candidate *c, const struct addr *mapped, struct buf *out)
{
    static const char *const kinds[] = {"host", "srflx", "prflx", "relay"};
    char ip[ADDR_TEXT], from[ADDR_TEXT];
    addr_format_ip(&c->addr, ip);
    buf_printf(out, "a=candidate:1 %u UDP %u %s %u typ %s", c->component, c->priority, ip, c->addr.port,
               kinds[c->kind]);
    /* Related address: all but host candidates must have one (RFC 8839 5.1); 0.0.0.0:9 says that it is not
     * told. */
    bool known = mapped && mapped->family != ADDR_NONE;
    if (known)
        addr_format_ip(mapped, from);
    if (c->kind != SDP_HOST)
        buf_printf(out, " raddr %s rport %u",
                   known                       ? from
                   : c->addr.family == ADDR_V6 ? "::"
                                               : "0.0.0.0",
                   known ? mapped->port : 9u);
    buf_str(out, "\r\n");
}

bool sdp_write(const struct sdp *s, const struct addr *mapped, struct buf *out)
{
    char ip[ADDR_TEXT];
    addr_format_ip(&s->media, ip);
    const char *family = family_word(&s->media);
    buf_printf(out, "v=0\r\no=- %" PRIu64 " %" PRIu64 " IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\n",
               s->session, s->version, family, ip, family, ip);
    buf_printf(out, "m=audio %u RTP/AVP", s->media.port);
    for (unsigned i = 0; i < s->n_payloads; i++)
        buf_printf(out, " %u", s->payloads[i]);
    buf_str(out, "\r\n");
    if (sdp_has_payload(s, PCMU))
        buf_str(out, "a=rtpmap:0 PCMU/8000\r\n");
    buf_printf(out, "a=ptime:20\r\na=%s\r\n", direction_word(s));
    if (s->rtcp_mux)
        buf_str(out, "a=rtcp-mux\r\n");
    for (unsigned i = 0; i < s->n_candidates; i++)
        write_candidate(&s->candidates[i], mapped, out);
    return !out->failed;
}

/* "IN IP4 192.0.2.1", with /ttl behind it for multicast. */
static bool read_connection(struct bytes value, struct addr *out)
{
    struct bytes net, family, ip, literal;
    if (!bytes_split(&value, ' ', &net) || !bytes_split(&value, ' ', &family) ||
        !bytes_split(&value, ' ', &ip))
        return false;
    if (!bytes_eq(net, BYTES("IN")) || !bytes_split(&ip, '/', &literal))
        return false;
    return addr_parse(literal, 0, out) && out->port == 0;
}

static void read_payloads(struct bytes list, struct sdp *s)
{
    struct bytes item;
    uint32_t n;
    while (bytes_split(&list, ' ', &item))
        if (s->n_payloads < SDP_PAYLOADS_MAX && bytes_u32(item, &n) && n < 128)
            s->payloads[s->n_payloads++] = (uint8_t)n;
}

/* "audio 49170 RTP/AVP 0 8". True when it is the stream that we take. */
static bool read_media(struct bytes value, struct sdp *s)
{
    struct bytes kind, port, profile, number;
    uint32_t n;
    if (!bytes_split(&value, ' ', &kind) || !bytes_split(&value, ' ', &port) ||
        !bytes_split(&value, ' ', &profile))
        return false;
    if (!bytes_eq(kind, BYTES("audio")) || !bytes_starts(profile, BYTES("RTP/")))
        return false;
    if (!bytes_split(&port, '/', &number) || !bytes_u32(number, &n) || n > 65535)
        return false;
    s->media.port = (uint16_t)n;
    read_payloads(value, s);
    return true;
}

static bool candidate_kind(struct bytes word, enum sdp_candidate_kind *out)
{
    static const char *const kinds[] = {"host", "srflx", "prflx", "relay"};
    for (unsigned i = 0; i < 4; i++)
        if (bytes_eq(word, bytes_str(kinds[i])))
            return *out = (enum sdp_candidate_kind)i, true;
    return false;
}

/* "1 1 UDP 16777215 192.0.2.1 5000 typ relay ..."; what is not UDP or not an address is passed over. */
static void read_candidate(struct bytes value, struct sdp *s)
{
    struct bytes word[8];
    struct sdp_candidate c = {0};
    uint32_t component, port;
    for (unsigned i = 0; i < 8; i++)
        if (!bytes_split(&value, ' ', &word[i]))
            return;
    if (s->n_candidates == SDP_CANDIDATES_MAX || !bytes_ieq(word[2], BYTES("UDP")))
        return;
    if (!bytes_u32(word[1], &component) || !bytes_u32(word[3], &c.priority) || !bytes_u32(word[5], &port))
        return;
    if (component < 1 || component > 256 || port == 0 || port > 65535 || !bytes_eq(word[6], BYTES("typ")))
        return;
    if (!addr_parse(word[4], 0, &c.addr) || c.addr.port != 0 || !candidate_kind(word[7], &c.kind))
        return;
    c.component = component;
    c.addr.port = (uint16_t)port;
    s->candidates[s->n_candidates++] = c;
}

static void read_attribute(struct bytes value, struct sdp *s)
{
    if (bytes_starts(value, BYTES("candidate:")))
        read_candidate(bytes_skip(value, sizeof "candidate:" - 1), s);
    else if (bytes_eq(value, BYTES("rtcp-mux")))
        s->rtcp_mux = true;
    else if (bytes_eq(value, BYTES("sendonly")))
        s->receives = false;
    else if (bytes_eq(value, BYTES("recvonly")))
        s->sends = false;
    else if (bytes_eq(value, BYTES("inactive")))
        s->sends = s->receives = false;
    else if (bytes_eq(value, BYTES("sendrecv")))
        s->sends = s->receives = true;
}

/* Where a reader stands: in the session's part, in the stream that we take, or in one that we do not. */
enum part { PART_SESSION, PART_OURS, PART_OTHER };

static void read_line(uint8_t type, struct bytes value, struct sdp *s, enum part *part, bool *found)
{
    if (type == 'm') {
        uint16_t port = s->media.port;
        bool ours = !*found && read_media(value, s);
        if (!ours)
            s->media.port = port;
        *found = *found || ours;
        *part = ours ? PART_OURS : PART_OTHER;
    } else if (type == 'c' && *part != PART_OTHER) {
        uint16_t port = s->media.port;
        struct addr a;
        if (read_connection(value, &a))
            s->media = a, s->media.port = port;
    } else if (type == 'a' && *part != PART_OTHER) {
        read_attribute(value, s);
    }
}

int sdp_parse(struct bytes text, struct sdp *out)
{
    *out = (struct sdp){.sends = true, .receives = true};
    struct bytes line;
    enum part part = PART_SESSION;
    bool found = false;
    if (!bytes_starts(text, BYTES("v=0")))
        return -EBADMSG;
    while (bytes_split(&text, '\n', &line)) {
        line = bytes_trim(line); /* a bare LF ends a line too (RFC 8866 5) */
        if (line.n == 0)
            continue;
        if (line.n < 2 || line.p[1] != '=')
            return -EBADMSG;
        read_line(line.p[0], bytes_skip(line, 2), out, &part, &found);
    }
    return found && out->media.family != ADDR_NONE ? 0 : -ENOENT;
}

bool sdp_has_payload(const struct sdp *s, uint8_t type)
{
    for (unsigned i = 0; i < s->n_payloads; i++)
        if (s->payloads[i] == type)
            return true;
    return false;
}

struct addr sdp_destination(const struct sdp *s)
{
    const struct sdp_candidate *best = NULL;
    for (unsigned i = 0; i < s->n_candidates; i++) {
        const struct sdp_candidate *c = &s->candidates[i];
        if (c->kind == SDP_RELAY && c->component == 1 && (!best || c->priority > best->priority))
            best = c;
    }
    return best && s->media.port != 0 ? best->addr : s->media;
}
