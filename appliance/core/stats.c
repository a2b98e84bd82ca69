#include "appliance/core/stats.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A worker's counters share no cache line with another's: a plain add stays in its own core's cache. */
#define LINE     64
#define PER_LINE (LINE / sizeof(uint64_t))
#define PREFIX   "sallyport_"

struct stats {
    const struct stat_table *tables[STAT_TABLES_MAX];
    unsigned first[STAT_TABLES_MAX]; /* where a table begins in a row */
    unsigned n_tables;
    unsigned rows;
    size_t row_len; /* a whole number of cache lines */
    _Atomic uint64_t *numbers;
};

static bool take_tables(struct stats *s, const struct stat_table *const *tables)
{
    unsigned at = 0;
    for (; *tables; tables++) {
        if (s->n_tables == STAT_TABLES_MAX)
            return false;
        s->tables[s->n_tables] = *tables;
        s->first[s->n_tables++] = at;
        at += (*tables)->n;
    }
    s->row_len = (at + PER_LINE - 1) / PER_LINE * PER_LINE;
    return true;
}

struct stats *stats_create(const struct stat_table *const *tables, unsigned rows)
{
    struct stats *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->rows = rows;
    size_t bytes = 0;
    if (take_tables(s, tables)) {
        bytes = (s->row_len ? s->row_len : PER_LINE) * (rows ? rows : 1) * sizeof(uint64_t);
        s->numbers = aligned_alloc(LINE, bytes);
    }
    if (!s->numbers) {
        free(s);
        return NULL;
    }
    memset((void *)s->numbers, 0, bytes);
    return s;
}

void stats_destroy(struct stats *s)
{
    if (!s)
        return;
    free((void *)s->numbers);
    free(s);
}

static unsigned first_of(const struct stats *s, const struct stat_table *table)
{
    for (unsigned i = 0; i < s->n_tables; i++)
        if (s->tables[i] == table)
            return s->first[i];
    abort(); /* a room whose table boot does not know: found by the first test that starts it */
}

_Atomic uint64_t *stats_worker(struct stats *s, unsigned row)
{
    if (row >= s->rows)
        abort();
    return s->numbers + row * s->row_len;
}

_Atomic uint64_t *stats_row(struct stats *s, const struct stat_table *table, unsigned row)
{
    return stats_worker(s, row) + first_of(s, table);
}

static uint64_t sum_at(const struct stats *s, unsigned at)
{
    uint64_t sum = 0;
    for (unsigned row = 0; row < s->rows; row++)
        sum += atomic_load_explicit(&s->numbers[row * s->row_len + at], memory_order_relaxed);
    return sum;
}

uint64_t stats_sum(const struct stats *s, const struct stat_table *table, unsigned index)
{
    return index < table->n ? sum_at(s, first_of(s, table) + index) : 0;
}

/* A walk over all definitions in order, whatever table they stand in. */
struct walk {
    const struct stats *s;
    unsigned table, index;
    const struct stat_def *def;
    uint64_t value;
};

static bool walk_next(struct walk *k)
{
    while (k->table < k->s->n_tables && k->index >= k->s->tables[k->table]->n) {
        k->table++;
        k->index = 0;
    }
    if (k->table == k->s->n_tables)
        return false;
    k->def = &k->s->tables[k->table]->defs[k->index];
    k->value = sum_at(k->s, k->s->first[k->table] + k->index);
    k->index++;
    return true;
}

static bool name_came_before(const struct walk *here)
{
    struct walk k = {.s = here->s};
    while (walk_next(&k) && k.def != here->def)
        if (strcmp(k.def->name, here->def->name) == 0)
            return true;
    return false;
}

/* A gauge may stand below zero on one worker (made here, freed there); the sum is right modulo 2^64. */
static void put_value(struct buf *out, const struct stat_def *def, uint64_t value)
{
    if (def->kind == STAT_GAUGE)
        buf_printf(out, "%" PRId64, (int64_t)value);
    else
        buf_u64(out, value);
}

/* The text format escapes backslash and line feed in help texts. */
static void put_help(struct buf *out, const char *help)
{
    for (const char *c = help ? help : ""; *c; c++) {
        if (*c == '\\')
            buf_str(out, "\\\\");
        else if (*c == '\n')
            buf_str(out, "\\n");
        else
            buf_append(out, bytes_of(c, 1));
    }
}

static void put_head(struct buf *out, const struct stat_def *def)
{
    buf_printf(out, "# HELP " PREFIX "%s ", def->name);
    put_help(out, def->help);
    buf_printf(out, "\n# TYPE " PREFIX "%s %s\n", def->name, def->kind == STAT_GAUGE ? "gauge" : "counter");
}

static void put_line(struct buf *out, const struct walk *k)
{
    buf_printf(out, PREFIX "%s", k->def->name);
    if (k->def->labels)
        buf_printf(out, "{%s}", k->def->labels);
    buf_str(out, " ");
    put_value(out, k->def, k->value);
    buf_str(out, "\n");
}

/* All lines of a name must stand together under one HELP and TYPE, even if two rooms share the name. */
bool stats_prometheus(const struct stats *s, struct buf *out)
{
    struct walk k = {.s = s};
    while (walk_next(&k)) {
        if (name_came_before(&k))
            continue;
        put_head(out, k.def);
        struct walk same = {.s = s};
        while (walk_next(&same))
            if (strcmp(same.def->name, k.def->name) == 0)
                put_line(out, &same);
    }
    return !out->failed;
}

static void put_json_text(struct buf *out, const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c == '"' || *c == '\\')
            buf_str(out, "\\");
        buf_append(out, bytes_of(c, 1));
    }
}

bool stats_json(const struct stats *s, struct buf *out)
{
    struct walk k = {.s = s};
    const char *separator = "{";
    while (walk_next(&k)) {
        buf_printf(out, "%s\"%s", separator, k.def->name);
        if (k.def->labels) {
            buf_str(out, "{");
            put_json_text(out, k.def->labels);
            buf_str(out, "}");
        }
        buf_str(out, "\":");
        put_value(out, k.def, k.value);
        separator = ",";
    }
    buf_str(out, k.s->n_tables && *separator == ',' ? "}" : "{}");
    return !out->failed;
}
