#include "modules/sip/layer.h"
#include "modules/sip/proxy_context.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A phone that was cancelled because another one answered shows no missed call (RFC 3326 3.1). */
#define ELSEWHERE BYTES("Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n")

void proxy_cancel_branches(struct proxy *p, const struct branch *not_me, struct bytes reason)
{
    if (!p->invite)
        return;
    for (unsigned i = 0; i < p->n; i++) {
        struct branch *b = p->branches[i];
        if (b != not_me && b->ct && !b->done)
            client_txn_cancel(b->ct, reason);
    }
}

static bool proxy_answered(const struct proxy *p)
{
    return !p->st || server_txn_answered(p->st);
}

int proxy_pass(struct proxy *p, struct branch *b, const struct sip_msg *rs)
{
    struct sip_edit e;

    if (!p->st)
        return -ESHUTDOWN;
    if (sip_values_count(rs, SIP_H_VIA) < 2)
        return -EBADMSG; /* 16.7 item 3: with our own Via gone nobody is left that it is for */
    sip_edit_init(&e, rs);
    sip_edit_pop(&e, SIP_H_VIA, 1);
    if (rs->content_length < 0)
        sip_edit_add(&e, SIP_H_CONTENT_LENGTH, sip_edit_text(&e, "%zu", rs->body.n));
    proxy_gather_challenges(p, b, &e);
    if (p->user->edit_response)
        p->user->edit_response(p, &b->pub, rs, &e);
    struct buf *out = layer_out(p->l);
    int rc = sip_edit_apply(&e, out);
    if (rc)
        return rc;
    rc = server_txn_respond(p->st, rs->status, buf_bytes(out));
    return rc == -EINVAL ? rc : 0; /* what could not be sent is lost, the transaction has moved on (16.9) */
}

static int ask_user(struct proxy *p, struct branch *b, const struct sip_msg *rs)
{
    return p->user->on_response ? p->user->on_response(p, &b->pub, rs) : PROXY_GO_ON;
}

static void on_provisional(struct proxy *p, struct branch *b, const struct sip_msg *rs)
{
    if (rs->status == 100 || b->done)
        return;
    b->pub.status = rs->status;
    /* 16.7 item 2. After timer C has fired it stays as it is: the CANCEL is out. */
    if (p->invite && !b->overdue)
        timer_set(&p->l->w->timers, &b->timer_c, p->l->w->now + (uint64_t)p->l->config.timer_c);
    /* RFC 4320 4.1: to a non-INVITE nothing but 100 is said. */
    if (proxy_answered(p) || ask_user(p, b, rs) == PROXY_SWALLOW || !p->invite)
        return;
    proxy_pass(p, b, rs);
}

static void on_success(struct proxy *p, struct branch *b, const struct sip_msg *rs)
{
    int verdict = ask_user(p, b, rs);

    if (!p->invite && verdict == PROXY_SWALLOW) {
        proxy_branch_done(b, 0);
        return;
    }
    proxy_branch_done(b, rs->status);
    p->closed = true;
    p->decided = true;
    if (proxy_pass(p, b, rs)) {
        if (!proxy_answered(p))
            server_txn_refuse(p->st, 500);
    } else if (p->user->on_final) {
        p->user->on_final(p, rs->status);
    }
    proxy_cancel_branches(p, b, ELSEWHERE);
}

/* Other branches are pending: it may be the best in the end. */
static void branch_keep(struct branch *b)
{
    const struct sip_msg *rs = b->heard;

    b->heard = NULL;
    if (!rs || proxy_answered(b->p))
        return;
    b->kept = malloc(rs->raw.n);
    if (!b->kept) { /* its status still counts; the response will be made anew */
        sip_layer_count(b->p->l, SIP_STAT_MEMORY);
        return;
    }
    memcpy(b->kept, rs->raw.p, rs->raw.n);
    b->kept_n = rs->raw.n;
}

static void on_refusal(struct proxy *p, struct branch *b, const struct sip_msg *rs)
{
    if (b->given_up)
        return;
    int verdict = proxy_answered(p) ? PROXY_GO_ON : ask_user(p, b, rs);
    int status = rs->status;

    b->certain = verdict >= 300;
    if (verdict >= 300)
        status = verdict;
    else if (b->overdue && status == 487)
        status = 408; /* we cancelled it, not the caller: for him nobody answered in time */
    else if (verdict != PROXY_SWALLOW)
        b->heard = rs;
    proxy_branch_done(b, verdict == PROXY_SWALLOW ? 0 : status);
    if (b->counts && status >= 600) { /* 16.7 item 5 */
        p->closed = true;
        p->decided = true;
        proxy_cancel_branches(p, b, BYTES_NONE);
    }
}

static void branch_response(struct client_txn *ct, const struct sip_msg *rs)
{
    struct branch *b = client_txn_arg(ct);
    struct proxy *p = b->p;

    if (rs->status < 200)
        on_provisional(p, b, rs);
    else if (rs->status >= 300)
        on_refusal(p, b, rs);
    else if (p->invite || !proxy_answered(p))
        on_success(p, b, rs);
    else
        proxy_branch_done(b, rs->status); /* late, and to be swallowed (RFC 4320 4.2) */
    proxy_advance(p);
    branch_keep(b);
}

static void branch_failure(struct client_txn *ct, int status, int err)
{
    struct branch *b = client_txn_arg(ct);

    proxy_branch_failed(b, status, err);
    proxy_advance(b->p);
}

static bool branch_lost(struct client_txn *ct, int err)
{
    struct branch *b = client_txn_arg(ct);
    struct proxy *p = b->p;

    return p->user->on_lost && p->st && !b->done && !server_txn_answered(p->st) &&
           p->user->on_lost(p, &b->pub, err);
}

static void branch_gone(struct client_txn *ct)
{
    struct branch *b = client_txn_arg(ct);

    b->ct = NULL;
    b->p->live--;
    proxy_unref(b->p);
}

const struct client_user proxy_client_user = {
    .on_response = branch_response,
    .on_failure = branch_failure,
    .on_lost = branch_lost,
    .gone = branch_gone,
};
