#include "modules/pcscf/core/core_attempt.h"
#include "modules/pcscf/core/core_place.h"
#include "modules/pcscf/core/core_stats.h"
#include "modules/sip/msg.h"
#include <errno.h>
#include <string.h>

#define HOPS_TRIED_MAX 4 /* for one request: by then its sender's own timers run out */

static struct next_hop *hop_of(const struct core_attempt *a)
{
    return a->p->core.hops[a->hop];
}

static void watch(struct core_attempt *a)
{
    struct worker *w = a->p->w;
    a->sent_at = w->now;
    if (a->p->config->core_timeout)
        timer_set(&w->timers, &a->patience, w->now + (uint64_t)a->p->config->core_timeout);
}

/* RFC 3261 18.1.1: who takes no TCP gets it over UDP after all. */
static struct sip_hop small_again(struct core_attempt *a)
{
    struct next_hop *h = a->p->core.hops[a->small];
    a->grown = false;
    a->kept_small = true;
    return h && hop_health_usable(&h->health) ? next_hop_way(h) : SIP_HOP_NONE;
}

static struct sip_hop another(struct core_attempt *a, enum core_stat why)
{
    struct next_hop *h = a->grown ? a->p->core.hops[a->small] : hop_of(a);
    struct sip_hop way = a->grown && why == CORE_FAILOVER_TRANSPORT ? small_again(a) : SIP_HOP_NONE;
    if (way.kind != HOP_NONE)
        return way;
    a->grown = false;
    struct core_place *place = h ? core_link_place_of(a->p, h) : NULL;
    if (a->n >= HOPS_TRIED_MAX)
        return SIP_HOP_NONE;
    return core_link_choose(place ? place : a->p->core.home, a->seed, &a->tried);
}

/* False: there is no other hop, or nobody waits for an answer any more. */
static bool go_on(struct core_attempt *a, const struct proxy_branch *b, enum core_stat why)
{
    struct proxy_target t = b->target;
    if (proxy_cancelled(a->proxy))
        return false;
    t.hop = another(a, why);
    struct next_hop *h = t.hop.kind == HOP_NONE ? NULL : core_link_find(a->p, &t.hop);
    if (!h || proxy_add(a->proxy, &t) < 0)
        return false;
    log_debug(&a->p->w->log, "sip.failover", F_UINT("from", a->hop), F_UINT("to", h->index));
    core_count(a->p, why);
    h->requests++;
    a->hop = h->index;
    a->branch = (unsigned)proxy_branches(a->proxy) - 1;
    a->n++;
    watch(a);
    return true;
}

struct sip_hop core_attempt_size(struct core_attempt *a, const struct proxy_branch *b, size_t n)
{
    struct next_hop *h = a->p ? hop_of(a) : NULL;
    int64_t max = a->p ? a->p->config->core_udp_max : 0;
    if (!h || a->kept_small || !max || n <= (size_t)max || b->index != a->branch)
        return b->target.hop;
    struct sip_hop way = core_link_twin(h);
    if (way.kind == HOP_NONE)
        return b->target.hop;
    a->grown = true;
    a->small = a->hop;
    a->hop = h->twin->index;
    h->twin->requests++;
    return way;
}

/* A hop that has answered others meanwhile is slow, not down. */
static void note_silence(const struct core_attempt *a, struct next_hop *h)
{
    if (h && h->heard_at <= a->sent_at)
        next_hop_failed(h, false, "no answer to a request");
}

static bool is_present(const struct core_attempt *a, const struct proxy_branch *b)
{
    return a->p && b->index == a->branch;
}

static void stop_watching(struct core_attempt *a)
{
    timer_stop(&a->p->w->timers, &a->patience);
}

static bool retry_after(const struct sip_msg *rs, uint32_t *seconds)
{
    struct bytes value = sip_msg_value(rs, SIP_H_RETRY_AFTER);
    size_t n = 0;
    while (n < value.n && value.p[n] >= '0' && value.p[n] <= '9')
        n++;
    return bytes_u32(bytes_first(value, n), seconds);
}

int core_attempt_response(struct core_attempt *a, const struct proxy_branch *b, const struct sip_msg *rs)
{
    uint32_t seconds;
    if (!is_present(a, b))
        return PROXY_GO_ON;
    stop_watching(a);
    struct next_hop *h = hop_of(a);
    if (h && rs->status == 503 && retry_after(rs, &seconds))
        next_hop_rest(h, seconds);
    if (h)
        next_hop_heard(h);
    return rs->status == 503 && go_on(a, b, CORE_FAILOVER_503) ? PROXY_SWALLOW : PROXY_GO_ON;
}

/* Nothing of ours: the table is full, or memory is. */
static bool is_the_hops(int status, int err)
{
    return (status == 503 || status == 408) && err != -EBUSY && err != -ENOMEM;
}

int core_attempt_failure(struct core_attempt *a, const struct proxy_branch *b, int status, int err)
{
    if (!is_present(a, b) || !is_the_hops(status, err))
        return PROXY_GO_ON;
    stop_watching(a);
    struct next_hop *h = hop_of(a);
    if (status == 408)
        note_silence(a, h);
    else if (h && h->transport == TRANSPORT_UDP) /* the end of a connection was told by itself */
        next_hop_failed(h, false, strerrordesc_np(err < 0 ? -err : err));
    if (go_on(a, b, status == 408 ? CORE_FAILOVER_TIMEOUT : CORE_FAILOVER_TRANSPORT))
        return PROXY_SWALLOW;
    return status == 503 ? 503 : PROXY_GO_ON;
}

/* Only when there is another hop to ask: the last one has all the time that RFC 3261 gives it. */
static void on_patience(struct worker *w, struct timer *t)
{
    struct core_attempt *a = container_of(t, struct core_attempt, patience);
    const struct proxy_branch *b = proxy_branch_at(a->proxy, a->branch);
    unsigned given_up = a->branch;
    (void)w;
    if (!proxy_branch_silent(a->proxy, given_up))
        return;
    note_silence(a, hop_of(a));
    if (go_on(a, b, CORE_FAILOVER_TIMEOUT))
        proxy_give_up(a->proxy, given_up);
}

int core_attempt_begin(struct core_attempt *a, struct pcscf *p, struct proxy *proxy,
                       const struct proxy_target *target)
{
    int rc = proxy_add(proxy, target);
    struct next_hop *h = rc < 0 ? NULL : core_link_find(p, &target->hop);
    if (!h)
        return rc;
    const struct sip_msg *rq = proxy_request(proxy);
    *a = (struct core_attempt){.p = p,
                               .proxy = proxy,
                               .patience = {.fire = on_patience},
                               .seed = core_link_seed(p, rq ? rq->call_id : BYTES_NONE),
                               .tried = UINT64_C(1) << h->index,
                               .hop = h->index,
                               .branch = (unsigned)proxy_branches(proxy) - 1,
                               .n = 1};
    h->requests++;
    watch(a);
    return 0;
}

const char *core_attempt_because(int status, int err)
{
    if (err == -EBUSY)
        return "sip.max_transactions are underway";
    if (err == -ENOMEM)
        return "out of memory";
    if (status == 408)
        return "no next hop of the core answered in time: see sallyportctl core";
    return "no next hop of the core could be reached: see sallyportctl core";
}

void core_attempt_end(struct core_attempt *a)
{
    if (a->p)
        stop_watching(a);
}
