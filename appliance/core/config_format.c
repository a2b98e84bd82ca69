/* Values as they are written in a file. */
#include "appliance/core/config_internal.h"

/* In double quotes; "${" would be taken for a variable of the environment. */
void value_format_text(const char *text, struct buf *out)
{
    buf_str(out, "\"");
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\' || (*c == '$' && c[1] == '{'))
            buf_printf(out, "\\%c", *c);
        else if (*c < 0x20 || *c == 0x7f)
            buf_printf(out, "\\x%02x", *c);
        else
            buf_append(out, bytes_of(c, 1));
    }
    buf_str(out, "\"");
}

static void put_addr(struct buf *out, const struct addr *a)
{
    char text[ADDR_TEXT] = "";
    if (a->family != ADDR_NONE && a->port)
        addr_format(a, text);
    else if (a->family != ADDR_NONE)
        addr_format_ip(a, text);
    value_format_text(text, out);
}

static void put_cidrs(struct buf *out, const struct cidr_set *set)
{
    char text[ADDR_TEXT];
    buf_str(out, "{");
    for (size_t i = 0; i < set->n; i++) {
        cidr_format(&set->items[i], text);
        buf_printf(out, "%s\"%s\"", i ? ", " : "", text);
    }
    buf_str(out, "}");
}

static void put_strings(struct buf *out, const struct string_list *l)
{
    buf_str(out, "{");
    for (size_t i = 0; i < l->n; i++) {
        buf_str(out, i ? ", " : "");
        value_format_text(l->items[i], out);
    }
    buf_str(out, "}");
}

static void put_ports(struct buf *out, const struct port_range *r)
{
    if (r->first == 0)
        buf_str(out, "\"\"");
    else if (r->first == r->last)
        buf_u64(out, r->first);
    else
        buf_printf(out, "%u-%u", r->first, r->last);
}

void value_format(const struct setting *st, const void *slot, struct buf *out)
{
    switch (st->type) {
    case SETTING_BOOL:
        buf_str(out, *(const bool *)slot ? "yes" : "no");
        break;
    case SETTING_INT:
    case SETTING_DURATION:
    case SETTING_SIZE:
        value_format_number(st->type, *(const int64_t *)slot, out);
        break;
    case SETTING_ENUM:
        buf_str(out, st->choices[*(const int64_t *)slot]);
        break;
    case SETTING_ADDR:
        put_addr(out, slot);
        break;
    case SETTING_PORTS:
        put_ports(out, slot);
        break;
    case SETTING_CIDRS:
        put_cidrs(out, slot);
        break;
    case SETTING_STRINGS:
    case SETTING_PATHS:
    case SETTING_SECRETS:
        put_strings(out, slot);
        break;
    default:
        value_format_text(*(const char *const *)slot, out);
    }
}
