#include "modules/pcscf/policy/policy_words.h"
#include <stdarg.h>
#include <stdio.h>

bool reader_fail(struct policy_reader *rd, size_t at, const char *fmt, ...)
{
    char text[144];
    va_list ap;
    if (rd->fault->text[0])
        return false;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    rd->fault->at = at;
    snprintf(rd->fault->text, sizeof(rd->fault->text), "column %zu: %s", at + 1, text);
    return false;
}

static void skip_blanks(struct policy_reader *rd)
{
    while (rd->rest.n && (rd->rest.p[0] == ' ' || rd->rest.p[0] == '\t' || rd->rest.p[0] == '\n'))
        rd->rest = bytes_skip(rd->rest, 1);
}

size_t reader_at(struct policy_reader *rd)
{
    skip_blanks(rd);
    return rd->rest.p ? (size_t)(rd->rest.p - (const uint8_t *)rd->text) : 0;
}

struct bytes reader_since(const struct policy_reader *rd, size_t at)
{
    const uint8_t *from = (const uint8_t *)rd->text + at;
    return bytes_trim(bytes_of(from, (size_t)(rd->rest.p - from)));
}

static struct bytes next_word(struct policy_reader *rd)
{
    size_t n = 0;
    skip_blanks(rd);
    while (n < rd->rest.n && !strchr(" \t\n=~\"", rd->rest.p[n]))
        n++;
    return bytes_first(rd->rest, n);
}

struct bytes reader_word(struct policy_reader *rd)
{
    struct bytes word = next_word(rd);
    rd->rest = bytes_skip(rd->rest, word.n);
    return word;
}

bool reader_take_word(struct policy_reader *rd, const char *word)
{
    bool is = bytes_eq(next_word(rd), bytes_str(word));
    if (is)
        rd->rest = bytes_skip(rd->rest, strlen(word));
    return is;
}

bool reader_next_is(struct policy_reader *rd, char mark)
{
    skip_blanks(rd);
    return rd->rest.n && rd->rest.p[0] == (uint8_t)mark;
}

bool reader_take_mark(struct policy_reader *rd, char mark)
{
    bool is = reader_next_is(rd, mark);
    if (is)
        rd->rest = bytes_skip(rd->rest, 1);
    return is;
}

int reader_take_one_of(struct policy_reader *rd, const char *const *words)
{
    char all[64] = "";
    size_t at = reader_at(rd), n = 0;
    struct bytes word = reader_word(rd);
    for (int i = 0; words[i]; i++) {
        if (bytes_eq(word, bytes_str(words[i])))
            return i;
        int more = snprintf(all + n, sizeof(all) - n, "%s%s", i ? ", " : "", words[i]);
        n += more > 0 && (size_t)more < sizeof(all) - n ? (size_t)more : 0;
    }
    reader_fail(rd, at, "expected one of %s", all);
    return -1;
}

int reader_take_choice(struct policy_reader *rd, const char *const *words)
{
    size_t at = reader_at(rd);
    if (reader_take_mark(rd, '='))
        return reader_take_one_of(rd, words);
    reader_fail(rd, at, "expected =");
    return -1;
}

bool reader_take_text(struct policy_reader *rd, struct bytes *out)
{
    size_t at = reader_at(rd), n = 0;
    while (n < rd->rest.n && rd->rest.p[n] > ' ')
        n++;
    *out = bytes_first(rd->rest, n);
    rd->rest = bytes_skip(rd->rest, n);
    return n || reader_fail(rd, at, "something is missing");
}

bool reader_take_quoted(struct policy_reader *rd, struct bytes *out)
{
    size_t at = reader_at(rd);
    if (!reader_take_mark(rd, '"'))
        return reader_fail(rd, at, "expected a text in double quotes");
    size_t n = bytes_find_byte(rd->rest, '"');
    if (n == BYTES_NOT_FOUND)
        return reader_fail(rd, at, "this text never ends");
    *out = bytes_first(rd->rest, n);
    rd->rest = bytes_skip(rd->rest, n + 1);
    return true;
}

/* Up to the next slash that has no backslash before it; PCRE2 reads \/ as a slash. */
static size_t pattern_length(struct bytes b)
{
    size_t n = 0;
    while (n < b.n && b.p[n] != '/')
        n += b.p[n] == '\\' ? 2 : 1;
    return n;
}

bool reader_take_pattern(struct policy_reader *rd, struct bytes *pattern, struct bytes *flags, size_t *at)
{
    *at = reader_at(rd);
    if (!reader_take_mark(rd, '/'))
        return reader_fail(rd, *at, "expected /pattern/");
    size_t n = pattern_length(rd->rest);
    if (n >= rd->rest.n)
        return reader_fail(rd, *at, "this pattern never ends: a / is missing");
    if (!n)
        return reader_fail(rd, *at, "this pattern is empty");
    *pattern = bytes_first(rd->rest, n);
    rd->rest = bytes_skip(rd->rest, n + 1);
    *at += 1;
    size_t letters = 0;
    while (letters < rd->rest.n && rd->rest.p[letters] > ' ')
        letters++;
    *flags = bytes_first(rd->rest, letters);
    rd->rest = bytes_skip(rd->rest, letters);
    return true;
}

bool reader_duration(struct bytes text, uint64_t *ms)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    size_t digits = 0;
    uint32_t n = 1;
    while (digits < text.n && sip_is_digit(text.p[digits]))
        digits++;
    if (digits && (!bytes_u32(bytes_first(text, digits), &n) || !n || n > 1000000))
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        *ms = n * units[i].ms;
        if (bytes_eq(bytes_skip(text, digits), bytes_str(units[i].unit)))
            return *ms <= UINT64_C(86400000);
    }
    return false;
}
