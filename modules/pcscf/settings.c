#include "modules/pcscf/core/core_uri.h"
#include "modules/pcscf/pcscf.h"
#include "modules/pcscf/trust.h"
#include "modules/sip/headers.h"
#include "modules/sip/uri.h"
#include <string.h>

/* For a list the check sees one item after the other. */
static bool check_core(const char *text, const char **why)
{
    struct core_uri uri;
    return !text[0] || core_uri_parse(bytes_str(text), &uri, why);
}

static bool check_name(const char *text, const char **why)
{
    struct sip_host host;
    struct addr a;
    *why = "write a host name or an address, without a port";
    if (addr_parse(bytes_str(text), 0, &a))
        return !a.port && text[0] != '[';
    return !text[0] || (sip_host_parse(bytes_str(text), false, &host) == strlen(text) &&
                        host.kind == SIP_HOST_NAME && !host.port);
}

static bool check_server(const char *text, const char **why)
{
    struct addr a;
    *why = "write the address of a DNS server, with :PORT where it is not 53";
    return addr_parse(bytes_str(text), 53, &a) && !addr_is_any(&a);
}

/* It goes into a quoted string as it is. */
static bool check_network(const char *text, const char **why)
{
    for (const char *c = text; *c; c++) {
        if (*c >= ' ' && *c != '"' && *c != '\\' && *c != 0x7f)
            continue;
        *why = "no quotes, backslashes or control characters";
        return false;
    }
    *why = "longer than 255 characters";
    return strlen(text) < 256;
}

/* For a list the check sees one item after the other. */
static bool check_trusted(const char *text, const char **why)
{
    *why = "the edge leaves a choice for P-Early-Media, P-Private-Network-Indication, Reason and "
           "Resource-Priority only";
    return trust_is_choice(bytes_str(text));
}

/* It goes into a header field as it is, with ";network-provided" behind it. */
static bool check_access(const char *text, const char **why)
{
    struct sip_worded w;
    *why = "write an access type, and its parameters: IEEE-802.11;i-wlan-node-id=...";
    return !text[0] || (!strpbrk(text, "\r\n,") && sip_worded_parse(bytes_str(text), &w) &&
                        sip_params_ok(w.params) && strlen(text) < 256);
}

static const char *const service_route_choices[] = {
    [SERVICE_ROUTE_REPLACE] = "replace", [SERVICE_ROUTE_REJECT] = "reject", NULL};

static const char *const tls_client_choices[] = {
    [CORE_TLS_REQUIRED] = "required", [CORE_TLS_OPTIONAL] = "optional", [CORE_TLS_OFF] = "off", NULL};

#define AT(member) offsetof(struct pcscf_config, member)

static const struct setting items[] = {
    {.key = "host",
     .type = SETTING_STRING,
     .offset = AT(host),
     .preset = "",
     .help = "name by which phones reach this gateway, as in its certificate; empty: the machine's host name",
     .reload = RELOAD_RESTART},
    {.key = "port",
     .type = SETTING_INT,
     .offset = AT(port),
     .preset = "0",
     .max = 65535,
     .help = "TLS port as phones see it, where it is another one than the listener's; 0: the listener's",
     .reload = RELOAD_RESTART},
    {.key = "core",
     .type = SETTING_STRINGS,
     .offset = AT(core),
     .preset = "",
     .help =
         "next hops of the IMS core behind this edge, tried in this order: udp:HOST:PORT, tcp:HOST:PORT, "
         "tls:HOST:PORT, or dns:NAME (sip:NAME, sips:NAME) for what NAPTR and SRV say; empty: the embedded "
         "home network",
     .reload = RELOAD_RESTART,
     .check = check_core},
    {.key = "core_address",
     .type = SETTING_ADDR,
     .offset = AT(core_address),
     .preset = "",
     .help =
         "address and port at which the core reaches this edge; empty: those of the first sip+udp, sip+tcp "
         "or sip+tls listener, as the first of pcscf.core is spoken to",
     .reload = RELOAD_RESTART},
    {.key = "core_networks",
     .type = SETTING_CIDRS,
     .offset = AT(core_networks),
     .preset = "",
     .help =
         "networks whose plain SIP comes from the core and not from phones, besides the next hops' addresses",
     .reload = RELOAD_RESTART},
    {.key = "core_tls_ca",
     .type = SETTING_PATH,
     .offset = AT(core_tls_ca),
     .preset = "",
     .help = "PEM file of the certificate authorities that vouch for the core's TLS; empty: the system's",
     .reload = RELOAD_RESTART},
    {.key = "core_tls_certificate",
     .type = SETTING_PATH,
     .offset = AT(core_tls_certificate),
     .preset = "",
     .help = "PEM file of our own certificate with its chain, for a core that asks for one; empty: none",
     .reload = RELOAD_RESTART},
    {.key = "core_tls_key",
     .type = SETTING_PATH,
     .offset = AT(core_tls_key),
     .preset = "",
     .help = "PEM file of its key; empty: it stands in the certificate's file",
     .reload = RELOAD_RESTART},
    {.key = "core_tls_clients",
     .type = SETTING_ENUM,
     .offset = AT(core_tls_clients),
     .preset = "required",
     .choices = tls_client_choices,
     .help = "certificate of who opens TLS to the core's listener (the sip+tls one of pcscf.core_address), "
             "checked against core_tls_ca and the names of the core (RFC 5922): required: nobody comes in "
             "without; optional: one that is shown must be good, without one the sender's address decides; "
             "off: nobody is asked",
     .reload = RELOAD_NEW},
    {.key = "core_tls_names",
     .type = SETTING_STRINGS,
     .offset = AT(core_tls_names),
     .preset = "",
     .help =
         "names for which such a certificate may speak, besides the hosts of pcscf.core and those that the "
         "core has named in Service-Route",
     .reload = RELOAD_NEW,
     .check = check_name},
    {.key = "core_probe",
     .type = SETTING_DURATION,
     .offset = AT(core_probe),
     .preset = "10s",
     .max = 3600000,
     .help = "how often each next hop is asked with OPTIONS whether it is alive; 0: only requests find out. "
             "While none of pcscf.core is, one request a second and worker is sent to the least bad all the "
             "same, "
             "and its first answer brings it back",
     .reload = RELOAD_LIVE},
    {.key = "core_timeout",
     .type = SETTING_DURATION,
     .offset = AT(core_timeout),
     .preset = "3s",
     .max = 32000,
     .help = "how long a next hop may stay silent after a request before another one gets it; 0: as long as "
             "RFC 3261 waits",
     .reload = RELOAD_NEW},
    {.key = "core_udp_max",
     .type = SETTING_SIZE,
     .offset = AT(core_udp_max),
     .preset = "1300",
     .max = 65535,
     .help = "larger requests go to a next hop over TCP where they would go over UDP, if it takes TCP on the "
             "same port (RFC 3261 18.1.1); 0: never",
     .reload = RELOAD_NEW},
    {.key = "dns_servers",
     .type = SETTING_STRINGS,
     .offset = AT(dns_servers),
     .preset = "",
     .help = "DNS servers to ask for the core's names, ADDRESS or ADDRESS:PORT; empty: those of "
             "/etc/resolv.conf",
     .reload = RELOAD_RESTART,
     .check = check_server},
    {.key = "visited_network",
     .type = SETTING_STRING,
     .offset = AT(visited_network),
     .preset = "",
     .help = "text of P-Visited-Network-ID (RFC 7315); empty: the host",
     .reload = RELOAD_RESTART,
     .check = check_network},
    {.key = "flow_timer",
     .type = SETTING_DURATION,
     .offset = AT(flow_timer),
     .preset = "2m",
     .max = 86400000,
     .help = "Flow-Timer for phones that register with outbound (RFC 5626); 0: none is sent",
     .reload = RELOAD_NEW},
    {.key = "flow_grace",
     .type = SETTING_DURATION,
     .offset = AT(flow_grace),
     .preset = "20s",
     .max = 600000,
     .help =
         "how long the calls of a phone whose connection is gone, and requests to it, wait for it to come "
         "back on another one; 0: they end at once",
     .reload = RELOAD_NEW},
    {.key = "call_grace",
     .type = SETTING_DURATION,
     .offset = AT(call_grace),
     .preset = "5s",
     .max = 32000,
     .help =
         "how long after its connection is gone a new call or message for that phone waits for it to come "
         "back, within flow_grace; 0: the core hears at once that the flow failed (430) and may try another",
     .reload = RELOAD_NEW},
    {.key = "unregistered_idle",
     .type = SETTING_DURATION,
     .offset = AT(unregistered_idle),
     .preset = "1m",
     .min = 1000,
     .max = 86400000,
     .help = "how long a connection on which nobody is registered may stay silent",
     .reload = RELOAD_NEW},
    {.key = "max_message",
     .type = SETTING_SIZE,
     .offset = AT(max_message),
     .preset = "64k",
     .min = 4096,
     .max = 1048576,
     .help =
         "largest SIP message on a connection, half for the head and half for the body; see door.frame_max",
     .reload = RELOAD_NEW},
    {.key = "max_registrations",
     .type = SETTING_INT,
     .offset = AT(max_registrations),
     .preset = "16",
     .min = 1,
     .max = 1024,
     .help = "registered contacts on one connection at most",
     .reload = RELOAD_NEW},
    {.key = "max_dialogs",
     .type = SETTING_INT,
     .offset = AT(max_dialogs),
     .preset = "20000",
     .min = 1,
     .max = 1000000,
     .help =
         "calls that one worker keeps in mind, at about 1.5 KB each; more of them pass, but are not ended "
         "when their phone is gone",
     .reload = RELOAD_NEW},
    {.key = "max_dialogs_per_phone",
     .type = SETTING_INT,
     .offset = AT(max_dialogs_per_phone),
     .preset = "32",
     .min = 1,
     .max = 1000,
     .help = "the same for one connection",
     .reload = RELOAD_NEW},
    {.key = "session_expires",
     .type = SETTING_DURATION,
     .offset = AT(session_expires),
     .preset = "0s",
     .max = 86400000,
     .help = "session timer to ask for where neither end of a call does (RFC 4028), 90s or more; 0: none",
     .reload = RELOAD_NEW},
    {.key = "reg_event",
     .type = SETTING_BOOL,
     .offset = AT(reg_event),
     .preset = "yes",
     .help = "subscribe at the core to what the network does with registrations (RFC 3680), so that one it "
             "ends, ends here too; the embedded home network is not asked",
     .reload = RELOAD_NEW},
    {.key = "overload_lag",
     .type = SETTING_DURATION,
     .offset = AT(overload_lag),
     .preset = "250ms",
     .max = 60000,
     .help = "how long a worker may be busy before it looks up again: at three quarters of it new phones are "
             "refused "
             "with 503, near it calls too, as when sip.max_transactions is near; 0: not looked at",
     .reload = RELOAD_LIVE},
    {.key = "overload_control",
     .type = SETTING_BOOL,
     .offset = AT(overload_control),
     .preset = "no",
     .help = "tell the core that this edge heeds what it says of its load (RFC 7339, loss), and do so",
     .reload = RELOAD_LIVE},
    {.key = "trusted_headers",
     .type = SETTING_STRINGS,
     .offset = AT(trusted_headers),
     .preset = "",
     .help = "header fields that phones may send to the core though only the network should: P-Early-Media, "
             "P-Private-Network-Indication, Reason (in responses), Resource-Priority",
     .reload = RELOAD_NEW,
     .check = check_trusted},
    {.key = "min_expires",
     .type = SETTING_DURATION,
     .offset = AT(min_expires),
     .preset = "0",
     .max = 3600000,
     .help =
         "a phone that asks for a shorter registration is answered 423 with this as Min-Expires; 0: the home "
         "network alone decides",
     .reload = RELOAD_NEW},
    {.key = "max_expires",
     .type = SETTING_DURATION,
     .offset = AT(max_expires),
     .preset = "0",
     .max = 2592000000,
     .help =
         "a phone that asks for a longer registration asks for this much at the home network; 0: no limit",
     .reload = RELOAD_NEW},
    {.key = "service_route",
     .type = SETTING_ENUM,
     .offset = AT(service_route),
     .preset = "replace",
     .choices = service_route_choices,
     .help =
         "a phone's request whose Routes are not the Service-Route of its registration (RFC 3608): replace "
         "puts the right ones in, reject answers 400",
     .reload = RELOAD_NEW},
    {.key = "dialog_route",
     .type = SETTING_ENUM,
     .offset = AT(dialog_route),
     .preset = "reject",
     .choices = service_route_choices,
     .help =
         "a phone's request within a call whose Routes are not those that the call was given: reject answers "
         "400 or 403, replace puts the right ones in where the call is known",
     .reload = RELOAD_NEW},
    {.key = "integrity_protected",
     .type = SETTING_BOOL,
     .offset = AT(integrity_protected),
     .preset = "yes",
     .help = "tell the core in Authorization how a REGISTER was protected: tls-pending, tls-yes (TS 24.229)",
     .reload = RELOAD_NEW},
    {.key = "ioi",
     .type = SETTING_STRING,
     .offset = AT(ioi),
     .preset = "",
     .help = "our name between operators, orig-ioi and term-ioi of P-Charging-Vector (RFC 7315); empty: "
             "visited_network, or the host",
     .reload = RELOAD_NEW,
     .check = check_network},
    {.key = "access_network",
     .type = SETTING_STRING,
     .offset = AT(access_network),
     .preset = "",
     .help = "P-Access-Network-Info to add with network-provided to what phones send (RFC 7315); empty: none",
     .reload = RELOAD_NEW,
     .check = check_access},
};

const struct settings pcscf_settings = {
    .section = "pcscf",
    .help = "the SIP edge: what phones register through",
    .size = sizeof(struct pcscf_config),
    .items = items,
    .n = sizeof(items) / sizeof(items[0]),
};
