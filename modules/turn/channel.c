/* Channels (RFC 8656 12) and ChannelBind (RFC 8656 12.2). */
#include "modules/stun/frame.h"
#include "modules/turn/allocation.h"
#include "modules/turn/dispatch.h"
#include "modules/turn/store_rows.h"
#include <stdlib.h>

static void to_front(struct allocation *a, struct channel *c)
{
    if (a->channels.next == &c->link)
        return;
    list_remove(&c->link);
    list_push_front(&a->channels, &c->link);
}

/* An expired one is none, though the timer may come a moment later. */
static struct channel *live(struct allocation *a, struct channel *c)
{
    to_front(a, c);
    return c->expires > a->turn->w->now ? c : NULL;
}

struct channel *channel_of_number(struct allocation *a, uint16_t number)
{
    list_each (it, &a->channels) {
        struct channel *c = container_of(it, struct channel, link);
        if (c->number == number)
            return live(a, c);
    }
    return NULL;
}

struct channel *channel_of_peer(struct allocation *a, const struct addr *peer)
{
    list_each (it, &a->channels) {
        struct channel *c = container_of(it, struct channel, link);
        if (addr_eq(&c->peer, peer))
            return live(a, c);
    }
    return NULL;
}

static void drop(struct allocation *a, struct channel *c)
{
    c->permission->channels--;
    list_remove(&c->link);
    a->n_channels--;
    stat_dec(&a->turn->stats[TS_CHANNELS]);
    free(c);
}

uint64_t channel_sweep(struct allocation *a, uint64_t now)
{
    uint64_t next = UINT64_MAX;
    list_each_safe (it, &a->channels) {
        struct channel *c = container_of(it, struct channel, link);
        if (c->expires > now) {
            next = c->expires < next ? c->expires : next;
            continue;
        }
        row_channel_gone(a, c);
        drop(a, c);
    }
    return next;
}

void channel_drop_family(struct allocation *a, uint8_t family)
{
    list_each_safe (it, &a->channels) {
        struct channel *c = container_of(it, struct channel, link);
        if (c->peer.family != family)
            continue;
        row_channel_gone(a, c);
        drop(a, c);
    }
}

void channel_drop_all(struct allocation *a)
{
    list_each_safe (it, &a->channels)
        drop(a, container_of(it, struct channel, link));
}

static struct channel *add(struct allocation *a, uint16_t number, const struct addr *peer,
                           struct permission *p)
{
    struct channel *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->number = number;
    c->peer = *peer;
    c->wire = ports_to_wire(a->turn, peer);
    c->permission = p;
    p->channels++;
    list_push_front(&a->channels, &c->link);
    a->n_channels++;
    turn_count(a->turn, TS_CHANNELS);
    return c;
}

/* RFC 8656 12.2, in its order of checks. */
static unsigned judge(struct request *rq, uint16_t number, const struct addr *peer)
{
    struct allocation *a = rq->allocation;
    struct channel *by_number = channel_of_number(a, number), *by_peer = channel_of_peer(a, peer);
    if (by_number != by_peer)
        return 400;
    if (!allocation_relay(a, peer->family))
        return 443;
    if (turn_denies_client(rq) || turn_denies(rq, peer, peer_check(rq->turn, peer)))
        return 403;
    if (!by_number && a->n_channels >= (uint64_t)rq->turn->config->max_channels)
        return 508;
    return permission_room(a, peer, 1) ? 0 : 508;
}

static unsigned bind_channel(struct allocation *a, uint16_t number, const struct addr *peer)
{
    struct permission *p = permission_install(a, peer);
    if (!p)
        return 508;
    struct channel *c = channel_of_number(a, number);
    if (!c && !(c = add(a, number, peer, p)))
        return 508;
    c->expires = a->turn->w->now + CHANNEL_MS;
    allocation_wake(a, c->expires);
    rows_changed(a);
    return 0;
}

void handle_channel_bind(struct request *rq)
{
    uint32_t field;
    struct addr peer;
    unsigned error = 400;
    if (stun_find_u32(&rq->message, STUN_A_CHANNEL_NUMBER, &field) &&
        stun_find_xor(&rq->message, STUN_A_XOR_PEER_ADDRESS, &peer) &&
        channel_is_valid((uint16_t)(field >> 16), rq->turn->config->old_channels)) {
        uint16_t number = (uint16_t)(field >> 16);
        /* Numbers and peers of channels that have just expired are free again. */
        channel_sweep(rq->allocation, rq->turn->w->now);
        error = judge(rq, number, &peer);
        if (!error)
            error = bind_channel(rq->allocation, number, &peer);
    }
    if (error)
        turn_refuse(rq, error);
    else
        turn_agree(rq);
}
