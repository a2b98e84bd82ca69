/* Refresh (RFC 8656 8.2). */
#include "modules/turn/allocation.h"
#include "modules/turn/dispatch.h"
#include "modules/turn/lifetime.h"

struct wanted {
    uint64_t lifetime; /* ms; 0: the end */
    uint8_t family;    /* ADDR_NONE: all that the allocation has (RFC 8656 8.1) */
};

/* RFC 8656 8.2: a family that the allocation has not is 443. */
static unsigned judge_family(const struct request *rq, uint8_t *out)
{
    uint8_t family;
    *out = ADDR_NONE;
    if (!stun_has(&rq->message, STUN_A_REQUESTED_ADDRESS_FAMILY))
        return 0;
    if (!stun_find_byte(&rq->message, STUN_A_REQUESTED_ADDRESS_FAMILY, &family))
        return 400;
    if (family != STUN_FAMILY_V4 && family != STUN_FAMILY_V6)
        return 443;
    *out = family == STUN_FAMILY_V6 ? ADDR_V6 : ADDR_V4;
    return allocation_relay(rq->allocation, *out) ? 0 : 443;
}

static unsigned judge(const struct request *rq, struct wanted *wanted)
{
    if (!lifetime_wanted(rq, &wanted->lifetime))
        return 400;
    return judge_family(rq, &wanted->family);
}

/* False: the allocation is gone. */
static bool apply(struct request *rq, const struct wanted *wanted)
{
    struct allocation *a = rq->allocation;
    if (!wanted->lifetime)
        return allocation_drop_family(a, wanted->family);
    allocation_refresh(a, wanted->family, wanted->lifetime);
    session_keep(&a->session, &rq->credential, rq->turn->w->wall);
    tcp_relay_session(a);
    return true;
}

static void answer(struct request *rq, const struct wanted *wanted, struct allocation *ticket_for)
{
    struct answer a;
    turn_count(rq->turn, TS_REFRESHED);
    answer_begin(rq, &a);
    stun_put_u32(&a.w, STUN_A_LIFETIME, (uint32_t)(wanted->lifetime / 1000));
    if (ticket_for)
        mobility_put_ticket(ticket_for, &a.w);
    answer_send(rq, &a);
}

/* RFC 8016 3.2.2: the ticket says which allocation it is, not the 5-tuple. */
static void refresh_by_ticket(struct request *rq, struct bytes ticket)
{
    struct move move;
    struct wanted wanted;
    mobility_find(rq, ticket, &move);
    if (move.elsewhere)
        return;
    unsigned error = move.error ? move.error : judge(rq, &wanted);
    /* To end it there is no need to move first. */
    if (!error && !move.again && wanted.lifetime)
        error = mobility_move(rq);
    if (error) {
        turn_refuse(rq, error);
        return;
    }
    struct allocation *a = apply(rq, &wanted) ? rq->allocation : NULL;
    answer(rq, &wanted, a);
    if (a)
        tcp_relay_tell(a);
}

void handle_refresh(struct request *rq)
{
    struct bytes ticket;
    struct wanted wanted;
    if (stun_find(&rq->message, STUN_A_MOBILITY_TICKET, &ticket)) {
        refresh_by_ticket(rq, ticket);
        return;
    }
    if (!turn_has_allocation(rq))
        return;
    unsigned error = judge(rq, &wanted);
    if (error) {
        turn_refuse(rq, error);
        return;
    }
    apply(rq, &wanted);
    answer(rq, &wanted, NULL);
}
