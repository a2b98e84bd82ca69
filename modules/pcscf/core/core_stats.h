/* core_stats: what is counted of the core's side. Floor 3; private to modules/pcscf. */
#pragma once
#include "modules/pcscf/room.h"

#define CORE_STAT_HOPS 8 /* next hops with a label of their own, in the order of the configuration */

enum core_stat {
    CORE_FAILOVER_TRANSPORT,
    CORE_FAILOVER_503,
    CORE_FAILOVER_TIMEOUT,
    CORE_PROBES_ANSWERED,
    CORE_PROBES_FAILED,
    CORE_LOOKUPS_OK,
    CORE_LOOKUPS_EMPTY,
    CORE_LOOKUPS_FAILED,
    CORE_CONNECTIONS_LOST,
    CORE_CLIENT_VERIFIED, /* TLS connections to us */
    CORE_CLIENT_BY_ADDRESS,
    CORE_CLIENT_NO_CERTIFICATE,
    CORE_CLIENT_UNTRUSTED,
    CORE_CLIENT_WRONG_NAME,
    CORE_ALIASES,
    CORE_LAST_RESORT,
    CORE_HOP_UP, /* gauge; + index */
    CORE_STATS = CORE_HOP_UP + CORE_STAT_HOPS
};

void core_count(struct pcscf *p, enum core_stat what);
void core_stats_up(struct pcscf *p, unsigned hop, bool up);
