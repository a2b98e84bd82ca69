/* Any text is either refused with a problem or read, written and read back to the same configuration. */
#include "appliance/core/config.h"
#include <stdlib.h>
#include <string.h>

struct sample {
    bool on;
    int64_t number, time, size, word;
    const char *text, *secret, *path;
    struct addr addr;
    struct port_range ports;
    struct cidr_set nets;
    struct string_list texts;
};

static const char *const words[] = {"one", "two", NULL};

#define ITEM(k, t, f, ...)                                                                                   \
    {                                                                                                        \
        .key = k, .type = t, .offset = offsetof(struct sample, f), .help = k, __VA_ARGS__                    \
    }
static const struct setting items[] = {
    ITEM("on", SETTING_BOOL, on, .preset = "no"),
    ITEM("number", SETTING_INT, number, .preset = "1", .min = -5, .max = 500),
    ITEM("time", SETTING_DURATION, time, .preset = "1s"),
    ITEM("size", SETTING_SIZE, size, .preset = "1k"),
    ITEM("word", SETTING_ENUM, word, .preset = "one", .choices = words),
    ITEM("text", SETTING_STRING, text, .preset = "t"),
    ITEM("secret", SETTING_SECRET, secret, .preset = ""),
    ITEM("path", SETTING_PATH, path, .preset = ""),
    ITEM("addr", SETTING_ADDR, addr, .preset = ""),
    ITEM("ports", SETTING_PORTS, ports, .preset = "1-2"),
    ITEM("nets", SETTING_CIDRS, nets, .preset = "10.0.0.0/8"),
    ITEM("texts", SETTING_STRINGS, texts, .preset = "a,b"),
};
static const struct settings table = {"s", "sample", sizeof(struct sample), items,
                                      sizeof items / sizeof *items};
static const struct settings other = {"other", "same keys", sizeof(struct sample), items, 3};
static const struct settings *const tables[] = {&table, &other, NULL};

static void check_round_trip(const struct config *c)
{
    struct buf text, diff;
    buf_init(&text);
    buf_init(&diff);
    if (!config_write(c, &text, true) || !buf_append(&text, bytes_of("", 1)))
        abort();
    struct config *again = config_load_text((const char *)buf_bytes(&text).p, "again", tables, NULL);
    if (!again || config_diff(c, again, &diff) != 0)
        abort();
    config_drop(again);
    buf_fini(&text);
    buf_fini(&diff);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config_problem *problems = NULL;
    char *text = strndup((const char *)data, size);
    if (!text)
        return 0;
    struct config *c = config_load_text(text, "fuzz", tables, &problems);
    if (!c && !problems)
        abort();
    if (c)
        check_round_trip(c);
    config_drop(c);
    config_problems_free(problems);
    free(text);
    return 0;
}
