#include "modules/pcscf/policy/policy.h"
#include "appliance/base/random.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* ---- all rules */

static bool is_about_who(const struct policy_rule *r)
{
    bool asks = r->deed.action == POLICY_LIMIT && r->key == POLICY_BY_USER;
    for (unsigned i = 0; i < r->n; i++)
        asks = asks || r->conditions[i].subject == POLICY_REGISTERED ||
               r->conditions[i].subject == POLICY_IDENTITY;
    return asks;
}

static const char *name_taken(const struct policy *p, size_t i)
{
    for (size_t before = 0; before < i; before++)
        if (strcmp(p->rules[before].name, p->rules[i].name) == 0)
            return "another rule before it has this name";
    return NULL;
}

/* Several may stand in one line of the file. */
static void blame(const char *rule, const char *why, size_t index,
                  void (*report)(void *arg, size_t index, const char *text), void *arg)
{
    char text[256];
    snprintf(text, sizeof(text), "%s (in \"%.40s%s\")", why, rule, strlen(rule) > 40 ? "..." : "");
    report(arg, index, text);
}

struct policy *policy_create(const struct string_list *rules, bool jit,
                             void (*report)(void *arg, size_t index, const char *text), void *arg)
{
    struct policy *p = calloc(1, sizeof(*p));
    bool good = p && (p->rules = calloc(rules->n ? rules->n : 1, sizeof(*p->rules)));
    if (!good)
        report(arg, 0, "out of memory");
    for (; p && p->rules && p->n < rules->n; p->n++) {
        struct policy_rule *r = &p->rules[p->n];
        struct policy_fault fault = {0};
        const char *why =
            policy_rule_parse(r, rules->items[p->n], jit, &fault) ? name_taken(p, p->n) : fault.text;
        p->asks_who = p->asks_who || is_about_who(r);
        good = good && !why;
        if (why)
            blame(rules->items[p->n], why, p->n, report, arg);
    }
    if (good) {
        p->jit = jit;
        p->hash = random_hash_key();
        return p;
    }
    policy_destroy(p);
    return NULL;
}

void policy_destroy(struct policy *p)
{
    if (!p)
        return;
    for (size_t i = 0; p->rules && i < p->n; i++)
        policy_rule_fini(&p->rules[i]);
    free(p->rules);
    free(p);
}
