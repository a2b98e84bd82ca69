/* policy_words: the words of a rule, one after the other, and where a mistake was.
 *
 * Floor 3; private to who reads rules. Blanks stand between words; a pattern stands between slashes, a text
 * in double quotes. */
#pragma once
#include "modules/pcscf/policy/policy.h"
#include "modules/sip/chars.h"
#include "modules/sip/params.h"

struct policy_reader {
    const char *text;
    struct bytes rest;
    struct policy_fault *fault;
    bool jit;
};

/* Says what is wrong at that offset ("column N: ..."); false, to be returned. The first one counts. */
bool reader_fail(struct policy_reader *rd, size_t at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
size_t reader_at(struct policy_reader *rd); /* offset of the next word */
struct bytes reader_since(const struct policy_reader *rd, size_t at);
struct bytes reader_word(struct policy_reader *rd); /* up to a blank, =, ~ or "; may be empty */
bool reader_take_word(struct policy_reader *rd, const char *word); /* if it is the next one */
bool reader_take_mark(struct policy_reader *rd, char mark);
bool reader_next_is(struct policy_reader *rd, char mark);
/* The index of the next word among those; -1 with the fault set. take_choice: after "=". */
int reader_take_one_of(struct policy_reader *rd, const char *const *words);
int reader_take_choice(struct policy_reader *rd, const char *const *words);
bool reader_take_text(struct policy_reader *rd, struct bytes *out); /* up to a blank */
bool reader_take_quoted(struct policy_reader *rd, struct bytes *out);
/* at: of the pattern's first character. */
bool reader_take_pattern(struct policy_reader *rd, struct bytes *pattern, struct bytes *flags, size_t *at);
bool reader_duration(struct bytes text, uint64_t *ms); /* "s", "10s", "5m"; pure */

/* policy_condition.c: all of them, and the arrow behind. */
bool reader_take_conditions(struct policy_reader *rd, struct policy_rule *r);
