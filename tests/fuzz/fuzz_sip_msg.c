/* Any bytes as a SIP message: views lie inside, an edit of nothing changes nothing, a Via pushed and popped
 * again gives the same bytes, and the answer to a refused request can be read. */
#include "modules/sip/edit.h"
#include "modules/sip/reply.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sip_msg m, again;
static struct sip_edit e;

static void require(bool truth)
{
    if (!truth)
        abort();
}

static void check_views(void)
{
    for (size_t i = 0; i < m.n_headers; i++) {
        const struct sip_header *h = &m.headers[i];
        require(h->line.p >= m.raw.p && h->line.p + h->line.n <= m.raw.p + m.head_len);
        require(h->value.p >= h->line.p && h->value.p + h->value.n <= h->line.p + h->line.n);
        require(h->next == SIP_NO_HEADER || (h->next > i && m.headers[h->next].id == h->id));
    }
}

static void check_identity(void)
{
    struct buf out;
    buf_init(&out);
    sip_edit_init(&e, &m);
    require(sip_edit_apply(&e, &out) == 0 && bytes_eq(buf_bytes(&out), m.raw));
    buf_fini(&out);
}

static void check_push_and_pop(void)
{
    struct buf out, back;
    struct sip_fault fault;
    buf_init(&out);
    buf_init(&back);
    sip_edit_init(&e, &m);
    sip_edit_push(&e, SIP_H_VIA, BYTES("SIP/2.0/UDP a.b;branch=z9hG4bKx"));
    require(sip_edit_apply(&e, &out) == 0);
    /* one header field more than the table holds is the only reason to refuse it */
    if (sip_msg_parse(&again, buf_bytes(&out), SIP_DATAGRAM, &fault) == 0) {
        sip_edit_init(&e, &again);
        sip_edit_pop(&e, SIP_H_VIA, 1);
        require(sip_edit_apply(&e, &back) == 0 && bytes_eq(buf_bytes(&back), m.raw));
    } else {
        require(fault.status == 513);
    }
    buf_fini(&out);
    buf_fini(&back);
}

/* As a proxy forwards: what comes out is a message again. */
static void check_forward(void)
{
    struct buf out;
    struct sip_fault fault;
    struct addr source = {.family = ADDR_V4, .port = 5060, .ip = {192, 0, 2, 1}};
    buf_init(&out);
    sip_edit_init(&e, &m);
    sip_edit_via_source(&e, &source);
    sip_edit_max_forwards(&e);
    sip_edit_pop(&e, SIP_H_ROUTE, 1);
    sip_edit_remove_token(&e, SIP_H_REQUIRE, BYTES("path"));
    sip_edit_need_length(&e);
    if (sip_edit_apply(&e, &out) == 0 && m.n_headers + 2 <= SIP_HEADERS_MAX)
        require(sip_msg_parse(&again, buf_bytes(&out), SIP_STREAM, &fault) == 0);
    buf_fini(&out);
}

static void check_reply(const struct sip_fault *fault)
{
    struct buf out;
    struct sip_fault other;
    buf_init(&out);
    if (fault->status == 0) {
        struct sip_reply r = {.request = &m, .status = 404, .to_tag = BYTES("t"), .record_route = true};
        require(sip_reply_write(&r, &out) == 0);
        require(sip_msg_parse(&again, buf_bytes(&out), SIP_STREAM, &other) == 0);
        require(again.status == 404 && again.to_tag.n > 0);
    } else if (fault->answer) {
        require(sip_reply_fault(&m, fault, BYTES("t"), &out) == 0);
        sip_msg_parse(&again, buf_bytes(&out), SIP_STREAM, &other);
        require(again.status == fault->status && again.via.by.text.n > 0);
    }
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sip_fault fault;
    int rc = sip_msg_parse(&m, bytes_of(data, size), SIP_DATAGRAM, &fault);
    require((rc == 0) == (fault.status == 0) && (rc == 0 || fault.reason));
    check_views();
    if (rc == 0) {
        check_identity();
        check_push_and_pop();
        if (m.request)
            check_forward();
    }
    if (m.request)
        check_reply(&fault);
    return 0;
}
