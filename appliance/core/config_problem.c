#include "appliance/core/config_internal.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void config_problems_write(const struct config_problem *p, struct buf *out)
{
    for (; p; p = p->next) {
        buf_str(out, p->file);
        if (p->line > 0)
            buf_printf(out, ":%d", p->line);
        buf_printf(out, ": %s: %s\n", p->warning ? "warning" : "error", p->text);
    }
}

static void insert_by_line(struct config_problem **list, struct config_problem *p)
{
    while (*list && (*list)->line <= p->line)
        list = &(*list)->next;
    p->next = *list;
    *list = p;
}

void problem_add(struct parsed *p, int line, const char *fmt, ...)
{
    size_t file_len = strlen(p->file) + 1;
    struct config_problem *problem = calloc(1, sizeof *problem + file_len);
    if (!problem) {
        p->no_memory = true;
        return;
    }
    problem->file = memcpy(problem + 1, p->file, file_len);
    problem->line = line;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(problem->text, sizeof problem->text, fmt, ap);
    va_end(ap);
    insert_by_line(&p->problems, problem);
}
