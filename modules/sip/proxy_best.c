#include "modules/sip/layer.h"
#include "modules/sip/proxy_context.h"
#include <errno.h>

/* RFC 3261 16.7 item 6: 6xx before all, else the lowest class; within 4xx first what tells the caller how to
 * ask again. Last in its class: what says nothing about the callee (408, 430, 487), and what no branch has
 * said itself. */
static unsigned rank_in_class(const struct branch *b)
{
    switch (b->pub.status) {
    case 401:
    case 407:
        return 0;
    case 415:
    case 420:
    case 484:
        return 1;
    case 408:
    case 430:
    case 487:
    case 503:
        return 4;
    default:
        return b->heard || b->kept ? 2 : 3;
    }
}

static unsigned rank(const struct branch *b)
{
    unsigned class = (unsigned)b->pub.status / 100;

    return (class == 6 ? 0 : class * 10) + rank_in_class(b);
}

struct branch *proxy_best(const struct proxy *p)
{
    struct branch *best = NULL;

    for (unsigned i = 0; i < p->n; i++) {
        struct branch *b = p->branches[i];
        if (b->counts && b->pub.status >= 300 && (!best || rank(b) < rank(best)))
            best = b;
    }
    return best;
}

static bool is_challenge(const struct branch *b)
{
    return b->pub.status == 401 || b->pub.status == 407;
}

static void gather(const struct sip_msg *rs, enum sip_header_id id, struct sip_edit *e)
{
    for (const struct sip_header *h = sip_msg_first(rs, id); h; h = sip_msg_next(rs, h))
        sip_edit_add(e, id, h->value);
}

/* The branch's own response: in hand, or the copy, parsed into `room`. NULL: there is none. */
static const struct sip_msg *response_of(const struct branch *b, struct sip_msg *room)
{
    struct sip_fault fault;

    if (b->heard)
        return b->heard;
    if (!b->kept || sip_msg_parse(room, bytes_of(b->kept, b->kept_n), SIP_DATAGRAM, &fault))
        return NULL;
    return room;
}

void proxy_gather_challenges(const struct proxy *p, const struct branch *chosen, struct sip_edit *e)
{
    struct sip_msg room;

    if (!is_challenge(chosen))
        return;
    for (unsigned i = 0; i < p->n; i++) {
        const struct branch *b = p->branches[i];
        const struct sip_msg *rs = b != chosen && b->counts && is_challenge(b) ? response_of(b, &room) : NULL;
        if (!rs)
            continue;
        gather(rs, SIP_H_WWW_AUTHENTICATE, e);
        gather(rs, SIP_H_PROXY_AUTHENTICATE, e);
    }
}

static int pass_own(struct proxy *p, struct branch *b)
{
    struct sip_msg room;
    const struct sip_msg *rs = response_of(b, &room);

    return rs ? proxy_pass(p, b, rs) : -ENOENT;
}

/* One branch's 503 is no word about us: 500 goes upstream (RFC 3261 16.7 item 6). */
static int best_status(const struct branch *best)
{
    return best->pub.status == 503 && !best->certain ? 500 : best->pub.status;
}

/* What is to be said when nothing else intervenes. */
static int final_status(const struct proxy *p, const struct branch *best)
{
    if (p->decided && best)
        return best_status(best);
    if (p->cancelled)
        return 487;
    if (p->end_status)
        return p->end_status;
    if (!p->n)
        return 480;
    return best ? best_status(best) : 408;
}

bool proxy_finish(struct proxy *p)
{
    struct branch *best = proxy_best(p);
    int status = final_status(p, best);
    unsigned before = p->n;

    if (!p->closed && p->user->on_best) {
        int verdict = p->user->on_best(p, status);
        if (verdict == PROXY_SWALLOW && p->n > before)
            return false;
        if (verdict >= 300)
            status = verdict;
    }
    if (!best || best->pub.status != status || pass_own(p, best))
        server_txn_refuse(p->st, status);
    if (p->st && p->user->on_final)
        p->user->on_final(p, status);
    return true;
}
