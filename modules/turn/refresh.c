/* Refresh (RFC 8656 8.2), and what a LIFETIME comes to. */
#include "modules/turn/allocation.h"
#include "modules/turn/dispatch.h"
#include "modules/turn/lifetime.h"

bool lifetime_wanted(const struct turn_config *c, const struct stun_message *m, uint64_t *out)
{
    uint32_t seconds;
    uint64_t preset = (uint64_t)c->default_lifetime, most = (uint64_t)c->max_lifetime;
    if (!stun_has(m, STUN_A_LIFETIME)) {
        *out = preset;
        return true;
    }
    if (!stun_find_u32(m, STUN_A_LIFETIME, &seconds))
        return false;
    uint64_t wanted = (uint64_t)seconds * 1000;
    if (wanted > most)
        wanted = most;
    *out = wanted && wanted < preset ? preset : wanted;
    return true;
}

/* RFC 8656 8.2: another family than the allocation's is 443. */
static unsigned judge(const struct request *rq, uint64_t *lifetime)
{
    uint8_t family, own = rq->allocation->relay.relayed.family == ADDR_V6 ? STUN_FAMILY_V6 : STUN_FAMILY_V4;
    if (!lifetime_wanted(rq->turn->config, &rq->message, lifetime))
        return 400;
    if (!stun_has(&rq->message, STUN_A_REQUESTED_ADDRESS_FAMILY))
        return 0;
    if (!stun_find_byte(&rq->message, STUN_A_REQUESTED_ADDRESS_FAMILY, &family))
        return 400;
    return family == own ? 0 : 443;
}

void handle_refresh(struct request *rq)
{
    struct answer a;
    uint64_t lifetime;
    unsigned error = judge(rq, &lifetime);
    if (error) {
        turn_refuse(rq, error);
        return;
    }
    if (lifetime)
        allocation_refresh(rq->allocation, lifetime);
    else
        allocation_destroy(rq->allocation, ALLOCATION_DELETED);
    turn_count(rq->turn, TS_REFRESHED);
    answer_begin(rq, &a);
    stun_put_u32(&a.w, STUN_A_LIFETIME, (uint32_t)(lifetime / 1000));
    answer_send(rq, &a);
}
