/* proxy_rig: a proxy with a user that notes what it hears, a caller over UDP and phones over TLS; virtual
 * time. */
#pragma once
#include "modules/sip/edit.h"
#include "sip_rig.h"

#define T1     500u
#define CALLER 4321 /* the upstream's UDP port */

/* What the tests' user does, and what it heard. */
struct plan {
    struct proxy_target targets[8];
    unsigned n;
    struct proxy *p;
    int edit_status;                 /* edit_request says */
    int response;                    /* on_response says, for finals but 2xx */
    int failure;                     /* on_failure says */
    int best;                        /* on_best says, once */
    const struct proxy_target *more; /* added in on_best */
    bool hold;                       /* add targets, but do not run */
    unsigned responses, failures, finals, cancels, done;
    int failed_with, err, final;
};

static inline int edit_request(struct proxy *p, const struct proxy_branch *b, const struct sip_msg *rq,
                               struct sip_edit *e)
{
    struct plan *plan = *(struct plan **)proxy_data(p);

    sip_edit_add_named(e, BYTES("X-Branch"), sip_edit_text(e, "%u", b->index));
    return plan->edit_status;
}

static inline int on_response(struct proxy *p, const struct proxy_branch *b, const struct sip_msg *rs)
{
    struct plan *plan = *(struct plan **)proxy_data(p);

    plan->responses++;
    return rs->status >= 300 ? plan->response : PROXY_GO_ON;
}

static inline int on_failure(struct proxy *p, const struct proxy_branch *b, int status, int err)
{
    struct plan *plan = *(struct plan **)proxy_data(p);

    plan->failures++;
    plan->failed_with = status;
    plan->err = err;
    return plan->failure;
}

static inline void edit_response(struct proxy *p, const struct proxy_branch *b, const struct sip_msg *rs,
                                 struct sip_edit *e)
{
    sip_edit_add_named(e, BYTES("X-Passed"), sip_edit_text(e, "%u", b->index));
}

static inline int on_best(struct proxy *p, int status)
{
    struct plan *plan = *(struct plan **)proxy_data(p);
    int verdict = plan->best ? plan->best : status;

    if (plan->more)
        assert_int_equal(proxy_add(p, plan->more), 0);
    plan->more = NULL;
    plan->best = 0;
    return verdict;
}

static inline void on_cancel(struct proxy *p)
{
    (*(struct plan **)proxy_data(p))->cancels++;
}

static inline void on_final(struct proxy *p, int status)
{
    struct plan *plan = *(struct plan **)proxy_data(p);

    plan->finals++;
    plan->final = status;
}

static inline void on_done(struct proxy *p)
{
    (*(struct plan **)proxy_data(p))->done++;
}

static const struct proxy_user user = {
    .edit_request = edit_request,
    .on_response = on_response,
    .on_failure = on_failure,
    .edit_response = edit_response,
    .on_best = on_best,
    .on_cancel = on_cancel,
    .on_final = on_final,
    .on_done = on_done,
};

static inline void forward(struct rig *r, struct server_txn *st, const struct sip_msg *rq)
{
    struct plan *plan = r->data;

    if (proxy_check(st))
        return;
    plan->p = proxy_create(st, &user, sizeof(plan));
    assert_non_null(plan->p);
    *(struct plan **)proxy_data(plan->p) = plan;
    for (unsigned i = 0; i < plan->n; i++)
        assert_int_equal(proxy_add(plan->p, &plan->targets[i]), 0);
    if (!plan->hold)
        proxy_run(plan->p);
}

static inline int setup(void **state)
{
    struct rig *r = rig_create(NULL);

    r->data = calloc(1, sizeof(struct plan));
    r->handle = forward;
    *state = r;
    return 0;
}

static inline int teardown(void **state)
{
    struct rig *r = *state;
    struct plan *plan = r->data;

    rig_destroy(r);
    assert_int_equal(plan->done, plan->p ? 1 : 0);
    free(plan);
    return 0;
}

static inline void target(struct rig *r, struct sip_hop hop, unsigned group)
{
    struct plan *plan = r->data;

    plan->targets[plan->n++] = (struct proxy_target){.hop = hop, .group = group};
}

/* n targets on TLS connections 1.., all at once. */
static inline void parallel(struct rig *r, unsigned n)
{
    for (unsigned i = 1; i <= n; i++)
        target(r, rig_tls(i), 0);
}

static inline void call(struct rig *r)
{
    struct sip_hop from = rig_udp(CALLER);

    rig_request(r, &from, &(struct rig_request){.method = "INVITE"});
}

static inline void text(struct rig *r)
{
    struct sip_hop from = rig_udp(CALLER);

    rig_request(r, &from, &(struct rig_request){.method = "MESSAGE"});
}

static inline void upstream_cancels(struct rig *r)
{
    struct sip_hop from = rig_udp(CALLER);

    rig_request(r, &from, &(struct rig_request){.method = "CANCEL", .extra = "Reason: SIP;cause=480\r\n"});
}

static inline bool to_caller(const struct rig *r, unsigned i)
{
    return r->sent[i].to.flow.transport == TRANSPORT_UDP;
}

/* The last message that went to the caller. */
static inline unsigned upstream(const struct rig *r)
{
    for (unsigned i = r->n; i-- > 0;)
        if (to_caller(r, i))
            return i;
    fail_msg("nothing went upstream");
    return 0;
}

static inline unsigned sent_that_start(const struct rig *r, const char *with)
{
    unsigned n = 0;

    for (unsigned i = 0; i < r->n; i++)
        n += starts(r->sent[i].text, with);
    return n;
}

static inline unsigned find_sent(const struct rig *r, const char *with, uint32_t slot)
{
    for (unsigned i = r->n; i-- > 0;)
        if (starts(r->sent[i].text, with) && r->sent[i].to.flow.conn.slot == slot)
            return i;
    fail_msg("no %s on connection %u", with, slot);
    return 0;
}

/* What connection `slot` says to its INVITE or MESSAGE. */
static inline void phone_says(struct rig *r, uint32_t slot, int status)
{
    const char *method = sent_that_start(r, "INVITE") ? "INVITE" : "MESSAGE";

    rig_answer(r, find_sent(r, method, slot), status);
}
