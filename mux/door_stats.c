#include "mux/door_stats.h"
#include <string.h>

#define COUNTER(index, n, l, h) [index] = {.name = (n), .labels = (l), .help = (h), .kind = STAT_COUNTER}
#define GAUGE(index, n, l, h)   [index] = {.name = (n), .labels = (l), .help = (h), .kind = STAT_GAUGE}
#define CLOSES(reason, text)                                                                                 \
    COUNTER(DOOR_CLOSES + (reason), "closes_total", "reason=\"" text "\"", "Connections ended, by reason")

static const struct stat_def defs[DOOR_STATS] = {
    COUNTER(DOOR_ACCEPTS, "accepts_total", NULL, "Connections accepted"),
    COUNTER(DOOR_ACCEPT_ERRORS, "accept_errors_total", NULL, "Connections the kernel could not give us"),
    COUNTER(DOOR_DIALS, "dials_total", NULL, "Connections the gateway opened itself"),
    GAUGE(DOOR_OPEN_TCP, "connections", "transport=\"tcp\"", "Connections that stand"),
    GAUGE(DOOR_OPEN_TLS, "connections", "transport=\"tls\"", NULL),
    COUNTER(DOOR_TLS12, "tls_handshakes_total", "result=\"tls12\"", "TLS handshakes, by version or failure"),
    COUNTER(DOOR_TLS13, "tls_handshakes_total", "result=\"tls13\"", NULL),
    COUNTER(DOOR_TLS_FAILED, "tls_handshakes_total", "result=\"failed\"", NULL),
    COUNTER(DOOR_TLS_RESUMED, "tls_resumptions_total", NULL, "TLS handshakes that a ticket made short"),
    COUNTER(DOOR_TLS_PUT_OFF, "tls_handshake_delays_total", NULL,
            "Handshake steps put off to the next turn, so that media goes first"),
    COUNTER(DOOR_SNIFFED_TURN, "sniffed_total", "protocol=\"turn\"",
            "Connections by what their first bytes were"),
    COUNTER(DOOR_SNIFFED_SIP, "sniffed_total", "protocol=\"sip\"", NULL),
    COUNTER(DOOR_SNIFFED_HTTP, "sniffed_total", "protocol=\"http\"", NULL),
    COUNTER(DOOR_SNIFFED_OTHER, "sniffed_total", "protocol=\"other\"", NULL),
    COUNTER(DOOR_PROXY_HEADERS, "proxy_headers_total", NULL, "PROXY headers from trusted balancers"),
    COUNTER(DOOR_BYTES_IN, "received_bytes_total", NULL, "Bytes received on connections, as on the wire"),
    COUNTER(DOOR_BYTES_OUT, "sent_bytes_total", NULL, "Bytes sent on connections, as on the wire"),
    COUNTER(DOOR_UDP_IN, "udp_datagrams_total", "direction=\"in\"", "Datagrams on UDP listeners"),
    COUNTER(DOOR_UDP_OUT, "udp_datagrams_total", "direction=\"out\"", NULL),
    COUNTER(DOOR_UDP_DROPPED, "udp_datagrams_total", "direction=\"dropped\"", NULL),
    COUNTER(DOOR_UDP_BANNED, "udp_datagrams_total", "direction=\"banned\"", NULL),
    COUNTER(DOOR_FLOW_DEAD, "flow_sends_dead_total", NULL,
            "Messages for a flow that was gone when they came"),
    COUNTER(DOOR_CERT_RELOADS, "certificate_reloads_total", "result=\"done\"", "Certificate reloads"),
    COUNTER(DOOR_CERT_RELOAD_ERRORS, "certificate_reloads_total", "result=\"failed\"", NULL),
    CLOSES(CLOSE_PEER, "peer"),
    CLOSES(CLOSE_RESET, "reset"),
    CLOSES(CLOSE_MODULE, "module"),
    CLOSES(CLOSE_PROTOCOL, "protocol"),
    CLOSES(CLOSE_HANDSHAKE, "handshake"),
    CLOSES(CLOSE_HANDSHAKE_LATE, "handshake_late"),
    CLOSES(CLOSE_HANDSHAKE_CROWD, "handshake_crowd"),
    CLOSES(CLOSE_PLAIN, "plain"),
    CLOSES(CLOSE_SILENT, "silent"),
    CLOSES(CLOSE_UNKNOWN, "unknown"),
    CLOSES(CLOSE_SLOW, "slow"),
    CLOSES(CLOSE_TOO_BIG, "too_big"),
    CLOSES(CLOSE_IDLE, "idle"),
    CLOSES(CLOSE_PEER_LIMIT, "peer_limit"),
    CLOSES(CLOSE_LIMIT, "limit"),
    CLOSES(CLOSE_BANNED, "banned"),
    CLOSES(CLOSE_FLOOD, "flood"),
    CLOSES(CLOSE_PROXY, "proxy"),
    CLOSES(CLOSE_BACKLOG, "backlog"),
    CLOSES(CLOSE_MEMORY, "memory"),
    CLOSES(CLOSE_SHUTDOWN, "shutdown"),
};

const struct stat_table door_stats = {.room = "door", .defs = defs, .n = DOOR_STATS};

enum door_stat door_stat_sniffed(const char *module)
{
    if (strcmp(module, "turn") == 0)
        return DOOR_SNIFFED_TURN;
    if (strcmp(module, "sip") == 0)
        return DOOR_SNIFFED_SIP;
    return strcmp(module, "http") == 0 ? DOOR_SNIFFED_HTTP : DOOR_SNIFFED_OTHER;
}

/* The word in the label is the word in the log. */
static const char *const reason_names[CLOSE_REASONS] = {
    [CLOSE_PEER] = "peer",
    [CLOSE_RESET] = "reset",
    [CLOSE_MODULE] = "module",
    [CLOSE_PROTOCOL] = "protocol",
    [CLOSE_HANDSHAKE] = "handshake",
    [CLOSE_HANDSHAKE_LATE] = "handshake_late",
    [CLOSE_HANDSHAKE_CROWD] = "handshake_crowd",
    [CLOSE_PLAIN] = "plain",
    [CLOSE_SILENT] = "silent",
    [CLOSE_UNKNOWN] = "unknown",
    [CLOSE_SLOW] = "slow",
    [CLOSE_TOO_BIG] = "too_big",
    [CLOSE_IDLE] = "idle",
    [CLOSE_PEER_LIMIT] = "peer_limit",
    [CLOSE_LIMIT] = "limit",
    [CLOSE_BANNED] = "banned",
    [CLOSE_FLOOD] = "flood",
    [CLOSE_PROXY] = "proxy",
    [CLOSE_BACKLOG] = "backlog",
    [CLOSE_MEMORY] = "memory",
    [CLOSE_SHUTDOWN] = "shutdown",
};

const char *close_reason_name(enum close_reason why)
{
    return why < CLOSE_REASONS ? reason_names[why] : "?";
}
