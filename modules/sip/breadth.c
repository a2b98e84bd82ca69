#include "modules/sip/breadth.h"
#include "modules/sip/proxy_context.h"

/* What cannot be read counts as not there: it is written anew. */
unsigned breadth_read(const struct sip_msg *rq)
{
    uint32_t n;
    if (!sip_number_parse(sip_msg_value(rq, SIP_H_MAX_BREADTH), &n) || n > BREADTH_MAX)
        return BREADTH_MAX;
    return n;
}

unsigned breadth_share(const struct proxy *p)
{
    unsigned left = p->breadth, due = 0;
    for (unsigned i = 0; i < p->n; i++) {
        const struct branch *b = p->branches[i];
        if (b->started && !b->done)
            left -= b->breadth < left ? b->breadth : left;
        due += !b->started && b->pub.target.group <= p->group;
    }
    return due && left > due ? left / due : left > 0;
}

void breadth_edit(struct sip_edit *e, unsigned breadth)
{
    const struct sip_header *h = sip_msg_first(e->m, SIP_H_MAX_BREADTH);
    struct bytes value = sip_edit_text(e, "%u", breadth);
    if (!h || sip_msg_next(e->m, h) || !bytes_eq(h->value, value))
        sip_edit_set(e, SIP_H_MAX_BREADTH, value);
}
