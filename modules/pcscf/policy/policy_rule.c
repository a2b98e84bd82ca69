/* One rule's text into a rule: its name, its conditions, what is done. */
#include "modules/pcscf/policy/policy_words.h"
#include <stdlib.h>
#include <string.h>

static bool take_reject(struct policy_reader *rd, struct policy_deed *d)
{
    uint32_t code;
    struct bytes phrase = BYTES_NONE;
    size_t at = reader_at(rd);
    if (!bytes_u32(reader_word(rd), &code) || code < 400 || code > 699)
        return reader_fail(rd, at, "expected a status code from 400 to 699");
    d->action = POLICY_REJECT;
    d->code = (uint16_t)code;
    at = reader_at(rd);
    if (reader_next_is(rd, '"') && !reader_take_quoted(rd, &phrase))
        return false;
    for (size_t i = 0; i < phrase.n; i++)
        if (phrase.p[i] < ' ' || phrase.p[i] == 0x7f)
            return reader_fail(rd, at, "no control characters in a reason phrase");
    return bytes_to_str(phrase, d->phrase, sizeof(d->phrase)) ||
           reader_fail(rd, at, "a reason phrase is shorter than %u characters", POLICY_PHRASE_MAX);
}

static bool take_route(struct policy_reader *rd, struct policy_rule *r)
{
    const char *why = "is too long";
    size_t at = reader_at(rd);
    struct bytes place = BYTES_NONE;
    r->deed.action = POLICY_ROUTE;
    if (reader_next_is(rd, '"') ? !reader_take_quoted(rd, &place) : !reader_take_text(rd, &place))
        return false;
    return (bytes_to_str(place, r->route, sizeof(r->route)) && core_link_check_place(r->route, &why)) ||
           reader_fail(rd, at, "\"%.*s\" is no place: %s", BYTES_FMT(bytes_first(place, 40)), why);
}

static bool take_beyond(struct policy_reader *rd, struct policy_deed *d)
{
    *d = (struct policy_deed){.action = POLICY_REJECT, .code = 503};
    if (!reader_take_word(rd, "else"))
        return true;
    size_t at = reader_at(rd);
    if (reader_take_word(rd, "drop")) {
        d->action = POLICY_DROP;
        return true;
    }
    return reader_take_word(rd, "reject") ? take_reject(rd, d)
                                          : reader_fail(rd, at, "expected drop or reject CODE");
}

static bool take_key(struct policy_reader *rd, struct policy_rule *r)
{
    static const char *const words[] = {"rule", "address", "user", NULL};
    size_t at = reader_at(rd);
    if (!reader_take_word(rd, "by"))
        return reader_fail(rd, at, "expected by address, by user or by rule");
    int i = reader_take_one_of(rd, words);
    r->key = (enum policy_key)i;
    if (i <= POLICY_BY_RULE)
        return i == POLICY_BY_RULE;
    r->buckets = calloc(1, sizeof(*r->buckets));
    return r->buckets || reader_fail(rd, at, "out of memory");
}

static bool take_limit(struct policy_reader *rd, struct policy_rule *r)
{
    uint32_t n;
    uint64_t ms;
    size_t at = reader_at(rd);
    struct bytes rest = reader_word(rd), number = BYTES_NONE;
    bytes_split(&rest, '/', &number);
    if (!bytes_u32(number, &n) || !n || n > 1000000 || !reader_duration(rest, &ms))
        return reader_fail(rd, at, "expected a number and a time, as in: limit 10/1m by user");
    r->deed.action = POLICY_LIMIT;
    r->rate = bucket_rate(n, ms, n);
    return take_key(rd, r) && take_beyond(rd, &r->beyond);
}

static bool take_tag(struct policy_reader *rd, struct policy_rule *r)
{
    size_t at = reader_at(rd);
    struct bytes word = reader_word(rd);
    for (enum policy_tag t = POLICY_TAG_NONE + 1; t < POLICY_TAGS; t++) {
        if (bytes_eq(word, bytes_str(policy_tag_name(t))))
            r->tag = t;
    }
    return r->tag || reader_fail(rd, at,
                                 "tags are scanner, fraud, premium, international, partner, roaming, test, "
                                 "watch");
}

static bool take_deed(struct policy_reader *rd, struct policy_rule *r)
{
    size_t at = reader_at(rd);
    struct bytes word = reader_word(rd);
    if (bytes_eq(word, BYTES("reject")))
        return take_reject(rd, &r->deed);
    if (bytes_eq(word, BYTES("route")))
        return take_route(rd, r);
    if (bytes_eq(word, BYTES("limit")))
        return take_limit(rd, r);
    if (bytes_eq(word, BYTES("tag")))
        return take_tag(rd, r); /* and let it pass */
    if (bytes_eq(word, BYTES("drop")))
        r->deed.action = POLICY_DROP;
    else if (bytes_eq(word, BYTES("ban")))
        r->deed.action = POLICY_BAN;
    else if (!bytes_eq(word, BYTES("allow")))
        return reader_fail(rd, at, "expected allow, drop, ban, reject, route, limit or tag");
    return true;
}

static bool take_name(struct policy_reader *rd, struct policy_rule *r)
{
    struct bytes rest = bytes_str(rd->text), name = BYTES_NONE;
    bytes_split(&rest, ':', &name);
    bool good = name.n > 0 && name.n < POLICY_NAME_MAX && name.n < strlen(rd->text);
    for (size_t i = 0; good && i < name.n; i++)
        good = (sip_lower(name.p[i]) >= 'a' && sip_lower(name.p[i]) <= 'z') || sip_is_digit(name.p[i]) ||
               name.p[i] == '-' || name.p[i] == '_';
    if (!good)
        return reader_fail(
            rd, 0, "begins with no name: write NAME: CONDITIONS -> ACTION (letters, digits, - and _)");
    rd->rest = rest;
    return bytes_to_str(name, r->name, sizeof(r->name));
}

bool policy_rule_parse(struct policy_rule *r, const char *text, bool jit, struct policy_fault *fault)
{
    r->text = strdup(text); /* conditions are views of it */
    struct policy_reader rd = {.text = r->text, .fault = fault, .jit = jit};
    if (!r->text)
        return reader_fail(&rd, 0, "out of memory");
    if (!take_name(&rd, r) || !reader_take_conditions(&rd, r) || !take_deed(&rd, r))
        return false;
    if (!r->tag && reader_take_word(&rd, "tag") && !take_tag(&rd, r))
        return false;
    size_t at = reader_at(&rd);
    return !rd.rest.n || reader_fail(&rd, at, "nothing was expected here");
}

void policy_rule_fini(struct policy_rule *r)
{
    for (unsigned i = 0; i < r->n; i++) {
        cidr_set_fini(&r->conditions[i].nets);
        policy_pattern_destroy(r->conditions[i].pattern);
    }
    free(r->buckets);
    free(r->text);
}
