/* control_policy: the operator looks at his rules, and asks what they would do. */
#include "appliance/boot.h"
#include "appliance/control_commands.h"
#include "appliance/policy_question.h"
#include "modules/pcscf/policy/policy.h"
#include <stdlib.h>
#include <string.h>

static json_int_t count(const _Atomic uint64_t *n)
{
    return (json_int_t)atomic_load_explicit(n, memory_order_relaxed);
}

static bool is_jit(const struct policy_rule *r)
{
    bool all = true;
    for (unsigned i = 0; i < r->n; i++)
        all = all && (!r->conditions[i].pattern || policy_pattern_is_jit(r->conditions[i].pattern));
    return all;
}

/* A rule may be written in any charset. */
static json_t *rule_text(const struct policy_rule *r)
{
    struct buf text;
    buf_init(&text);
    buf_str(&text, r->text);
    json_t *out = control_text(&text);
    buf_fini(&text);
    return out;
}

static json_t *list_rule(const struct policy_rule *r)
{
    return json_pack("{s:s,s:I,s:I,s:I,s:b,s:o}", "name", r->name, "hits", count(&r->hits), "limited",
                     count(&r->limited), "overruns", count(&r->overruns), "jit", is_jit(r), "text",
                     rule_text(r));
}

void control_policy_list(struct control_client *cc, json_t *q)
{
    (void)q;
    const struct policy_config *pc = config_of(control_roof(cc)->config, &policy_settings);
    json_t *list = json_array();
    for (size_t i = 0; list && i < pc->policy->n; i++)
        json_array_append_new(list, list_rule(&pc->policy->rules[i]));
    control_answer(cc, list ? json_pack("{s:b,s:o}", "ok", 1, "rules", list) : NULL);
}

static void take_text(json_t *q, const char *key, const char **out)
{
    const char *text = json_string_value(json_object_get(q, key));
    if (text)
        *out = text;
}

/* The message as it is: a text of JSON may hold only UTF-8. */
static void ask_rules(struct control_client *cc, json_t *q, struct bytes encoded, uint8_t *mem)
{
    struct policy_question question = POLICY_QUESTION;
    size_t n = bytes_from_base64url(encoded, mem, encoded.n);
    struct buf out;
    buf_init(&out);
    take_text(q, "source", &question.source);
    take_text(q, "direction", &question.direction);
    take_text(q, "transport", &question.transport);
    take_text(q, "identity", &question.identity);
    question.registered = json_is_true(json_object_get(q, "registered"));
    question.message = bytes_of(mem, n == BYTES_NOT_FOUND ? 0 : n);
    enum policy_answer a = policy_ask(control_roof(cc)->config, &question, &out);
    json_t *text = control_text(&out);
    if (a == POLICY_NONSENSE)
        control_answer(cc, json_pack("{s:b,s:s,s:o}", "ok", 0, "error", "the question cannot be answered",
                                     "text", text));
    else
        control_answer(cc, json_pack("{s:b,s:b,s:o}", "ok", 1, "passes", a == POLICY_PASSES, "text", text));
    buf_fini(&out);
}

void control_policy_test(struct control_client *cc, json_t *q)
{
    const char *message = json_string_value(json_object_get(q, "message"));
    struct bytes encoded = bytes_str(message);
    uint8_t *mem = encoded.n ? malloc(encoded.n) : NULL;
    if (mem)
        ask_rules(cc, q, encoded, mem);
    else
        control_answer(cc, json_pack("{s:b,s:s,s:s}", "ok", 0, "error", "must be a SIP request in base64url",
                                     "field", "message"));
    free(mem);
}
