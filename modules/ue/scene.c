/* What every command of ue.h starts from and ends with. */
#include "modules/ue/ue.h"
#include <stdio.h>
#include <unistd.h>

static bool find_target(struct ue_scene *s, const struct ue_options *o)
{
    char why[256];
    s->target.ctx = tls_trust_create(o->ca, why, sizeof why);
    if (!s->target.ctx) {
        run_fail(&s->run, "the CA is read", why, "--ca FILE must hold certificates in PEM");
        return false;
    }
    if (!tls_target_find(&s->target, o->server, o->connect, why, sizeof why)) {
        run_fail(&s->run, "the server is found", why, NULL);
        return false;
    }
    snprintf(s->domain, sizeof s->domain, "%s", o->domain ? o->domain : s->target.name);
    return true;
}

bool ue_scene_init(struct ue_scene *s, const struct ue_options *o, uint32_t budget)
{
    *s = (struct ue_scene){.run.json = o->json, .run.fancy = !o->json && isatty(STDOUT_FILENO)};
    s->run.loop = &s->loop;
    run_show_head(&s->run);
    if (ue_loop_init(&s->loop) != 0) {
        run_fail(&s->run, "the program starts", "no event loop", NULL);
        return false;
    }
    s->loop.deadline = s->loop.now + (uint64_t)budget * 1000;
    return find_target(s, o);
}

int ue_scene_fini(struct ue_scene *s)
{
    SSL_CTX_free(s->target.ctx);
    ue_loop_fini(&s->loop);
    return run_finish(&s->run);
}

void ue_scene_endpoint(struct ue_scene *s, struct endpoint *e, const char *user, const char *password)
{
    *e = (struct endpoint){
        .loop = &s->loop,
        .target = &s->target,
        .account = {.user = user, .domain = s->domain, .password = password},
        .turn_account = {.user = user, .password = password},
    };
}
