#include "modules/pcscf/core/hop_control.h"
#include "modules/pcscf/core/next_hop.h"

#define VALIDITY     500   /* ms, 4.3 */
#define VALIDITY_MAX 60000 /* who says more may have meant it, and be gone */
#define MIX          1000  /* requests */

/* 1*12DIGIT "." 1*5DIGIT (9): more behind the point are later ones. */
static bool parse_seq(struct bytes text, uint64_t *out)
{
    struct bytes rest = text, whole;
    uint64_t n;
    uint32_t part;
    if (!bytes_split(&rest, '.', &whole) || whole.n > 12 || rest.n > 5 || !bytes_u64(whole, &n) ||
        !bytes_u32(rest, &part))
        return false;
    for (size_t digits = rest.n; digits < 5; digits++)
        part *= 10;
    *out = n * 100000 + part;
    return true;
}

static bool is_loss(struct bytes algorithms)
{
    struct bytes rest = sip_quoted_inner(algorithms), word;
    return bytes_split(&rest, ',', &word) && bytes_ieq(bytes_trim(word), BYTES("loss")) && !rest.n;
}

bool hop_advice_parse(const struct sip_via *via, struct hop_advice *out)
{
    struct bytes value;
    uint32_t percent;
    *out = (struct hop_advice){.validity = VALIDITY};
    if (!sip_param_value(via->params, BYTES("oc"), &value) || !bytes_u32(value, &percent) || percent > 100)
        return false;
    out->percent = (uint8_t)percent;
    if (sip_param_value(via->params, BYTES("oc-validity"), &value) && !bytes_u32(value, &out->validity))
        return false;
    if (sip_param_value(via->params, BYTES("oc-seq"), &value) && !parse_seq(value, &out->seq))
        return false;
    out->loss = sip_param_value(via->params, BYTES("oc-algo"), &value) && is_loss(value);
    return true;
}

/* 5.4, 5.7: a later word replaces an earlier one; zero of either ends it. */
static void take(struct hop_control *c, const struct hop_advice *a, uint64_t now)
{
    if (c->until && a->seq && a->seq <= c->seq)
        return;
    uint32_t validity = a->validity < VALIDITY_MAX ? a->validity : VALIDITY_MAX;
    c->seq = a->seq;
    c->percent = a->percent;
    c->until = a->percent && validity ? now + validity : 0;
}

static struct hop_control *control_of(struct pcscf *p, const struct sip_hop *way)
{
    const struct next_hop *h = p->config->overload_control ? core_link_find(p, way) : NULL;
    return h ? &p->controls[h->index] : NULL;
}

void hop_control_hear(struct pcscf *p, const struct sip_hop *from, const struct sip_msg *rs)
{
    struct hop_control *c = control_of(p, from);
    struct hop_advice a;
    if (!c || !hop_advice_parse(&rs->via, &a) || !a.loss)
        return;
    bool before = c->until != 0;
    take(c, &a, p->w->now);
    if (!before && c->until)
        log_warn(&p->w->log, "sip.core_overload", F_ADDR("hop", &from->flow.peer),
                 F_UINT("percent", c->percent));
    else if (before && !c->until)
        log_info(&p->w->log, "sip.core_overload_over", F_ADDR("hop", &from->flow.peer));
}

/* Without its word it is over (5.7). */
static void expire(struct pcscf *p, struct hop_control *c, const struct sip_hop *to)
{
    if (!c->until || p->w->now < c->until)
        return;
    *c = (struct hop_control){.ordinary = c->ordinary, .spared = c->spared};
    log_info(&p->w->log, "sip.core_overload_over", F_ADDR("hop", &to->flow.peer));
}

static void mix(struct hop_control *c, bool spared)
{
    *(spared ? &c->spared : &c->ordinary) += 1;
    if (c->ordinary + c->spared < MIX)
        return;
    c->ordinary /= 2;
    c->spared /= 2;
}

bool hop_control_drops(struct pcscf *p, const struct sip_hop *to, bool spared)
{
    struct hop_control *c = control_of(p, to);
    if (!c)
        return false;
    expire(p, c, to);
    mix(c, spared);
    if (!c->until || spared)
        return false;
    uint32_t share = c->percent * (c->ordinary + c->spared) / c->ordinary;
    if (random_below(100) >= share)
        return false;
    pcscf_count(p, PCSCF_SHED_CORE);
    return true;
}

static bool is_said(const struct sip_param *p)
{
    return p->has_value && (bytes_ieq(p->name, BYTES("oc")) || bytes_ieq(p->name, BYTES("oc-validity")) ||
                            bytes_ieq(p->name, BYTES("oc-seq")));
}

static void strip_via(struct bytes params, struct sip_edit *e)
{
    struct bytes rest = params;
    struct sip_param one;
    const uint8_t *at = rest.p;
    while (sip_param_next(&rest, &one) == 1) {
        const uint8_t *end = rest.n ? rest.p : params.p + params.n;
        if (is_said(&one))
            sip_edit_cut(e, bytes_of(at, (size_t)(end - at)));
        at = end;
    }
}

void hop_control_strip(const struct sip_msg *rs, struct sip_edit *e)
{
    struct sip_values it = sip_values(rs, SIP_H_VIA);
    struct bytes item;
    struct sip_via via;
    for (size_t i = 0; sip_values_next(&it, &item); i++) {
        if (i && sip_via_parse(item, &via))
            strip_via(via.params, e);
    }
}
