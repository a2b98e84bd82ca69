#include "appliance/core/config.h"
#include "appliance/core/config_internal.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (1 << 20)

static void forget_item(struct config *c, size_t t, const struct setting *st)
{
    if (st->release)
        st->release(c->values[t]);
    value_fini(st, config_slot(c, t, st));
}

static void config_free(struct config *c)
{
    for (size_t t = 0; t < c->n; t++) {
        for (size_t i = 0; c->values[t] && i < c->tables[t]->n; i++)
            forget_item(c, t, &c->tables[t]->items[i]);
        free(c->values[t]);
    }
    free(c->folder);
    free(c);
}

struct config *config_hold(const struct config *c)
{
    struct config *mine = (struct config *)c; /* only the count ever changes */
    atomic_fetch_add_explicit(&mine->refs, 1, memory_order_relaxed);
    return mine;
}

void config_drop(const struct config *c)
{
    struct config *mine = (struct config *)c;
    if (mine && atomic_fetch_sub_explicit(&mine->refs, 1, memory_order_acq_rel) == 1)
        config_free(mine);
}

const void *config_of(const struct config *c, const struct settings *table)
{
    for (size_t t = 0; t < c->n; t++)
        if (c->tables[t] == table)
            return c->values[t];
    abort(); /* a room whose table boot does not know: found by the first test that starts it */
}

/* The folder of a file name, absolute where it can be told, so that a later chdir changes nothing. */
static char *folder_of(const char *file)
{
    const char *slash = file ? strrchr(file, '/') : NULL;
    if (!slash)
        return strdup("");
    char *folder = strndup(file, slash == file ? 1 : (size_t)(slash - file));
    char *absolute = folder ? realpath(folder, NULL) : NULL;
    if (!absolute)
        return folder;
    free(folder);
    return absolute;
}

static bool take_presets(struct config *c, size_t t, struct parsed *p)
{
    char why[VALUE_WHY];
    const struct settings *table = c->tables[t];
    for (size_t i = 0; i < table->n; i++) {
        const struct setting *st = &table->items[i];
        if (!value_set_preset(st, c->folder, config_slot(c, t, st), why))
            problem_add(p, 0, "%s.%s: the preset %s", table->section, st->key, why);
    }
    return !p->problems;
}

static struct config *config_new(const struct settings *const *tables, const char *folder_file,
                                 struct parsed *p)
{
    struct config *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    atomic_init(&c->refs, 1);
    c->folder = folder_of(folder_file);
    bool good = c->folder;
    for (; good && *tables; tables++) {
        good = c->n < CONFIG_TABLES_MAX;
        if (!good)
            break;
        c->tables[c->n] = *tables;
        c->values[c->n] = calloc(1, (*tables)->size);
        good = c->values[c->n++] && take_presets(c, c->n - 1, p);
    }
    if (good)
        return c;
    config_free(c);
    return NULL;
}

static size_t table_index(const struct config *c, const struct settings *table)
{
    size_t t = 0;
    while (c->tables[t] != table)
        t++;
    return t;
}

static void take_entry(struct config *c, const struct entry *e, struct parsed *p)
{
    char why[VALUE_WHY];
    void *slot = config_slot(c, table_index(c, e->table), e->st);
    value_fini(e->st, slot);
    if (value_set(e->st, &e->words, c->folder, slot, why))
        return;
    bool quiet = setting_is_secret(e->st->type) || e->words.n != 1 || value_is_list(e->st);
    if (quiet)
        problem_add(p, e->line, "%s.%s: %s", e->table->section, e->st->key, why);
    else
        problem_add(p, e->line, "%s.%s: \"%.60s\" %s", e->table->section, e->st->key, e->words.items[0], why);
}

static bool has_error(const struct config_problem *p)
{
    for (; p; p = p->next)
        if (!p->warning)
            return true;
    return false;
}

/* What a room makes of its values. */
struct config_report {
    struct parsed *p;
    const struct settings *table;
};

static int line_of(const struct config_report *r, const char *key, size_t at)
{
    for (const struct entry *e = r->p->entries; e; e = e->next)
        if (e->table == r->table && strcmp(e->st->key, key) == 0)
            return at < e->words.n ? e->lines[at] : e->line;
    return 0;
}

void config_report(struct config_report *r, const char *key, size_t at, const char *fmt, ...)
{
    char text[VALUE_WHY];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    problem_add(r->p, line_of(r, key, at), "%s.%s: %s", r->table->section, key, text);
}

static void finish_table(struct config *c, size_t t, struct parsed *p)
{
    struct config_report r = {p, c->tables[t]};
    for (size_t i = 0; i < r.table->n; i++)
        if (r.table->items[i].finish)
            r.table->items[i].finish(c->values[t], &r);
}

/* text may be NULL: presets only. file names the text in problems and gives the folder. */
static struct config *load(char *text, size_t len, struct parsed *p, const char *folder_file)
{
    struct config *c = config_new(p->tables, folder_file, p);
    if (c && text) {
        parsed_read(p, text, len);
        for (const struct entry *e = p->entries; e; e = e->next)
            take_entry(c, e, p);
    }
    if (c && !has_error(p->problems) && !p->no_memory)
        for (size_t t = 0; t < c->n; t++)
            finish_table(c, t, p);
    if (c && !has_error(p->problems) && !p->no_memory)
        return c;
    if (!has_error(p->problems))
        problem_add(p, 0, "out of memory");
    config_drop(c);
    return NULL;
}

static struct config *finish(struct config *c, struct parsed *p, struct config_problem **problems)
{
    if (problems)
        *problems = p->problems;
    else
        config_problems_free(p->problems);
    parsed_fini(p);
    return c;
}

static ssize_t read_all(int fd, char *mem, size_t cap)
{
    size_t n = 0;
    while (n < cap) {
        ssize_t got = read(fd, mem + n, cap - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        n += (size_t)got;
    }
    return n == cap ? -EFBIG : (ssize_t)n;
}

/* NULL with a problem; the text is the caller's to free. */
static char *read_file(struct parsed *p, size_t *len)
{
    char *mem = malloc(FILE_MAX + 1);
    int fd = mem ? open(p->file, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t n = !mem ? -ENOMEM : fd < 0 ? -errno : read_all(fd, mem, FILE_MAX + 1);
    if (fd >= 0)
        close(fd);
    if (n < 0) {
        problem_add(p, 0, "cannot be read: %s", strerror((int)-n));
        free(mem);
        return NULL;
    }
    mem[n] = '\0';
    *len = (size_t)n;
    return mem;
}

/* A configuration holds secrets: no copy of its text is left in freed memory. */
static void forget(char *text, size_t len)
{
    if (text)
        explicit_bzero(text, len);
    free(text);
}

struct config *config_load(const char *path, const struct settings *const *tables,
                           struct config_problem **problems)
{
    struct parsed p = {.file = path ? path : "(presets)", .tables = tables};
    size_t len = 0;
    char *text = path ? read_file(&p, &len) : NULL;
    char *with_folder = NULL;
    struct config *c = NULL;
    /* A bare name lies in the current folder. */
    if (path && !strchr(path, '/') && asprintf(&with_folder, "./%s", path) < 0)
        with_folder = NULL;
    if (text || !path)
        c = load(text, len, &p, with_folder ? with_folder : path);
    free(with_folder);
    forget(text, len);
    return finish(c, &p, problems);
}

struct config *config_load_text(const char *text, const char *name, const struct settings *const *tables,
                                struct config_problem **problems)
{
    struct parsed p = {.file = name, .tables = tables};
    size_t len = strlen(text);
    char *copy = len <= FILE_MAX ? strdup(text) : NULL;
    struct config *c = NULL;
    if (copy)
        c = load(copy, len, &p, name);
    else
        problem_add(&p, 0, len > FILE_MAX ? "is larger than 1m" : "out of memory");
    forget(copy, len);
    return finish(c, &p, problems);
}

void config_problems_free(struct config_problem *p)
{
    while (p) {
        struct config_problem *next = p->next;
        free(p);
        p = next;
    }
}
