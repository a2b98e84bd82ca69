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

static int write_ack(struct sip_layer *l, const struct sip_msg *ack, const struct proxy_ack *how,
                     const struct sip_hop *to)
{
    struct sip_edit e;
    char branch[SIP_BRANCH_MAX];
    struct proxy_onward on = {.uri = how->uri,
                              .route = how->route,
                              .branch = branch,
                              .breadth = breadth_read(ack),
                              .rport = !sip_hop_reliable(to)};

    if (!l->entity->sent_by(l->w, to, &on.by))
        return -ENOTCONN;
    sip_branch_stateless(ack->via.branch.n ? ack->via.branch : ack->via.text,
                         proxy_loop_hash(l, &how->from, ack), branch);
    sip_edit_init(&e, ack);
    write_source(&e, how);
    proxy_edit_onward(&e, ack, &on);
    int rc = how->edit ? how->edit(how->arg, ack, &e) : 0;
    if (rc)
        return rc < 0 ? rc : -ECANCELED;
    return sip_edit_apply(&e, layer_out(l));
}

int proxy_forward_ack(struct sip_layer *l, const struct sip_msg *ack, const struct proxy_ack *how)
{
    struct sip_hop to = how->to;

    if (proxy_verdict(l, &how->from, ack))
        return -ELOOP;
    int rc = write_ack(l, ack, how, &to);
    if (rc == 0 && how->size)
        to = how->size(how->arg, &how->to, buf_len(&l->out));
    if (rc == 0 && !sip_hop_eq(&to, &how->to))
        rc = write_ack(l, ack, how, &to);
    return rc ? rc : layer_send(l, &to, buf_bytes(&l->out));
}
