/* registrar: the embedded home network: who its users are, where they are, and calls and messages between
 * them (RFC 3261 10 and 16, RFC 3327, RFC 3608, RFC 5626 6 and 7; of TS 24.229 5.4 what an S-CSCF owes a
 * P-CSCF).
 *
 * Floor 3. A SIP entity beside the edge: it hears and answers by letters only, as if over a wire, so that a
 * core of another make takes its place by setting. It trusts the edge, which is inside its own process, and
 * nobody else. */
#pragma once
#include "mux/module.h"

struct registrar_config {
    struct string_list domains;
    struct string_list md5_only_agents;
    int64_t min_expires; /* ms */
    int64_t max_expires;
    int64_t default_expires;
    int64_t nonce_life;
};

enum registrar_stat {
    REGISTRAR_BINDINGS, /* gauge */
    REGISTRAR_REGISTERED,
    REGISTRAR_CHALLENGED,
    REGISTRAR_STALE,
    REGISTRAR_AUTH_FAILED,
    REGISTRAR_REFUSED,
    REGISTRAR_ROUTED,
    REGISTRAR_UNKNOWN_USER,
    REGISTRAR_UNREACHABLE,
    REGISTRAR_FORBIDDEN,
    REGISTRAR_FLOWS_FAILED,
    REGISTRAR_STATS
};

extern const struct settings registrar_settings;
extern const struct stat_table registrar_stats;
extern const struct module registrar_module;
