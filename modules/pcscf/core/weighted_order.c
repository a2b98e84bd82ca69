#include "modules/pcscf/core/weighted_order.h"

/* Those of weight 0 stand first, so that they have a small chance. */
static void zeros_first(const uint16_t *weights, unsigned n, uint8_t *order)
{
    unsigned at = 0;
    for (unsigned i = 0; i < n; i++)
        if (!weights[i])
            order[at++] = (uint8_t)i;
    for (unsigned i = 0; i < n; i++)
        if (weights[i])
            order[at++] = (uint8_t)i;
}

static unsigned draw(const uint16_t *weights, const uint8_t *left, unsigned n, uint32_t mark)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < n; i++) {
        sum += weights[left[i]];
        if (sum >= mark)
            return i;
    }
    return 0;
}

void weighted_order(const uint16_t *weights, unsigned n, weighted_random *random, void *arg, uint8_t *order)
{
    zeros_first(weights, n, order);
    for (unsigned done = 0; done + 1 < n; done++) {
        uint32_t sum = 0;
        for (unsigned i = done; i < n; i++)
            sum += weights[order[i]];
        unsigned drawn = done + draw(weights, order + done, n - done, random(arg, sum + 1));
        uint8_t chosen = order[drawn];
        for (; drawn > done; drawn--)
            order[drawn] = order[drawn - 1];
        order[done] = chosen;
    }
}
