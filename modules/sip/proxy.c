#include "modules/sip/proxy.h"
#include "modules/sip/breadth.h"
#include "modules/sip/layer.h"
#include "modules/sip/proxy_context.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- birth and death */

static void branch_free(struct branch *b)
{
    timer_stop(&b->p->l->w->timers, &b->timer_c);
    free(b->kept);
    free(b);
}

void proxy_unref(struct proxy *p)
{
    if (p->st || p->live)
        return;
    if (p->user->on_done)
        p->user->on_done(p);
    for (unsigned i = 0; i < p->n; i++)
        branch_free(p->branches[i]);
    free(p);
}

static void server_gone(struct server_txn *st)
{
    struct proxy *p = server_txn_arg(st);

    p->st = NULL;
    p->closed = true;
    proxy_unref(p);
}

/* The Reason lines of a CANCEL go on with it (RFC 3326 2). */
static void proxy_cancel_with(struct proxy *p, const struct sip_msg *cancel)
{
    const struct sip_header *h = sip_msg_first(cancel, SIP_H_REASON);
    struct buf reason;

    buf_init(&reason);
    for (; h; h = sip_msg_next(cancel, h))
        buf_append(&reason, h->line);
    proxy_cancel_branches(p, NULL, buf_bytes(&reason));
    buf_fini(&reason);
}

static void server_cancelled(struct server_txn *st, const struct sip_msg *cancel)
{
    struct proxy *p = server_txn_arg(st);

    if (p->cancelled)
        return;
    p->cancelled = true;
    p->closed = true;
    p->running = true;
    if (p->user->on_cancel)
        p->user->on_cancel(p);
    proxy_cancel_with(p, cancel);
    proxy_advance(p);
}

/* A response that cannot be sent is dropped and nothing is cancelled for it (16.9): no on_error. */
static const struct server_user proxy_server_user = {.on_cancel = server_cancelled, .gone = server_gone};

int proxy_check(struct server_txn *st)
{
    struct sip_layer *l = server_txn_layer(st);
    int status = proxy_verdict(l, server_txn_from(st), server_txn_request(st));

    if (!status)
        return 0;
    sip_layer_count(l, status == 482   ? SIP_STAT_LOOPS
                       : status == 483 ? SIP_STAT_TOO_MANY_HOPS
                                       : SIP_STAT_TOO_BROAD);
    server_txn_refuse(st, status);
    return status;
}

struct proxy *proxy_create(struct server_txn *st, const struct proxy_user *user, size_t data_size)
{
    struct proxy *p = calloc(1, sizeof(*p) + data_size);

    if (!p) {
        sip_layer_count(server_txn_layer(st), SIP_STAT_MEMORY);
        server_txn_refuse(st, 500);
        return NULL;
    }
    p->l = server_txn_layer(st);
    p->st = st;
    p->user = user;
    p->invite = server_txn_is_invite(st);
    p->breadth = breadth_read(server_txn_request(st));
    p->loop = proxy_loop_hash(p->l, server_txn_from(st), server_txn_request(st));
    server_txn_own(st, &proxy_server_user, p);
    server_txn_trying(st); /* 16.2: at once, for who knows when a phone answers */
    return p;
}

/* ---- targets */

static void timer_c_fire(struct worker *w, struct timer *t)
{
    struct branch *b = container_of(t, struct branch, timer_c);

    sip_layer_count(b->p->l, SIP_STAT_TIMER_C);
    if (client_txn_provisional(
            b->ct)) { /* 16.8: the final response to the CANCELled INVITE ends the branch */
        b->overdue = true;
        client_txn_cancel(b->ct, BYTES_NONE);
        return;
    }
    client_txn_drop(b->ct);
    proxy_branch_failed(b, 408, -ETIMEDOUT);
    proxy_advance(b->p);
}

static struct bytes text_copy(char **room, struct bytes text)
{
    char *start = *room;

    if (text.n)
        memcpy(start, text.p, text.n);
    *room += text.n;
    return bytes_of(start, text.n);
}

int proxy_add(struct proxy *p, const struct proxy_target *t)
{
    if (p->closed || !p->st || server_txn_answered(p->st))
        return -ESHUTDOWN;
    if (p->n == PROXY_TARGETS_MAX)
        return -ENOSPC;
    struct branch *b = calloc(1, sizeof(*b) + t->uri.n + t->route.n);
    if (!b) {
        sip_layer_count(p->l, SIP_STAT_MEMORY);
        return -ENOMEM;
    }
    char *room = b->texts;
    b->p = p;
    b->pub.target = *t;
    b->pub.target.uri = text_copy(&room, t->uri);
    b->pub.target.route = text_copy(&room, t->route);
    b->pub.index = p->n;
    b->timer_c.fire = timer_c_fire;
    p->branches[p->n++] = b;
    return 0;
}

void proxy_branch_done(struct branch *b, int status)
{
    timer_stop(&b->p->l->w->timers, &b->timer_c);
    b->done = true;
    b->counts = status != 0;
    if (status)
        b->pub.status = status;
}

void proxy_branch_failed(struct branch *b, int status, int err)
{
    struct proxy *p = b->p;
    int verdict = PROXY_GO_ON;

    if (b->given_up)
        return;
    b->certain = err == -EBUSY;
    b->pub.status = status;
    if (p->user->on_failure && p->st && !server_txn_answered(p->st))
        verdict = p->user->on_failure(p, &b->pub, status, err);
    if (verdict >= 300)
        b->certain = true;
    proxy_branch_done(b, verdict == PROXY_SWALLOW ? 0 : verdict >= 300 ? verdict : status);
}

/* ---- going on */

static bool proxy_pending(const struct proxy *p)
{
    for (unsigned i = 0; i < p->n; i++)
        if (p->branches[i]->started && !p->branches[i]->done)
            return true;
    return false;
}

/* Sends every target whose group has come. p->n may grow meanwhile: hooks add targets. */
static void proxy_send_due(struct proxy *p)
{
    for (unsigned i = 0; i < p->n && !p->closed; i++) {
        struct branch *b = p->branches[i];
        if (b->started || b->pub.target.group > p->group)
            continue;
        if (!breadth_share(p)) /* one after the other, then (RFC 5393 5.3.3) */
            return;
        proxy_send(p, b);
    }
}

static bool proxy_next_group(struct proxy *p)
{
    const struct branch *first = NULL;

    for (unsigned i = 0; i < p->n; i++) {
        const struct branch *b = p->branches[i];
        if (!b->started && (!first || b->pub.target.group < first->pub.target.group))
            first = b;
    }
    if (!first || p->closed)
        return false;
    p->group = first->pub.target.group;
    return true;
}

void proxy_advance(struct proxy *p)
{
    /* Hooks that run in here may come back by proxy_end: the outer call goes on. */
    if (p->advancing || !p->running)
        return;
    p->advancing = true;
    for (;;) {
        proxy_send_due(p);
        if (proxy_pending(p) || !p->st || server_txn_answered(p->st))
            break;
        if (!proxy_next_group(p) && proxy_finish(p))
            break;
    }
    p->advancing = false;
}

void proxy_run(struct proxy *p)
{
    if (p->running)
        return;
    p->running = true;
    proxy_next_group(p);
    proxy_advance(p);
}

bool proxy_branch_silent(const struct proxy *p, unsigned index)
{
    const struct branch *b = p->branches[index];

    return b->ct && !b->done && !client_txn_provisional(b->ct);
}

void proxy_give_up(struct proxy *p, unsigned index)
{
    struct branch *b = p->branches[index];

    if (b->done)
        return;
    b->given_up = true;
    proxy_branch_done(b, 0);
    if (b->ct && p->invite)
        client_txn_cancel(b->ct, BYTES_NONE);
    proxy_advance(p);
}

void proxy_end(struct proxy *p, int status, struct bytes reason)
{
    if (!p->st || server_txn_answered(p->st))
        return;
    p->end_status = status;
    p->closed = true;
    p->running = true;
    proxy_cancel_branches(p, NULL, reason);
    proxy_advance(p);
}

/* ---- questions */

void *proxy_data(const struct proxy *p)
{
    return (void *)(uintptr_t)p->data;
}

struct server_txn *proxy_server(const struct proxy *p)
{
    return p->st;
}

struct sip_layer *proxy_layer(const struct proxy *p)
{
    return p->l;
}

const struct sip_msg *proxy_request(const struct proxy *p)
{
    return p->st ? server_txn_request(p->st) : NULL;
}

bool proxy_cancelled(const struct proxy *p)
{
    return p->cancelled;
}

size_t proxy_branches(const struct proxy *p)
{
    return p->n;
}

const struct proxy_branch *proxy_branch_at(const struct proxy *p, size_t i)
{
    return i < p->n ? &p->branches[i]->pub : NULL;
}
