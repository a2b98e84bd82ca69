#include "modules/pcscf/policy/policy.h"

/* What scans the Internet for SIP says who it is in User-Agent or From; nobody's phone does. */
#define SCANNERS                                                                                             \
    "scanner: direction = phone and user-agent ~ "                                                           \
    "/friendly-scanner|friendly-request|sipvicious|sundayddr|pplsip|VaxSIPUserAgent|VaxIPUserAgent|"         \
    "sip-scan|sipscan|siparmyknife|sipcli|iWar/i -> drop tag scanner"
#define SIPVICIOUS "sipvicious: direction = phone and header From ~ /sipvicious/i -> drop tag scanner"

static void report(void *arg, size_t index, const char *text)
{
    config_report(arg, "rules", index, "%s", text);
}

static void finish(void *values, struct config_report *r)
{
    struct policy_config *c = values;
    if (c->rules.n > POLICY_RULES_MAX)
        config_report(r, "rules", POLICY_RULES_MAX, "more than %u rules", POLICY_RULES_MAX);
    else
        c->policy = policy_create(&c->rules, c->jit, report, r);
}

static void release(void *values)
{
    struct policy_config *c = values;
    policy_destroy(c->policy);
    c->policy = NULL;
}

static const struct setting items[] = {
    {.key = "rules",
     .type = SETTING_STRINGS,
     .offset = offsetof(struct policy_config, rules),
     .preset = SCANNERS "\n" SIPVICIOUS,
     .help = "what is done with which SIP request: NAME: CONDITIONS -> ACTION; the first that is met "
             "decides, see "
             "sallyport-policy(7)",
     .reload = RELOAD_LIVE,
     .finish = finish,
     .release = release},
    {.key = "jit",
     .type = SETTING_BOOL,
     .offset = offsetof(struct policy_config, jit),
     .preset = "yes",
     .help =
         "patterns become machine code where the system allows it; else, and with no, they are interpreted",
     .reload = RELOAD_LIVE},
};

const struct settings policy_settings = {
    .section = "policy",
    .help = "rules for SIP requests",
    .size = sizeof(struct policy_config),
    .items = items,
    .n = sizeof(items) / sizeof(items[0]),
};

#define DONE(a, l)                                                                                           \
    [POLICY_DONE + (a)] = {"policy_total", "action=\"" l "\"",                                               \
                           "Requests that met a rule of section policy, by what it says", STAT_COUNTER}
#define TAGGED(t, l)                                                                                         \
    [POLICY_TAGGED + (t)-1] = {"policy_tagged_total", "tag=\"" l "\"",                                       \
                               "Requests that met a rule, by its tag", STAT_COUNTER}

static const struct stat_def defs[POLICY_STATS] = {
    DONE(POLICY_ALLOW, "allow"),
    DONE(POLICY_DROP, "drop"),
    DONE(POLICY_BAN, "ban"),
    DONE(POLICY_REJECT, "reject"),
    DONE(POLICY_ROUTE, "route"),
    DONE(POLICY_LIMIT, "limit"),
    [POLICY_LIMITED] = {"policy_limited_total", NULL, "Requests beyond a rule's limit", STAT_COUNTER},
    [POLICY_OVERRUNS] = {"policy_match_overruns_total", NULL,
                         "Matches of a pattern given up because they took too long", STAT_COUNTER},
    TAGGED(POLICY_TAG_SCANNER, "scanner"),
    TAGGED(POLICY_TAG_FRAUD, "fraud"),
    TAGGED(POLICY_TAG_PREMIUM, "premium"),
    TAGGED(POLICY_TAG_INTERNATIONAL, "international"),
    TAGGED(POLICY_TAG_PARTNER, "partner"),
    TAGGED(POLICY_TAG_ROAMING, "roaming"),
    TAGGED(POLICY_TAG_TEST, "test"),
    TAGGED(POLICY_TAG_WATCH, "watch"),
};

const struct stat_table policy_stats = {"policy", defs, POLICY_STATS};
