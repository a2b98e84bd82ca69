#include "modules/sip/breadth.h"
#include "modules/sip/layer.h"
#include "modules/sip/proxy.h"
#include "modules/sip/proxy_edit.h"
#include <errno.h>

static void write_source(struct sip_edit *e, const struct proxy_ack *how)
{
    if (how->from.kind == HOP_FLOW)
        sip_edit_via_source(e, &how->from.flow.peer);
}

int proxy_forward_ack(struct sip_layer *l, const struct sip_msg *ack, const struct proxy_ack *how)
{
    struct sip_edit e;
    char branch[SIP_BRANCH_MAX];
    struct proxy_onward on = {
        .uri = how->uri, .route = how->route, .branch = branch, .breadth = breadth_read(ack)};

    if (proxy_verdict(l, &how->from, ack))
        return -ELOOP;
    if (!l->entity->sent_by(l->w, &how->to, &on.by))
        return -ENOTCONN;
    on.rport = !sip_hop_reliable(&how->to);
    sip_branch_stateless(ack->via.branch.n ? ack->via.branch : ack->via.text,
                         proxy_loop_hash(l, &how->from, ack), branch);
    sip_edit_init(&e, ack);
    write_source(&e, how);
    proxy_edit_onward(&e, ack, &on);
    int rc = how->edit ? how->edit(how->arg, ack, &e) : 0;
    if (rc)
        return rc < 0 ? rc : -ECANCELED;
    struct buf *out = layer_out(l);
    rc = sip_edit_apply(&e, out);
    return rc ? rc : layer_send(l, &how->to, buf_bytes(out));
}
