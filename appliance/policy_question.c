#include "appliance/policy_question.h"
#include "modules/pcscf/emergency.h"
#include "modules/pcscf/policy/policy.h"
#include <string.h>

static enum policy_answer nonsense(struct buf *out, const char *what)
{
    buf_printf(out, "%s\n", what);
    return POLICY_NONSENSE;
}

static bool read_transport(const char *text, uint8_t *out)
{
    static const char *const names[] = {
        [TRANSPORT_UDP] = "udp", [TRANSPORT_TCP] = "tcp", [TRANSPORT_TLS] = "tls"};
    for (uint8_t t = TRANSPORT_UDP; t <= TRANSPORT_TLS; t++) {
        if (strcmp(text, names[t]) != 0)
            continue;
        *out = t;
        return true;
    }
    return false;
}

static enum policy_answer explain(const struct config *c, const struct policy_request *rq, struct buf *out)
{
    const struct policy_config *pc = config_of(c, &policy_settings);
    struct policy_scratch *s = policy_scratch_create();
    if (!s)
        return nonsense(out, "out of memory");
    struct policy_verdict v = policy_explain(pc->policy, s, rq, out);
    policy_scratch_destroy(s);
    bool refused = v.deed && (v.deed->action == POLICY_REJECT || v.deed->action == POLICY_DROP ||
                              v.deed->action == POLICY_BAN);
    if (!refused || !rq->from_phone || !emergency_is_of_phone(config_of(c, &emergency_settings), rq->msg))
        return refused ? POLICY_REFUSED : POLICY_PASSES;
    buf_str(out, "but it is a call for help (section emergency), which no rule keeps out: it passes\n");
    return POLICY_PASSES;
}

/* As it is asserted: what rules compare with. */
static bool is_identity(struct bytes text)
{
    struct sip_uri uri;
    return !text.n || sip_uri_parse(text, &uri);
}

enum policy_answer policy_ask(const struct config *c, const struct policy_question *q, struct buf *out)
{
    struct sip_msg m;
    struct sip_fault fault;
    struct addr source;
    struct policy_request rq = {.msg = &m, .source = &source, .identity = bytes_str(q->identity)};
    rq.from_phone = strcmp(q->direction, "phone") == 0;
    rq.registered = q->registered || (rq.from_phone && rq.identity.n);
    if (!addr_parse(bytes_str(q->source), 0, &source))
        return nonsense(out, "the source is no IP address");
    if (!rq.from_phone && strcmp(q->direction, "core") != 0)
        return nonsense(out, "the direction is phone or core");
    if (!read_transport(q->transport, &rq.transport))
        return nonsense(out, "the transport is tls, tcp or udp");
    if (!is_identity(rq.identity))
        return nonsense(out, "the identity is no URI: write it without <>, as in sip:alice@ims.example");
    if (sip_msg_parse(&m, q->message, SIP_DATAGRAM, &fault) < 0) {
        buf_printf(out, "the message is refused before any rule: %u %s\n", fault.status, fault.reason);
        return POLICY_NONSENSE;
    }
    return m.request ? explain(c, &rq, out) : nonsense(out, "rules are for requests; this is a response");
}
