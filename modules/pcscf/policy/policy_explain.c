#include "modules/pcscf/policy/policy.h"

static void put_condition(const struct policy_condition *c, enum pattern_verdict v, struct buf *out)
{
    static const char *const words[] = {
        [PATTERN_NO] = "no ", [PATTERN_YES] = "yes", [PATTERN_LIMIT] = "gave up"};
    buf_printf(out, "    %s  %.*s\n", words[v], BYTES_FMT(c->text));
}

/* Up to the first condition that does not hold: the rest is not looked at. */
static bool explain_rule(const struct policy_rule *r, struct policy_scratch *s,
                         const struct policy_request *rq, struct buf *out)
{
    enum pattern_verdict v = PATTERN_YES;
    buf_printf(out, "%s:\n", r->name);
    for (unsigned i = 0; i < r->n && v == PATTERN_YES; i++) {
        v = policy_condition_met(&r->conditions[i], s, rq);
        put_condition(&r->conditions[i], v, out);
    }
    if (v == PATTERN_YES)
        buf_printf(out, "    => %s\n", r->text);
    return v == PATTERN_YES;
}

struct policy_verdict policy_explain(struct policy *p, struct policy_scratch *s,
                                     const struct policy_request *rq, struct buf *out)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct policy_rule *r = &p->rules[i];
        if (explain_rule(r, s, rq, out))
            return (struct policy_verdict){.rule = r, .deed = &r->deed};
    }
    buf_str(out, "no rule is met: the request passes\n");
    return (struct policy_verdict){0};
}
