#define PCRE2_CODE_UNIT_WIDTH 8
#include "modules/pcscf/policy/policy_pattern.h"
#include "modules/sip/chars.h"
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Far above what a sane pattern needs for a line of a header, far below what would be felt: a step is some
 * tens of nanoseconds. */
#define MATCH_STEPS 20000u
#define MATCH_DEPTH 1000u
#define MATCH_KIB   1024u
#define PATTERN_MAX 1024u

#define GRAM      4u /* letters of a word that are looked for */
#define GRAM_BITS 12u
#define GRAMS     (1u << GRAM_BITS)

struct policy_pattern {
    pcre2_code *code;
    bool jit;
    bool plain;                 /* grams counts */
    uint64_t grams[GRAMS / 64]; /* the first letters of each alternative, hashed */
};

struct policy_scratch {
    pcre2_match_data *found;
    pcre2_match_context *limits;
};

void policy_scratch_destroy(struct policy_scratch *s)
{
    if (!s)
        return;
    pcre2_match_data_free(s->found);
    pcre2_match_context_free(s->limits);
    free(s);
}

struct policy_scratch *policy_scratch_create(void)
{
    struct policy_scratch *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->found = pcre2_match_data_create(1, NULL);
    s->limits = pcre2_match_context_create(NULL);
    if (!s->found || !s->limits) {
        policy_scratch_destroy(s);
        return NULL;
    }
    pcre2_set_match_limit(s->limits, MATCH_STEPS);
    pcre2_set_depth_limit(s->limits, MATCH_DEPTH);
    pcre2_set_heap_limit(s->limits, MATCH_KIB);
    return s;
}

/* ---- plain alternatives */

/* Letters of both cases are one; so are some other pairs, which only means to ask PCRE2 once more. */
static unsigned gram(const uint8_t *p)
{
    uint32_t letters;
    memcpy(&letters, p, GRAM);
    return ((letters | UINT32_C(0x20202020)) * UINT32_C(0x9e3779b1)) >> (32 - GRAM_BITS);
}

static bool is_plain(uint8_t c)
{
    return (c >= '0' && c <= '9') || (sip_lower(c) >= 'a' && sip_lower(c) <= 'z') || c == ' ' || c == '-' ||
           c == '_' || c == ':' || c == '@' || c == '/';
}

static bool is_plain_word(struct bytes word)
{
    for (size_t i = 0; i < word.n; i++)
        if (!is_plain(word.p[i]))
            return false;
    return word.n >= GRAM;
}

static void find_grams(struct policy_pattern *p, struct bytes text)
{
    struct bytes word;
    if (!text.n || text.p[text.n - 1] == '|') /* an empty alternative matches anything */
        return;
    while (bytes_split(&text, '|', &word)) {
        if (!is_plain_word(word))
            return;
        unsigned g = gram(word.p);
        p->grams[g / 64] |= UINT64_C(1) << g % 64;
    }
    p->plain = true;
}

static bool may_match(const struct policy_pattern *p, struct bytes subject)
{
    if (!p->plain)
        return true;
    for (size_t i = 0; i + GRAM <= subject.n; i++) {
        unsigned g = gram(subject.p + i);
        if (p->grams[g / 64] >> g % 64 & 1)
            return true;
    }
    return false;
}

/* ---- compiling */

static bool fail(struct pattern_fault *fault, size_t at, const char *text)
{
    fault->at = at;
    snprintf(fault->text, sizeof(fault->text), "%s", text);
    return false;
}

static bool read_flags(struct bytes flags, uint32_t *options, struct pattern_fault *fault, size_t at)
{
    *options = PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C;
    for (size_t i = 0; i < flags.n; i++) {
        if (flags.p[i] == 'i')
            *options |= PCRE2_CASELESS;
        else if (flags.p[i] == 's')
            *options |= PCRE2_DOTALL;
        else
            return fail(fault, at + 1 + i,
                        "no such flag: there are i (case does not matter) and s (. takes all)");
    }
    return true;
}

static bool compile(struct policy_pattern *p, struct bytes text, uint32_t options,
                    struct pattern_fault *fault)
{
    int error;
    PCRE2_SIZE at;
    p->code = pcre2_compile(text.p, text.n, options, &error, &at, NULL);
    if (p->code)
        return true;
    fault->at = at < text.n ? at : text.n;
    pcre2_get_error_message(error, (PCRE2_UCHAR *)fault->text, sizeof(fault->text));
    return false;
}

struct policy_pattern *policy_pattern_create(struct bytes text, struct bytes flags, bool jit,
                                             struct pattern_fault *fault)
{
    struct policy_pattern *p = calloc(1, sizeof(*p));
    uint32_t options;
    bool good = p != NULL;
    if (!good)
        fail(fault, 0, "out of memory");
    else if (text.n > PATTERN_MAX)
        good = fail(fault, PATTERN_MAX, "is longer than 1024 characters");
    good = good && read_flags(flags, &options, fault, text.n) && compile(p, text, options, fault);
    if (!good) {
        policy_pattern_destroy(p);
        return NULL;
    }
    find_grams(p, text);
    /* Where it may not, the interpreter takes over. */
    p->jit = jit && pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE) == 0;
    return p;
}

void policy_pattern_destroy(struct policy_pattern *p)
{
    if (!p)
        return;
    pcre2_code_free(p->code);
    free(p);
}

bool policy_pattern_is_jit(const struct policy_pattern *p)
{
    return p->jit;
}

/* ---- matching */

enum pattern_verdict policy_pattern_match(const struct policy_pattern *p, struct policy_scratch *s,
                                          struct bytes subject)
{
    subject = bytes_first(subject, POLICY_SUBJECT_MAX);
    if (!may_match(p, subject))
        return PATTERN_NO;
    const uint8_t *text = subject.p ? subject.p : (const uint8_t *)"";
    int rc = pcre2_match(p->code, text, subject.n, 0, p->jit ? 0 : PCRE2_NO_JIT, s->found, s->limits);
    if (rc >= 0)
        return PATTERN_YES;
    return rc == PCRE2_ERROR_NOMATCH ? PATTERN_NO : PATTERN_LIMIT;
}
