/* The room's settings: a const table (turn.h has the struct). */
#include "modules/turn/access_token.h"
#include "modules/turn/alternate.h"
#include "modules/turn/shared_secret.h"
#include "modules/turn/turn.h"
#include <string.h>

/* The config checker asks for one written text: every item of the list. */
static bool relay_address_check(const char *text, const char **why)
{
    struct relay_address ra;
    if (relay_address_parse(bytes_str(text), &ra))
        return true;
    *why = "write an IP address without a port, or bind/advertised of one family";
    return false;
}

static bool realm_check(const char *text, const char **why)
{
    /* RFC 8489 14.9: a quoted string's inside, fewer than 128 characters. */
    struct bytes b = bytes_str(text);
    bool ok = b.n > 0 && b.n < 128 && bytes_find_byte(b, ':') == BYTES_NOT_FOUND;
    if (!ok)
        *why = "1 to 127 characters, no colon";
    return ok;
}

/* RFC 7635 6.1: a name, and what the tokens were made with. */
static bool name_check(const char *text, const char **why)
{
    bool good = strlen(text) < 256;
    if (!good)
        *why = "255 characters at most";
    return good;
}

static const char *const alternate_words[] = {[ALTERNATE_FULL] = "full", [ALTERNATE_ALWAYS] = "always", NULL};

#define AT(field) offsetof(struct turn_config, field)

static const struct setting items[] = {
    {.key = "realm",
     .type = SETTING_STRING,
     .offset = AT(realm),
     .preset = "sallyport",
     .help = "realm of the users; the SIP realm, so that one password serves both",
     .reload = RELOAD_LIVE,
     .check = realm_check},
    {.key = "relay_addresses",
     .type = SETTING_STRINGS,
     .offset = AT(relay_addresses),
     .preset = "",
     .help = "addresses for relays, \"bind\" or \"bind/advertised\"; the first of each family is used; "
             "empty: the "
             "machine's first",
     .reload = RELOAD_RESTART,
     .check = relay_address_check},
    {.key = "relay_ports",
     .type = SETTING_PORTS,
     .offset = AT(relay_ports),
     .preset = "49152-65535",
     .help = "UDP ports for relays",
     .reload = RELOAD_RESTART},
    {.key = "default_lifetime",
     .type = SETTING_DURATION,
     .offset = AT(default_lifetime),
     .preset = "10m",
     .min = 60000,
     .max = 3600000,
     .help = "how long an allocation stands without a refresh when the client asks for no longer",
     .reload = RELOAD_LIVE},
    {.key = "max_lifetime",
     .type = SETTING_DURATION,
     .offset = AT(max_lifetime),
     .preset = "1h",
     .min = 60000,
     .max = 86400000,
     .help = "the longest lifetime that a client gets",
     .reload = RELOAD_LIVE},
    {.key = "max_permissions",
     .type = SETTING_INT,
     .offset = AT(max_permissions),
     .preset = "128",
     .min = 1,
     .max = 4096,
     .help = "permissions at most in one allocation",
     .reload = RELOAD_LIVE},
    {.key = "max_channels",
     .type = SETTING_INT,
     .offset = AT(max_channels),
     .preset = "128",
     .min = 1,
     .max = 4096,
     .help = "channels at most in one allocation",
     .reload = RELOAD_LIVE},
    {.key = "max_tcp_connections",
     .type = SETTING_INT,
     .offset = AT(max_tcp_connections),
     .preset = "64",
     .min = 0,
     .max = 4096,
     .help = "connections with peers at most in one TCP allocation (RFC 6062)",
     .reload = RELOAD_LIVE},
    {.key = "tcp_connect_timeout",
     .type = SETTING_DURATION,
     .offset = AT(tcp_connect_timeout),
     .preset = "30s",
     .min = 30000, /* RFC 6062 5.2: at least 30 seconds */
     .max = 600000,
     .help = "how long a peer may take to answer when a client connects to it over TCP",
     .reload = RELOAD_LIVE},
    {.key = "tcp_half_closed_timeout",
     .type = SETTING_DURATION,
     .offset = AT(tcp_half_closed_timeout),
     .preset = "60s",
     .min = 1000,
     .max = 3600000,
     .help = "how long one side of a TCP connection through a relay may be silent after the other has ended",
     .reload = RELOAD_LIVE},
    {.key = "old_channels",
     .type = SETTING_BOOL,
     .offset = AT(old_channels),
     .preset = "yes",
     .help =
         "also take the channel numbers 0x5000 to 0x7FFE that RFC 5766 allowed; no: 400, as RFC 8656 says",
     .reload = RELOAD_LIVE},
    {.key = "user_allocations",
     .type = SETTING_INT,
     .offset = AT(user_allocations),
     .preset = "64",
     .min = 0,
     .max = 1000000,
     .help = "allocations at most of one user, 0 for no limit; a dual one, and a reserved port, count too",
     .reload = RELOAD_LIVE},
    {.key = "total_allocations",
     .type = SETTING_INT,
     .offset = AT(total_allocations),
     .preset = "20000",
     .min = 0,
     .max = 1000000,
     .help = "allocations at most of all users, 0 for no limit",
     .reload = RELOAD_LIVE},
    {.key = "user_bandwidth",
     .type = SETTING_SIZE,
     .offset = AT(user_bandwidth),
     .preset = "0",
     .min = 0,
     .max = 1000000000000,
     .help = "bytes a second that one user may relay, each way, 0 for no limit",
     .reload = RELOAD_LIVE},
    {.key = "total_bandwidth",
     .type = SETTING_SIZE,
     .offset = AT(total_bandwidth),
     .preset = "0",
     .min = 0,
     .max = 1000000000000,
     .help = "bytes a second that all users may relay, each way, 0 for no limit",
     .reload = RELOAD_LIVE},
    {.key = "mobility",
     .type = SETTING_BOOL,
     .offset = AT(mobility),
     .preset = "yes",
     .help = "a client may keep its allocation when its address changes (RFC 8016); no: 405",
     .reload = RELOAD_LIVE},
    {.key = "mobility_hold",
     .type = SETTING_DURATION,
     .offset = AT(mobility_hold),
     .preset = "2m",
     .min = 1000,
     .max = 3600000,
     .help = "how long an allocation waits for its mobile client once the connection has ended",
     .reload = RELOAD_LIVE},
    {.key = "deny_peers",
     .type = SETTING_CIDRS,
     .offset = AT(deny_peers),
     .preset = "",
     .help = "networks that no client may reach; goes before allow_peers and before the built-in list",
     .reload = RELOAD_LIVE},
    {.key = "allow_peers",
     .type = SETTING_CIDRS,
     .offset = AT(allow_peers),
     .preset = "",
     .help =
         "networks that clients may reach though the built-in list (private, loopback, own, ...) denies them",
     .reload = RELOAD_LIVE},
    {.key = "shared_secrets",
     .type = SETTING_SECRETS,
     .offset = AT(shared_secrets),
     .preset = "",
     .help =
         "items \"realm:secret\": besides the stored users, whoever comes as \"expires:name\" (seconds since "
         "1970) with base64(HMAC-SHA1(secret, that text)) as the password; more than one of a realm while "
         "they are rotated",
     .reload = RELOAD_LIVE,
     .check = shared_secret_check},
    {.key = "oauth_keys",
     .type = SETTING_SECRETS,
     .offset = AT(oauth_keys),
     .preset = "",
     .help =
         "items \"kid:key\" that an authorization server seals tokens with (RFC 7635), the key in base64: 32 "
         "bytes for A256GCM, 16 for A128GCM; none: no third-party authorization",
     .reload = RELOAD_LIVE,
     .check = oauth_key_check},
    {.key = "oauth_server_name",
     .type = SETTING_STRING,
     .offset = AT(oauth_server_name),
     .preset = "",
     .help = "what THIRD-PARTY-AUTHORIZATION calls this server and tokens are made for; empty: the realm",
     .reload = RELOAD_LIVE,
     .check = name_check},
    {.key = "require_registration",
     .type = SETTING_BOOL,
     .offset = AT(require_registration),
     .preset = "no",
     .help =
         "relay only for users with a SIP registration on this gateway, now or up to a minute ago; others, "
         "and tokens, which name nobody, get 403",
     .reload = RELOAD_LIVE},
    {.key = "alternate_servers",
     .type = SETTING_STRINGS,
     .offset = AT(alternate_servers),
     .preset = "",
     .help = "addresses that clients are sent to with 300 (ALTERNATE-SERVER), the first of each family; one "
             "without a port means 443",
     .reload = RELOAD_LIVE,
     .check = alternate_check},
    {.key = "alternate_domain",
     .type = SETTING_STRING,
     .offset = AT(alternate_domain),
     .preset = "",
     .help = "the name in the certificate of those servers, where it is not ours (ALTERNATE-DOMAIN)",
     .reload = RELOAD_LIVE,
     .check = name_check},
    {.key = "alternate_when",
     .type = SETTING_ENUM,
     .offset = AT(alternate_when),
     .preset = "full",
     .choices = alternate_words,
     .help = "send them there when nothing is free here, or always: to take a gateway out of service",
     .reload = RELOAD_LIVE},
    {.key = "nonce_lifetime",
     .type = SETTING_DURATION,
     .offset = AT(nonce_lifetime),
     .preset = "1h",
     .min = 1000,
     .max = 86400000,
     .help = "how long a nonce is good for",
     .reload = RELOAD_LIVE},
    {.key = "unauthenticated_rate",
     .type = SETTING_INT,
     .offset = AT(unauthenticated_rate),
     .preset = "100",
     .min = 0,
     .max = 1000000,
     .help = "answers a second over UDP to one source that has not authenticated, 0 for no limit",
     .reload = RELOAD_LIVE},
    {.key = "idle_timeout",
     .type = SETTING_DURATION,
     .offset = AT(idle_timeout),
     .preset = "10m",
     .min = 1000,
     .max = 86400000,
     .help = "how long a connection without an allocation may be silent",
     .reload = RELOAD_NEW},
    {.key = "frame_timeout",
     .type = SETTING_DURATION,
     .offset = AT(frame_timeout),
     .preset = "30s",
     .min = 1000,
     .max = 3600000,
     .help = "how long a message on a connection may stay incomplete",
     .reload = RELOAD_NEW},
    {.key = "software",
     .type = SETTING_BOOL,
     .offset = AT(software),
     .preset = "false",
     .help = "say name and version in answers (SOFTWARE)",
     .reload = RELOAD_LIVE},
};

const struct settings turn_settings = {
    .section = "turn",
    .help = "the TURN server",
    .size = sizeof(struct turn_config),
    .items = items,
    .n = sizeof(items) / sizeof(items[0]),
};
