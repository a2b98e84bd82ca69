/* line: one bounded line of text into which strangers' bytes can be put without forging anything.
 *
 * Floor 0, inside the log. Nothing but printable text leaves here: control characters, broken UTF-8, line
 * separators and bidirectional overrides are escaped, so a line stays one line, on a terminal too. Memory
 * is the struct itself. */
#pragma once
#include "appliance/base/bytes.h"

#define LINE_CAP 2048

struct line {
    size_t n;
    size_t limit; /* <= LINE_CAP; what would pass it is not written and sets cut */
    bool cut;
    bool json; /* how broken bytes are shown: \ufffd, else \xNN */
    char text[LINE_CAP];
};

void line_put(struct line *l, const char *s, size_t n); /* all of it or nothing (and cut) */
void line_str(struct line *l, const char *s);
void line_u64(struct line *l, uint64_t v);
void line_i64(struct line *l, int64_t v);
/* In quotes, escaped; of what is longer than max (as written) the start and "..." and cut. */
void line_quoted(struct line *l, struct bytes b, size_t max);
/* Bare where that is unambiguous (no blank, quote, "=" or anything to be escaped), else quoted. */
void line_value(struct line *l, struct bytes b, size_t max);
