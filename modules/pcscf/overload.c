#include "modules/pcscf/overload.h"
#include "modules/pcscf/emergency.h"
#include <string.h>

/* Percent of what can be borne: up to the next level, and back from it. Between the two nothing changes. */
static const struct {
    unsigned begin, end;
} marks[] = {
    [OVERLOAD_NEW_PHONES] = {75, 60},
    [OVERLOAD_REQUESTS] = {90, 75},
};

static enum overload_level next_level(enum overload_level now, unsigned load)
{
    while (now < OVERLOAD_REQUESTS && load >= marks[now + 1].begin)
        now++;
    while (now > OVERLOAD_NONE && load < marks[now].end)
        now--;
    return now;
}

static unsigned load_of(const struct pcscf *p)
{
    unsigned full = sip_layer_load(p->layer);
    uint64_t most = (uint64_t)p->config->overload_lag, busy = most ? p->overload.lag * 100 / (16 * most) : 0;
    return busy > full ? (unsigned)(busy > 1000 ? 1000 : busy) : full;
}

static void say(struct pcscf *p, enum overload_level before)
{
    const struct overload *o = &p->overload;
    if (!before) {
        stat_inc(&p->stats[PCSCF_OVERLOADED]);
        log_warn(
            &p->w->log, "sip.overload", F_UINT("load_percent", o->load), F_UINT("turn_ms", o->lag / 16),
            F_UINT("transactions_percent", sip_layer_load(p->layer)),
            F_STR("advice", "new phones are refused with 503: see sip_shed_total, add workers or nodes"));
    } else if (!o->level) {
        stat_dec(&p->stats[PCSCF_OVERLOADED]);
        log_info(&p->w->log, "sip.overload_over", F_UINT("load_percent", o->load));
    }
}

void overload_sample(struct pcscf *p, uint64_t took_ms)
{
    struct overload *o = &p->overload;
    enum overload_level before = o->level;
    /* A quarter of each: one long turn is no overload, three in a row are. */
    o->lag = o->lag - o->lag / 4 + 4 * (took_ms > 60000 ? 60000 : took_ms);
    o->load = load_of(p);
    o->level = next_level(before, o->load);
    if (o->level != before)
        say(p, before);
}

static void at_end(struct worker *w, struct turn_hook *h)
{
    struct overload *o = container_of(h, struct overload, hook);
    overload_sample(container_of(o, struct pcscf, overload), worker_turn_took(w));
}

void overload_start(struct pcscf *p)
{
    p->overload.hook.at_end = at_end;
    worker_hook_turn(p->w, &p->overload.hook);
}

void overload_stop(struct pcscf *p)
{
    if (p->overload.hook.at_end)
        list_remove(&p->overload.hook.link);
    p->overload.hook.at_end = NULL;
}

/* A phone that has its challenge already may answer it, as long as new ones alone are refused. */
static bool sheds_register(struct pcscf *p, const struct sip_hop *from, const struct sip_msg *rq)
{
    const struct phone *ph = phone_find(p, &from->flow);
    if (ph && ph->n)
        return false;
    if (p->overload.level == OVERLOAD_NEW_PHONES && sip_msg_has(rq, SIP_H_AUTHORIZATION))
        return false;
    pcscf_count(p, PCSCF_SHED_REGISTER);
    return true;
}

bool overload_sheds(struct sip_layer *l, const struct sip_hop *from, const struct sip_msg *rq)
{
    struct pcscf *p = sip_layer_state(l);
    if (!p->overload.level || rq->to_tag.n || emergency_is(p, from, rq))
        return false;
    bool core = core_link_is_from(p, from);
    if (rq->method == SIP_REGISTER && !core)
        return sheds_register(p, from, rq);
    if (p->overload.level < OVERLOAD_REQUESTS ||
        (core && rq->method == SIP_OPTIONS)) /* are we there? we are */
        return false;
    pcscf_count(p, PCSCF_SHED_REQUEST);
    return true;
}
