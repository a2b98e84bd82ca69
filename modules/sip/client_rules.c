#include "modules/sip/client_rules.h"
#include <errno.h>
#include <stdlib.h>

#define TIMER_D_MIN 32000 /* ms on unreliable transports, RFC 3261 17.1.1.2 */

typedef void client_act(struct client_txn *ct, const struct sip_msg *rs);
struct client_rule {
    enum client_state next;
    client_act *act; /* NULL: the event is absorbed */
};

/* ---- what the actions are made of */

bool client_reliable(const struct client_txn *ct)
{
    return sip_hop_reliable(&ct->to);
}

void client_set(struct client_txn *ct, struct timer *t, int64_t ms)
{
    timer_set(&ct->l->w->timers, t, ct->l->w->now + (uint64_t)ms);
}

static void client_stop(struct client_txn *ct, struct timer *t)
{
    timer_stop(&ct->l->w->timers, t);
}

static void client_forget(struct client_txn *ct)
{
    free(ct->request);
    ct->request = NULL;
    ct->request_n = 0;
    held_give(ct->l, &ct->held);
}

void client_transmit(struct client_txn *ct, struct bytes msg)
{
    int rc = layer_send(ct->l, &ct->to, msg);

    if (!rc)
        return;
    ct->error = rc;
    client_set(ct, &ct->life, 0);
}

void client_terminate(struct client_txn *ct)
{
    if (ct->state == CLIENT_TERMINATED)
        return;
    ct->state = CLIENT_TERMINATED;
    if (ct->finished)
        finished_remove(&ct->l->done_clients, &ct->link);
    client_stop(ct, &ct->step);
    client_stop(ct, &ct->life);
    client_wait_end(ct->l, &ct->wait);
    stat_dec(&ct->l->stats[SIP_STAT_CLIENT_LIVE]);
    list_push_back(&ct->l->dead_clients, &ct->link);
}

/* ---- actions; the state is the next one already, the user's callback comes last */

static void client_tell(struct client_txn *ct, const struct sip_msg *rs)
{
    ct->user->on_response(ct, rs);
}

static void client_first_provisional(struct client_txn *ct, const struct sip_msg *rs)
{
    ct->provisional = true;
    if (ct->method == SIP_INVITE && !ct->error) {
        client_stop(ct, &ct->step);
        client_stop(ct, &ct->life);
        if (ct->cancel_wanted)
            client_send_cancel(ct);
    }
    client_tell(ct, rs);
}

static void client_final(struct client_txn *ct)
{
    ct->answered = true;
    ct->error = 0; /* it came in spite of it */
    client_stop(ct, &ct->step);
    client_wait_end(ct->l, &ct->wait);
}

/* From here on it only absorbs what comes again, until its timer ends it. */
static void client_finish(struct client_txn *ct, int64_t ms)
{
    client_set(ct, &ct->life, ms);
    ct->finished = true;
    struct list *oldest = finished_add(ct->l, &ct->l->done_clients, &ct->link);
    if (oldest)
        client_terminate(container_of(oldest, struct client_txn, link));
}

static void client_accept(struct client_txn *ct, const struct sip_msg *rs)
{
    client_final(ct);
    client_forget(ct);
    client_finish(ct, 64 * ct->l->config.t1); /* timer M */
    client_tell(ct, rs);
}

static void client_send_ack(struct client_txn *ct, const struct sip_msg *rs)
{
    struct buf *out = layer_out(ct->l);

    if (client_write_ack(bytes_of(ct->request, ct->request_n), rs, out))
        sip_layer_count(ct->l, SIP_STAT_MEMORY);
    else
        client_transmit(ct, buf_bytes(out));
}

static void client_refused(struct client_txn *ct, const struct sip_msg *rs)
{
    int64_t d = 64 * ct->l->config.t1;

    client_final(ct);
    client_send_ack(ct, rs);
    if (client_reliable(ct))
        client_terminate(ct);
    else
        client_finish(ct, d < TIMER_D_MIN ? TIMER_D_MIN : d);
    client_tell(ct, rs);
}

static void client_ack_again(struct client_txn *ct, const struct sip_msg *rs)
{
    sip_layer_count(ct->l, SIP_STAT_ABSORBED_RESPONSE);
    client_send_ack(ct, rs);
}

static void client_complete(struct client_txn *ct, const struct sip_msg *rs)
{
    client_final(ct);
    client_forget(ct);
    if (client_reliable(ct)) /* timer K is 0 */
        client_terminate(ct);
    else
        client_finish(ct, ct->l->config.t4);
    client_tell(ct, rs);
    if (ct->finished)
        list_push_back(&ct->l->told_clients, &ct->told);
}

static void client_again(struct client_txn *ct, uint64_t interval)
{
    ct->interval = interval;
    client_set(ct, &ct->step, (int64_t)interval);
    sip_layer_count(ct->l, SIP_STAT_RETRANSMITTED_REQUEST);
    client_transmit(ct, bytes_of(ct->request, ct->request_n));
}

static void client_timer_a(struct client_txn *ct, const struct sip_msg *rs)
{
    client_again(ct, ct->interval * 2);
}

static void client_timer_e(struct client_txn *ct, const struct sip_msg *rs)
{
    uint64_t t2 = (uint64_t)ct->l->config.t2;
    bool capped = ct->state == CLIENT_PROCEEDING || ct->interval * 2 > t2;

    client_again(ct, capped ? t2 : ct->interval * 2);
}

static void client_timeout(struct client_txn *ct, const struct sip_msg *rs)
{
    sip_layer_count(ct->l, ct->method == SIP_INVITE ? SIP_STAT_TIMEOUT_B : SIP_STAT_TIMEOUT_F);
    client_terminate(ct);
    ct->user->on_failure(ct, 408, -ETIMEDOUT);
}

/* Kept for who will say where to: RFC 3261 knows no such thing, a phone that changes its access does. */
static bool client_kept(struct client_txn *ct)
{
    if (!ct->user->on_lost || !ct->user->on_lost(ct, ct->error))
        return false;
    if (ct->error) { /* on_lost has not moved it at once */
        ct->error = 0;
        client_stop(ct, &ct->step);
        if (ct->state != CLIENT_PROCEEDING || ct->method != SIP_INVITE)
            client_set(ct, &ct->life, 64 * ct->l->config.t1);
    }
    return true;
}

static void client_broken(struct client_txn *ct, const struct sip_msg *rs)
{
    if (client_kept(ct))
        return;
    client_terminate(ct);
    ct->user->on_failure(ct, 503, ct->error);
}

static void client_end(struct client_txn *ct, const struct sip_msg *rs)
{
    client_terminate(ct);
}

/* RFC 3261 figure 5 as RFC 6026 8.4 has it. An error in Proceeding is a connection that closed while it rang:
 * no response can come on it any more (RFC 5626 5.3.1). ON_LIFE in Proceeding is 9.1's wait after a CANCEL.
 */
static const struct client_rule invite_rules[CLIENT_STATES][CLIENT_EVENTS] = {
    [CLIENT_CALLING] =
        {
            [CLIENT_GETS_1XX] = {CLIENT_PROCEEDING, client_first_provisional},
            [CLIENT_GETS_2XX] = {CLIENT_ACCEPTED, client_accept},
            [CLIENT_GETS_NO] = {CLIENT_COMPLETED, client_refused},
            [CLIENT_ON_STEP] = {CLIENT_CALLING, client_timer_a},
            [CLIENT_ON_LIFE] = {CLIENT_TERMINATED, client_timeout},
            [CLIENT_ON_ERROR] = {CLIENT_TERMINATED, client_broken},
        },
    [CLIENT_PROCEEDING] =
        {
            [CLIENT_GETS_1XX] = {CLIENT_PROCEEDING, client_tell},
            [CLIENT_GETS_2XX] = {CLIENT_ACCEPTED, client_accept},
            [CLIENT_GETS_NO] = {CLIENT_COMPLETED, client_refused},
            [CLIENT_ON_LIFE] = {CLIENT_TERMINATED, client_timeout},
            [CLIENT_ON_ERROR] = {CLIENT_TERMINATED, client_broken},
        },
    [CLIENT_COMPLETED] =
        {
            [CLIENT_GETS_1XX] = {CLIENT_COMPLETED, NULL},
            [CLIENT_GETS_2XX] = {CLIENT_COMPLETED, NULL},
            [CLIENT_GETS_NO] = {CLIENT_COMPLETED, client_ack_again},
            [CLIENT_ON_LIFE] = {CLIENT_TERMINATED, client_end},
            [CLIENT_ON_ERROR] = {CLIENT_TERMINATED, client_end}, /* the TU has its final response */
        },
    [CLIENT_ACCEPTED] =
        {
            [CLIENT_GETS_1XX] = {CLIENT_ACCEPTED, NULL},
            [CLIENT_GETS_2XX] = {CLIENT_ACCEPTED, client_tell},
            [CLIENT_GETS_NO] = {CLIENT_ACCEPTED, NULL},
            [CLIENT_ON_LIFE] = {CLIENT_TERMINATED, client_end},
        },
};

/* RFC 3261 figure 6. */
static const struct client_rule other_rules[CLIENT_STATES][CLIENT_EVENTS] = {
    [CLIENT_CALLING] =
        {
            [CLIENT_GETS_1XX] = {CLIENT_PROCEEDING, client_first_provisional},
            [CLIENT_GETS_2XX] = {CLIENT_COMPLETED, client_complete},
            [CLIENT_GETS_NO] = {CLIENT_COMPLETED, client_complete},
            [CLIENT_ON_STEP] = {CLIENT_CALLING, client_timer_e},
            [CLIENT_ON_LIFE] = {CLIENT_TERMINATED, client_timeout},
            [CLIENT_ON_ERROR] = {CLIENT_TERMINATED, client_broken},
        },
    [CLIENT_PROCEEDING] =
        {
            [CLIENT_GETS_1XX] = {CLIENT_PROCEEDING, client_tell},
            [CLIENT_GETS_2XX] = {CLIENT_COMPLETED, client_complete},
            [CLIENT_GETS_NO] = {CLIENT_COMPLETED, client_complete},
            [CLIENT_ON_STEP] = {CLIENT_PROCEEDING, client_timer_e},
            [CLIENT_ON_LIFE] = {CLIENT_TERMINATED, client_timeout},
            [CLIENT_ON_ERROR] = {CLIENT_TERMINATED, client_broken},
        },
    [CLIENT_COMPLETED] =
        {
            [CLIENT_GETS_1XX] = {CLIENT_COMPLETED, NULL},
            [CLIENT_GETS_2XX] = {CLIENT_COMPLETED, NULL},
            [CLIENT_GETS_NO] = {CLIENT_COMPLETED, NULL},
            [CLIENT_ON_LIFE] = {CLIENT_TERMINATED, client_end},
        },
};

void client_do(struct client_txn *ct, enum client_event ev, const struct sip_msg *rs)
{
    const struct client_rule *r =
        ct->method == SIP_INVITE ? &invite_rules[ct->state][ev] : &other_rules[ct->state][ev];

    if (r->next == CLIENT_NONE)
        return;
    /* CLIENT_TERMINATED is entered by client_terminate(), which takes it off the tables. */
    if (r->next != CLIENT_TERMINATED)
        ct->state = r->next;
    if (r->act)
        r->act(ct, rs);
    else
        sip_layer_count(ct->l, SIP_STAT_ABSORBED_RESPONSE);
}

void client_step_fire(struct worker *w, struct timer *t)
{
    client_do(container_of(t, struct client_txn, step), CLIENT_ON_STEP, NULL);
}

void client_life_fire(struct worker *w, struct timer *t)
{
    struct client_txn *ct = container_of(t, struct client_txn, life);

    client_do(ct, ct->error ? CLIENT_ON_ERROR : CLIENT_ON_LIFE, NULL);
}
