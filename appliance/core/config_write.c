#include "appliance/core/config_internal.h"
#include <string.h>

#define MASK "********"

static const char *const reload_texts[] = {
    [RELOAD_LIVE] = "live",
    [RELOAD_NEW] = "new connections",
    [RELOAD_RESTART] = "restart",
};

static bool is_set(const struct setting *st, const void *slot)
{
    if (st->type == SETTING_SECRETS)
        return ((const struct string_list *)slot)->n > 0;
    return st->type != SETTING_SECRET || **(const char *const *)slot;
}

static void put_value(const struct setting *st, const void *slot, bool with_secrets, struct buf *out)
{
    if (setting_is_secret(st->type) && is_set(st, slot) && !with_secrets)
        buf_str(out, st->type == SETTING_SECRETS ? "{\"" MASK "\"}" : "\"" MASK "\"");
    else
        value_format(st, slot, out);
}

/* Values are equal when they are written the same: the written form is canonical. */
static bool same_value(const struct setting *st, const void *a, const void *b)
{
    struct buf x, y;
    buf_init(&x);
    buf_init(&y);
    value_format(st, a, &x);
    value_format(st, b, &y);
    bool same = !x.failed && !y.failed && bytes_eq(buf_bytes(&x), buf_bytes(&y));
    buf_fini(&x);
    buf_fini(&y);
    return same;
}

static bool is_preset(const struct config *c, const struct setting *st, const void *slot)
{
    union {
        bool b;
        int64_t i;
        const char *s;
        struct addr a;
        struct port_range p;
        struct cidr_set c;
        struct string_list l;
    } preset;
    char why[VALUE_WHY];
    memset(&preset, 0, sizeof preset);
    bool same = value_set_preset(st, c->folder, &preset, why) && same_value(st, slot, &preset);
    value_fini(st, &preset);
    return same;
}

#define LONG_ITEM 40

/* A list of sentences is read line by line. */
static bool has_long_items(const struct setting *st, const void *slot)
{
    const struct string_list *l = slot;
    for (size_t i = 0; st->type == SETTING_STRINGS && i < l->n; i++)
        if (strlen(l->items[i]) > LONG_ITEM)
            return true;
    return false;
}

static void put_lines(const struct string_list *l, const char *mark, struct buf *out)
{
    buf_str(out, "{");
    for (size_t i = 0; i < l->n; i++) {
        buf_printf(out, "%s\n    %s    ", i ? "," : "", mark);
        value_format_text(l->items[i], out);
    }
    buf_printf(out, "\n    %s}", mark);
}

static void write_table(const struct config *c, size_t t, struct buf *out, bool with_secrets)
{
    const struct settings *table = c->tables[t];
    buf_printf(out, "%s# %s\n%s {\n", t ? "\n" : "", table->help ? table->help : "", table->section);
    for (size_t i = 0; i < table->n; i++) {
        const struct setting *st = &table->items[i];
        const void *slot = config_slot(c, t, st);
        const char *mark = is_preset(c, st, slot) ? "#" : "";
        buf_printf(out, "%s    # %s\n    %s%s = ", i ? "\n" : "", st->help ? st->help : "", mark, st->key);
        if (has_long_items(st, slot))
            put_lines(slot, mark, out);
        else
            put_value(st, slot, with_secrets, out);
        buf_str(out, "\n");
    }
    buf_str(out, "}\n");
}

bool config_write(const struct config *c, struct buf *out, bool with_secrets)
{
    for (size_t t = 0; t < c->n; t++)
        write_table(c, t, out, with_secrets);
    return !out->failed;
}

static size_t diff_table(const struct config *a, const struct config *b, size_t t, struct buf *out)
{
    const struct settings *table = a->tables[t];
    size_t n = 0;
    for (size_t i = 0; i < table->n; i++) {
        const struct setting *st = &table->items[i];
        const void *before = config_slot(a, t, st);
        const void *after = (const char *)config_of(b, table) + st->offset;
        if (same_value(st, before, after))
            continue;
        buf_printf(out, "%s.%s: ", table->section, st->key);
        put_value(st, before, false, out);
        buf_str(out, " -> ");
        put_value(st, after, false, out);
        buf_printf(out, " (%s)\n", reload_texts[st->reload]);
        n++;
    }
    return n;
}

size_t config_diff(const struct config *a, const struct config *b, struct buf *out)
{
    size_t n = 0;
    for (size_t t = 0; t < a->n; t++)
        n += diff_table(a, b, t, out);
    return n;
}

/* A line that begins with a dot or a quote is a command to troff; \& in front makes it text. */
static void put_troff(struct buf *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        buf_str(out, "\\&");
    for (const char *c = text; *c; c++) {
        if (*c == '\\')
            buf_str(out, "\\e");
        else if (*c == '-')
            buf_str(out, "\\-");
        else
            buf_append(out, bytes_of(c, 1));
    }
}

static bool has_lines(const char *preset)
{
    return preset && strchr(preset, '\n');
}

/* Each item of such a preset on a line of its own. */
static void man_preset_lines(const char *preset, struct buf *out)
{
    struct bytes rest = bytes_str(preset), line;
    if (!has_lines(preset))
        return;
    buf_str(out, "Default:\n.nf\n");
    while (bytes_split(&rest, '\n', &line)) {
        char item[512];
        if (!bytes_to_str(line, item, sizeof item))
            continue;
        put_troff(out, item);
        buf_str(out, "\n");
    }
    buf_str(out, ".fi\n");
}

static void man_limits(const struct setting *st, struct buf *out)
{
    if (st->min || st->max) {
        buf_str(out, "From ");
        value_format_number(st->type, st->min, out);
        buf_str(out, " to ");
        value_format_number(st->type, st->max, out);
        buf_str(out, ".\n");
    }
    for (size_t i = 0; st->choices && st->choices[i]; i++)
        buf_printf(out, "%s\\fB%s\\fR%s", i ? "" : "One of ", st->choices[i],
                   st->choices[i + 1] ? ", " : ".\n");
}

static void man_setting(const struct setting *st, struct buf *out)
{
    static const char *const types[] = {
        [SETTING_BOOL] = "yes or no",
        [SETTING_INT] = "number",
        [SETTING_DURATION] = "duration",
        [SETTING_SIZE] = "size",
        [SETTING_STRING] = "text",
        [SETTING_SECRET] = "secret text",
        [SETTING_PATH] = "path",
        [SETTING_ENUM] = "word",
        [SETTING_ADDR] = "address",
        [SETTING_PORTS] = "ports",
        [SETTING_CIDRS] = "list of networks",
        [SETTING_STRINGS] = "list of texts",
        [SETTING_PATHS] = "list of paths",
        [SETTING_SECRETS] = "list of secret texts",
    };
    buf_printf(out, ".TP\n\\fB%s\\fR (%s", st->key, types[st->type]);
    if (st->preset && *st->preset && !has_lines(st->preset)) {
        buf_str(out, "; default ");
        put_troff(out, st->preset);
    }
    buf_str(out, ")\n");
    put_troff(out, st->help ? st->help : "");
    buf_str(out, ".\n");
    man_preset_lines(st->preset, out);
    man_limits(st, out);
    buf_printf(out, "Change counts: %s.\n", reload_texts[st->reload]);
}

bool config_man(const struct settings *const *tables, struct buf *out)
{
    for (; *tables; tables++) {
        buf_printf(out, ".SS %s\n", (*tables)->section);
        put_troff(out, (*tables)->help ? (*tables)->help : "");
        buf_str(out, "\n");
        for (size_t i = 0; i < (*tables)->n; i++)
            man_setting(&(*tables)->items[i], out);
    }
    return !out->failed;
}
