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
static bool go_on(struct core_attempt *a, enum core_stat why)
{
    const struct sip_hop to = another(a, why);
    struct next_hop *h = to.kind == HOP_NONE ? NULL : core_link_find(a->p, &to);
    const unsigned from = a->hop;
    if (!h)
        return false;
    a->hop = h->index; /* it may be asked for its size before `send` returns */
    if (a->by->send(a, &to) < 0) {
        a->hop = from;
        return false;
    }
    log_debug(&a->p->w->log, "sip.failover", F_UINT("from", from), F_UINT("to", h->index));
    core_count(a->p, why);
    h->requests++;
    a->n++;
    watch(a);
    return true;
}

static bool is_present(const struct core_attempt *a, unsigned sending)
{
    return a->p && sending == a->sending;
}

struct sip_hop core_attempt_size(struct core_attempt *a, unsigned sending, const struct sip_hop *way,
                                 size_t n)
{
    if (!is_present(a, sending) || a->kept_small)
        return *way;
    struct sip_hop better = core_link_by_size(a->p, way, n);
    if (sip_hop_eq(&better, way))
        return *way;
    a->grown = true;
    a->small = a->hop;
    a->hop = core_link_find(a->p, &better)->index;
    hop_of(a)->requests++;
    return better;
}

/* A hop that has answered others meanwhile is slow, not down. */
static void note_silence(const struct core_attempt *a, struct next_hop *h)
{
    if (h && h->heard_at <= a->sent_at)
        next_hop_failed(h, false, "no answer to a request");
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

bool core_attempt_answered(struct core_attempt *a, unsigned sending, const struct sip_msg *rs)
{
    uint32_t seconds;
    if (!is_present(a, sending))
        return false;
    stop_watching(a);
    struct next_hop *h = hop_of(a);
    if (h && rs->status == 503 && retry_after(rs, &seconds))
        next_hop_rest(h, seconds);
    if (h)
        next_hop_heard(h);
    return rs->status == 503 && go_on(a, CORE_FAILOVER_503);
}

bool core_attempt_is_hops(const struct core_attempt *a, unsigned sending, int status, int err)
{
    return is_present(a, sending) && (status == 503 || status == 408) && err != -EBUSY && err != -ENOMEM;
}

bool core_attempt_failed(struct core_attempt *a, unsigned sending, int status, int err)
{
    if (!core_attempt_is_hops(a, sending, status, err))
        return false;
    stop_watching(a);
    struct next_hop *h = hop_of(a);
    if (status == 408)
        note_silence(a, h);
    else if (h && h->transport == TRANSPORT_UDP) /* the end of a connection was told by itself */
        next_hop_failed(h, false, strerrordesc_np(err < 0 ? -err : err));
    return go_on(a, status == 408 ? CORE_FAILOVER_TIMEOUT : CORE_FAILOVER_TRANSPORT);
}

/* Only when there is another hop to ask: the last one has all the time that RFC 3261 gives it. */
static void on_patience(struct worker *w, struct timer *t)
{
    struct core_attempt *a = container_of(t, struct core_attempt, patience);
    unsigned given_up = a->sending;
    (void)w;
    if (!a->by->silent(a, given_up))
        return;
    note_silence(a, hop_of(a));
    if (go_on(a, CORE_FAILOVER_TIMEOUT))
        a->by->give_up(a, given_up);
}

void core_attempt_watch(struct core_attempt *a, struct pcscf *p, const struct sip_hop *to,
                        struct bytes call_id)
{
    struct next_hop *h = core_link_find(p, to);
    if (!h)
        return;
    a->p = p;
    a->patience.fire = on_patience;
    a->seed = core_link_seed(p, call_id);
    a->tried = UINT64_C(1) << h->index;
    a->hop = h->index;
    a->n = 1;
    h->requests++;
    watch(a);
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
