#include "modules/pcscf/policy/policy.h"

static const char *const action_names[POLICY_ACTIONS] = {
    [POLICY_ALLOW] = "allow",   [POLICY_DROP] = "drop",   [POLICY_BAN] = "ban",
    [POLICY_REJECT] = "reject", [POLICY_ROUTE] = "route", [POLICY_LIMIT] = "limit",
};
static const char *const tag_names[POLICY_TAGS] = {
    [POLICY_TAG_NONE] = "",
    [POLICY_TAG_SCANNER] = "scanner",
    [POLICY_TAG_FRAUD] = "fraud",
    [POLICY_TAG_PREMIUM] = "premium",
    [POLICY_TAG_INTERNATIONAL] = "international",
    [POLICY_TAG_PARTNER] = "partner",
    [POLICY_TAG_ROAMING] = "roaming",
    [POLICY_TAG_TEST] = "test",
    [POLICY_TAG_WATCH] = "watch",
};

const char *policy_action_name(enum policy_action a)
{
    return action_names[a];
}

const char *policy_tag_name(enum policy_tag t)
{
    return tag_names[t];
}

/* ---- conditions */

static enum pattern_verdict yes_or_no(bool yes)
{
    return yes ? PATTERN_YES : PATTERN_NO;
}

static enum pattern_verdict text_met(const struct policy_condition *c, struct policy_scratch *s,
                                     struct bytes text)
{
    if (c->pattern)
        return policy_pattern_match(c->pattern, s, text);
    return yes_or_no(bytes_ieq(text, c->value));
}

/* Any of its lines: a second one could be meant for whoever reads the last. */
static enum pattern_verdict header_met(const struct policy_condition *c, struct policy_scratch *s,
                                       const struct sip_msg *m, enum sip_header_id id)
{
    enum pattern_verdict v = PATTERN_NO;
    for (const struct sip_header *h = sip_msg_first(m, id); h && v == PATTERN_NO; h = sip_msg_next(m, h))
        v = text_met(c, s, h->value);
    return v;
}

static enum pattern_verdict named_met(const struct policy_condition *c, struct policy_scratch *s,
                                      const struct sip_msg *m)
{
    if (c->id != SIP_H_OTHER)
        return header_met(c, s, m, c->id);
    enum pattern_verdict v = PATTERN_NO;
    for (unsigned i = 0; i < m->n_headers && v == PATTERN_NO; i++) {
        if (m->headers[i].id == SIP_H_OTHER && bytes_ieq(m->headers[i].name, c->name))
            v = text_met(c, s, m->headers[i].value);
    }
    return v;
}

static bool method_met(const struct policy_condition *c, const struct sip_msg *m)
{
    if (m->method != SIP_OTHER_METHOD)
        return c->methods >> m->method & 1;
    return c->method.n && bytes_eq(m->method_name, c->method);
}

static enum pattern_verdict met(const struct policy_condition *c, struct policy_scratch *s,
                                const struct policy_request *rq)
{
    const struct sip_msg *m = rq->msg;
    switch (c->subject) {
    case POLICY_METHOD:
        return yes_or_no(method_met(c, m));
    case POLICY_SOURCE:
        return yes_or_no(cidr_set_match(&c->nets, rq->source) != NULL);
    case POLICY_TRANSPORT:
        return yes_or_no(rq->transport == c->transport);
    case POLICY_DIRECTION:
        return yes_or_no(rq->from_phone == c->phone);
    case POLICY_REGISTERED:
        return yes_or_no(rq->registered);
    case POLICY_IN_DIALOG:
        return yes_or_no(m->to_tag.n > 0);
    case POLICY_RURI:
        return text_met(c, s, m->ruri_text);
    case POLICY_FROM:
        return text_met(c, s, m->from.uri.text);
    case POLICY_TO:
        return text_met(c, s, m->to.uri.text);
    case POLICY_CONTACT:
        return header_met(c, s, m, SIP_H_CONTACT);
    case POLICY_USER_AGENT:
        return header_met(c, s, m, SIP_H_USER_AGENT);
    case POLICY_IDENTITY:
        return rq->identity.n ? text_met(c, s, rq->identity) : PATTERN_NO;
    default:
        return named_met(c, s, m);
    }
}

/* What was given up is not met, nor is its contrary. */
enum pattern_verdict policy_condition_met(const struct policy_condition *c, struct policy_scratch *s,
                                          const struct policy_request *rq)
{
    enum pattern_verdict v = met(c, s, rq);
    if (v == PATTERN_LIMIT || !c->negated)
        return v;
    return yes_or_no(v == PATTERN_NO);
}

static void note_overrun(struct policy_rule *r, struct policy_verdict *out)
{
    out->overruns++;
    if (atomic_fetch_add_explicit(&r->overruns, 1, memory_order_relaxed) == 0)
        out->first_overrun = r;
}

static bool rule_met(struct policy_rule *r, struct policy_scratch *s, const struct policy_request *rq,
                     struct policy_verdict *out)
{
    for (unsigned i = 0; i < r->n; i++) {
        enum pattern_verdict v = policy_condition_met(&r->conditions[i], s, rq);
        if (v == PATTERN_LIMIT)
            note_overrun(r, out);
        if (v != PATTERN_YES)
            return false;
    }
    return true;
}

/* ---- limits */

static uint64_t key_of(const struct policy *p, const struct policy_rule *r, const struct policy_request *rq)
{
    if (r->key == POLICY_BY_ADDRESS)
        return addr_ip_hash(&p->hash, rq->source);
    return bytes_hash(&p->hash, rq->identity.n ? rq->identity : rq->msg->from.uri.text);
}

static bool within_limit(const struct policy *p, struct policy_rule *r, const struct policy_request *rq,
                         uint64_t now)
{
    if (r->key == POLICY_BY_RULE)
        return bucket_take(&r->bucket, r->rate, now);
    return buckets_take(r->buckets, key_of(p, r, rq), r->rate, now);
}

/* ---- all of it */

static const struct policy_deed *deed_of(const struct policy *p, struct policy_rule *r,
                                         const struct policy_request *rq, uint64_t now)
{
    atomic_fetch_add_explicit(&r->hits, 1, memory_order_relaxed);
    if (r->deed.action == POLICY_ALLOW)
        return NULL;
    if (r->deed.action != POLICY_LIMIT)
        return &r->deed;
    if (within_limit(p, r, rq, now))
        return NULL;
    atomic_fetch_add_explicit(&r->limited, 1, memory_order_relaxed);
    return &r->beyond;
}

struct policy_verdict policy_decide(struct policy *p, struct policy_scratch *s,
                                    const struct policy_request *rq, uint64_t now)
{
    struct policy_verdict out = {0};
    size_t i = 0;
    while (i < p->n && !rule_met(&p->rules[i], s, rq, &out))
        i++;
    if (i == p->n)
        return out;
    out.rule = &p->rules[i];
    out.deed = deed_of(p, &p->rules[i], rq, now);
    return out;
}
