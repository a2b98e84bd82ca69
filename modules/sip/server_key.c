#include "modules/sip/server_key.h"
#include "appliance/base/wire.h"
#include "modules/sip/branch.h"
#include <ctype.h>

/* One part and a byte that cannot stand in any. */
static bool key_part(struct buf *out, struct bytes part)
{
    return buf_append(out, part) && buf_append(out, bytes_of("\n", 1));
}

/* Host names are compared without case (RFC 3261 17.2.3 by 19.1.4). */
static bool key_host(struct buf *out, const struct sip_host *by)
{
    uint8_t *p = buf_reserve(out, by->text.n + 1);

    if (!p)
        return false;
    for (size_t i = 0; i < by->text.n; i++)
        p[i] = (uint8_t)tolower(by->text.p[i]);
    p[by->text.n] = '\n';
    buf_commit(out, by->text.n + 1);
    return buf_append(out, bytes_of(&by->port, sizeof(by->port)));
}

static bool key_2543(const struct sip_msg *rq, struct buf *out)
{
    return key_part(out, rq->ruri_text) && key_part(out, rq->from_tag) && key_part(out, rq->call_id) &&
           buf_printf(out, "%u\n", rq->cseq.number) && key_part(out, rq->via.text);
}

/* Of fixed size, so that what follows cannot be taken for it. */
static bool key_conn(struct buf *out, const struct sip_hop *from)
{
    bool stays = from->kind == HOP_FLOW && from->flow.transport != TRANSPORT_UDP;
    const struct ref conn = stays ? from->flow.conn : REF_NONE;
    uint8_t plain[2 + 4 + 4];
    struct wire_out w = wire_out(plain, sizeof(plain));

    wire_put_u16(&w, conn.worker);
    wire_put_u32(&w, conn.gen);
    wire_put_u32(&w, conn.slot);
    return buf_append(out, bytes_of(plain, sizeof(plain)));
}

bool server_key_write(const struct sip_hop *from, const struct sip_msg *rq, struct bytes method,
                      struct buf *out)
{
    if (!key_part(out, method) || !key_conn(out, from))
        return false;
    if (!sip_branch_is_3261(rq->via.branch))
        return key_2543(rq, out);
    return key_part(out, rq->via.branch) && key_host(out, &rq->via.by);
}
