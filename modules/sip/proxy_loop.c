#include "modules/sip/breadth.h"
#include "modules/sip/layer.h"

/* Not a secret and the same on every worker: a loop may come back anywhere. */
static const struct hash_key loop_key = {0x6c6f6f7064657465, 0x6374696f6e353339};

static void mix(uint64_t *hash, struct bytes part)
{
    *hash = (*hash ^ bytes_hash(&loop_key, part)) * 0x9e3779b97f4a7c15u;
    *hash ^= *hash >> 29;
}

static void mix_number(uint64_t *hash, uint64_t n)
{
    mix(hash, bytes_of(&n, sizeof(n)));
}

static void mix_headers(uint64_t *hash, const struct sip_msg *rq, enum sip_header_id id)
{
    for (const struct sip_header *h = sip_msg_first(rq, id); h; h = sip_msg_next(rq, h))
        mix(hash, h->value);
}

/* All that the way of a request through us depends on: with the same values it will go the same way for ever.
 * Via and Max-Forwards are not among them, they change with each round (RFC 5393 4.2.1). */
uint32_t proxy_loop_hash(const struct sip_layer *l, const struct sip_hop *from, const struct sip_msg *rq)
{
    uint64_t hash = 0;

    mix(&hash, bytes_str(l->entity->name));
    mix_number(&hash, l->w->gw ? l->w->gw->node : 0);
    mix_number(&hash, (uint64_t)from->kind << 8 | (from->kind == HOP_FLOW ? from->flow.transport : 0));
    mix(&hash, rq->method_name);
    mix(&hash, rq->ruri_text);
    mix(&hash, rq->call_id);
    mix(&hash, rq->from_tag);
    mix(&hash, rq->to_tag);
    mix_number(&hash, rq->cseq.number);
    mix_headers(&hash, rq, SIP_H_ROUTE);
    mix_headers(&hash, rq, SIP_H_PROXY_REQUIRE);
    mix_headers(&hash, rq, SIP_H_PROXY_AUTHORIZATION);
    return (uint32_t)(hash >> 32);
}

/* RFC 3261 16.3 item 4. */
static bool has_looped(const struct sip_layer *l, const struct sip_hop *from, const struct sip_msg *rq)
{
    struct sip_values it = sip_values(rq, SIP_H_VIA);
    struct bytes item;
    struct sip_via via;
    struct sip_branch branch;
    bool hashed = false;
    uint32_t loop = 0;

    while (sip_values_next(&it, &item)) {
        if (!sip_via_parse(item, &via) || !sip_branch_parse(via.branch, &branch))
            continue;
        if (!hashed)
            loop = proxy_loop_hash(l, from, rq);
        hashed = true;
        if (branch.loop == loop)
            return true;
    }
    return false;
}

int proxy_verdict(const struct sip_layer *l, const struct sip_hop *from, const struct sip_msg *rq)
{
    if (rq->max_forwards == 0)
        return 483;
    if (breadth_read(rq) == 0)
        return 440;
    return has_looped(l, from, rq) ? 482 : 0;
}
