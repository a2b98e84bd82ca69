/* pcscf: the SIP edge of the gateway (TS 24.229 5.2, RFC 3261 16, RFC 5626 5): what phones talk to.
 *
 * Floor 3. A phone is reached only by the flow on which it registered; the flow stands, sealed, in our Path
 * and Record-Route URIs. Everything of a phone lives on the worker that owns its connection. The core behind
 * it is either the embedded home network (modules/registrar) or another network's over UDP or TCP: the same
 * messages either way. */
#pragma once
#include "appliance/core/config.h"
#include "mux/module.h"

struct pcscf_config {
    const char *host;
    int64_t port;
    struct string_list core;
    struct addr core_address;
    struct cidr_set core_networks;
    const char *core_tls_ca, *core_tls_certificate, *core_tls_key;
    int64_t core_tls_clients; /* enum core_tls_clients */
    struct string_list core_tls_names;
    int64_t core_probe;   /* ms; 0: none */
    int64_t core_timeout; /* ms; 0: that of RFC 3261 */
    int64_t core_udp_max; /* bytes of a request; 0: as many as there are */
    struct string_list dns_servers;
    const char *visited_network;
    int64_t flow_timer;        /* ms */
    int64_t flow_grace;        /* ms */
    int64_t call_grace;        /* ms; for what is new */
    int64_t unregistered_idle; /* ms */
    int64_t max_message;       /* bytes */
    int64_t max_registrations;
    int64_t max_dialogs; /* on a worker */
    int64_t max_dialogs_per_phone;
    int64_t session_expires; /* ms; 0: the edge asks for no session timer */
    bool reg_event;
    int64_t overload_lag;               /* ms; 0: not looked at */
    bool overload_control;              /* RFC 7339 towards the core */
    struct string_list trusted_headers; /* from phones: names that trust_is_choice() */
    int64_t min_expires, max_expires;   /* ms; 0: none */
    int64_t service_route;              /* enum service_route_policy */
    int64_t dialog_route;               /* the same choice, for requests within a dialog */
    bool integrity_protected;
    const char *ioi;
    const char *access_network;
};

/* Is who opens TLS to the core's listener asked for a certificate? */
enum core_tls_clients { CORE_TLS_REQUIRED, CORE_TLS_OPTIONAL, CORE_TLS_OFF };

/* What becomes of a phone's request whose Routes are not those it was given (TS 24.229 5.2.6.3). */
enum service_route_policy { SERVICE_ROUTE_REPLACE, SERVICE_ROUTE_REJECT };

/* Section `emergency`. */
struct emergency_config {
    struct string_list numbers;
    const char *ecscf; /* as pcscf.core; "" none */
    bool unregistered;
    int64_t flow_grace; /* ms; counts where it is longer than pcscf's */
    const char *reason;
};
extern const struct settings emergency_settings;

enum pcscf_stat {
    PCSCF_REGISTERED, /* gauge */
    PCSCF_REGISTER_OK,
    PCSCF_REGISTER_CHALLENGED,
    PCSCF_REGISTER_FAILED,
    PCSCF_REQUESTS_PHONE,
    PCSCF_REQUESTS_CORE,
    PCSCF_REFUSED_UNREGISTERED,
    PCSCF_REFUSED_ROUTE,
    PCSCF_REFUSED_TOKEN,
    PCSCF_REFUSED_MALFORMED,
    PCSCF_REFUSED_AGREEMENT,
    PCSCF_REFUSED_INTERVAL,
    PCSCF_FLOW_FAILED,
    PCSCF_FLOWS_LOST,
    PCSCF_PINGS,
    PCSCF_UNANSWERABLE,
    PCSCF_CORE_DOWN,
    PCSCF_REG_EVENTS, /* gauge */
    PCSCF_REG_EVENT_FAILED,
    PCSCF_REG_EVENT_REFUSED,
    PCSCF_NOTIFY_OK,
    PCSCF_NOTIFY_STALE,
    PCSCF_NOTIFY_BAD,
    PCSCF_NOTIFY_UNKNOWN,
    PCSCF_REVOKED,
    PCSCF_SHORTENED,
    PCSCF_EMERGENCY_ROUTED,
    PCSCF_EMERGENCY_ELSEWHERE,
    PCSCF_EMERGENCY_CALLS, /* gauge */
    PCSCF_HELD,
    PCSCF_RESENT,
    PCSCF_DIALOGS_MOVED,
    PCSCF_DIALOGS_EARLY,     /* gauge */
    PCSCF_DIALOGS_CONFIRMED, /* gauge */
    PCSCF_DIALOGS_NOT_KEPT,
    PCSCF_CALLS_ANSWERED,
    PCSCF_CALLS_REFUSED,
    PCSCF_CALLS_CANCELLED,
    PCSCF_CALLS_ENDED, /* by enum dialog_end */
    PCSCF_CALLS_ENDED_LAST = PCSCF_CALLS_ENDED + 4,
    PCSCF_OVERLOADED, /* gauge */
    PCSCF_SHED_REGISTER,
    PCSCF_SHED_REQUEST,
    PCSCF_SHED_CORE,
    PCSCF_STATS
};

extern const struct settings pcscf_settings;
extern const struct stat_table pcscf_stats;
extern const struct stat_table core_stats; /* of the way to the core */
extern const struct module pcscf_module;
