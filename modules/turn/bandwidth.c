#include "modules/turn/bandwidth.h"
#include "modules/turn/allocation.h"
#include "modules/turn/quota.h"

#define SHARE_MS 1000u
#define AGAIN_MS 5u

bool bandwidth_draw(struct allocation *a, unsigned way, size_t n)
{
    struct turn *t = a->turn;
    struct bandwidth *b = &a->bandwidth;
    uint64_t now = t->w->now, got = UINT64_MAX;
    struct bandwidth_limits limits = {(uint64_t)t->config->user_bandwidth,
                                      (uint64_t)t->config->total_bandwidth};
    if (limits.user || limits.total) {
        if (now < b->again[way])
            return false;
        got = quota_draw(t->quota, allocation_name(a), &limits, &(struct draw){way, n, now});
    }
    b->left[way] = got < n ? 0 : got - n;
    b->until[way] = now + SHARE_MS;
    if (got < n)
        b->again[way] = now + AGAIN_MS;
    return got >= n;
}
