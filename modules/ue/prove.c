#include "modules/ue/prove.h"
#include "modules/ue/ue.h"
#include <stdlib.h>

static bool set_up(struct run *r, struct endpoint *a, struct endpoint *b)
{
    return step_connect(r, a) && step_connect(r, b) && step_register(r, a, PROVE_EXPIRES) &&
           step_register(r, b, PROVE_EXPIRES) && step_allocate(r, a) && step_allocate(r, b);
}

static bool talk(struct run *r, struct endpoint *a, struct endpoint *b)
{
    bool ok =
        step_text(r, a, b) && step_call(r, a, b, b->ua.aor) && step_join(r, a, b) && step_voice(r, a, b);
    /* A call that rings or stands is ended properly, even when it could not be heard. */
    if (a->call)
        ok = step_hang_up(r, a, b) && ok;
    return ok;
}

static bool clean_up(struct run *r, struct endpoint *a, struct endpoint *b)
{
    return step_free(r, a) && step_free(r, b) && step_deregister(r, a) && step_deregister(r, b);
}

bool prove_run(struct run *r, struct endpoint *a, struct endpoint *b)
{
    return set_up(r, a, b) && talk(r, a, b) && clean_up(r, a, b);
}

int ue_prove(const struct ue_options *o)
{
    struct ue_scene s;
    struct endpoint *ends = calloc(2, sizeof *ends);
    if (!ends)
        return 1;
    if (ue_scene_init(&s, o, PROVE_BUDGET + o->seconds)) {
        ue_scene_endpoint(&s, &ends[0], o->user, o->password);
        ue_scene_endpoint(&s, &ends[1], o->peer, o->peer_password);
        ends[0].talk_ms = (uint64_t)o->seconds * 1000;
        ends[1].answers = true;
        prove_run(&s.run, &ends[0], &ends[1]);
        endpoint_fini(&ends[0]);
        endpoint_fini(&ends[1]);
    }
    free(ends);
    return ue_scene_fini(&s);
}
