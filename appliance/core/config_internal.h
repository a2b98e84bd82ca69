/* config_internal: what the files of the config noun share; nobody else includes it.
 *
 * Floor 1. config_parse.c turns text into words, config_value.c words into values, config.c holds them,
 * config_format.c and config_write.c print them. */
#pragma once
#include "appliance/core/config.h"
#include <stdatomic.h>

struct config {
    atomic_uint refs;
    char *folder; /* relative paths are taken from here; "" leaves them as they are */
    size_t n;
    const struct settings *tables[CONFIG_TABLES_MAX];
    void *values[CONFIG_TABLES_MAX]; /* each room's struct */
};

static inline void *config_slot(const struct config *c, size_t table, const struct setting *st)
{
    return (char *)c->values[table] + st->offset;
}

#define VALUE_WHY 200

/* Takes the written words into the field; false with the reason. A field that was refused stays zero. */
bool value_set(const struct setting *st, const struct string_list *words, const char *folder, void *slot,
               char why[static VALUE_WHY]);
bool value_set_preset(const struct setting *st, const char *folder, void *slot, char why[static VALUE_WHY]);
void value_fini(const struct setting *st, void *slot);
bool value_is_list(const struct setting *st);
void value_format(const struct setting *st, const void *slot, struct buf *out); /* as written in a file */
void value_format_text(const char *text, struct buf *out);                      /* in quotes */
void value_format_number(enum setting_type type, int64_t n, struct buf *out);   /* INT, DURATION, SIZE */

/* One assignment of the file. */
struct entry {
    struct entry *next;
    const struct settings *table;
    const struct setting *st;
    int line;
    struct string_list words; /* copies */
    int *lines;               /* of each word */
};

struct parsed {
    const char *file;
    const struct settings *const *tables;
    struct entry *entries; /* in order of the file */
    struct config_problem *problems;
    bool no_memory;
};

/* Reports what the lexer would drop in silence and turns comments into blanks. */
void text_prepare(struct parsed *p, char *text, size_t len);
/* text is NUL-terminated after len bytes and gets changed (comments become blanks). */
void parsed_read(struct parsed *p, char *text, size_t len);
void parsed_fini(struct parsed *p); /* the entries; the problems go to the caller */

/* Keeps the list in order of line. */
void problem_add(struct parsed *p, int line, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
