#include "modules/sip/client_txn.h"
#include "modules/sip/client_flow.h"
#include "modules/sip/layer.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TIMER_D_MIN 32000 /* ms on unreliable transports, RFC 3261 17.1.1.2 */

enum client_state {
    CLIENT_NONE,    /* as a rule's next: the event has no place in this state */
    CLIENT_NEW,     /* has a branch, was not sent */
    CLIENT_CALLING, /* and Trying */
    CLIENT_PROCEEDING,
    CLIENT_COMPLETED,
    CLIENT_ACCEPTED, /* RFC 6026 */
    CLIENT_TERMINATED,
    CLIENT_STATES
};

enum client_event {
    CLIENT_GETS_1XX,
    CLIENT_GETS_2XX,
    CLIENT_GETS_NO, /* 300-699 */
    CLIENT_ON_STEP, /* timers A, E */
    CLIENT_ON_LIFE, /* timers B, F, D, K, M, and the one after a CANCEL */
    CLIENT_ON_ERROR,
    CLIENT_EVENTS
};

struct client_txn {
    struct list link;        /* in l->dead_clients once terminated */
    struct client_wait wait; /* on its connection, as long as no final response came */
    struct sip_layer *l;
    struct sip_hop to;
    const struct client_user *user;
    void *arg;
    struct timer step, life;
    uint64_t interval; /* of timers A, E */
    uint8_t *request;  /* as sent; NULL when it cannot be needed again */
    size_t request_n;
    uint8_t *reason; /* header line for a CANCEL that has to wait */
    size_t reason_n;
    struct ref cancel; /* an INVITE's CANCEL, which has the same branch */
    enum client_state state;
    enum sip_method method;
    int error; /* a transport error that timer `life` is to report */
    bool provisional, answered, cancel_wanted, cancelled;
    char branch[SIP_BRANCH_MAX];
};

typedef void client_act(struct client_txn *ct, const struct sip_msg *rs);
struct client_rule {
    enum client_state next;
    client_act *act; /* NULL: the event is absorbed */
};

size_t client_txn_size(void)
{
    return sizeof(struct client_txn);
}

/* ---- what the actions are made of */

static bool client_reliable(const struct client_txn *ct)
{
    return sip_hop_reliable(&ct->to);
}

static void client_set(struct client_txn *ct, struct timer *t, int64_t ms)
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
}

/* Errors are told from the timer, never from inside the call that sent. */
static void client_transmit(struct client_txn *ct, struct bytes msg)
{
    int rc = layer_send(ct->l, &ct->to, msg);

    if (!rc)
        return;
    ct->error = rc;
    client_set(ct, &ct->life, 0);
}

static void client_terminate(struct client_txn *ct)
{
    if (ct->state == CLIENT_TERMINATED)
        return;
    ct->state = CLIENT_TERMINATED;
    client_stop(ct, &ct->step);
    client_stop(ct, &ct->life);
    client_wait_end(ct->l, &ct->wait);
    stat_dec(&ct->l->stats[SIP_STAT_CLIENT_LIVE]);
    list_push_back(&ct->l->dead_clients, &ct->link);
}

static void client_send_cancel(struct client_txn *ct);

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

static void client_accept(struct client_txn *ct, const struct sip_msg *rs)
{
    client_final(ct);
    client_forget(ct);
    client_set(ct, &ct->life, 64 * ct->l->config.t1); /* timer M */
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
    client_set(ct, &ct->life, d < TIMER_D_MIN ? TIMER_D_MIN : d);
    client_send_ack(ct, rs);
    if (client_reliable(ct))
        client_terminate(ct);
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
        client_set(ct, &ct->life, ct->l->config.t4);
    client_tell(ct, rs);
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

static void client_broken(struct client_txn *ct, const struct sip_msg *rs)
{
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

static void client_do(struct client_txn *ct, enum client_event ev, const struct sip_msg *rs)
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

static void client_step_fire(struct worker *w, struct timer *t)
{
    client_do(container_of(t, struct client_txn, step), CLIENT_ON_STEP, NULL);
}

static void client_life_fire(struct worker *w, struct timer *t)
{
    struct client_txn *ct = container_of(t, struct client_txn, life);

    client_do(ct, ct->error ? CLIENT_ON_ERROR : CLIENT_ON_LIFE, NULL);
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

void client_receive(struct sip_layer *l, const struct sip_msg *rs)
{
    struct client_txn *ct = client_find(l, rs);

    if (!ct || ct->state == CLIENT_NEW) {
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

void client_reap(struct sip_layer *l)
{
    struct list *it;

    while ((it = list_pop_front(&l->dead_clients))) {
        struct client_txn *ct = container_of(it, struct client_txn, link);
        if (ct->user->gone)
            ct->user->gone(ct);
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

struct client_txn *client_txn_create(struct sip_layer *l, const struct sip_hop *to, uint32_t loop,
                                     const struct client_user *user, void *arg)
{
    struct client_txn *ct = slots_take(&l->clients);

    if (!ct) {
        sip_layer_count(l, l->clients.used >= l->clients.max ? SIP_STAT_OVERLOAD : SIP_STAT_MEMORY);
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
    client_wait_init(&ct->wait);
    struct sip_branch b = {.ref = slots_ref(&l->clients, ct), .loop = loop};
    random_fill(&b.random, sizeof(b.random));
    sip_branch_write(&b, ct->branch);
    sip_layer_count(l, SIP_STAT_CLIENT_CREATED);
    stat_inc(&l->stats[SIP_STAT_CLIENT_LIVE]);
    return ct;
}

const char *client_txn_branch(const struct client_txn *ct)
{
    return ct->branch;
}

bool client_txn_via(const struct client_txn *ct, struct buf *out)
{
    struct sip_sent_by by;

    if (!ct->l->entity->sent_by(ct->l->w, &ct->to, &by))
        return false;
    return buf_printf(out, "Via: SIP/2.0/%s %s;branch=%s%s\r\n", by.transport, by.sent_by, ct->branch,
                      client_reliable(ct) ? "" : ";rport");
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
    if (!request.n || client_copy(ct, request) || client_wait_begin(ct->l, &ct->wait, &ct->to)) {
        sip_layer_count(ct->l, SIP_STAT_MEMORY);
        client_terminate(ct);
        return -ENOMEM;
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

void client_txn_drop(struct client_txn *ct)
{
    client_terminate(ct);
}

static void cancel_heard(struct client_txn *ct, const struct sip_msg *rs)
{
    /* The answer to the INVITE is what counts (RFC 3261 9.1). */
}

static void cancel_failed(struct client_txn *ct, int status, int err) {}

static const struct client_user cancel_user = {.on_response = cancel_heard, .on_failure = cancel_failed};

static void client_send_cancel(struct client_txn *ct)
{
    struct client_txn *cancel = client_txn_create(ct->l, &ct->to, 0, &cancel_user, NULL);
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
