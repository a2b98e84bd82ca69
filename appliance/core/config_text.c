#include "appliance/core/config_internal.h"
#include <string.h>

/* libconfuse counts every comment as more lines than it has, takes a comment or a section that never ends for
 * the end of the file, and drops characters it has no use for. So that line numbers are right and nothing is
 * ignored in silence, comments become blanks and the rest is reported here, with the same rules as its
 * lexer.l. */

#define DEPTH_MAX 8

struct scan {
    char *at;
    int line;
    int opened[DEPTH_MAX]; /* the lines of the braces that stand open */
    unsigned depth;
    struct parsed *p;
};

static bool ends_word(char c)
{
    return strchr(" \t\r\n#\"'={}()+,*", c) != NULL;
} /* the NUL too */

static void step(struct scan *s)
{
    if (*s->at++ == '\n')
        s->line++;
}

static void blank(struct scan *s)
{
    if (*s->at != '\n')
        *s->at = ' ';
    step(s);
}

static void skip_line_comment(struct scan *s)
{
    while (*s->at && *s->at != '\n')
        blank(s);
}

static void skip_block_comment(struct scan *s)
{
    int began = s->line;
    char *end = strstr(s->at + 2, "*/");
    if (!end)
        problem_add(s->p, began, "this comment never ends");
    while (*s->at && (!end || s->at < end + 2))
        blank(s);
}

/* ${NAME} and ${NAME:-otherwise} stand for a variable of the environment. */
static bool skip_variable(struct scan *s)
{
    char *end = s->at[0] == '$' && s->at[1] == '{' ? strpbrk(s->at, "}\n") : NULL;
    if (!end || *end != '}')
        return false;
    s->at = end + 1;
    return true;
}

static void skip_string(struct scan *s)
{
    char quote = *s->at;
    int began = s->line;
    for (step(s); *s->at && *s->at != quote;) {
        if (quote == '"' && skip_variable(s))
            continue;
        if (*s->at == '\\' && s->at[1])
            step(s);
        step(s);
    }
    if (*s->at)
        step(s);
    else
        problem_add(s->p, began, "this string never ends");
}

static void skip_word(struct scan *s)
{
    while (!ends_word(*s->at))
        if (!skip_variable(s))
            step(s);
}

static void open_brace(struct scan *s)
{
    if (s->depth < DEPTH_MAX)
        s->opened[s->depth] = s->line;
    else if (s->depth == DEPTH_MAX)
        problem_add(s->p, s->line, "braces are nested too deeply");
    s->depth++;
}

static void skip_mark(struct scan *s)
{
    if (*s->at == '{')
        open_brace(s);
    else if (*s->at == '}')
        s->depth -= s->depth > 0; /* one too many is told by libconfuse */
    else if (*s->at == '*')
        problem_add(s->p, s->line, "'*' has no meaning here: quote the value");
    else if (*s->at == '+' && s->at[1] == '=')
        problem_add(s->p, s->line, "'+=' is not known: write the whole list with '='");
    else if (*s->at == '+')
        problem_add(s->p, s->line, "'+' has no meaning here: quote the value");
    step(s);
}

static void scan_token(struct scan *s)
{
    if (s->at[0] == '#' || (s->at[0] == '/' && s->at[1] == '/'))
        skip_line_comment(s);
    else if (s->at[0] == '/' && s->at[1] == '*')
        skip_block_comment(s);
    else if (*s->at == '"' || *s->at == '\'')
        skip_string(s);
    else if (ends_word(*s->at))
        skip_mark(s);
    else
        skip_word(s);
}

void text_prepare(struct parsed *p, char *text, size_t len)
{
    struct scan s = {.at = text, .line = 1, .p = p};
    while (*s.at)
        scan_token(&s);
    if (s.depth > 0 && s.depth <= DEPTH_MAX && !p->problems) /* else that one opened it */
        problem_add(p, s.opened[s.depth - 1], "this brace is never closed");
    if (s.at != text + len)
        problem_add(p, s.line, "holds a NUL byte");
}
