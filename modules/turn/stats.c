/* The room's counters: a const table (turn.h has the indices). */
#include "modules/turn/turn.h"

#define COUNTER(index, n, l, h) [index] = {.name = (n), .labels = (l), .help = (h), .kind = STAT_COUNTER}
#define GAUGE(index, n, h)      [index] = {.name = (n), .help = (h), .kind = STAT_GAUGE}
#define ERROR(n)                COUNTER(TS_ERROR_##n, "turn_errors_total", "code=\"" #n "\"", "Error responses, by code")
#define AUTH(index, by)                                                                                      \
    COUNTER(index, "turn_authenticated_total", "by=\"" by "\"", "Requests that proved who they are from")
#define DROP(index, why)                                                                                     \
    COUNTER(index, "turn_dropped_total", "reason=\"" why "\"", "Messages and data dropped")
#define ENDED(index, traffic)                                                                                \
    COUNTER(index, "turn_allocations_ended_total", "traffic=\"" traffic "\"",                                \
            "Allocations ended, by what they carried")
#define TCP(index, what)                                                                                     \
    COUNTER(index, "turn_tcp_events_total", "event=\"" what "\"", "What became of connections with peers")
#define WAY(index, what, where)                                                                              \
    COUNTER(index, "turn_relayed_" what "_total", "to=\"" where "\"", "Relayed " what)

static const struct stat_def defs[TURN_STATS] = {
    GAUGE(TS_ALLOCATIONS, "turn_allocations", "Allocations that stand"),
    GAUGE(TS_PERMISSIONS, "turn_permissions", "Permissions of these"),
    GAUGE(TS_CHANNELS, "turn_channels", "Channels of these"),
    GAUGE(TS_AWAY, "turn_allocations_away", "Allocations that wait for their mobile client"),
    COUNTER(TS_CREATED, "turn_allocations_created_total", NULL, "Allocations made"),
    COUNTER(TS_EXPIRED, "turn_allocations_expired_total", NULL, "Allocations that nobody refreshed"),
    ENDED(TS_ENDED_UNUSED, "none"),
    ENDED(TS_ENDED_ONE_WAY, "one_way"),
    ENDED(TS_ENDED_BOTH_WAYS, "both_ways"),
    COUNTER(TS_MOVED, "turn_moves_total", NULL, "Moves of mobile clients (RFC 8016)"),
    COUNTER(TS_WENT_AWAY, "turn_went_away_total", NULL, "Mobile clients whose last connection ended"),
    COUNTER(TS_GUESTS, "turn_roaming_total", NULL, "Moves to a connection on another worker"),
    COUNTER(TS_ICMP, "turn_icmp_total", NULL, "ICMP errors told to clients"),
    COUNTER(TS_REFRESHED, "turn_refreshes_total", NULL, "Refresh requests that succeeded"),
    COUNTER(TS_BINDINGS, "turn_bindings_total", NULL, "Binding requests"),
    COUNTER(TS_REQUESTS, "turn_requests_total", NULL, "Requests"),
    ERROR(300),
    ERROR(400),
    ERROR(401),
    ERROR(403),
    ERROR(405),
    ERROR(420),
    ERROR(437),
    ERROR(438),
    ERROR(440),
    ERROR(441),
    ERROR(442),
    ERROR(443),
    ERROR(446),
    ERROR(447),
    ERROR(486),
    ERROR(500),
    ERROR(508),
    AUTH(TS_AUTH_STORED, "stored"),
    AUTH(TS_AUTH_USERHASH, "userhash"),
    AUTH(TS_AUTH_SHARED_SECRET, "shared_secret"),
    AUTH(TS_AUTH_TOKEN, "token"),
    COUNTER(TS_NOT_REGISTERED, "turn_not_registered_total", NULL,
            "Requests of users without a SIP registration, refused with 403"),
    COUNTER(TS_REDIRECTED, "turn_redirected_total", NULL, "Allocate requests sent to another server"),
    COUNTER(TS_AUTH_FAILURES, "turn_auth_failures_total", NULL, "Requests with a wrong user or password"),
    COUNTER(TS_DENIED_PEERS, "turn_denied_peers_total", NULL, "Peers refused with 403"),
    WAY(TS_PACKETS_TO_PEER, "packets", "peer"),
    WAY(TS_PACKETS_TO_CLIENT, "packets", "client"),
    WAY(TS_BYTES_TO_PEER, "bytes", "peer"),
    WAY(TS_BYTES_TO_CLIENT, "bytes", "client"),
    GAUGE(TS_TCP_CONNECTIONS, "turn_tcp_connections", "Connections with peers of TCP allocations"),
    TCP(TS_TCP_CONNECTED, "connected"),
    TCP(TS_TCP_ACCEPTED, "accepted"),
    TCP(TS_TCP_BOUND, "bound"),
    TCP(TS_TCP_NO_PERMISSION, "no_permission"),
    TCP(TS_TCP_DENIED, "denied_peer"),
    TCP(TS_TCP_LIMIT, "limit"),
    TCP(TS_TCP_TIMEOUTS, "timeout"),
    TCP(TS_TCP_UNBOUND, "unbound"),
    DROP(TS_DROP_MALFORMED, "malformed"),
    DROP(TS_DROP_METHOD, "method"),
    DROP(TS_DROP_RATE, "rate"),
    DROP(TS_DROP_NO_ALLOCATION, "no_allocation"),
    DROP(TS_DROP_NO_CHANNEL, "no_channel"),
    DROP(TS_DROP_NO_PERMISSION, "no_permission"),
    DROP(TS_DROP_DENIED, "denied_peer"),
    DROP(TS_DROP_SEND, "bad_indication"),
    DROP(TS_DROP_PEER_SOCKET, "peer_socket"),
    DROP(TS_DROP_CLIENT_FULL, "client_full"),
    DROP(TS_DROP_CLIENT_AWAY, "client_away"),
    DROP(TS_DROP_BANDWIDTH, "bandwidth"),
    DROP(TS_DROP_ROAMING, "roaming"),
    DROP(TS_DROP_TOO_BIG, "too_big"),
};

const struct stat_table turn_stats = {.room = "turn", .defs = defs, .n = TURN_STATS};
