#include "modules/sip/breadth.h"
#include "modules/sip/layer.h"
#include "modules/sip/proxy_context.h"
#include "modules/sip/proxy_edit.h"
#include <errno.h>

void proxy_edit_onward(struct sip_edit *e, const struct sip_msg *rq, const struct proxy_onward *on)
{
    sip_edit_max_forwards(e);
    breadth_edit(e, on->breadth);
    if (on->uri.n)
        sip_edit_ruri(e, on->uri);
    if (on->route.n)
        sip_edit_push(e, SIP_H_ROUTE, on->route);
    struct bytes via =
        sip_edit_text(e, "SIP/2.0/%s %s;branch=%s%s%s%s", on->by.transport, on->by.sent_by, on->branch,
                      on->rport ? ";rport" : "", on->by.alias ? ";alias" : "", sip_sent_by_oc(&on->by));
    sip_edit_push(e, SIP_H_VIA, via);
    /* A datagram may come without it, a stream needs it (RFC 3261 18.3). */
    if (rq->content_length < 0)
        sip_edit_add(e, SIP_H_CONTENT_LENGTH, sip_edit_text(e, "%zu", rq->body.n));
}

/* Writes the branch's request into the layer's buffer. 0, a status, or -errno. */
static int branch_write(struct branch *b, const struct sip_msg *rq, struct buf **out)
{
    struct proxy *p = b->p;
    struct sip_edit e;
    const struct sip_hop *to = &b->pub.target.hop;
    struct proxy_onward on = {
        .uri = b->pub.target.uri,
        .route = b->pub.target.route,
        .branch = client_txn_branch(b->ct),
        .breadth = b->breadth,
        .rport = !sip_hop_reliable(to),
    };

    if (!p->l->entity->sent_by(p->l->w, to, &on.by))
        return -ENOTCONN;
    sip_edit_init(&e, rq);
    proxy_edit_onward(&e, rq, &on);
    int status = p->user->edit_request ? p->user->edit_request(p, &b->pub, rq, &e) : 0;
    if (status)
        return status;
    *out = layer_out(p->l);
    return sip_edit_apply(&e, *out);
}

/* The user may know a better way for a message of that size. */
static int branch_resize(struct branch *b, const struct sip_msg *rq, struct buf **out)
{
    struct proxy *p = b->p;
    struct sip_hop *to = &b->pub.target.hop;

    if (!p->user->on_size)
        return 0;
    struct sip_hop better = p->user->on_size(p, &b->pub, buf_len(*out));
    if (sip_hop_eq(&better, to))
        return 0;
    *to = better;
    client_txn_redirect(b->ct, to);
    return branch_write(b, rq, out);
}

/* RFC 3261 16.6 items 9 to 11. */
static int branch_send(struct branch *b, const struct sip_msg *rq)
{
    struct proxy *p = b->p;
    struct buf *out = NULL;

    b->ct = (b->pub.target.urgent ? client_txn_create_urgent : client_txn_create)(
        p->l, &b->pub.target.hop, p->loop, &proxy_client_user, b);
    if (!b->ct)
        return -EBUSY;
    p->live++;
    int rc = branch_write(b, rq, &out);
    if (!rc)
        rc = branch_resize(b, rq, &out);
    if (rc) {
        client_txn_drop(b->ct);
        return rc;
    }
    rc = client_txn_send(b->ct, buf_bytes(out));
    if (!rc && p->invite)
        timer_set(&p->l->w->timers, &b->timer_c, p->l->w->now + (uint64_t)p->l->config.timer_c);
    return rc;
}

void proxy_send(struct proxy *p, struct branch *b)
{
    const struct sip_msg *rq = proxy_request(p);

    b->breadth = breadth_share(p);
    b->started = true;
    b->pub.status = 100;
    int rc = rq ? branch_send(b, rq) : -ENOMEM;
    if (rc > 0)
        proxy_branch_done(b, rc);
    else if (rc)
        proxy_branch_failed(b, rc == -ENOTCONN || rc == -EBUSY ? 503 : 500, rc);
}

static struct branch *branch_of(const struct proxy_branch *b)
{
    return container_of((struct proxy_branch *)(uintptr_t)b, struct branch, pub);
}

int proxy_move(struct proxy *p, const struct proxy_branch *b, const struct sip_hop *to)
{
    struct branch *branch = branch_of(b);
    const struct sip_msg *rq = proxy_request(p);
    struct buf *out = NULL;

    if (!branch->ct || branch->done || !rq)
        return -ESHUTDOWN;
    branch->pub.target.hop = *to;
    int rc = branch_write(branch, rq, &out);
    if (!rc)
        rc = client_txn_move(branch->ct, to, buf_bytes(out));
    return rc > 0 ? -ECANCELED : rc;
}

void proxy_fail(struct proxy *p, const struct proxy_branch *b, int status)
{
    struct branch *branch = branch_of(b);

    if (!branch->ct || branch->done)
        return;
    client_txn_drop(branch->ct);
    branch->certain = true;
    proxy_branch_done(branch, status);
    proxy_advance(p);
}
