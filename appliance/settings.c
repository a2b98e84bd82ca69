#include "appliance/settings.h"
#include "appliance/core/abuse.h"
#include "appliance/core/store_stats.h"
#include "appliance/core/worker.h"
#include "modules/modules.h"
#include "modules/pcscf/pcscf.h"
#include "modules/pcscf/policy/policy.h"
#include "modules/sip/transaction.h"
#include "mux/door.h"
#include <stddef.h>
#include <string.h>

#define AT(room, field) offsetof(struct room##_config, field)
#define COUNT(a)        (sizeof(a) / sizeof((a)[0]))

static const struct setting process_items[] = {
    {.key = "threads",
     .type = SETTING_INT,
     .offset = AT(process, threads),
     .preset = "0",
     .min = 0,
     .max = WORKER_MAX,
     .help = "worker threads that carry traffic; 0 is one for each core",
     .reload = RELOAD_RESTART},
    {.key = "node",
     .type = SETTING_INT,
     .offset = AT(process, node),
     .preset = "1",
     .min = 1,
     .max = 65535,
     .help = "number of this gateway inside sealed identifiers; unique among gateways that share keys",
     .reload = RELOAD_RESTART},
    {.key = "user",
     .type = SETTING_STRING,
     .offset = AT(process, user),
     .preset = "",
     .help = "system user to become once the ports are open (started as root); empty keeps the user",
     .reload = RELOAD_RESTART},
};
const struct settings process_settings = {"process", "the process itself", sizeof(struct process_config),
                                          process_items, COUNT(process_items)};

static const char *const log_levels[] = {"debug", "info", "warn", "error", NULL};
static const char *const log_formats[] = {"text", "json", NULL};
static const struct setting log_items[] = {
    {.key = "level",
     .type = SETTING_ENUM,
     .offset = AT(log, level),
     .preset = "info",
     .choices = log_levels,
     .help = "what is worth a line",
     .reload = RELOAD_LIVE},
    {.key = "format",
     .type = SETTING_ENUM,
     .offset = AT(log, format),
     .preset = "text",
     .choices = log_formats,
     .help = "one line an event, as text or as JSON, on standard error",
     .reload = RELOAD_LIVE},
    {.key = "burst",
     .type = SETTING_INT,
     .offset = AT(log, burst),
     .preset = "100",
     .min = 0,
     .max = 1000000,
     .help = "lines a second for each kind of event and thread, the rest is counted; 0 is no limit",
     .reload = RELOAD_LIVE},
};
const struct settings log_settings = {"log", "what is said", sizeof(struct log_config), log_items,
                                      COUNT(log_items)};

static bool is_not_empty(const char *text, const char **why)
{
    *why = "must not be empty";
    return *text != '\0';
}

static const struct setting store_items[] = {
    {.key = "path",
     .type = SETTING_PATH,
     .offset = AT(store, path),
     .preset = "/var/lib/sallyport",
     .help = "folder of the two sqlite files: users and keys, and what phones have set up",
     .reload = RELOAD_RESTART,
     .check = is_not_empty},
    {.key = "key_rotation",
     .type = SETTING_DURATION,
     .offset = AT(store, key_rotation),
     .preset = "7d",
     .min = 0,
     .max = INT64_C(31536000000),
     .help = "age at which the keys of TLS tickets and sealed tokens are replaced; 0 is never. The one "
             "before still "
             "opens what it sealed: keep it no shorter than the longest registration or call may last",
     .reload = RELOAD_LIVE},
};
const struct settings store_settings = {"store", "what is kept", sizeof(struct store_config), store_items,
                                        COUNT(store_items)};

/* sun_path of unix(7); boot would find out only after it has opened the store. */
static bool fits_a_socket(const char *text, const char **why)
{
    if (!is_not_empty(text, why))
        return false;
    *why = "is too long: the path of a unix socket has 107 bytes at most";
    return strlen(text) < 108;
}

static const struct setting control_items[] = {
    {.key = "socket",
     .type = SETTING_PATH,
     .offset = AT(control, socket),
     .preset = "/run/sallyport/control.sock",
     .help = "unix socket on which sallyportctl talks to the gateway",
     .reload = RELOAD_RESTART,
     .check = fits_a_socket},
};
const struct settings control_settings = {"control", "the operator's tool", sizeof(struct control_config),
                                          control_items, COUNT(control_items)};

static size_t add_settings(struct room_tables *t, size_t n, const struct settings *s)
{
    if (s && n < CONFIG_TABLES_MAX)
        t->settings[n++] = s;
    return n;
}

static size_t add_stats(struct room_tables *t, size_t n, const struct stat_table *s)
{
    if (s && n < STAT_TABLES_MAX)
        t->stats[n++] = s;
    return n;
}

void room_tables_fill(struct room_tables *t)
{
    static const struct settings *const roof[] = {
        &process_settings, &log_settings, &store_settings, &control_settings,   &door_settings,
        &tls_settings,     &sip_settings, &abuse_settings, &emergency_settings, &policy_settings};
    size_t settings = 0, stats = 0;
    for (size_t i = 0; i < COUNT(roof); i++)
        settings = add_settings(t, settings, roof[i]);
    stats = add_stats(t, stats, &door_stats);
    stats = add_stats(t, stats, &abuse_stats);
    stats = add_stats(t, stats, &store_stats);
    stats = add_stats(t, stats, &sip_stats);
    stats = add_stats(t, stats, &core_stats);
    stats = add_stats(t, stats, &policy_stats);
    for (const struct module *const *m = sallyport_modules; *m; m++) {
        settings = add_settings(t, settings, (*m)->settings);
        stats = add_stats(t, stats, (*m)->stats);
    }
    t->settings[settings] = NULL;
    t->stats[stats] = NULL;
}
