#include "modules/sip/client_txn.h"
#include "modules/sip/client_rules.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

size_t client_txn_size(void)
{
    return sizeof(struct client_txn);
}

/* ---- responses and dead connections */

/* RFC 3261 17.1.3: branch and CSeq method; a CANCEL shares the branch of its INVITE. */
static struct client_txn *client_find(struct sip_layer *l, const struct sip_msg *rs)
{
    struct sip_branch b;

    if (!sip_branch_parse(rs->via.branch, &b) || b.ref.worker != l->w->id)
        return NULL;
    struct client_txn *ct = slots_get(&l->clients, b.ref);
    if (!ct || !bytes_eq(rs->via.branch, bytes_str(ct->branch)))
        return NULL;
    if (rs->cseq.method == SIP_CANCEL && ct->method == SIP_INVITE)
        ct = slots_get(&l->clients, ct->cancel);
    return ct && ct->method == rs->cseq.method && ct->state != CLIENT_TERMINATED ? ct : NULL;
}

/* The branch is known to all who saw the request further on: a phone that was called must not answer in the
 * place of the network. */
static bool client_hears(struct client_txn *ct, const struct sip_hop *from)
{
    const struct sip_layer_user *user = ct->l->user;

    return user->may_answer ? user->may_answer(ct->l, &ct->to, from) : sip_hop_eq(&ct->to, from);
}

void client_receive(struct sip_layer *l, const struct sip_hop *from, const struct sip_msg *rs)
{
    struct client_txn *ct = client_find(l, rs);

    if (!ct || ct->state == CLIENT_NEW || !client_hears(ct, from)) {
        sip_layer_count(l, SIP_STAT_STRAY_RESPONSE);
        return;
    }
    client_do(ct,
              rs->status < 200   ? CLIENT_GETS_1XX
              : rs->status < 300 ? CLIENT_GETS_2XX
                                 : CLIENT_GETS_NO,
              rs);
}

void client_flow_dead(struct sip_layer *l, struct ref conn)
{
    struct client_wait *wait;

    while ((wait = client_wait_pop(l, conn))) {
        struct client_txn *ct = container_of(wait, struct client_txn, wait);
        ct->error = -ENOTCONN;
        client_set(ct, &ct->life, 0);
    }
}

static void nobody_heard(struct client_txn *ct, const struct sip_msg *rs) {}

static void nobody_failed(struct client_txn *ct, int status, int err) {}

static const struct client_user nobody = {.on_response = nobody_heard, .on_failure = nobody_failed};

/* What the user keeps for it is larger than what is needed to absorb a retransmission. */
static void client_leave(struct client_txn *ct)
{
    if (ct->user->gone)
        ct->user->gone(ct);
    ct->user = &nobody;
    ct->arg = NULL;
}

void client_reap(struct sip_layer *l)
{
    struct list *it;

    while ((it = list_pop_front(&l->told_clients)))
        client_leave(container_of(it, struct client_txn, told));
    while ((it = list_pop_front(&l->dead_clients))) {
        struct client_txn *ct = container_of(it, struct client_txn, link);
        client_leave(ct);
        held_give(l, &ct->held);
        free(ct->request);
        free(ct->reason);
        slots_give(&l->clients, ct);
    }
}

void client_end_all(struct sip_layer *l)
{
    uint32_t cursor = 0;

    for (struct client_txn *ct; (ct = slots_next(&l->clients, &cursor));)
        client_terminate(ct);
}

/* ---- what the user calls */

static struct client_txn *client_new(struct sip_layer *l, const struct sip_hop *to, uint32_t loop,
                                     const struct client_user *user, void *arg)
{
    struct client_txn *ct = slots_take(&l->clients);

    if (!ct) {
        sip_layer_count(l, SIP_STAT_MEMORY);
        return NULL;
    }
    ct->l = l;
    ct->to = *to;
    ct->user = user;
    ct->arg = arg;
    ct->state = CLIENT_NEW;
    ct->step.fire = client_step_fire;
    ct->life.fire = client_life_fire;
    list_init(&ct->link);
    list_init(&ct->told);
    client_wait_init(&ct->wait);
    struct sip_branch b = {.ref = slots_ref(&l->clients, ct), .loop = loop};
    random_fill(&b.random, sizeof(b.random));
    sip_branch_write(&b, ct->branch);
    sip_layer_count(l, SIP_STAT_CLIENT_CREATED);
    stat_inc(&l->stats[SIP_STAT_CLIENT_LIVE]);
    return ct;
}

struct client_txn *client_txn_create(struct sip_layer *l, const struct sip_hop *to, uint32_t loop,
                                     const struct client_user *user, void *arg)
{
    if (l->clients.used - l->done_clients.n < (size_t)l->config.max_transactions)
        return client_new(l, to, loop, user, arg);
    sip_layer_count(l, SIP_STAT_OVERLOAD);
    return NULL;
}

struct client_txn *client_txn_create_urgent(struct sip_layer *l, const struct sip_hop *to, uint32_t loop,
                                            const struct client_user *user, void *arg)
{
    struct client_txn *ct = client_new(l, to, loop, user, arg);

    if (ct)
        ct->urgent = true;
    return ct;
}

const char *client_txn_branch(const struct client_txn *ct)
{
    return ct->branch;
}

bool client_txn_via(const struct client_txn *ct, struct buf *out)
{
    struct sip_sent_by by = {0};

    if (!ct->l->entity->sent_by(ct->l->w, &ct->to, &by))
        return false;
    return buf_printf(out, "Via: SIP/2.0/%s %s;branch=%s%s%s%s\r\n", by.transport, by.sent_by, ct->branch,
                      client_reliable(ct) ? "" : ";rport", by.alias ? ";alias" : "", sip_sent_by_oc(&by));
}

static enum sip_method request_method(struct bytes request)
{
    struct bytes rest = request, word;

    return bytes_split(&rest, ' ', &word) ? sip_method_of(word) : SIP_OTHER_METHOD;
}

static int client_copy(struct client_txn *ct, struct bytes request)
{
    if (ct->method != SIP_INVITE && client_reliable(ct))
        return 0;
    int rc = ct->method == SIP_CANCEL || ct->urgent ? 0 : held_take(ct->l, &ct->held, NULL, request.n);
    if (rc)
        return rc;
    ct->request = malloc(request.n);
    if (!ct->request)
        return -ENOMEM;
    memcpy(ct->request, request.p, request.n);
    ct->request_n = request.n;
    return 0;
}

int client_txn_send(struct client_txn *ct, struct bytes request)
{
    ct->method = request_method(request);
    int rc = request.n ? client_copy(ct, request) : -ENOMEM;
    if (!rc)
        rc = client_wait_begin(ct->l, &ct->wait, &ct->to);
    if (rc) {
        sip_layer_count(ct->l, rc == -EBUSY ? SIP_STAT_OVERLOAD : SIP_STAT_MEMORY);
        client_terminate(ct);
        return rc;
    }
    ct->state = CLIENT_CALLING;
    client_set(ct, &ct->life, 64 * ct->l->config.t1); /* timers B, F */
    if (!client_reliable(ct)) {
        ct->interval = (uint64_t)ct->l->config.t1; /* timers A, E */
        client_set(ct, &ct->step, (int64_t)ct->interval);
    }
    client_transmit(ct, request);
    return 0;
}

/* Timers anew: the way is another one. */
static void client_restart(struct client_txn *ct)
{
    timer_stop(&ct->l->w->timers, &ct->step);
    if (ct->state == CLIENT_PROCEEDING && ct->method == SIP_INVITE)
        return;
    client_set(ct, &ct->life, 64 * ct->l->config.t1);
    if (!client_reliable(ct) && ct->request) {
        ct->interval = (uint64_t)ct->l->config.t1;
        client_set(ct, &ct->step, (int64_t)ct->interval);
    }
}

int client_txn_move(struct client_txn *ct, const struct sip_hop *to, struct bytes fresh)
{
    if (ct->state != CLIENT_CALLING && ct->state != CLIENT_PROCEEDING)
        return -ESHUTDOWN;
    client_wait_end(ct->l, &ct->wait);
    ct->to = *to;
    if (client_wait_begin(ct->l, &ct->wait, to))
        return -ENOMEM;
    ct->error = 0;
    if (ct->cancelled) {
        client_send_cancel(ct);
        return 0;
    }
    client_restart(ct);
    sip_layer_count(ct->l, SIP_STAT_RETRANSMITTED_REQUEST);
    client_transmit(ct, ct->request ? bytes_of(ct->request, ct->request_n) : fresh);
    return 0;
}

void client_txn_redirect(struct client_txn *ct, const struct sip_hop *to)
{
    if (ct->state == CLIENT_NEW)
        ct->to = *to;
}

void client_txn_drop(struct client_txn *ct)
{
    client_terminate(ct);
}

void client_send_cancel(struct client_txn *ct)
{
    struct client_txn *cancel =
        client_new(ct->l, &ct->to, 0, &nobody, NULL); /* the INVITE's answer is what counts (9.1) */
    struct buf *out = layer_out(ct->l);

    ct->cancelled = true;
    client_set(ct, &ct->life, 64 * ct->l->config.t1); /* RFC 3261 9.1: after that it counts as cancelled */
    if (!cancel)
        return;
    if (client_write_cancel(bytes_of(ct->request, ct->request_n), bytes_of(ct->reason, ct->reason_n), out)) {
        client_txn_drop(cancel);
        return;
    }
    memcpy(cancel->branch, ct->branch, sizeof(cancel->branch));
    ct->cancel = slots_ref(&ct->l->clients, cancel);
    client_txn_send(cancel, buf_bytes(out));
}

void client_txn_cancel(struct client_txn *ct, struct bytes reason)
{
    if (ct->method != SIP_INVITE || ct->cancel_wanted)
        return;
    if (ct->state != CLIENT_CALLING && ct->state != CLIENT_PROCEEDING)
        return;
    ct->cancel_wanted = true;
    ct->reason = reason.n ? malloc(reason.n) : NULL; /* without memory it goes without its reason */
    if (ct->reason) {
        memcpy(ct->reason, reason.p, reason.n);
        ct->reason_n = reason.n;
    }
    if (ct->state == CLIENT_PROCEEDING)
        client_send_cancel(ct);
}

void *client_txn_arg(const struct client_txn *ct)
{
    return ct->arg;
}

const struct sip_hop *client_txn_to(const struct client_txn *ct)
{
    return &ct->to;
}

struct sip_layer *client_txn_layer(const struct client_txn *ct)
{
    return ct->l;
}

struct ref client_txn_ref(const struct client_txn *ct)
{
    return slots_ref(&ct->l->clients, ct);
}

struct client_txn *client_txn_get(struct sip_layer *l, struct ref r)
{
    struct client_txn *ct = slots_get(&l->clients, r);

    return ct && ct->state != CLIENT_TERMINATED ? ct : NULL;
}

bool client_txn_is_invite(const struct client_txn *ct)
{
    return ct->method == SIP_INVITE;
}

bool client_txn_answered(const struct client_txn *ct)
{
    return ct->answered;
}

bool client_txn_provisional(const struct client_txn *ct)
{
    return ct->provisional;
}
