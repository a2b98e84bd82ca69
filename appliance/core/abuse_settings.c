#include "appliance/core/abuse.h"

#define AT(member) offsetof(struct abuse_config, member)
#define RATE(k, p, h)                                                                                        \
    {                                                                                                        \
        .key = #k, .type = SETTING_INT, .offset = AT(k), .preset = p, .max = 1000000, .help = h,             \
        .reload = RELOAD_LIVE                                                                                \
    }
#define TIME(k, p, least, h)                                                                                 \
    {                                                                                                        \
        .key = #k, .type = SETTING_DURATION, .offset = AT(k), .preset = p, .min = least,                     \
        .max = INT64_C(31536000000), .help = h, .reload = RELOAD_LIVE                                        \
    }

/* A phone sends a handful of requests a minute; what comes to hundreds a second from one connection is a PBX
 * that has registered, or no phone. One address may be a whole company. */
static const struct setting items[] = {
    RATE(flow_rate, "20",
         "SIP requests a second of a connection on which nobody is registered; 0 is no limit"),
    RATE(flow_burst, "100", "how many of them may come at once"),
    RATE(registered_rate, "200", "SIP requests a second of a registered phone's connection; 0 is no limit"),
    RATE(registered_burst, "1000", "how many of them may come at once"),
    RATE(address_rate, "500",
         "SIP requests a second of one IPv4 address or IPv6 /64, without those within calls of registered "
         "phones; 0 is no limit"),
    RATE(address_burst, "2000", "how many of them may come at once"),
    RATE(failures, "30", "failed authentications of one address within abuse.window that ban it; 0 is never"),
    TIME(window, "10m", 1000,
         "time in which failures are forgotten, one after the other; a success halves them"),
    RATE(backoff_after, "3", "failed registrations in one user's name from which on he has to wait"),
    TIME(backoff, "1s", 0, "the first wait (503 with Retry-After); it doubles with each failure; 0 is none"),
    TIME(backoff_max, "1m", 1000, "the longest wait"),
    TIME(ban, "10m", 0, "how long an address is shut out; each time twice as long; 0 bans nobody"),
    TIME(ban_max, "1d", 1000, "the longest ban"),
    {.key = "exempt",
     .type = SETTING_CIDRS,
     .offset = AT(exempt),
     .preset = "127.0.0.0/8, ::1/128",
     .help = "networks that are neither banned nor held to rates; door.proxy_trusted and the core's never "
             "are banned",
     .reload = RELOAD_LIVE},
};

const struct settings abuse_settings = {
    .section = "abuse",
    .help = "floods, failed logins and what comes of them",
    .size = sizeof(struct abuse_config),
    .items = items,
    .n = sizeof items / sizeof items[0],
};

#define BANNED(reason, text)                                                                                 \
    [ABUSE_BANNED + (reason)] = {"ban_total", "reason=\"" text "\"", "Addresses banned, by reason",          \
                                 STAT_COUNTER}

static const struct stat_def defs[ABUSE_STATS] = {
    [ABUSE_BANS] = {"bans", NULL, "Addresses that are shut out now", STAT_GAUGE},
    BANNED(BAN_SIP_AUTH, "sip-auth"),
    BANNED(BAN_TURN_AUTH, "turn-auth"),
    BANNED(BAN_FLOOD, "flood"),
    BANNED(BAN_POLICY, "policy"),
    BANNED(BAN_OPERATOR, "operator"),
    [ABUSE_FAILURES_SIP] = {"sip_auth_failures_total", NULL,
                            "REGISTER requests with a wrong user or password", STAT_COUNTER},
    [ABUSE_HELD] = {"sip_register_held_total", NULL, "REGISTER requests refused for earlier failures",
                    STAT_COUNTER},
    [ABUSE_FLOOD_FLOW] = {"sip_flood_total", "limit=\"connection\"", "SIP requests refused for their rate",
                          STAT_COUNTER},
    [ABUSE_FLOOD_ADDRESS] = {"sip_flood_total", "limit=\"address\"", NULL, STAT_COUNTER},
    [ABUSE_FLOOD_CLOSED] = {"sip_flood_closed_total", NULL, "Connections closed for their rate",
                            STAT_COUNTER},
};

const struct stat_table abuse_stats = {"abuse", defs, ABUSE_STATS};
