#include "modules/pcscf/core/core_forward.h"
#include "modules/sip/msg.h"
#include <errno.h>

static struct core_forward *forward_of(struct core_attempt *a)
{
    return container_of(a, struct core_forward, attempt);
}

/* As the one before it, but for the hop. */
static int carry(struct core_attempt *a, const struct sip_hop *to)
{
    struct proxy *proxy = forward_of(a)->proxy;
    struct proxy_target t = proxy_branch_at(proxy, a->sending)->target;
    const unsigned before = a->sending;
    t.hop = *to;
    if (proxy_cancelled(proxy))
        return -ESHUTDOWN;
    a->sending = (unsigned)proxy_branches(proxy);
    int rc = proxy_add(proxy, &t);
    if (rc < 0)
        a->sending = before;
    return rc;
}

static bool silent(struct core_attempt *a, unsigned sending)
{
    return proxy_branch_silent(forward_of(a)->proxy, sending);
}

static void give_up(struct core_attempt *a, unsigned sending)
{
    proxy_give_up(forward_of(a)->proxy, sending);
}

static const struct core_carrier by_proxy = {.send = carry, .silent = silent, .give_up = give_up};

int core_forward_begin(struct core_forward *f, struct pcscf *p, struct proxy *proxy,
                       const struct proxy_target *target)
{
    int rc = proxy_add(proxy, target);
    if (rc < 0)
        return rc;
    const struct sip_msg *rq = proxy_request(proxy);
    *f = (struct core_forward){.proxy = proxy,
                               .attempt = {.by = &by_proxy, .sending = (unsigned)proxy_branches(proxy) - 1}};
    core_attempt_watch(&f->attempt, p, &target->hop, rq ? rq->call_id : BYTES_NONE);
    return 0;
}

int core_forward_response(struct core_forward *f, const struct proxy_branch *b, const struct sip_msg *rs)
{
    return core_attempt_answered(&f->attempt, b->index, rs) ? PROXY_SWALLOW : PROXY_GO_ON;
}

int core_forward_failure(struct core_forward *f, const struct proxy_branch *b, int status, int err)
{
    const bool hops = core_attempt_is_hops(&f->attempt, b->index, status, err);
    if (hops && core_attempt_failed(&f->attempt, b->index, status, err))
        return PROXY_SWALLOW;
    return hops && status == 503 ? 503 : PROXY_GO_ON;
}

struct sip_hop core_forward_size(struct core_forward *f, const struct proxy_branch *b, size_t n)
{
    return core_attempt_size(&f->attempt, b->index, &b->target.hop, n);
}

void core_forward_end(struct core_forward *f)
{
    core_attempt_end(&f->attempt);
}
