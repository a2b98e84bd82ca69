/* ue: the commands of sallyport-ue and what they are told.
 *
 * Room modules/ue, floor 3. main.c reads the command line; prove.c, and single.c for the commands with one
 * UE, run it. Each gives the exit status: 0 all well, 1 a step failed. */
#pragma once
#include "modules/ue/steps.h"

#define UE_SECRET_MAX 256

struct ue_options {
    const char *server, *connect, *ca, *domain;
    const char *user, *peer, *to;
    char password[UE_SECRET_MAX], peer_password[UE_SECRET_MAX];
    uint32_t seconds; /* of voice */
    uint32_t hold;    /* register: seconds to stay */
    uint32_t wait;    /* answer: seconds to wait for a call */
    bool json;
};

/* What every command starts from. */
struct ue_scene {
    struct run run;
    struct ue_loop loop;
    struct tls_target target;
    char domain[TLS_LINK_NAME_MAX];
};
/* False: the report says why. budget: seconds for the whole run. */
bool ue_scene_init(struct ue_scene *s, const struct ue_options *o, uint32_t budget);
int ue_scene_fini(struct ue_scene *s); /* last words; the exit status */
void ue_scene_endpoint(struct ue_scene *s, struct endpoint *e, const char *user, const char *password);

int ue_prove(const struct ue_options *o);
int ue_register(const struct ue_options *o);
int ue_call(const struct ue_options *o);
int ue_answer(const struct ue_options *o);
