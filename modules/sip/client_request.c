#include "modules/sip/layer.h"
#include <errno.h>

/* Start line, top Via and Routes as in the request that was sent (RFC 3261 17.1.1.3, 9.1), From, Call-ID and
 * CSeq number too; To is the caller's. */
static void write_request(const struct sip_msg *sent, const char *method, struct bytes to, struct buf *out)
{
    const struct sip_header *route = sip_msg_first(sent, SIP_H_ROUTE);

    buf_printf(out, "%s ", method);
    buf_append(out, sent->ruri_text);
    buf_str(out, " SIP/2.0\r\nVia: ");
    buf_append(out, sent->via.text);
    buf_str(out, "\r\nMax-Forwards: 70\r\n");
    for (; route; route = sip_msg_next(sent, route))
        buf_append(out, route->line);
    buf_str(out, "From: ");
    buf_append(out, sip_msg_value(sent, SIP_H_FROM));
    buf_str(out, "\r\nTo: ");
    buf_append(out, to);
    buf_str(out, "\r\nCall-ID: ");
    buf_append(out, sent->call_id);
    buf_printf(out, "\r\nCSeq: %u %s\r\n", sent->cseq.number, method);
}

static int write_end(struct buf *out)
{
    buf_str(out, "Content-Length: 0\r\n\r\n");
    return out->failed ? -ENOMEM : 0;
}

int client_write_ack(struct bytes invite, const struct sip_msg *rs, struct buf *out)
{
    struct sip_msg sent;
    struct sip_fault fault;

    if (sip_msg_parse(&sent, invite, SIP_DATAGRAM, &fault))
        return -EBADMSG;
    write_request(&sent, "ACK", sip_msg_value(rs, SIP_H_TO), out);
    return write_end(out);
}

int client_write_cancel(struct bytes invite, struct bytes reason, struct buf *out)
{
    struct sip_msg sent;
    struct sip_fault fault;

    if (sip_msg_parse(&sent, invite, SIP_DATAGRAM, &fault))
        return -EBADMSG;
    write_request(&sent, "CANCEL", sip_msg_value(&sent, SIP_H_TO), out);
    buf_append(out, reason);
    return write_end(out);
}
