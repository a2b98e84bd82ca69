#include "modules/registrar/registrar.h"

#define AT(member) offsetof(struct registrar_config, member)

static const struct setting items[] = {
    {.key = "domains",
     .type = SETTING_STRINGS,
     .offset = AT(domains),
     .preset = "sallyport",
     .help = "domains of the embedded home network; each is the realm of its users as well",
     .reload = RELOAD_RESTART},
    {.key = "md5_only_agents",
     .type = SETTING_STRINGS,
     .offset = AT(md5_only_agents),
     .preset = "baresip v0.,baresip v1.,Linphone",
     .help = "phones (beginning of User-Agent) that fail after a SHA-256 challenge: they get MD5 alone",
     .reload = RELOAD_NEW},
    {.key = "min_expires",
     .type = SETTING_DURATION,
     .offset = AT(min_expires),
     .preset = "1m",
     .min = 1000,
     .max = 3600000, /* RFC 3261 10.3 step 7: 423 is for less than an hour */
     .help = "shortest registration; a shorter one is refused with 423",
     .reload = RELOAD_NEW},
    {.key = "max_expires",
     .type = SETTING_DURATION,
     .offset = AT(max_expires),
     .preset = "2h",
     .min = 60000,
     .max = 864000000,
     .help = "longest registration; a longer one is cut to it",
     .reload = RELOAD_NEW},
    {.key = "default_expires",
     .type = SETTING_DURATION,
     .offset = AT(default_expires),
     .preset = "1h",
     .min = 60000,
     .max = 864000000,
     .help = "length of a registration that does not ask for one",
     .reload = RELOAD_NEW},
    {.key = "nonce_life",
     .type = SETTING_DURATION,
     .offset = AT(nonce_life),
     .preset = "10m",
     .min = 10000,
     .max = 86400000,
     .help = "how long a Digest nonce may be used before it is stale",
     .reload = RELOAD_NEW},
};

const struct settings registrar_settings = {
    .section = "registrar",
    .help = "the embedded home network, used where pcscf.core is empty",
    .size = sizeof(struct registrar_config),
    .items = items,
    .n = sizeof(items) / sizeof(items[0]),
};

static const struct stat_def defs[REGISTRAR_STATS] = {
    [REGISTRAR_BINDINGS] = {"registrar_bindings", NULL, "Contacts bound in the embedded home network",
                            STAT_GAUGE},
    [REGISTRAR_REGISTERED] = {"registrar_register_total", "result=\"ok\"",
                              "REGISTER requests to the embedded home network by result", STAT_COUNTER},
    [REGISTRAR_CHALLENGED] = {"registrar_register_total", "result=\"challenged\"", NULL, STAT_COUNTER},
    [REGISTRAR_STALE] = {"registrar_register_total", "result=\"stale\"", NULL, STAT_COUNTER},
    [REGISTRAR_AUTH_FAILED] = {"registrar_register_total", "result=\"auth_failed\"", NULL, STAT_COUNTER},
    [REGISTRAR_REFUSED] = {"registrar_register_total", "result=\"refused\"", NULL, STAT_COUNTER},
    [REGISTRAR_ROUTED] = {"registrar_requests_total", "result=\"routed\"",
                          "Other requests to the embedded home network by result", STAT_COUNTER},
    [REGISTRAR_UNKNOWN_USER] = {"registrar_requests_total", "result=\"unknown_user\"", NULL, STAT_COUNTER},
    [REGISTRAR_UNREACHABLE] = {"registrar_requests_total", "result=\"unreachable\"", NULL, STAT_COUNTER},
    [REGISTRAR_FORBIDDEN] = {"registrar_requests_total", "result=\"forbidden\"", NULL, STAT_COUNTER},
    [REGISTRAR_FLOWS_FAILED] = {"registrar_flows_failed_total", NULL,
                                "Bindings dropped because their flow had failed (RFC 5626)", STAT_COUNTER},
};

const struct stat_table registrar_stats = {"registrar", defs, REGISTRAR_STATS};
