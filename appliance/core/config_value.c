#include "appliance/base/nearest.h"
#include "appliance/core/config_internal.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MASK "********"

struct unit {
    const char *name;
    int64_t factor;
};

/* Largest first: a value is written in the largest unit that divides it. */
static const struct unit duration_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0},
};
static const struct unit size_units[] = {{"g", 1 << 30}, {"m", 1 << 20}, {"k", 1 << 10}, {"", 1}, {NULL, 0}};
static const struct unit int_units[] = {{"", 1}, {NULL, 0}};

static const struct unit *units_of(enum setting_type type)
{
    return type == SETTING_DURATION ? duration_units : type == SETTING_SIZE ? size_units : int_units;
}

bool value_is_list(const struct setting *st)
{
    return st->type == SETTING_CIDRS || st->type == SETTING_STRINGS || st->type == SETTING_PATHS ||
           st->type == SETTING_SECRETS;
}

static bool explain(char *why, const char *text)
{
    snprintf(why, VALUE_WHY, "%s", text);
    return false;
}

static bool apply_unit(const struct unit *units, const char *unit, int64_t n, int64_t *out)
{
    for (; units->name; units++)
        if (strcmp(units->name, unit) == 0)
            return !__builtin_mul_overflow(n, units->factor, out);
    return n == 0 && *unit == '\0' && (*out = 0, true); /* nothing needs no unit */
}

static bool parse_number(enum setting_type type, const char *text, int64_t *out)
{
    char *end;
    if (*text != '-' && (*text < '0' || *text > '9'))
        return false; /* strtoll would skip blanks and take a plus */
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (errno || end == text || (*text == '-' && type != SETTING_INT))
        return false;
    return apply_unit(units_of(type), end, n, out);
}

void value_format_number(enum setting_type type, int64_t n, struct buf *out)
{
    const struct unit *u = units_of(type);
    while (u[1].name && (n == 0 || n % u->factor != 0))
        u++;
    buf_printf(out, "%" PRId64 "%s", n / u->factor, n == 0 && type == SETTING_DURATION ? "s" : u->name);
}

static bool out_of_range(const struct setting *st, char *why)
{
    char mem[VALUE_WHY];
    struct buf b;
    buf_fixed(&b, mem, sizeof mem - 1);
    buf_str(&b, "must be from ");
    value_format_number(st->type, st->min, &b);
    buf_str(&b, " to ");
    value_format_number(st->type, st->max, &b);
    mem[buf_len(&b)] = '\0';
    return explain(why, mem);
}

static bool set_number(const struct setting *st, const char *text, int64_t *out, char *why)
{
    int64_t n;
    if (!parse_number(st->type, text, &n)) {
        if (st->type == SETTING_DURATION)
            return explain(why, "is no duration: write a number and ms, s, m, h or d");
        if (st->type == SETTING_SIZE)
            return explain(why, "is no size: write a number, alone or with k, m or g");
        return explain(why, "is no whole number");
    }
    if ((st->min || st->max) && (n < st->min || n > st->max))
        return out_of_range(st, why);
    *out = n;
    return true;
}

static bool set_bool(const char *text, bool *out, char *why)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(text, words[i]) != 0)
            continue;
        *out = i % 2;
        return true;
    }
    return explain(why, "must be yes or no");
}

static const char *next_choice(void *arg)
{
    const char *const **at = arg;
    return **at ? *(*at)++ : NULL;
}

static bool set_choice(const struct setting *st, const char *text, int64_t *out, char *why)
{
    for (size_t i = 0; st->choices[i]; i++) {
        if (strcmp(text, st->choices[i]) != 0)
            continue;
        *out = (int64_t)i;
        return true;
    }
    struct buf b;
    buf_fixed(&b, why, VALUE_WHY - 1);
    buf_str(&b, "must be one of");
    for (size_t i = 0; st->choices[i]; i++)
        buf_printf(&b, "%s %s", i ? "," : "", st->choices[i]);
    const char *const *at = st->choices;
    const char *near = nearest_name(text, next_choice, &at);
    if (near)
        buf_printf(&b, "; did you mean %s?", near);
    why[buf_len(&b)] = '\0';
    return false;
}

static bool set_addr(const char *text, struct addr *out, char *why)
{
    if (!*text || addr_parse(bytes_str(text), 0, out))
        return true;
    *out = (struct addr){0};
    return explain(why, "is no IP address: write 192.0.2.1, 192.0.2.1:443, 2001:db8::1 or [2001:db8::1]:443");
}

static bool set_ports(const char *text, struct port_range *out, char *why)
{
    struct bytes rest = bytes_str(text), first, last;
    uint32_t from, to;
    if (!*text)
        return true;
    bytes_split(&rest, '-', &first);
    last = rest.n ? rest : first;
    if (!bytes_u32(bytes_trim(first), &from) || !bytes_u32(bytes_trim(last), &to))
        return explain(why, "is no port range: write 49152-65535");
    if (from < 1 || to > 65535 || from > to)
        return explain(why, "is no port range: from 1 to 65535, the lower one first");
    *out = (struct port_range){(uint16_t)from, (uint16_t)to};
    return true;
}

static bool set_text(const char *text, const char **out, char *why)
{
    *out = strdup(text);
    return *out || explain(why, "out of memory");
}

static bool set_secret(const char *text, const char **out, char *why)
{
    if (strcmp(text, MASK) == 0)
        return explain(why, "is the mask that stands for a secret, not the secret");
    return set_text(text, out, why);
}

static bool set_path(const char *text, const char *folder, const char **out, char *why)
{
    if (!*text || *text == '/' || !*folder)
        return set_text(text, out, why);
    char *joined = NULL;
    if (asprintf(&joined, "%s/%s", folder, text) < 0)
        return explain(why, "out of memory");
    *out = joined;
    return true;
}

static bool add_cidr(struct cidr_set *set, const char *text, char *why)
{
    struct cidr c;
    if (!cidr_parse(bytes_str(text), &c)) {
        snprintf(why, VALUE_WHY,
                 "has \"%.60s\", which is no network: write 192.0.2.0/24 or 2001:db8::/32, host bits zero",
                 text);
        return false;
    }
    return cidr_set_add(set, c) || explain(why, "out of memory");
}

static bool set_cidrs(const struct string_list *words, struct cidr_set *out, char *why)
{
    for (size_t i = 0; i < words->n; i++)
        if (!add_cidr(out, words->items[i], why))
            return false;
    return true;
}

static bool set_item(enum setting_type type, const char *text, const char *folder, const char **out,
                     char *why)
{
    if (type == SETTING_PATHS)
        return set_path(text, folder, out, why);
    return type == SETTING_SECRETS ? set_secret(text, out, why) : set_text(text, out, why);
}

static bool set_strings(const struct setting *st, const struct string_list *words, const char *folder,
                        struct string_list *out, char *why)
{
    out->items = calloc(words->n ? words->n : 1, sizeof *out->items);
    if (!out->items)
        return explain(why, "out of memory");
    for (; out->n < words->n; out->n++)
        if (!set_item(st->type, words->items[out->n], folder, &out->items[out->n], why))
            return false;
    return true;
}

static bool set_list(const struct setting *st, const struct string_list *words, const char *folder,
                     void *slot, char *why)
{
    if (st->type == SETTING_CIDRS)
        return set_cidrs(words, slot, why);
    return set_strings(st, words, folder, slot, why);
}

static bool set_one(const struct setting *st, const char *text, const char *folder, void *slot, char *why)
{
    switch (st->type) {
    case SETTING_BOOL:
        return set_bool(text, slot, why);
    case SETTING_INT:
    case SETTING_DURATION:
    case SETTING_SIZE:
        return set_number(st, text, slot, why);
    case SETTING_ENUM:
        return set_choice(st, text, slot, why);
    case SETTING_ADDR:
        return set_addr(text, slot, why);
    case SETTING_PORTS:
        return set_ports(text, slot, why);
    case SETTING_SECRET:
        return set_secret(text, slot, why);
    case SETTING_PATH:
        return set_path(text, folder, slot, why);
    default:
        return set_text(text, slot, why);
    }
}

static bool check_words(const struct setting *st, const struct string_list *words, char *why)
{
    const char *reason = "is refused";
    for (size_t i = 0; st->check && i < words->n; i++)
        if (!st->check(words->items[i], &reason))
            return explain(why, reason);
    return true;
}

bool value_set(const struct setting *st, const struct string_list *words, const char *folder, void *slot,
               char why[static VALUE_WHY])
{
    bool good = check_words(st, words, why);
    if (good && value_is_list(st))
        good = set_list(st, words, folder, slot, why);
    else if (good)
        good = set_one(st, words->n ? words->items[0] : "", folder, slot, why);
    if (!good)
        value_fini(st, slot);
    return good;
}

static bool is_text(enum setting_type t)
{
    return t == SETTING_STRING || t == SETTING_SECRET || t == SETTING_PATH;
}

#define PRESET_ITEMS 64

static bool set_preset_list(const struct setting *st, char *text, const char *folder, void *slot, char *why)
{
    const char *items[PRESET_ITEMS];
    struct string_list words = {items, 0};
    char *rest = NULL;
    const char *between = strchr(text, '\n') ? "\n" : ", ";
    for (char *w = strtok_r(text, between, &rest); w; w = strtok_r(NULL, between, &rest)) {
        if (words.n == PRESET_ITEMS)
            return explain(why, "too many items");
        items[words.n++] = w;
    }
    return set_list(st, &words, folder, slot, why);
}

bool value_set_preset(const struct setting *st, const char *folder, void *slot, char why[static VALUE_WHY])
{
    const char *preset = st->preset ? st->preset : "";
    if (!*preset && !is_text(st->type) && !value_is_list(st))
        return true; /* zero: off, 0, no address */
    if (!value_is_list(st))
        return set_one(st, preset, folder, slot, why);
    char *copy = strdup(preset);
    bool good = copy && set_preset_list(st, copy, folder, slot, why);
    free(copy);
    return good || (copy ? false : explain(why, "out of memory"));
}

static size_t value_size(const struct setting *st)
{
    switch (st->type) {
    case SETTING_BOOL:
        return sizeof(bool);
    case SETTING_ADDR:
        return sizeof(struct addr);
    case SETTING_PORTS:
        return sizeof(struct port_range);
    case SETTING_CIDRS:
        return sizeof(struct cidr_set);
    case SETTING_STRINGS:
    case SETTING_PATHS:
    case SETTING_SECRETS:
        return sizeof(struct string_list);
    case SETTING_STRING:
    case SETTING_SECRET:
    case SETTING_PATH:
        return sizeof(char *);
    default:
        return sizeof(int64_t);
    }
}

static void text_fini(const struct setting *st, char *text)
{
    if (text && setting_is_secret(st->type))
        explicit_bzero(text, strlen(text));
    free(text);
}

static void strings_fini(const struct setting *st, struct string_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        text_fini(st, (char *)l->items[i]);
    free(l->items);
}

void value_fini(const struct setting *st, void *slot)
{
    if (is_text(st->type))
        text_fini(st, *(char **)slot);
    else if (st->type == SETTING_CIDRS)
        cidr_set_fini(slot);
    else if (value_is_list(st))
        strings_fini(st, slot);
    memset(slot, 0, value_size(st));
}
