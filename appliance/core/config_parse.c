#include "appliance/base/nearest.h"
#include "appliance/core/config_internal.h"
#include <confuse.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libconfuse stops at the first name it does not know. So the text is read again with that name declared,
 * until no new one is met; then all of them are reported together. Nested sections count by their name alone.
 */
#define PASSES_MAX 64
#define NAME_CAP   64

enum unknown_kind { UNKNOWN_VALUE, UNKNOWN_SECTION, UNKNOWN_TITLED };

struct unknown {
    struct unknown *next;
    enum unknown_kind kind;
    int line;
    char section[NAME_CAP], key[NAME_CAP];
};

struct pass {
    struct parsed *all;      /* what the caller gets */
    struct parsed found;     /* what this pass read */
    struct entry **tail;     /* of found.entries */
    struct unknown *unknown; /* of all passes */
    unsigned n_unknown;
    bool again; /* this pass met something new and does not count */
};

/* The lexer of libconfuse is global, and its callbacks get nothing of ours. */
static pthread_mutex_t lexer = PTHREAD_MUTEX_INITIALIZER;
static struct pass *pass_now; /* guarded by lexer */

static const struct settings *find_table(const struct parsed *p, const char *section)
{
    for (size_t t = 0; p->tables[t]; t++)
        if (strcmp(p->tables[t]->section, section) == 0)
            return p->tables[t];
    return NULL;
}

static const struct setting *find_setting(const struct settings *table, const char *key)
{
    for (size_t i = 0; table && i < table->n; i++)
        if (strcmp(table->items[i].key, key) == 0)
            return &table->items[i];
    return NULL;
}

/* Entries: what was assigned. */

static struct entry *find_entry(struct entry *e, const struct settings *table, const struct setting *st)
{
    while (e && (e->table != table || e->st != st))
        e = e->next;
    return e;
}

static struct entry *entry_add(struct pass *pass, const struct settings *table, const struct setting *st,
                               int line)
{
    struct entry *e = calloc(1, sizeof *e);
    if (!e) {
        pass->all->no_memory = true;
        return NULL;
    }
    e->table = table;
    e->st = st;
    e->line = line;
    *pass->tail = e;
    pass->tail = &e->next;
    return e;
}

static bool words_add(struct entry *e, const char *word, int line)
{
    struct string_list *words = &e->words;
    const char **items = reallocarray(words->items, words->n + 1, sizeof *items);
    words->items = items ? items : words->items;
    int *lines = reallocarray(e->lines, words->n + 1, sizeof *lines);
    e->lines = lines ? lines : e->lines;
    if (!items || !lines)
        return false;
    lines[words->n] = line;
    items[words->n] = strdup(word);
    return items[words->n] && ++words->n;
}

static void entries_free(struct entry *e)
{
    while (e) {
        struct entry *next = e->next;
        for (size_t i = 0; i < e->words.n; i++) {
            explicit_bzero((char *)e->words.items[i], strlen(e->words.items[i]));
            free((char *)e->words.items[i]);
        }
        free(e->words.items);
        free(e->lines);
        free(e);
        e = next;
    }
}

/* The entry that this word belongs to; a first word begins one, unless the key was set before. */
static struct entry *entry_for(struct pass *pass, cfg_t *cfg, const cfg_opt_t *opt)
{
    const struct settings *table = find_table(pass->all, cfg->name);
    const struct setting *st = find_setting(table, opt->name);
    if (!st) {
        problem_add(&pass->found, cfg->line, "\"%.60s\" cannot be set here", opt->name);
        return NULL;
    }
    struct entry *e = find_entry(pass->found.entries, table, st);
    if (!e)
        return entry_add(pass, table, st, cfg->line);
    if (opt->nvalues > 1)
        return e;
    problem_add(&pass->found, cfg->line, "%s.%s is set twice, first in line %d", table->section, st->key,
                e->line);
    return NULL;
}

static int on_word(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
    struct pass *pass = pass_now;
    struct entry *e = entry_for(pass, cfg, opt);
    if (e && !words_add(e, value, cfg->line))
        pass->all->no_memory = true;
    *(const char **)result = value;
    return 0;
}

/* Unknown names. */

static struct unknown *find_unknown(const struct pass *pass, const char *section, const char *key)
{
    struct unknown *u = pass->unknown;
    while (u && (strcmp(u->section, section) != 0 || strcmp(u->key, key) != 0))
        u = u->next;
    return u;
}

static bool is_unknown_section(const struct pass *pass, const char *name)
{
    for (const struct unknown *u = pass->unknown; u; u = u->next)
        if (u->kind != UNKNOWN_VALUE && strcmp(u->key, name) == 0)
            return !find_table(pass->all, name);
    return false;
}

static bool name_fits(const char *name)
{
    return *name && strlen(name) < NAME_CAP && !strpbrk(name, "|=");
}

static bool note_unknown(struct pass *pass, const cfg_t *cfg, const char *key)
{
    if (!name_fits(cfg->name) || !name_fits(key) || find_unknown(pass, cfg->name, key))
        return false;
    struct unknown *u = calloc(1, sizeof *u);
    if (!u)
        return false;
    u->line = cfg->line;
    memcpy(u->section, cfg->name, strlen(cfg->name)); /* both fit, with their NUL */
    memcpy(u->key, key, strlen(key));
    u->next = pass->unknown;
    pass->unknown = u;
    pass->n_unknown++;
    return true;
}

/* libconfuse expected another thing after the name: so the unknown one is of another kind. */
static bool change_kind(struct pass *pass, const cfg_t *cfg, const char *key, enum unknown_kind from)
{
    struct unknown *u = find_unknown(pass, cfg->name, key);
    if (!u || u->kind != from)
        return false;
    u->kind = from + 1;
    return true;
}

static bool learn(struct pass *pass, const cfg_t *cfg, const char *fmt, va_list ap)
{
    if (strcmp(fmt, "no such option '%s'") == 0)
        return note_unknown(pass, cfg, va_arg(ap, const char *));
    if (strcmp(fmt, "missing equal sign after option '%s'") == 0)
        return change_kind(pass, cfg, va_arg(ap, const char *), UNKNOWN_VALUE);
    if (strcmp(fmt, "missing opening brace for section '%s'") == 0)
        return change_kind(pass, cfg, va_arg(ap, const char *), UNKNOWN_SECTION);
    return false;
}

static void on_error(cfg_t *cfg, const char *fmt, va_list ap)
{
    struct pass *pass = pass_now;
    char text[200];
    if (is_unknown_section(pass, cfg->name) && strcmp(fmt, "no such option '%s'") == 0) {
        cfg->flags |= CFGF_IGNORE_UNKNOWN; /* nothing in an unknown section can be known */
        return;
    }
    va_list copy;
    va_copy(copy, ap);
    bool learnt = learn(pass, cfg, fmt, copy);
    va_end(copy);
    if (learnt) {
        pass->again = true;
        return;
    }
    vsnprintf(text, sizeof text, fmt, ap);
    problem_add(&pass->found, cfg->line, "%s", text);
}

struct names {
    const struct settings *const *tables; /* sections, or */
    const struct settings *table;         /* keys of one */
    size_t at;
};

static const char *next_name(void *arg)
{
    struct names *n = arg;
    if (n->tables)
        return n->tables[n->at] ? n->tables[n->at++]->section : NULL;
    return n->at < n->table->n ? n->table->items[n->at++].key : NULL;
}

static const char *section_with(const struct parsed *p, const char *key)
{
    for (size_t t = 0; p->tables[t]; t++)
        if (find_setting(p->tables[t], key))
            return p->tables[t]->section;
    return NULL;
}

static void report(struct parsed *p, const struct unknown *u, const char *what, struct names *names)
{
    const char *near = nearest_name(u->key, next_name, names);
    const char *home = u->kind == UNKNOWN_VALUE ? section_with(p, u->key) : NULL;
    if (home)
        problem_add(p, u->line, "unknown %s \"%s\": it belongs into section \"%s\"", what, u->key, home);
    else if (near)
        problem_add(p, u->line, "unknown %s \"%s\": did you mean \"%s\"?", what, u->key, near);
    else
        problem_add(p, u->line, "unknown %s \"%s\"", what, u->key);
}

static void report_unknown(struct parsed *p, const struct unknown *u)
{
    const struct settings *table = find_table(p, u->section);
    struct names sections = {.tables = p->tables}, keys = {.table = table};
    if (u->kind != UNKNOWN_VALUE)
        report(p, u, "section", table ? &keys : &sections);
    else if (table)
        report(p, u, "setting", &keys);
    else
        report(p, u, "setting (outside of any section)", &sections);
}

/* The declarations libconfuse works from; it copies them in cfg_init. */

static cfg_opt_t no_keys[] = {CFG_END()};

static cfg_opt_t declare_unknown(const struct unknown *u)
{
    if (u->kind == UNKNOWN_VALUE)
        return (cfg_opt_t)CFG_STR_LIST(u->key, NULL, CFGF_NODEFAULT);
    return (cfg_opt_t)CFG_SEC(u->key, no_keys,
                              CFGF_MULTI | (u->kind == UNKNOWN_TITLED ? CFGF_TITLE : CFGF_NONE));
}

static cfg_opt_t *declare_unknowns(const struct pass *pass, const char *section, cfg_opt_t *at)
{
    for (const struct unknown *u = pass->unknown; u; u = u->next)
        if (strcmp(u->section, section) == 0)
            *at++ = declare_unknown(u);
    *at = (cfg_opt_t)CFG_END();
    return at;
}

static cfg_opt_t declare_setting(const struct setting *st)
{
    if (value_is_list(st))
        return (cfg_opt_t)CFG_STR_LIST_CB(st->key, NULL, CFGF_NODEFAULT, on_word);
    return (cfg_opt_t)CFG_STR_CB(st->key, NULL, CFGF_NODEFAULT, on_word);
}

static cfg_opt_t *declare_section(const struct pass *pass, const struct settings *table)
{
    cfg_opt_t *opts = calloc(table->n + pass->n_unknown + 1, sizeof *opts);
    if (!opts)
        return NULL;
    for (size_t i = 0; i < table->n; i++)
        opts[i] = declare_setting(&table->items[i]);
    declare_unknowns(pass, table->section, opts + table->n);
    return opts;
}

static cfg_t *declare(const struct pass *pass)
{
    const struct settings *const *tables = pass->all->tables;
    cfg_opt_t root[CONFIG_TABLES_MAX + PASSES_MAX + 1];
    size_t n = 0;
    bool good = true;
    for (; tables[n] && n < CONFIG_TABLES_MAX; n++) {
        cfg_opt_t *keys = declare_section(pass, tables[n]);
        good = good && keys;
        root[n] = (cfg_opt_t)CFG_SEC(tables[n]->section, keys, CFGF_MULTI);
    }
    declare_unknowns(pass, "root", root + n); /* what libconfuse calls the outside of all sections */
    cfg_t *cfg = good ? cfg_init(root, CFGF_NONE) : NULL;
    for (size_t i = 0; i < n; i++)
        free(root[i].subopts);
    if (cfg)
        cfg_set_error_function(cfg, on_error);
    return cfg;
}

/* An empty list has no word that on_word could see; libconfuse marks it as set. */
static void take_empty_lists(struct pass *pass, const struct settings *table, cfg_t *section)
{
    for (size_t i = 0; i < table->n; i++) {
        const struct setting *st = &table->items[i];
        const cfg_opt_t *opt = value_is_list(st) ? cfg_getopt(section, st->key) : NULL;
        if (opt && (opt->flags & CFGF_MODIFIED) && opt->nvalues == 0)
            if (!find_entry(pass->found.entries, table, st))
                entry_add(pass, table, st, section->line);
    }
}

static void take_sections(struct pass *pass, cfg_t *cfg)
{
    for (size_t t = 0; pass->all->tables[t]; t++) {
        const struct settings *table = pass->all->tables[t];
        for (unsigned i = 0; i < cfg_size(cfg, table->section); i++)
            take_empty_lists(pass, table, cfg_getnsec(cfg, table->section, i));
    }
}

static void forget_pass(struct pass *pass)
{
    entries_free(pass->found.entries);
    config_problems_free(pass->found.problems);
    pass->found.entries = NULL;
    pass->found.problems = NULL;
    pass->tail = &pass->found.entries;
    pass->again = false;
}

static bool parse_once(struct pass *pass, const char *text, size_t len)
{
    cfg_t *cfg = declare(pass);
    FILE *f = cfg ? fmemopen((char *)text, len, "r") : NULL;
    if (!f)
        pass->all->no_memory = true;
    bool good = f && cfg_parse_fp(cfg, f) == CFG_SUCCESS;
    if (f && !good && !pass->again && !pass->found.problems)
        problem_add(&pass->found, cfg->line, "this is no setting and no section");
    if (good)
        take_sections(pass, cfg);
    if (f)
        fclose(f);
    if (cfg)
        cfg_free(cfg);
    return good;
}

static void parse(struct pass *pass, const char *text, size_t len)
{
    pthread_mutex_lock(&lexer);
    pass_now = pass;
    unsigned passes = 0;
    do {
        forget_pass(pass);
        parse_once(pass, text, len);
    } while (pass->again && !pass->all->no_memory && pass->n_unknown < PASSES_MAX &&
             ++passes < 3 * PASSES_MAX);
    pass_now = NULL;
    pthread_mutex_unlock(&lexer);
}

static void take_problems(struct parsed *p, struct config_problem *from)
{
    for (; from; from = from->next)
        problem_add(p, from->line, "%s", from->text);
}

void parsed_read(struct parsed *p, char *text, size_t len)
{
    text_prepare(p, text, len);
    if (p->problems || *text == '\0')
        return; /* the lexer would misread the rest */
    struct pass pass = {.all = p, .found = {.file = p->file}};
    pass.tail = &pass.found.entries;
    parse(&pass, text, len);
    for (struct unknown *u = pass.unknown, *next; u; u = next) {
        next = u->next;
        report_unknown(p, u);
        free(u);
    }
    take_problems(p, pass.found.problems);
    config_problems_free(pass.found.problems);
    p->entries = pass.found.entries;
    p->no_memory = p->no_memory || pass.found.no_memory;
}

void parsed_fini(struct parsed *p)
{
    entries_free(p->entries);
    p->entries = NULL;
}
