#include "modules/pcscf/core/core_stats.h"

#define HOP(i) [CORE_HOP_UP + (i)] = {"sip_next_hop_up", "hop=\"" #i "\"", HELP, STAT_GAUGE}
#define HELP   "Workers that can use a next hop of the core, by its place in `sallyportctl core`"

static const struct stat_def defs[CORE_STATS] = {
    [CORE_FAILOVER_TRANSPORT] = {"sip_core_failovers_total", "reason=\"transport\"",
                                 "Requests that went to another next hop, by what was wrong with the first",
                                 STAT_COUNTER},
    [CORE_FAILOVER_503] = {"sip_core_failovers_total", "reason=\"503\"", NULL, STAT_COUNTER},
    [CORE_FAILOVER_TIMEOUT] = {"sip_core_failovers_total", "reason=\"timeout\"", NULL, STAT_COUNTER},
    [CORE_PROBES_ANSWERED] = {"sip_core_probes_total", "result=\"answered\"",
                              "OPTIONS to next hops by result", STAT_COUNTER},
    [CORE_PROBES_FAILED] = {"sip_core_probes_total", "result=\"failed\"", NULL, STAT_COUNTER},
    [CORE_LOOKUPS_OK] =
        {"sip_core_lookups_total", "result=\"ok\"",
         "DNS look-ups of the core by result (with a failed one the last answer stays in use)", STAT_COUNTER},
    [CORE_LOOKUPS_EMPTY] = {"sip_core_lookups_total", "result=\"empty\"", NULL, STAT_COUNTER},
    [CORE_LOOKUPS_FAILED] = {"sip_core_lookups_total", "result=\"failed\"", NULL, STAT_COUNTER},
    [CORE_CONNECTIONS_LOST] = {"sip_core_connections_lost_total", NULL,
                               "Connections to the core that ended or could not be made", STAT_COUNTER},
    [CORE_CLIENT_VERIFIED] =
        {"sip_core_clients_total", "result=\"verified\"",
         "TLS connections to the core's listener, by what made their client the core, or kept it out",
         STAT_COUNTER},
    [CORE_CLIENT_BY_ADDRESS] = {"sip_core_clients_total", "result=\"address\"", NULL, STAT_COUNTER},
    [CORE_CLIENT_NO_CERTIFICATE] = {"sip_core_clients_total", "result=\"no_certificate\"", NULL,
                                    STAT_COUNTER},
    [CORE_CLIENT_UNTRUSTED] = {"sip_core_clients_total", "result=\"untrusted\"", NULL, STAT_COUNTER},
    [CORE_CLIENT_WRONG_NAME] = {"sip_core_clients_total", "result=\"wrong_name\"", NULL, STAT_COUNTER},
    [CORE_ALIASES] = {"sip_core_aliases_total", NULL,
                      "Connections opened by the core that our requests use too (RFC 5923)", STAT_COUNTER},
    [CORE_LAST_RESORT] = {"sip_core_last_resort_total", NULL,
                          "Requests sent to a next hop that is down, because none was up", STAT_COUNTER},
    HOP(0),
    HOP(1),
    HOP(2),
    HOP(3),
    HOP(4),
    HOP(5),
    HOP(6),
    HOP(7),
};

const struct stat_table core_stats = {"core", defs, CORE_STATS};

void core_count(struct pcscf *p, enum core_stat what)
{
    stat_inc(&p->core.stats[what]);
}

void core_stats_up(struct pcscf *p, unsigned hop, bool up)
{
    if (hop < CORE_STAT_HOPS)
        atomic_store_explicit(&p->core.stats[CORE_HOP_UP + hop], up, memory_order_relaxed);
}
