/* The commands of ue.h with one UE: register, call, answer. */
#include "modules/ue/prove.h"
#include "modules/ue/ue.h"
#include <stdio.h>
#include <stdlib.h>

static bool run_register(struct run *r, struct endpoint *e, const struct ue_options *o)
{
    if (!step_connect(r, e) || !step_register(r, e, PROVE_EXPIRES))
        return false;
    if (o->hold > 0)
        ue_loop_for(r->loop,
                    (uint64_t)o->hold * 1000); /* a signal ends it; the binding is still taken away */
    if (e->ua.link.state != TLS_LINK_OPEN) {
        run_fail(r, "the connection is held", e->ua.link.why, NULL);
        return false;
    }
    return step_deregister(r, e);
}

static bool set_up(struct run *r, struct endpoint *e)
{
    return step_connect(r, e) && step_register(r, e, PROVE_EXPIRES) && step_allocate(r, e);
}

static bool clean_up(struct run *r, struct endpoint *e)
{
    return step_free(r, e) && step_deregister(r, e);
}

static bool run_call(struct run *r, struct endpoint *e, const struct ue_options *o)
{
    if (!set_up(r, e))
        return false;
    bool ok = step_call(r, e, NULL, o->to) && step_join(r, e, NULL) && step_voice(r, e, NULL);
    if (e->call) /* rings still, or stands: CANCEL or BYE */
        ok = step_hang_up(r, e, NULL) && ok;
    return clean_up(r, e) && ok;
}

static bool run_answer(struct run *r, struct endpoint *e, const struct ue_options *o)
{
    if (!set_up(r, e))
        return false;
    e->answers = true;
    bool ok =
        step_wait_for_call(r, e, (uint64_t)o->wait * 1000) && step_join(r, e, NULL) && step_voice(r, e, NULL);
    if (ok)
        ok = step_wait_for_end(r, e);
    else if (e->call)
        step_hang_up(r, e, NULL);
    return clean_up(r, e) && ok;
}

static int run_single(const struct ue_options *o, uint32_t budget,
                      bool (*what)(struct run *r, struct endpoint *e, const struct ue_options *o))
{
    struct ue_scene s;
    struct endpoint *e = calloc(1, sizeof *e);
    if (!e)
        return 1;
    if (ue_scene_init(&s, o, budget)) {
        ue_scene_endpoint(&s, e, o->user, o->password);
        e->talk_ms = (uint64_t)o->seconds * 1000;
        what(&s.run, e, o);
        endpoint_fini(e);
    }
    free(e);
    return ue_scene_fini(&s);
}

int ue_register(const struct ue_options *o)
{
    return run_single(o, PROVE_BUDGET + o->hold, run_register);
}

int ue_call(const struct ue_options *o)
{
    return run_single(o, PROVE_BUDGET + o->seconds, run_call);
}

int ue_answer(const struct ue_options *o)
{
    return run_single(o, PROVE_BUDGET + o->wait + 3600, run_answer);
}
