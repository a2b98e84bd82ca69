#include "modules/ue/advice.h"
#include <errno.h>

const char *advice_tls(enum tls_link_fault fault)
{
    switch (fault) {
    case TLS_FAULT_CONNECT:
        return "is the gateway running and listening there? is there a firewall on the way? (--server, "
               "--connect)";
    case TLS_FAULT_TRUST:
        return "pass the CA that signed the gateway's certificate: --ca FILE";
    case TLS_FAULT_NAME:
        return "--server must be a name that the certificate has (subjectAltName); the address to dial is "
               "--connect's";
    case TLS_FAULT_PROTOCOL:
        return "is it the gateway that answers on that port? it must speak TLS 1.2 or 1.3";
    case TLS_FAULT_TIMEOUT:
        return "something on the way swallows packets: a firewall, or the gateway is overloaded";
    case TLS_FAULT_PEER:
        return "the gateway's log says why it closed the connection";
    default:
        return NULL;
    }
}

static const struct {
    const char *what;
    int code;
    const char *advice;
} known[] = {
    {"REGISTER", 401,
     "the password or the user name is wrong (--user, --password-file); sallyportctl user list"},
    {"REGISTER", 407,
     "the password or the user name is wrong (--user, --password-file); sallyportctl user list"},
    {"REGISTER", 403,
     "the password or the user name is wrong, or the user is disabled (--user, --password-file); "
     "sallyportctl user list"},
    {"REGISTER", 404, "the user or domain is not known: --user, --domain; sallyportctl user list"},
    {"REGISTER", 408, "the home network does not answer; see pcscf.core in the gateway's configuration"},
    {"REGISTER", 503, "the home network cannot be reached; see pcscf.core in the gateway's configuration"},
    {"REGISTER", 504, "the home network does not answer; see pcscf.core in the gateway's configuration"},
    {"MESSAGE", 404, "nobody of that name is known to the home network"},
    {"MESSAGE", 480, "the other side is not registered"},
    {"INVITE", 403, "the gateway takes calls only from a connection that has registered"},
    {"INVITE", 404, "nobody of that name is known to the home network: --to"},
    {"INVITE", 408, "the other side rings but does not answer, or the home network is silent"},
    {"INVITE", 480, "the other side is not registered, or could not use its relay"},
    {"INVITE", 486, "the other side is in a call, or has no relay"},
    {"INVITE", 430, "the other side's connection is gone; it must register again"},
    {"Allocate", 401, "the password is wrong, or turn.realm is not the realm that the user was added for"},
    {"Allocate", 403, "this user may not have relays"},
    {"Allocate", 437, "there is an allocation on this connection already"},
    {"Allocate", 442, "the gateway has no UDP relays: turn.relay_addresses"},
    {"Allocate", 440, "the gateway has no relay address of that family: turn.relay_addresses"},
    {"Allocate", 486,
     "too many allocations of this user: the turn quota settings, or wait for old ones to expire"},
    {"Allocate", 508,
     "no relay port is free: is turn.relay_addresses right, and the range of ports wide enough?"},
    {"CreatePermission", 403, "the peer's address is denied; see turn.allow_peers"},
    {"ChannelBind", 403, "the peer's address is denied; see turn.allow_peers"},
    {"CreatePermission", 437, "the allocation is gone: it expired, or the gateway was restarted"},
    {"CreatePermission", 443, "the other side's relay is of another address family"},
    {"CreatePermission", 508, "too many permissions"},
};

const char *advice_outcome(const struct outcome *o)
{
    for (unsigned i = 0; o->what && i < sizeof known / sizeof known[0]; i++)
        if (o->code == known[i].code && strcmp(o->what, known[i].what) == 0)
            return known[i].advice;
    if (o->code == -ETIMEDOUT || o->code == 408)
        return "the gateway took the request and did not answer: its log, and sallyportctl stats";
    if (o->code >= 500 && o->code < 600)
        return "trouble in the gateway or behind it: its log says what";
    return NULL;
}

const char *advice_media(enum media_end end)
{
    if (end == MEDIA_NOT_HEARING || end == MEDIA_NOT_HEARD)
        return "relays must reach each other: is turn.relay_addresses an address of the gateway itself, and "
               "does a "
               "firewall let UDP through between relays?";
    if (end == MEDIA_PLAIN)
        return "measure with sallyport-ue answer at the other end";
    return end == MEDIA_SILENT ? "the other end has ended without BYE, or the path broke" : NULL;
}
