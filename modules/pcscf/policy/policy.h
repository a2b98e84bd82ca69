/* policy: the operator's rules on requests: which pass, which do not, and where they go.
 *
 * Floor 3. Section `policy`: a list of one-line rules, each "NAME: CONDITIONS -> ACTION"; the first whose
 * conditions all hold decides, and a request that meets none passes. Compiled when a configuration is loaded,
 * once, into what all workers read (config.h, finish); counters are the only thing in it that changes, and
 * a worker's scratch is its own. On the path of a request nothing is allocated and no lock is taken.
 *
 *   CONDITIONS  any | CONDITION { and CONDITION }
 *   CONDITION   [not] ...
 *       method = INVITE|MESSAGE         source in 192.0.2.0/24,2001:db8::/32     transport = tls|tcp|udp
 *       FIELD ~ /PATTERN/is             direction = phone|core                   registered
 *       FIELD = "text"                  in-dialog
 *   FIELD       ruri, from, to (the URI), contact, user-agent, identity (registered or asserted), header NAME
 *   ACTION      allow | drop | ban | reject CODE ["phrase"] | route PLACE (as pcscf.core)
 *               | limit N/TIME by address|user|rule [else drop | else reject CODE ["phrase"]]
 *               each may end with: tag TAG */
#pragma once
#include "appliance/base/buckets.h"
#include "appliance/core/config.h"
#include "appliance/core/stats.h"
#include "modules/pcscf/core/core_link.h"
#include "modules/pcscf/policy/policy_pattern.h"
#include "modules/sip/msg.h"

#define POLICY_RULES_MAX      256u
#define POLICY_CONDITIONS_MAX 12u
#define POLICY_NAME_MAX       32u
#define POLICY_PHRASE_MAX     64u
#define POLICY_PLACE_MAX      128u

enum policy_action {
    POLICY_ALLOW,
    POLICY_DROP,
    POLICY_BAN,
    POLICY_REJECT,
    POLICY_ROUTE,
    POLICY_LIMIT,
    POLICY_ACTIONS
};
enum policy_key { POLICY_BY_RULE, POLICY_BY_ADDRESS, POLICY_BY_USER };
/* A closed set, for they are labels of a metric. */
enum policy_tag {
    POLICY_TAG_NONE,
    POLICY_TAG_SCANNER,
    POLICY_TAG_FRAUD,
    POLICY_TAG_PREMIUM,
    POLICY_TAG_INTERNATIONAL,
    POLICY_TAG_PARTNER,
    POLICY_TAG_ROAMING,
    POLICY_TAG_TEST,
    POLICY_TAG_WATCH,
    POLICY_TAGS
};
const char *policy_action_name(enum policy_action a);
const char *policy_tag_name(enum policy_tag t);

enum policy_subject {
    POLICY_METHOD,
    POLICY_SOURCE,
    POLICY_TRANSPORT,
    POLICY_DIRECTION,
    POLICY_REGISTERED,
    POLICY_IN_DIALOG,
    POLICY_RURI, /* from here on: fields, whose text is matched */
    POLICY_FROM,
    POLICY_TO,
    POLICY_CONTACT,
    POLICY_USER_AGENT,
    POLICY_IDENTITY,
    POLICY_HEADER,
    POLICY_SUBJECTS
};

struct policy_condition {
    enum policy_subject subject;
    bool negated;
    struct bytes text;   /* as written: a view of the rule's text */
    uint32_t methods;    /* bits by enum sip_method */
    struct bytes method; /* one that we do not know by number */
    struct cidr_set nets;
    uint8_t transport;              /* enum transport */
    bool phone;                     /* direction */
    enum sip_header_id id;          /* of a header */
    struct bytes name;              /* and its name */
    struct bytes value;             /* what it must be, without the quotes */
    struct policy_pattern *pattern; /* or what it must match */
};

/* What is done when a rule is met; of a limit, also what is done beyond it. */
struct policy_deed {
    enum policy_action action;
    uint16_t code;
    char phrase[POLICY_PHRASE_MAX];
};

struct policy_rule {
    char name[POLICY_NAME_MAX];
    char *text;
    struct policy_condition conditions[POLICY_CONDITIONS_MAX];
    unsigned n;
    struct policy_deed deed, beyond;
    char route[POLICY_PLACE_MAX]; /* as for core_link_hop_to */
    struct bucket_rate rate;
    enum policy_key key;
    struct bucket bucket;    /* by rule */
    struct buckets *buckets; /* by address or user */
    enum policy_tag tag;
    _Atomic uint64_t hits, limited; /* requests that met it; that were beyond its limit */
    _Atomic uint64_t overruns;      /* matches that were given up */
};

struct policy {
    struct policy_rule *rules;
    size_t n;
    bool jit;
    bool asks_who; /* some rule wants to know whether the phone is registered, or as whom */
    struct hash_key hash;
};

struct policy_config {
    struct string_list rules;
    bool jit;
    struct policy *policy; /* of the rules: made when the file is loaded */
};

enum policy_stat {
    POLICY_DONE, /* + enum policy_action */
    POLICY_LIMITED = POLICY_DONE + POLICY_ACTIONS,
    POLICY_OVERRUNS,
    POLICY_TAGGED, /* + enum policy_tag - 1 */
    POLICY_STATS = POLICY_TAGGED + POLICY_TAGS - 1
};

extern const struct settings policy_settings;
extern const struct stat_table policy_stats;

/* ---- making (policy_rule.c, policy_condition.c; all of them: policy.c) */

struct policy_fault {
    size_t at; /* offset in the rule's text */
    char text[160];
};

/* Reads one rule into *r, which is zeroed. False with *fault; r is to be finished in either case. */
bool policy_rule_parse(struct policy_rule *r, const char *text, bool jit, struct policy_fault *fault);
void policy_rule_fini(struct policy_rule *r);
/* NULL: out of memory, or a rule was refused: each mistake was told by report(arg, index of the rule, text).
 */
struct policy *policy_create(const struct string_list *rules, bool jit,
                             void (*report)(void *arg, size_t index, const char *text), void *arg);
void policy_destroy(struct policy *p);

/* ---- asking (policy.c) */

struct policy_request {
    const struct sip_msg *msg;
    const struct addr *source; /* family ADDR_NONE: within this process */
    uint8_t transport;         /* enum transport */
    bool from_phone;
    bool registered;
    struct bytes
        identity; /* the URI; empty: nobody knows. With registered, only read where policy asks_who */
};

struct policy_verdict {
    const struct policy_rule *rule; /* NULL: none was met */
    const struct policy_deed *deed; /* what to do, a limit resolved: never POLICY_LIMIT. NULL: let it pass */
    unsigned overruns;              /* matches that were given up */
    const struct policy_rule *first_overrun; /* a rule to which that happened for the first time */
};

/* Counts, and takes from limits. */
struct policy_verdict policy_decide(struct policy *p, struct policy_scratch *s,
                                    const struct policy_request *rq, uint64_t now);
/* Is the condition met? For who wants to say why (policy_explain.c). */
enum pattern_verdict policy_condition_met(const struct policy_condition *c, struct policy_scratch *s,
                                          const struct policy_request *rq);

/* ---- telling (policy_explain.c) */

/* A line for each rule up to the one that is met, with its conditions; changes no counter. The verdict's deed
 * is that of the rule (a limit is not taken from). */
struct policy_verdict policy_explain(struct policy *p, struct policy_scratch *s,
                                     const struct policy_request *rq, struct buf *out);
