#include "modules/sip/server_txn.h"
#include "modules/sip/edit.h"
#include "modules/sip/reply.h"
#include "modules/sip/server_key.h"
#include "modules/sip/server_rules.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TRYING_AFTER 200 /* ms, RFC 3261 17.2.1 */

/* RFC 4320 4.1: how long a client's timer E takes until it is reset to T2. */
static int64_t server_slow_after(const struct sip_config *c)
{
    int64_t total = 0;

    for (int64_t interval = c->t1; interval < c->t2; interval *= 2)
        total += interval;
    return total;
}

static void server_free(struct server_txn *st)
{
    list_remove(&st->trim);
    free(st->rq);
    free(st->rq_bytes);
    free(st->last);
    free(st);
}

/* Our own copy of the request with received and rport in its top Via (RFC 3261 18.2.1, RFC 3581 4), parsed.
 */
static int server_copy_request(struct server_txn *st, const struct sip_msg *rq)
{
    struct sip_edit e;
    struct sip_msg m;
    struct sip_fault fault;
    struct buf *out = layer_out(st->l);

    sip_edit_init(&e, rq);
    if (st->from.kind == HOP_FLOW)
        sip_edit_via_source(&e, &st->from.flow.peer);
    if (sip_edit_apply(&e, out))
        return -ENOMEM;
    st->rq_bytes = malloc(buf_len(out));
    if (!st->rq_bytes)
        return -ENOMEM;
    memcpy(st->rq_bytes, buf_bytes(out).p, buf_len(out));
    int rc = sip_msg_parse(&m, bytes_of(st->rq_bytes, buf_len(out)), SIP_DATAGRAM, &fault);
    if (rc)
        return rc;
    st->rq = malloc(sip_msg_size(&m));
    if (!st->rq)
        return -ENOMEM;
    memcpy(st->rq, &m, sip_msg_size(&m));
    return 0;
}

static void server_make_tag(struct server_txn *st)
{
    uint64_t random;

    random_fill(&random, sizeof(random));
    st->tag[0] = 's';
    bytes_to_hex(bytes_of(&random, sizeof(random)), st->tag + 1, sizeof(st->tag) - 1);
}

static struct server_txn *server_create(struct sip_layer *l, const struct sip_hop *from,
                                        const struct sip_msg *rq)
{
    struct buf *key = layer_out(l);

    if (!server_key_write(from, rq, rq->method_name, key))
        return NULL;
    struct server_txn *st = calloc(1, sizeof(*st) + buf_len(key));
    if (!st)
        return NULL;
    st->key_n = buf_len(key);
    memcpy(st->key, buf_bytes(key).p, st->key_n);
    st->l = l;
    st->from = *from;
    st->to = sip_reply_hop(from, rq);
    server_txn_own(st, NULL, NULL);
    st->invite = rq->method == SIP_INVITE;
    st->state = st->invite ? SERVER_PROCEEDING : SERVER_TRYING;
    st->step.fire = server_step_fire;
    st->life.fire = server_life_fire;
    list_init(&st->link);
    list_init(&st->trim);
    server_make_tag(st);
    if (server_copy_request(st, rq)) {
        server_free(st);
        return NULL;
    }
    return st;
}

static void server_start(struct server_txn *st)
{
    struct sip_layer *l = st->l;

    map_insert(&l->servers, &st->node, bytes_hash(&l->w->hash_key, bytes_of(st->key, st->key_n)));
    sip_layer_count(l, SIP_STAT_SERVER_CREATED);
    stat_inc(&l->stats[SIP_STAT_SERVER_LIVE]);
    /* A client has given up after 64*T1; whoever forgot to answer does not hold memory for ever. */
    server_set(st, &st->life, 2 * 64 * l->config.t1);
    server_set(st, &st->step, st->invite ? TRYING_AFTER : server_slow_after(&l->config));
}

static struct server_txn *server_find(struct sip_layer *l, const struct sip_hop *from,
                                      const struct sip_msg *rq, struct bytes method)
{
    struct buf *out = layer_out(l);

    if (!server_key_write(from, rq, method, out))
        return NULL;
    struct bytes key = buf_bytes(out);
    struct map_node *n = map_find(&l->servers, bytes_hash(&l->w->hash_key, key));
    for (; n; n = map_next(n)) {
        struct server_txn *st = container_of(n, struct server_txn, node);
        if (bytes_eq(bytes_of(st->key, st->key_n), key))
            return st;
    }
    return NULL;
}

bool sip_layer_has(struct sip_layer *l, const struct sip_hop *from, const struct sip_msg *rq)
{
    bool of_invite = rq->method == SIP_ACK || rq->method == SIP_CANCEL;

    return server_find(l, from, rq, of_invite ? BYTES("INVITE") : rq->method_name) != NULL;
}

/* What a request costs while it waits. */
static size_t server_cost(const struct sip_msg *rq)
{
    return sizeof(struct server_txn) + sip_msg_size(rq) + rq->raw.n;
}

static struct server_txn *server_refuse_to_admit(struct sip_layer *l, const struct sip_hop *from,
                                                 const struct sip_msg *rq, enum sip_stat why,
                                                 const char *because)
{
    sip_layer_count(l, why);
    log_info(&l->w->log, "sip.busy", F_STR("by", l->entity->name), F_BYTES("call_id", rq->call_id),
             F_BYTES("method", rq->method_name), F_ADDR("peer", &from->flow.peer), F_INT("status", 503),
             F_STR("because", because));
    sip_layer_refuse(l, from, rq, 503);
    return NULL;
}

static size_t server_waiting(const struct sip_layer *l)
{
    return l->servers.count - l->done_servers.n;
}

static bool server_is_urgent(struct sip_layer *l, const struct sip_hop *from, const struct sip_msg *rq)
{
    return l->user->is_urgent && server_waiting(l) < 2 * (size_t)l->config.max_transactions &&
           l->user->is_urgent(l, from, rq);
}

static bool server_is_full(const struct sip_layer *l)
{
    return server_waiting(l) >= (size_t)l->config.max_transactions;
}

static const char *server_no_room(const struct sip_layer *l, int rc)
{
    if (rc != -EBUSY)
        return "out of memory";
    return server_is_full(l) ? "sip.max_transactions wait for their answers"
                             : "this phone's requests that wait for an answer take sip.max_pending already";
}

/* Room for it: 0, -EBUSY, -ENOMEM. */
static int server_take(struct sip_layer *l, const struct sip_hop *from, const struct sip_msg *rq,
                       struct held *held)
{
    int rc = server_is_full(l) ? -EBUSY : held_take(l, held, from, server_cost(rq));

    return rc == -EBUSY && server_is_urgent(l, from, rq) ? 0 : rc;
}

/* The new transaction, or NULL: it was a retransmission, or was refused. Limits are not for the CANCEL of an
 * INVITE that is here: it sets more free than it takes. */
static struct server_txn *server_admit(struct sip_layer *l, const struct sip_hop *from,
                                       const struct sip_msg *rq, bool limits)
{
    struct server_txn *st = server_find(l, from, rq, rq->method_name);
    struct held held = {0};

    if (st) {
        server_do(st, SERVER_ON_REQUEST, BYTES_NONE);
        return NULL;
    }
    if (limits && l->user->sheds && l->user->sheds(l, from, rq))
        return server_refuse_to_admit(l, from, rq, SIP_STAT_OVERLOAD,
                                      "this worker is overloaded: see sip.overload");
    int rc = limits ? server_take(l, from, rq, &held) : 0;
    if (rc)
        return server_refuse_to_admit(l, from, rq, rc == -EBUSY ? SIP_STAT_OVERLOAD : SIP_STAT_MEMORY,
                                      server_no_room(l, rc));
    st = server_create(l, from, rq);
    if (!st) {
        held_give(l, &held);
        return server_refuse_to_admit(l, from, rq, SIP_STAT_MEMORY, server_no_room(l, -ENOMEM));
    }
    st->held = held;
    server_start(st);
    return st;
}

void server_receive(struct sip_layer *l, const struct sip_hop *from, const struct sip_msg *rq)
{
    struct server_txn *st = server_admit(l, from, rq, true);

    if (st)
        l->user->on_request(l, st, st->rq);
}

void server_receive_ack(struct sip_layer *l, const struct sip_hop *from, const struct sip_msg *ack)
{
    struct server_txn *st = server_find(l, from, ack, BYTES("INVITE"));

    /* RFC 6026 7.1: in Accepted it is the TU's, whose 2xx it acknowledges. */
    if (st && st->state != SERVER_ACCEPTED) {
        server_do(st, SERVER_ON_ACK, BYTES_NONE);
        return;
    }
    if (layer_ack_is_stateless(l, ack)) {
        sip_layer_count(l, SIP_STAT_STRAY_ACK);
        return;
    }
    l->user->on_ack(l, from, ack);
}

void server_receive_cancel(struct sip_layer *l, const struct sip_hop *from, const struct sip_msg *cancel)
{
    struct server_txn *invite = server_find(l, from, cancel, BYTES("INVITE"));
    struct server_txn *st = server_admit(l, from, cancel, !invite);

    if (!st)
        return;
    if (!invite) {
        /* RFC 3261 9.2. Nothing here was ever forwarded without a transaction, so 16.10's stateless
         * forwarding has no request that it could be for. */
        sip_layer_count(l, SIP_STAT_STRAY_CANCEL);
        server_txn_refuse(st, 481);
        return;
    }
    memcpy(st->tag, invite->tag, sizeof(st->tag)); /* 9.2: the same To tag as the INVITE's */
    server_txn_refuse(st, 200);
    if (server_txn_answered(invite))
        return;
    if (invite->user->on_cancel)
        invite->user->on_cancel(invite, cancel);
    else
        server_txn_refuse(invite, 487);
}

void server_reap(struct sip_layer *l)
{
    struct list *it;

    while ((it = list_pop_front(&l->trim))) {
        struct server_txn *st = container_of(it, struct server_txn, trim);
        free(st->rq);
        free(st->rq_bytes);
        st->rq = NULL;
        st->rq_bytes = NULL;
    }
    while ((it = list_pop_front(&l->dead_servers))) {
        struct server_txn *st = container_of(it, struct server_txn, link);
        if (st->user->gone)
            st->user->gone(st);
        server_free(st);
    }
}

static void server_end_each(struct map_node *node, void *arg)
{
    server_terminate(container_of(node, struct server_txn, node));
}

void server_end_all(struct sip_layer *l)
{
    map_walk(&l->servers, server_end_each, NULL);
}
