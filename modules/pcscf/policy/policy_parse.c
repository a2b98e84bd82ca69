/* One rule's text into a rule. */
#include "modules/pcscf/policy/policy_words.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- conditions */

static bool take_pattern(struct policy_reader *rd, struct policy_condition *c)
{
    struct pattern_fault fault;
    struct bytes pattern, flags;
    size_t at;
    if (!reader_take_pattern(rd, &pattern, &flags, &at))
        return false;
    c->pattern = policy_pattern_create(pattern, flags, rd->jit, &fault);
    return c->pattern || reader_fail(rd, at + fault.at, "character %zu of /%.*s/: %s", fault.at + 1,
                                     BYTES_FMT(bytes_first(pattern, 32)), fault.text);
}

static bool take_field(struct policy_reader *rd, struct policy_condition *c)
{
    size_t at = reader_at(rd);
    if (reader_take_mark(rd, '~'))
        return take_pattern(rd, c);
    if (reader_take_mark(rd, '='))
        return reader_take_quoted(rd, &c->value);
    return reader_fail(rd, at, "expected ~ /pattern/ or = \"text\"");
}

static bool take_header(struct policy_reader *rd, struct policy_condition *c)
{
    size_t at = reader_at(rd);
    c->name = reader_word(rd);
    if (!sip_is_token(c->name))
        return reader_fail(rd, at, "expected the name of a header field");
    c->id = sip_header_of(c->name);
    return take_field(rd, c);
}

static bool take_methods(struct policy_reader *rd, struct policy_condition *c)
{
    struct bytes list, one;
    size_t at = reader_at(rd);
    if (!reader_take_mark(rd, '='))
        return reader_fail(rd, at, "expected = and methods, as in: method = INVITE|MESSAGE");
    at = reader_at(rd);
    list = reader_word(rd);
    while (bytes_split(&list, '|', &one)) {
        enum sip_method m = sip_method_of(one);
        if (!sip_is_token(one))
            return reader_fail(rd, at, "expected methods, as in: method = INVITE|MESSAGE");
        if (m == SIP_OTHER_METHOD && c->method.n)
            return reader_fail(rd, at, "one method that is in no RFC we know is enough for a condition");
        if (m == SIP_OTHER_METHOD)
            c->method = one;
        else
            c->methods |= UINT32_C(1) << m;
    }
    return c->methods || c->method.n || reader_fail(rd, at, "expected a method");
}

static bool take_source(struct policy_reader *rd, struct policy_condition *c)
{
    struct bytes list, one;
    struct cidr net;
    size_t at = reader_at(rd);
    if (!bytes_eq(reader_word(rd), BYTES("in")))
        return reader_fail(rd, at, "expected in and networks, as in: source in 192.0.2.0/24");
    at = reader_at(rd);
    list = reader_word(rd);
    while (bytes_split(&list, ',', &one)) {
        if (!cidr_parse(one, &net))
            return reader_fail(rd, at,
                               "\"%.*s\" is no network: write 192.0.2.0/24 or 2001:db8::/32, host bits zero",
                               BYTES_FMT(bytes_first(one, 40)));
        if (!cidr_set_add(&c->nets, net))
            return reader_fail(rd, at, "out of memory");
    }
    return c->nets.n || reader_fail(rd, at, "expected a network");
}

static bool take_transport(struct policy_reader *rd, struct policy_condition *c)
{
    static const char *const words[] = {"tls", "tcp", "udp", NULL};
    static const uint8_t transports[] = {TRANSPORT_TLS, TRANSPORT_TCP, TRANSPORT_UDP};
    int i = reader_take_choice(rd, words);
    c->transport = i < 0 ? TRANSPORT_NONE : transports[i];
    return i >= 0;
}

static bool take_direction(struct policy_reader *rd, struct policy_condition *c)
{
    static const char *const words[] = {"core", "phone", NULL};
    int i = reader_take_choice(rd, words);
    c->phone = i == 1;
    return i >= 0;
}

static bool take_nothing(struct policy_reader *rd, struct policy_condition *c)
{
    (void)rd;
    (void)c;
    return true;
}

static const struct {
    const char *word;
    enum policy_subject subject;
    bool (*take)(struct policy_reader *rd, struct policy_condition *c);
} subjects[] = {
    {"method", POLICY_METHOD, take_methods},
    {"source", POLICY_SOURCE, take_source},
    {"transport", POLICY_TRANSPORT, take_transport},
    {"direction", POLICY_DIRECTION, take_direction},
    {"registered", POLICY_REGISTERED, take_nothing},
    {"in-dialog", POLICY_IN_DIALOG, take_nothing},
    {"ruri", POLICY_RURI, take_field},
    {"from", POLICY_FROM, take_field},
    {"to", POLICY_TO, take_field},
    {"contact", POLICY_CONTACT, take_field},
    {"user-agent", POLICY_USER_AGENT, take_field},
    {"identity", POLICY_IDENTITY, take_field},
    {"header", POLICY_HEADER, take_header},
};

static bool take_subject(struct policy_reader *rd, struct policy_condition *c)
{
    size_t at = reader_at(rd);
    struct bytes word = reader_word(rd);
    for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++) {
        if (!bytes_eq(word, bytes_str(subjects[i].word)))
            continue;
        c->subject = subjects[i].subject;
        return subjects[i].take(rd, c);
    }
    return reader_fail(rd, at,
                       "no such condition; there are method ruri from to contact user-agent identity header "
                       "source transport direction registered in-dialog");
}

static bool take_condition(struct policy_reader *rd, struct policy_rule *r)
{
    size_t at = reader_at(rd);
    if (r->n == POLICY_CONDITIONS_MAX)
        return reader_fail(rd, at, "more than %u conditions", POLICY_CONDITIONS_MAX);
    struct policy_condition *c = &r->conditions[r->n++];
    c->negated = reader_take_word(rd, "not");
    if (!take_subject(rd, c))
        return false;
    c->text = reader_since(rd, at);
    return true;
}

static bool take_conditions(struct policy_reader *rd, struct policy_rule *r)
{
    if (reader_take_word(rd, "->"))
        return true;
    if (!reader_take_word(rd, "any")) {
        do {
            if (!take_condition(rd, r))
                return false;
        } while (reader_take_word(rd, "and"));
    }
    size_t at = reader_at(rd);
    return reader_take_word(rd, "->") || reader_fail(rd, at, "expected \"and\", or \"->\" and what to do");
}

/* ---- actions */

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
    if (!take_name(&rd, r) || !take_conditions(&rd, r) || !take_deed(&rd, r))
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

/* ---- all of them */

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
            report(arg, p->n, why);
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
