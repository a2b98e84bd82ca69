#include "modules/sip/server_rules.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef void server_act(struct server_txn *st, struct bytes response);
struct server_rule {
    enum server_state next;
    server_act *act; /* NULL: the event is absorbed */
};

/* ---- what the actions are made of */

bool server_reliable(const struct server_txn *st)
{
    return sip_hop_reliable(&st->to);
}

static uint64_t server_after(const struct server_txn *st, int64_t ms)
{
    return st->l->w->now + (uint64_t)ms;
}

void server_set(struct server_txn *st, struct timer *t, int64_t ms)
{
    timer_set(&st->l->w->timers, t, server_after(st, ms));
}

static void server_forget(struct server_txn *st)
{
    free(st->last);
    st->last = NULL;
    st->last_n = 0;
}

static void server_keep(struct server_txn *st, struct bytes response)
{
    uint8_t *copy = realloc(st->last, response.n);

    if (!copy) {
        /* It still goes out once; a retransmitted request will be absorbed without an answer. */
        server_forget(st);
        sip_layer_count(st->l, SIP_STAT_MEMORY);
        return;
    }
    memcpy(copy, response.p, response.n);
    st->last = copy;
    st->last_n = response.n;
}

static void server_transmit(struct server_txn *st, struct bytes response)
{
    int rc = layer_send(st->l, &st->to, response);

    if (rc && st->user->on_error)
        st->user->on_error(st, rc);
}

void server_terminate(struct server_txn *st)
{
    struct sip_layer *l = st->l;

    if (st->state == SERVER_TERMINATED)
        return;
    st->state = SERVER_TERMINATED;
    if (st->finished)
        finished_remove(&l->done_servers, &st->link);
    timer_stop(&l->w->timers, &st->step);
    timer_stop(&l->w->timers, &st->life);
    map_remove(&l->servers, &st->node);
    held_give(l, &st->held);
    stat_dec(&l->stats[SIP_STAT_SERVER_LIVE]);
    list_push_back(&l->dead_servers, &st->link);
}

/* The views that were given out with the request stay good until the end of the turn. */
static void server_done_with_request(struct server_txn *st)
{
    held_give(st->l, &st->held);
    if (st->rq && !list_linked(&st->trim))
        list_push_back(&st->l->trim, &st->trim);
}

/* From here on it only absorbs what comes again, until its timer ends it. */
static void server_finish(struct server_txn *st, int64_t ms)
{
    server_set(st, &st->life, ms);
    st->finished = true;
    struct list *oldest = finished_add(st->l, &st->l->done_servers, &st->link);
    if (oldest)
        server_terminate(container_of(oldest, struct server_txn, link));
}

/* ---- actions; the state is the next one already */

static void server_resend(struct server_txn *st, struct bytes response)
{
    sip_layer_count(st->l, SIP_STAT_ABSORBED_REQUEST);
    if (st->last)
        server_transmit(st, bytes_of(st->last, st->last_n));
}

static void server_send(struct server_txn *st, struct bytes response)
{
    timer_stop(&st->l->w->timers, &st->step);
    server_keep(st, response);
    server_transmit(st, response);
}

/* Nothing is kept: the TU answers for the reliability of a 2xx (RFC 6026 7.1). */
static void server_send_accept(struct server_txn *st, struct bytes response)
{
    timer_stop(&st->l->w->timers, &st->step);
    server_forget(st);
    server_done_with_request(st);
    server_finish(st, 64 * st->l->config.t1); /* timer L */
    server_transmit(st, response);
}

static void server_send_more(struct server_txn *st, struct bytes response)
{
    server_transmit(st, response);
}

static void server_send_refusal(struct server_txn *st, struct bytes response)
{
    server_done_with_request(st);
    server_set(st, &st->life, 64 * st->l->config.t1); /* timer H */
    server_send(st, response);
    if (server_reliable(st))
        return;
    st->interval = (uint64_t)st->l->config.t1; /* timer G */
    server_set(st, &st->step, (int64_t)st->interval);
}

static void server_send_final(struct server_txn *st, struct bytes response)
{
    server_done_with_request(st);
    if (server_reliable(st)) { /* timer J is 0 */
        server_terminate(st);
        server_transmit(st, response);
        return;
    }
    server_finish(st, 64 * st->l->config.t1); /* timer J */
    server_send(st, response);
}

static void server_again(struct server_txn *st, struct bytes response)
{
    uint64_t t2 = (uint64_t)st->l->config.t2;

    st->interval = st->interval * 2 < t2 ? st->interval * 2 : t2;
    server_set(st, &st->step, (int64_t)st->interval);
    sip_layer_count(st->l, SIP_STAT_RETRANSMITTED_RESPONSE);
    if (st->last)
        server_transmit(st, bytes_of(st->last, st->last_n));
}

static void server_say_trying(struct server_txn *st, struct bytes response)
{
    if (!st->status)
        server_txn_refuse(st, 100);
}

/* Its user took it and forgot it: what goes on to somebody has timer C (RFC 3261 16.6 item 11). */
static void server_forgotten(struct server_txn *st, struct bytes response)
{
    server_txn_refuse(st, 500);
}

static void server_confirm(struct server_txn *st, struct bytes response)
{
    timer_stop(&st->l->w->timers, &st->step);
    server_forget(st);
    if (server_reliable(st)) /* timer I is 0 */
        server_terminate(st);
    else
        server_finish(st, st->l->config.t4);
}

static void server_no_ack(struct server_txn *st, struct bytes response)
{
    sip_layer_count(st->l, SIP_STAT_TIMEOUT_H);
    server_terminate(st);
    if (st->user->on_no_ack)
        st->user->on_no_ack(st);
}

static void server_end(struct server_txn *st, struct bytes response)
{
    server_terminate(st);
}

/* RFC 3261 figure 7 as RFC 6026 8.6 has it. ACK in Accepted goes to the TU: server_receive_ack. */
static const struct server_rule invite_rules[SERVER_STATES][SERVER_EVENTS] = {
    [SERVER_PROCEEDING] =
        {
            [SERVER_ON_REQUEST] = {SERVER_PROCEEDING, server_resend},
            [SERVER_SAYS_1XX] = {SERVER_PROCEEDING, server_send},
            [SERVER_SAYS_2XX] = {SERVER_ACCEPTED, server_send_accept},
            [SERVER_SAYS_NO] = {SERVER_COMPLETED, server_send_refusal},
            [SERVER_ON_STEP] = {SERVER_PROCEEDING, server_say_trying},
            [SERVER_ON_LIFE] = {SERVER_PROCEEDING, server_forgotten},
        },
    [SERVER_COMPLETED] =
        {
            [SERVER_ON_REQUEST] = {SERVER_COMPLETED, server_resend},
            [SERVER_ON_ACK] = {SERVER_CONFIRMED, server_confirm},
            [SERVER_ON_STEP] = {SERVER_COMPLETED, server_again},
            [SERVER_ON_LIFE] = {SERVER_TERMINATED, server_no_ack},
        },
    [SERVER_CONFIRMED] =
        {
            [SERVER_ON_REQUEST] = {SERVER_CONFIRMED, NULL},
            [SERVER_ON_ACK] = {SERVER_CONFIRMED, NULL},
            [SERVER_ON_LIFE] = {SERVER_TERMINATED, server_end},
        },
    [SERVER_ACCEPTED] =
        {
            [SERVER_ON_REQUEST] = {SERVER_ACCEPTED, NULL},
            [SERVER_SAYS_2XX] = {SERVER_ACCEPTED, server_send_more},
            [SERVER_ON_LIFE] = {SERVER_TERMINATED, server_end},
        },
};

/* RFC 3261 figure 8, with the 100 and the silent end of RFC 4320. */
static const struct server_rule other_rules[SERVER_STATES][SERVER_EVENTS] = {
    [SERVER_TRYING] =
        {
            [SERVER_ON_REQUEST] = {SERVER_TRYING, NULL},
            [SERVER_SAYS_1XX] = {SERVER_PROCEEDING, server_send},
            [SERVER_SAYS_2XX] = {SERVER_COMPLETED, server_send_final},
            [SERVER_SAYS_NO] = {SERVER_COMPLETED, server_send_final},
            [SERVER_ON_STEP] = {SERVER_TRYING, server_say_trying},
            [SERVER_ON_LIFE] = {SERVER_TERMINATED, server_end},
        },
    [SERVER_PROCEEDING] =
        {
            [SERVER_ON_REQUEST] = {SERVER_PROCEEDING, server_resend},
            [SERVER_SAYS_1XX] = {SERVER_PROCEEDING, server_send},
            [SERVER_SAYS_2XX] = {SERVER_COMPLETED, server_send_final},
            [SERVER_SAYS_NO] = {SERVER_COMPLETED, server_send_final},
            [SERVER_ON_LIFE] = {SERVER_TERMINATED, server_end},
        },
    [SERVER_COMPLETED] =
        {
            [SERVER_ON_REQUEST] = {SERVER_COMPLETED, server_resend},
            [SERVER_ON_LIFE] = {SERVER_TERMINATED, server_end},
        },
};

int server_do(struct server_txn *st, enum server_event ev, struct bytes response)
{
    const struct server_rule *r = st->invite ? &invite_rules[st->state][ev] : &other_rules[st->state][ev];

    if (r->next == SERVER_NONE)
        return -EINVAL;
    /* SERVER_TERMINATED is entered by server_terminate(), which takes it off the tables. */
    if (r->next != SERVER_TERMINATED)
        st->state = r->next;
    if (r->act)
        r->act(st, response);
    else
        sip_layer_count(st->l, SIP_STAT_ABSORBED_REQUEST);
    return 0;
}

void server_step_fire(struct worker *w, struct timer *t)
{
    server_do(container_of(t, struct server_txn, step), SERVER_ON_STEP, BYTES_NONE);
}

void server_life_fire(struct worker *w, struct timer *t)
{
    server_do(container_of(t, struct server_txn, life), SERVER_ON_LIFE, BYTES_NONE);
}
