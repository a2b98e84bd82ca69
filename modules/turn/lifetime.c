#include "modules/turn/lifetime.h"
#include "modules/turn/dispatch.h"

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t while_token_lasts(const struct request *rq, uint64_t ms)
{
    uint64_t left = rq->credential.seconds_left;
    return left ? least(ms, left * 1000) : ms;
}

uint64_t lifetime_preset(const struct request *rq)
{
    return while_token_lasts(rq, (uint64_t)rq->turn->config->default_lifetime);
}

bool lifetime_wanted(const struct request *rq, uint64_t *out)
{
    const struct turn_config *c = rq->turn->config;
    uint32_t seconds;
    uint64_t preset = (uint64_t)c->default_lifetime;
    *out = lifetime_preset(rq);
    if (!stun_has(&rq->message, STUN_A_LIFETIME))
        return true;
    if (!stun_find_u32(&rq->message, STUN_A_LIFETIME, &seconds))
        return false;
    uint64_t wanted = least((uint64_t)seconds * 1000, (uint64_t)c->max_lifetime);
    *out = while_token_lasts(rq, wanted && wanted < preset ? preset : wanted);
    return true;
}
