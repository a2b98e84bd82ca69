#include "modules/pcscf/answer.h"
#include "appliance/base/random.h"
#include "modules/sip/reply.h"

bool answer_fault(struct pcscf *p, const struct sip_hop *from, const struct sip_msg *m,
                  const struct sip_fault *fault)
{
    pcscf_count(p, PCSCF_REFUSED_MALFORMED);
    log_info(&p->w->log, "sip.malformed", F_BYTES("call_id", m->call_id), F_BYTES("method", m->method_name),
             F_ADDR("peer", &from->flow.peer), F_UINT("status", fault->status),
             F_STR("because", fault->reason),
             F_STR(fault->answer ? NULL : "answer", "none: no Via to answer to"));
    if (!fault->answer) {
        pcscf_count(p, PCSCF_UNANSWERABLE);
        return m->status || m->method == SIP_ACK;
    }
    char tag[17];
    random_text(tag, 16);
    struct buf out;
    buf_init(&out);
    struct sip_hop to = sip_reply_hop(from, m);
    if (sip_reply_fault(m, fault, bytes_of(tag, 16), &out) == 0)
        sip_layer_send(p->layer, &to, buf_bytes(&out));
    buf_fini(&out);
    return true;
}

void answer_bad_frame(struct pcscf *p, const struct sip_hop *from, struct bytes head, uint16_t status,
                      const char *reason)
{
    struct sip_msg m;
    struct sip_fault fault = {0};
    /* As a datagram: the body is not there, and what its length field says is the trouble. */
    if (head.n)
        sip_msg_parse(&m, head, SIP_DATAGRAM, &fault);
    fault.answer = head.n && m.request && m.method != SIP_ACK && m.via.by.text.n;
    fault.status = status;
    fault.reason = reason;
    if (head.n) {
        answer_fault(p, from, &m, &fault);
        return;
    }
    pcscf_count(p, PCSCF_REFUSED_MALFORMED);
    pcscf_count(p, PCSCF_UNANSWERABLE);
}
