/* door_stats: the door's counters, by index into a worker's row. Floor 2. */
#pragma once
#include "mux/conn.h"
#include "mux/door.h"

enum door_stat {
    DOOR_ACCEPTS,
    DOOR_ACCEPT_ERRORS,
    DOOR_DIALS,
    DOOR_OPEN_TCP,
    DOOR_OPEN_TLS,
    DOOR_TLS12,
    DOOR_TLS13,
    DOOR_TLS_FAILED,
    DOOR_TLS_RESUMED,
    DOOR_TLS_PUT_OFF,
    DOOR_SNIFFED_TURN,
    DOOR_SNIFFED_SIP,
    DOOR_SNIFFED_HTTP,
    DOOR_SNIFFED_OTHER,
    DOOR_PROXY_HEADERS,
    DOOR_BYTES_IN,
    DOOR_BYTES_OUT,
    DOOR_UDP_IN,
    DOOR_UDP_OUT,
    DOOR_UDP_DROPPED,
    DOOR_UDP_BANNED,
    DOOR_FLOW_DEAD,
    DOOR_CERT_RELOADS,
    DOOR_CERT_RELOAD_ERRORS,
    DOOR_CLOSES, /* + enum close_reason */
    DOOR_STATS = DOOR_CLOSES + CLOSE_REASONS
};

/* The label of a module: its own name where it is one of those above. */
enum door_stat door_stat_sniffed(const char *module);
const char *close_reason_name(enum close_reason why);
