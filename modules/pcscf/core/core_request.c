#include "modules/pcscf/core/core_request.h"
#include "modules/sip/msg.h"

struct core_request {
    struct core_attempt attempt;
    struct sip_uac *uac;
    const struct core_request_user *user;
    void *arg;
};

/* ---- the carrier ---- */

static struct core_request *request_of(struct core_attempt *a)
{
    return container_of(a, struct core_request, attempt);
}

static int carry(struct core_attempt *a, const struct sip_hop *to)
{
    a->sending++;
    int rc = sip_uac_try(request_of(a)->uac, to);
    if (rc < 0)
        a->sending--;
    return rc;
}

static bool silent(struct core_attempt *a, unsigned sending)
{
    (void)sending; /* none but the last is heard */
    return sip_uac_silent(request_of(a)->uac);
}

/* The next one has taken its place. */
static void give_up(struct core_attempt *a, unsigned sending)
{
    (void)a;
    (void)sending;
}

static const struct core_carrier by_uac = {.send = carry, .silent = silent, .give_up = give_up};

/* ---- what comes of it ---- */

static struct sip_hop on_size(struct sip_uac *u, const struct sip_hop *to, size_t n)
{
    struct core_request *r = sip_uac_data(u);
    return core_attempt_size(&r->attempt, r->attempt.sending, to, n);
}

static void on_response(struct sip_uac *u, const struct sip_msg *rs)
{
    struct core_request *r = sip_uac_data(u);
    if (!core_attempt_answered(&r->attempt, r->attempt.sending, rs) && r->user)
        r->user->on_response(r->arg, rs);
}

static void on_failure(struct sip_uac *u, int status, int err)
{
    struct core_request *r = sip_uac_data(u);
    if (!core_attempt_failed(&r->attempt, r->attempt.sending, status, err) && r->user)
        r->user->on_failure(r->arg, status, err);
}

static void on_end(struct sip_uac *u)
{
    struct core_request *r = sip_uac_data(u);
    core_attempt_end(&r->attempt);
}

static const struct sip_uac_user core_user = {
    .on_size = on_size, .on_response = on_response, .on_failure = on_failure, .on_end = on_end};

struct sip_uac *core_request_send(struct pcscf *p, const struct sip_hop *to, const struct sip_uac_request *rq,
                                  const struct core_request_user *user, void *arg)
{
    struct sip_uac *u = sip_uac_create(p->layer, rq, &core_user, sizeof(struct core_request));
    if (!u)
        return NULL;
    struct core_request *r = sip_uac_data(u);
    *r = (struct core_request){.attempt = {.by = &by_uac}, .uac = u, .user = user, .arg = arg};
    core_attempt_watch(&r->attempt, p, to, rq->call_id);
    if (sip_uac_try(u, to) == 0)
        return u;
    sip_uac_drop(u);
    return NULL;
}
