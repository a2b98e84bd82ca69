#include "modules/pcscf/core/hop_health.h"

#define DOWN_FIRST 1000u
#define DOWN_LAST  30000

const char *hop_state_name(enum hop_state s)
{
    return s == HOP_UP ? "up" : s == HOP_DOWN ? "down" : "unknown";
}

static bool enter(struct hop_health *h, enum hop_state s, uint64_t now)
{
    h->strikes = h->answers = h->tries = 0;
    h->refused = false;
    h->trial = 0;
    if (h->state == s)
        return false;
    h->state = s;
    h->since = now;
    return true;
}

bool hop_health_good(struct hop_health *h, bool alone, uint64_t now)
{
    h->strikes = 0;
    if (h->state == HOP_UP)
        return false;
    if (h->state == HOP_DOWN && ++h->answers < HOP_RISE && !alone) {
        h->tries = 0; /* it may be coming back: ask again soon */
        return false;
    }
    return enter(h, HOP_UP, now);
}

bool hop_health_bad(struct hop_health *h, bool certain, uint64_t now)
{
    bool changed = false;
    h->answers = 0;
    if (h->state != HOP_DOWN && (certain || ++h->strikes >= HOP_FALL))
        changed = enter(h, HOP_DOWN, now);
    h->refused = h->state == HOP_DOWN && (h->refused || certain);
    return changed;
}

void hop_health_forget(struct hop_health *h, uint64_t now)
{
    enter(h, HOP_UNKNOWN, now);
}

bool hop_health_usable(const struct hop_health *h)
{
    return h->state != HOP_DOWN;
}

bool hop_health_willing(const struct hop_health *h, uint64_t now)
{
    return hop_health_usable(h) && h->rests <= now;
}

bool hop_health_may_try(struct hop_health *h, uint64_t now)
{
    if (hop_health_usable(h) || now < h->trial)
        return false;
    h->trial = now + HOP_TRIAL;
    return true;
}

uint64_t hop_health_next(struct hop_health *h, uint64_t interval)
{
    if (h->state != HOP_DOWN)
        return h->strikes ? DOWN_FIRST : interval;
    uint64_t wait = (uint64_t)DOWN_FIRST << (h->tries < 5 ? h->tries : 5);
    h->tries++;
    return wait > DOWN_LAST ? DOWN_LAST : wait;
}
