#include "modules/turn/refusal.h"
#include "modules/turn/shared_secret.h"
#include <openssl/crypto.h>

#define ANY 0u

/* The first line that fits; a method of its own goes before what is said of all. */
static const struct {
    uint16_t method;
    uint16_t code;
    const char *because;
} reasons[] = {
    {STUN_ALLOCATE, 400,
     "the attributes contradict each other or the transport (RFC 8656 7.2, RFC 6062 5.1)"},
    {STUN_ALLOCATE, 437, "the client has an allocation on this connection already"},
    {STUN_ALLOCATE, 440, "no relay of that address family: see turn.relay_addresses"},
    {STUN_ALLOCATE, 486, "the user holds turn.user_allocations already"},
    {STUN_REFRESH, 400, "malformed, or the mobility ticket is used up, expired or not ours"},
    {STUN_CREATE_PERMISSION, 508, "turn.max_permissions of this allocation are taken"},
    {STUN_CHANNEL_BIND, 400, "a number out of range, or number or peer are bound otherwise (RFC 8656 12.2)"},
    {STUN_CHANNEL_BIND, 508, "turn.max_channels or turn.max_permissions of this allocation are taken"},
    {STUN_CONNECT, 403, "the allocation relays datagrams: Connect is for TCP allocations"},
    {STUN_CONNECT, 446, "there is a connection with that peer already"},
    {STUN_CONNECT, 447, "the peer did not accept the TCP connection within turn.tcp_connect_timeout"},
    {STUN_CONNECT, 508, "turn.max_tcp_connections are open, or descriptors have run out (LimitNOFILE)"},
    {STUN_CONNECTION_BIND, 400, "no connection of this user waits under that CONNECTION-ID: 30 s to bind it"},
    {ANY, 400, "malformed"},
    {ANY, 403, "a TCP allocation carries no datagrams (RFC 6062 3)"},
    {ANY, 405, "turn.mobility is off"},
    {ANY, 420, "an attribute that must be understood is not"},
    {ANY, 437, "no allocation on this connection: never made, or turn.ended says why it is gone"},
    {ANY, 438, "the nonce is older than turn.nonce_lifetime, for another address, or of keys that are gone"},
    {ANY, 441, "the allocation on this connection belongs to another user"},
    {ANY, 442, "neither UDP nor TCP is asked to be relayed"},
    {ANY, 443, "the peer's address family is not the relay's"},
    {ANY, 500, "out of memory or random numbers: see the lines before"},
};

static const char *because(const struct request *rq, unsigned code)
{
    if (rq->because)
        return rq->because;
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].code == code && (reasons[i].method == ANY || reasons[i].method == rq->message.method))
            return reasons[i].because;
    return stun_reason(code);
}

static const char *method_name(uint16_t method)
{
    switch (method) {
    case STUN_BINDING:
        return "Binding";
    case STUN_ALLOCATE:
        return "Allocate";
    case STUN_REFRESH:
        return "Refresh";
    case STUN_CREATE_PERMISSION:
        return "CreatePermission";
    case STUN_CHANNEL_BIND:
        return "ChannelBind";
    case STUN_CONNECT:
        return "Connect";
    case STUN_CONNECTION_BIND:
        return "ConnectionBind";
    default:
        return "?";
    }
}

void refusal_log(const struct request *rq, unsigned code)
{
    enum log_level level = rq->authenticated ? LOG_INFO : LOG_DEBUG;
    log_at(&rq->turn->w->log, level, "turn.refused", F_BYTES(rq->name.n ? "user" : NULL, rq->name),
           F_ADDR("client", &rq->client.addr), F_STR("method", method_name(rq->message.method)),
           F_UINT("code", code), F_STR("because", because(rq, code)));
}

/* Of a name that is not in the directory: one that a shared secret might vouch for? */
static const char *why_not_vouched_for(const struct turn *t, struct bytes name)
{
    struct bytes owner = BYTES_NONE;
    bool current = shared_secret_username(name, t->w->wall, &owner);
    if (!t->config->shared_secrets.n || !owner.n)
        return "no such user: sallyportctl user list";
    return current ? "not made with one of turn.shared_secrets, or the user is switched off"
                   : "the time in the name is over: the client wants fresh credentials";
}

static const char *why_not(const struct turn *t, const struct refused_login *login)
{
    struct user_key key = {0};
    if (login->token)
        return "token of an unknown key, expired, or made for another oauth_server_name";
    if (!bytes_eq(login->realm, bytes_str(t->config->realm)))
        return "the client's realm is not turn.realm";
    if (!login->name.n)
        return "wrong password, or no user has this USERHASH";
    bool known = directory_find(t->w->gw->directory, login->realm, login->name, &key), enabled = key.enabled;
    OPENSSL_cleanse(&key, sizeof(key));
    if (!known)
        return why_not_vouched_for(t, login->name);
    return enabled ? "wrong password" : "the user is switched off";
}

void refusal_log_login(const struct request *rq, const struct refused_login *login)
{
    log_info(&rq->turn->w->log, "turn.auth_failed", F_BYTES("user", login->name),
             F_BYTES("realm", login->realm), F_ADDR("client", &rq->client.addr),
             F_STR("method", method_name(rq->message.method)), F_STR("because", why_not(rq->turn, login)));
}
