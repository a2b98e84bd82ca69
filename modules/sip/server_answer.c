/* What the user of a server transaction calls: how a request is answered. */
#include "modules/sip/reply.h"
#include "modules/sip/server_rules.h"
#include "modules/sip/server_txn.h"
#include <errno.h>

static const struct server_user nobody;

void server_txn_own(struct server_txn *st, const struct server_user *user, void *arg)
{
    st->user = user ? user : &nobody;
    st->arg = arg;
    if (user && st->invite && !server_txn_answered(st))
        timer_stop(&st->l->w->timers, &st->life); /* it may ring for long */
}

void *server_txn_arg(const struct server_txn *st)
{
    return st->arg;
}

struct sip_layer *server_txn_layer(const struct server_txn *st)
{
    return st->l;
}

const struct sip_msg *server_txn_request(const struct server_txn *st)
{
    return st->rq;
}

const struct sip_hop *server_txn_from(const struct server_txn *st)
{
    return &st->from;
}

bool server_txn_is_invite(const struct server_txn *st)
{
    return st->invite;
}

bool server_txn_answered(const struct server_txn *st)
{
    return st->status >= 200 || st->state == SERVER_TERMINATED;
}

const char *server_txn_tag(struct server_txn *st)
{
    return st->tag;
}

/* RFC 4320 4.1, 4.2: what may not be said to a non-INVITE. 100 on UDP comes from the timer alone. */
static bool server_may_say(const struct server_txn *st, int status)
{
    if (st->invite)
        return true;
    if (status == 100)
        return server_reliable(st) || st->l->w->now >= st->step.due;
    return status >= 200 && status != 408;
}

int server_txn_respond(struct server_txn *st, int status, struct bytes response)
{
    enum server_event ev = status < 200 ? SERVER_SAYS_1XX : status < 300 ? SERVER_SAYS_2XX : SERVER_SAYS_NO;

    if (status < 100 || status > 699 || !response.n || !server_may_say(st, status))
        return -EINVAL;
    int before = st->status;
    st->status = status; /* on_error may ask */
    int rc = server_do(st, ev, response);
    if (rc)
        st->status = before;
    return rc;
}

int server_txn_refuse_with(struct server_txn *st, int status, struct bytes extra)
{
    struct buf *out = layer_out(st->l);

    if (!st->rq || server_txn_answered(st))
        return -EINVAL;
    if (status == 408 && !st->invite) {
        server_txn_abandon(st);
        return 0;
    }
    struct sip_reply r = {
        .request = st->rq,
        .status = (uint16_t)status,
        .to_tag = status == 100 ? BYTES_NONE : bytes_str(st->tag),
        .headers = extra,
    };
    if (sip_reply_write(&r, out)) {
        /* Not even the refusal can be written. Without a transaction the next retransmission is a new chance.
         */
        sip_layer_count(st->l, SIP_STAT_MEMORY);
        if (status >= 200)
            server_terminate(st);
        return -ENOMEM;
    }
    return server_txn_respond(st, status, buf_bytes(out));
}

int server_txn_refuse(struct server_txn *st, int status)
{
    char retry[48];
    struct bytes extra = BYTES_NONE;

    if (status == 503)
        extra = bytes_of(retry, layer_retry_after(st->l, retry, sizeof(retry)));
    return server_txn_refuse_with(st, status, extra);
}

void server_txn_trying(struct server_txn *st)
{
    if (st->invite && !st->status)
        server_txn_refuse(st, 100);
}

void server_txn_abandon(struct server_txn *st)
{
    if (server_txn_answered(st))
        return;
    if (st->invite)
        server_txn_refuse(st, 408);
    else
        server_terminate(st);
}
