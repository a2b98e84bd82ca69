#include "modules/sip/held.h"
#include "modules/sip/layer.h"
#include <errno.h>
#include <stdlib.h>

#define HELD_EACH 8192u /* an ordinary request with all that hangs on it is smaller */

struct held_source {
    struct map_node node;
    struct flow flow;
    size_t n;
};

static uint64_t source_hash(const struct sip_layer *l, const struct flow *f)
{
    uint8_t packed[FLOW_WIRE];

    flow_pack(f, packed);
    return bytes_hash(&l->w->hash_key, bytes_of(packed, sizeof(packed)));
}

static struct held_source *source_of(struct sip_layer *l, const struct flow *f)
{
    uint64_t hash = source_hash(l, f);

    for (struct map_node *n = map_find(&l->sources, hash); n; n = map_next(n)) {
        struct held_source *s = container_of(n, struct held_source, node);
        if (flow_eq(&s->flow, f))
            return s;
    }
    struct held_source *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->flow = *f;
    map_insert(&l->sources, &s->node, hash);
    return s;
}

static bool has_account(struct sip_layer *l, const struct sip_hop *from)
{
    return from && from->kind == HOP_FLOW && l->user->is_bounded && l->user->is_bounded(l, from);
}

int held_take(struct sip_layer *l, struct held *h, const struct sip_hop *from, size_t n)
{
    *h = (struct held){0};
    if (l->held + n > (uint64_t)l->config.max_transactions * HELD_EACH)
        return -EBUSY;
    if (has_account(l, from)) {
        h->source = source_of(l, &from->flow);
        if (!h->source)
            return -ENOMEM;
        /* A single one always goes: how large it may be is not decided here. */
        if (h->source->n && h->source->n + n > (uint64_t)l->config.max_pending)
            return -EBUSY;
        h->source->n += n;
    }
    h->n = n;
    l->held += n;
    return 0;
}

void held_give(struct sip_layer *l, struct held *h)
{
    struct held_source *s = h->source;

    l->held -= h->n;
    if (s) {
        s->n -= h->n;
        if (!s->n) {
            map_remove(&l->sources, &s->node);
            free(s);
        }
    }
    *h = (struct held){0};
}
