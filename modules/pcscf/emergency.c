#include "modules/pcscf/emergency.h"
#include "modules/pcscf/core/core_uri.h"
#include "modules/pcscf/identity.h"
#include "modules/pcscf/passage.h"
#include "modules/pcscf/registration/contact.h"
#include "modules/sip/reply.h"
#include "modules/sip/server_txn.h"
#include "mux/conn.h"
#include <errno.h>
#include <stdio.h>

/* ---- what is one ---- */

#define SOS BYTES("service:sos")

static bool is_sos(const struct sip_uri *u)
{
    if (u->scheme != SIP_URI_URN || !bytes_istarts(u->rest, SOS))
        return false;
    return u->rest.n == SOS.n || u->rest.p[SOS.n] == '.';
}

#define NUMBER_MAX 32

/* The dialled digits: escapes undone, visual separators out (RFC 3966 5.1.1), up to the first parameter (RFC
 * 4967). 0: too long for an emergency number, or none. */
static size_t dialled(struct bytes user, char dst[static NUMBER_MAX])
{
    uint8_t raw[4 * NUMBER_MAX];
    struct bytes rest = user, number;
    size_t n = bytes_split(&rest, ';', &number) ? sip_unescape(number, raw, sizeof(raw)) : 0, len = 0;
    for (size_t i = 0; n != BYTES_NOT_FOUND && i < n; i++) {
        if (strchr("-.()", raw[i]) && raw[i])
            continue;
        if (len == NUMBER_MAX - 1)
            return 0;
        dst[len++] = (char)raw[i];
    }
    return len;
}

static bool is_number(const struct emergency_config *c, struct bytes user)
{
    const struct string_list *numbers = &c->numbers;
    char digits[NUMBER_MAX];
    size_t n = dialled(user, digits);
    for (size_t i = 0; n && i < numbers->n; i++) {
        if (bytes_eq(bytes_of(digits, n), bytes_str(numbers->items[i])))
            return true;
    }
    return false;
}

static bool is_called(const struct emergency_config *c, const struct sip_uri *ruri)
{
    if (ruri->scheme == SIP_URI_URN)
        return is_sos(ruri);
    return (sip_uri_is_sip(ruri) || ruri->scheme == SIP_URI_TEL) && is_number(c, ruri->user);
}

bool emergency_is_called(const struct pcscf *p, const struct sip_uri *ruri)
{
    return is_called(p->emergency, ruri);
}

struct bytes emergency_urn(const struct sip_uri *ruri)
{
    return is_sos(ruri) ? ruri->text : BYTES("urn:service:sos");
}

static bool registers_for_one(const struct sip_msg *rq)
{
    struct sip_values it = sip_values(rq, SIP_H_CONTACT);
    struct sip_contact c;
    while (contact_next(&it, &c)) {
        if (contact_is_sos(&c))
            return true;
    }
    return false;
}

bool emergency_is_of_phone(const struct emergency_config *c, const struct sip_msg *rq)
{
    return rq->method == SIP_REGISTER ? registers_for_one(rq) : is_called(c, &rq->ruri);
}

bool emergency_is_callback(const struct sip_msg *rq)
{
    return rq->to_tag.n == 0 && bytes_ieq(sip_msg_value(rq, SIP_H_PRIORITY), BYTES("psap-callback"));
}

bool emergency_is(const struct pcscf *p, const struct sip_hop *from, const struct sip_msg *rq)
{
    if (rq->method != SIP_REGISTER && core_link_is_from(p, from))
        return emergency_is_callback(rq);
    return emergency_is_of_phone(p->emergency, rq);
}

bool emergency_is_all(const struct phone *ph)
{
    list_each (it, &ph->registrations) {
        if (!container_of(it, struct registration, link)->sos)
            return false;
    }
    return true;
}

/* ---- the E-CSCF ---- */

/* The first that is written, as a Route (TS 24.229 5.2.10.4). */
static bool write_route(const char *place, char *dst, size_t cap)
{
    static const char *const transport[] = {[TRANSPORT_NONE] = "",
                                            [TRANSPORT_UDP] = "",
                                            [TRANSPORT_TCP] = ";transport=tcp",
                                            [TRANSPORT_TLS] = ";transport=tls"};
    struct bytes rest = bytes_str(place), word;
    struct core_uri uri;
    char port[8] = "";
    if (!bytes_split(&rest, ' ', &word) || !core_uri_parse(word, &uri, NULL))
        return false;
    if (uri.port)
        snprintf(port, sizeof(port), ":%u", uri.port);
    bool v6 = uri.addr.family == ADDR_V6 && uri.name[0] != '[';
    int n = snprintf(dst, cap, "<%s:%s%s%s%s%s;lr>", uri.secure ? "sips" : "sip", v6 ? "[" : "", uri.name,
                     v6 ? "]" : "", port, transport[uri.transport]);
    return n > 0 && (size_t)n < cap;
}

int emergency_init(struct pcscf *p)
{
    if (!p->emergency->ecscf[0])
        return 0;
    if (!write_route(p->emergency->ecscf, p->ecscf_route, sizeof(p->ecscf_route))) {
        log_error(&p->w->log, "emergency.ecscf", F_STR("problem", "the name is too long, or none"));
        return -EINVAL;
    }
    emergency_hop(p);
    return 0;
}

struct sip_hop emergency_hop(struct pcscf *p)
{
    return core_link_hop_to(p, p->emergency->ecscf);
}

struct sip_hop emergency_hop_by(struct pcscf *p, const struct sip_uri *route, struct bytes call_id)
{
    struct sip_hop way = route ? core_link_hop_named(p, route, call_id) : SIP_HOP_NONE;
    return way.kind == HOP_NONE ? emergency_hop(p) : way;
}

void emergency_begins(struct pcscf *p, const struct flow *f, const struct sip_msg *rq, bool registered)
{
    struct conn *c = f->transport == TRANSPORT_UDP ? NULL : conn_get(p->w, f->conn);
    if (c && !registered)
        conn_idle_timeout(c, EMERGENCY_IDLE);
    pcscf_count(p, PCSCF_EMERGENCY_ROUTED);
    log_info(&p->w->log, "sip.emergency", F_BYTES("call_id", rq->call_id), F_BYTES("method", rq->method_name),
             F_BYTES("uri", rq->ruri_text), F_ADDR("peer", &f->peer), F_INT("registered", registered));
}

/* ---- 380 ---- */

/* TS 24.229 7.6.1. A phone that nobody has registered may call all the same where that is allowed. */
static void write_body(const struct pcscf *p, bool registered, struct buf *out)
{
    bool anonymous = !registered && p->emergency->unregistered;
    buf_printf(out,
               "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n"
               "<ims-3gpp version=\"1\"><alternative-service><type>emergency</type><reason>%s</reason>"
               "<action>%s</action></alternative-service></ims-3gpp>\r\n",
               p->emergency->reason, anonymous ? "anonymous-emergencycall" : "emergency-registration");
}

/* TS 24.229 5.1.3.1: the phone believes a 380 only from whom it knows by its Path. */
static void write_headers(const struct pcscf *p, const struct registration *r, const struct sip_msg *rq,
                          struct buf *out)
{
    buf_printf(out, "Contact: <%.*s>\r\nP-Asserted-Identity: ", BYTES_FMT(emergency_urn(&rq->ruri)));
    if (r && r->path.n)
        buf_append(out, r->path);
    else
        buf_printf(out, "<sip:%s>", p->core.host);
    buf_str(out, "\r\n");
}

const char *emergency_because(const struct pcscf *p, const struct sip_hop *to)
{
    if (!p->emergency->ecscf[0])
        return "no emergency.ecscf is set: the phone is told to call another network";
    return to->kind == HOP_NONE ? "emergency.ecscf cannot be reached: see sallyportctl core"
                                : "the phone is not registered and emergency.unregistered is off";
}

void emergency_refuse(struct pcscf *p, struct server_txn *st, const char *because)
{
    const struct sip_msg *rq = st && !server_txn_answered(st) ? server_txn_request(st) : NULL;
    if (!rq)
        return;
    char unused[PASSAGE_IDENTITY_MAX];
    const struct flow *flow = &server_txn_from(st)->flow;
    const struct phone *ph = phone_find(p, flow);
    const struct registration *r = ph ? identity_choose(ph, rq, unused, sizeof(unused)) : NULL;
    struct buf headers, body, out;
    buf_init(&headers);
    buf_init(&body);
    buf_init(&out);
    write_headers(p, r, rq, &headers);
    write_body(p, r != NULL, &body);
    const struct sip_reply reply = {.request = rq,
                                    .status = 380,
                                    .to_tag = bytes_str(server_txn_tag(st)),
                                    .headers = buf_bytes(&headers),
                                    .content_type = BYTES("application/3gpp-ims+xml"),
                                    .body = buf_bytes(&body)};
    if (headers.failed || body.failed || sip_reply_write(&reply, &out) < 0)
        server_txn_refuse(st, 500);
    else
        server_txn_respond(st, 380, buf_bytes(&out));
    buf_fini(&headers);
    buf_fini(&body);
    buf_fini(&out);
    pcscf_count(p, PCSCF_EMERGENCY_ELSEWHERE);
    log_info(&p->w->log, "sip.emergency_elsewhere", F_BYTES("call_id", rq->call_id),
             F_BYTES("method", rq->method_name), F_BYTES("uri", rq->ruri_text), F_ADDR("peer", &flow->peer),
             F_INT("registered", r != NULL), F_STR("because", because ? because : ""));
}

/* ---- settings ---- */

static bool check_number(const char *text, const char **why)
{
    *why = "digits, * and # only, at most 31";
    size_t n = strlen(text);
    return n && n < NUMBER_MAX && strspn(text, "0123456789*#") == n;
}

/* It goes into XML as it is. */
static bool check_reason(const char *text, const char **why)
{
    *why = "at most 200 characters, none of them <, >, & or a control character";
    for (const char *c = text; *c; c++) {
        if ((*c > 0 && *c < ' ') || *c == 0x7f || strchr("<>&", *c))
            return false;
    }
    return strlen(text) <= 200;
}

#define AT(member) offsetof(struct emergency_config, member)

static const struct setting items[] = {
    {.key = "numbers",
     .type = SETTING_STRINGS,
     .offset = AT(numbers),
     .preset = "112,911",
     .help =
         "numbers that call for help, besides urn:service:sos; the same on every host, so none that is an "
         "extension somewhere",
     .reload = RELOAD_LIVE,
     .check = check_number},
    {.key = "ecscf",
     .type = SETTING_STRING,
     .offset = AT(ecscf),
     .preset = "",
     .help = "the E-CSCF that takes emergency calls, written as pcscf.core; empty: phones are told to call "
             "elsewhere (380)",
     .reload = RELOAD_RESTART,
     .check = core_link_check_place},
    {.key = "unregistered",
     .type = SETTING_BOOL,
     .offset = AT(unregistered),
     .preset = "no",
     .help = "phones that are not registered may call the E-CSCF too",
     .reload = RELOAD_LIVE},
    {.key = "flow_grace",
     .type = SETTING_DURATION,
     .offset = AT(flow_grace),
     .preset = "1m",
     .max = 600000,
     .help =
         "how long an emergency call waits for a phone whose connection is gone, where that is longer than "
         "pcscf.flow_grace",
     .reload = RELOAD_NEW},
    {.key = "reason",
     .type = SETTING_STRING,
     .offset = AT(reason),
     .preset = "Emergency calls are not taken here",
     .help = "text in the 380 for the phone to show",
     .reload = RELOAD_LIVE,
     .check = check_reason},
};

const struct settings emergency_settings = {
    .section = "emergency",
    .help = "calls for help (TS 24.229 5.2.10)",
    .size = sizeof(struct emergency_config),
    .items = items,
    .n = sizeof(items) / sizeof(items[0]),
};
