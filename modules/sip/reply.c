#include "modules/sip/reply.h"
#include <errno.h>

static void put_line(struct buf *out, enum sip_header_id id, struct bytes value)
{
    buf_str(out, sip_header_name(id));
    buf_str(out, ": ");
    buf_append(out, value);
    buf_str(out, "\r\n");
}

static void copy_all(const struct sip_msg *m, enum sip_header_id id, struct buf *out)
{
    for (const struct sip_header *h = sip_msg_first(m, id); h; h = sip_msg_next(m, h))
        put_line(out, id, h->value);
}

/* All of them in their order, the top one with where it really came from (RFC 3261 8.2.6.2, 18.2.1). */
static void put_vias(const struct sip_reply *r, struct buf *out)
{
    const struct sip_msg *m = r->request;
    const struct sip_header *h = sip_msg_first(m, SIP_H_VIA);
    if (!r->source || !h || !m->via.params.p) {
        copy_all(m, SIP_H_VIA, out);
        return;
    }
    buf_str(out, "Via: ");
    sip_via_write_source(&m->via, r->source, out);
    size_t used = (size_t)(m->via.text.p + m->via.text.n - h->value.p);
    buf_append(out, bytes_skip(h->value, used));
    buf_str(out, "\r\n");
    while ((h = sip_msg_next(m, h)) != NULL)
        put_line(out, SIP_H_VIA, h->value);
}

static void put_to(const struct sip_reply *r, struct buf *out)
{
    struct bytes to = sip_msg_value(r->request, SIP_H_TO);
    if (to.n == 0)
        return;
    buf_str(out, "To: ");
    buf_append(out, to);
    if (r->to_tag.n > 0 && r->request->to_tag.n == 0 && r->request->to.text.n > 0) {
        buf_str(out, ";tag=");
        buf_append(out, r->to_tag);
    }
    buf_str(out, "\r\n");
}

static void copy_first(const struct sip_msg *m, enum sip_header_id id, struct buf *out)
{
    const struct sip_header *h = sip_msg_first(m, id);
    if (h)
        put_line(out, id, h->value);
}

static void put_body(const struct sip_reply *r, struct buf *out)
{
    if (r->content_type.n > 0)
        put_line(out, SIP_H_CONTENT_TYPE, r->content_type);
    buf_str(out, "Content-Length: ");
    buf_u64(out, r->body.n);
    buf_str(out, "\r\n\r\n");
    buf_append(out, r->body);
}

int sip_reply_write(const struct sip_reply *r, struct buf *out)
{
    const struct sip_msg *m = r->request;
    buf_str(out, "SIP/2.0 ");
    buf_u64(out, r->status);
    buf_str(out, " ");
    buf_str(out, r->reason ? r->reason : sip_reason(r->status));
    buf_str(out, "\r\n");
    put_vias(r, out);
    if (r->record_route)
        copy_all(m, SIP_H_RECORD_ROUTE, out);
    copy_first(m, SIP_H_FROM, out);
    put_to(r, out);
    copy_first(m, SIP_H_CALL_ID, out);
    copy_first(m, SIP_H_CSEQ, out);
    if (r->status == 100) /* RFC 3261 8.2.6.1 */
        copy_first(m, SIP_H_TIMESTAMP, out);
    buf_append(out, r->headers);
    put_body(r, out);
    return out->failed ? -ENOMEM : 0;
}

int sip_reply_fault(const struct sip_msg *m, const struct sip_fault *fault, struct bytes to_tag,
                    struct buf *out)
{
    struct sip_reply r = {
        .request = m,
        .status = fault->status,
        .reason = fault->reason,
        .to_tag = to_tag,
    };
    return sip_reply_write(&r, out);
}
