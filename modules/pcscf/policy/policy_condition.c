/* The conditions of a rule. */
#include "modules/pcscf/policy/policy_words.h"

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

bool reader_take_conditions(struct policy_reader *rd, struct policy_rule *r)
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
