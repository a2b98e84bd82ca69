#include "modules/turn/dispatch.h"
#include "modules/turn/allocation.h"
#include "modules/turn/auth.h"
#include "modules/turn/refusal.h"
#include "mux/conn.h"
#include <errno.h>

/* What we understand of the lower half (RFC 8489 14). The rest of it, where a request carries it, is answered
 * with 420: the client then knows, and tries without (RFC 8656 7.4). */
static const uint16_t known[] = {
    STUN_A_MAPPED_ADDRESS,
    STUN_A_USERNAME,
    STUN_A_MESSAGE_INTEGRITY,
    STUN_A_ERROR_CODE,
    STUN_A_UNKNOWN_ATTRIBUTES,
    STUN_A_CHANNEL_NUMBER,
    STUN_A_LIFETIME,
    STUN_A_XOR_PEER_ADDRESS,
    STUN_A_DATA,
    STUN_A_REALM,
    STUN_A_NONCE,
    STUN_A_XOR_RELAYED_ADDRESS,
    STUN_A_REQUESTED_ADDRESS_FAMILY,
    STUN_A_EVEN_PORT,
    STUN_A_REQUESTED_TRANSPORT,
    STUN_A_DONT_FRAGMENT,
    STUN_A_ACCESS_TOKEN,
    STUN_A_MESSAGE_INTEGRITY_SHA256,
    STUN_A_PASSWORD_ALGORITHM,
    STUN_A_USERHASH,
    STUN_A_XOR_MAPPED_ADDRESS,
    STUN_A_RESERVATION_TOKEN,
    STUN_A_CONNECTION_ID,
};

#define UNKNOWN_MAX 32u

static void handle_nothing(struct request *rq)
{
    /* RFC 8489 6.3.2: a Binding indication keeps NATs and firewalls open; that it came is all. */
}

struct method {
    uint16_t method;
    enum stun_class class;
    bool authenticate;
    bool needs_allocation;
    void (*handle)(struct request *rq);
};

static const struct method methods[] = {
    {STUN_SEND, STUN_INDICATION, false, true, handle_send},
    {STUN_BINDING, STUN_REQUEST, false, false, handle_binding},
    {STUN_BINDING, STUN_INDICATION, false, false, handle_nothing},
    {STUN_ALLOCATE, STUN_REQUEST, true, false, handle_allocate},
    {STUN_REFRESH, STUN_REQUEST, true, false, handle_refresh}, /* a ticket names one (RFC 8016) */
    {STUN_CREATE_PERMISSION, STUN_REQUEST, true, true, handle_create_permission},
    {STUN_CHANNEL_BIND, STUN_REQUEST, true, true, handle_channel_bind},
    {STUN_CONNECT, STUN_REQUEST, true, true, handle_connect},
    {STUN_CONNECTION_BIND, STUN_REQUEST, true, false, handle_connection_bind},
};

static const struct method *find_method(const struct stun_message *m)
{
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (methods[i].method == m->method && methods[i].class == m->class)
            return &methods[i];
    return NULL;
}

/* RFC 8489 6.3.1: 420, with the list. True when there was none. */
static bool understands(struct request *rq)
{
    uint16_t types[UNKNOWN_MAX];
    struct answer a;
    size_t n = stun_unknown(&rq->message, known, sizeof(known) / sizeof(known[0]), types, UNKNOWN_MAX);
    if (!n)
        return true;
    if (rq->message.class == STUN_INDICATION) {
        turn_count(rq->turn, TS_DROP_SEND);
        return false;
    }
    answer_begin_error(rq, &a, 420);
    stun_put_unknown(&a.w, types, n);
    answer_send(rq, &a);
    refusal_log(rq, 420);
    return false;
}

/* RFC 8656 5: 437 without an allocation, 441 with somebody else's. An indication is dropped. */
bool turn_has_allocation(struct request *rq)
{
    bool indication = rq->message.class == STUN_INDICATION;
    if (!rq->allocation && indication)
        turn_count(rq->turn, TS_DROP_NO_ALLOCATION);
    else if (!rq->allocation)
        turn_refuse(rq, 437);
    else if (!indication && !allocation_is_of(rq->allocation, &rq->credential))
        turn_refuse(rq, 441);
    else
        return true;
    return false;
}

/* RFC 6062 3: the control connection of a TCP allocation carries no application data. It names no error for
 * one who tries: 403. */
static bool fits_allocation(struct request *rq, const struct method *m)
{
    bool datagrams = m->method == STUN_SEND || m->method == STUN_CHANNEL_BIND;
    if (!datagrams || !rq->allocation->tcp)
        return true;
    if (m->class == STUN_INDICATION)
        turn_count(rq->turn, TS_DROP_SEND);
    else
        turn_refuse(rq, 403);
    return false;
}

/* RFC 8016 3.2.2: Send or ChannelData on the new path show that the client is there. A TCP allocation knows
 * neither (RFC 6062 3), so any request does. */
static void hear(struct request *rq)
{
    struct allocation *a = rq->allocation;
    if (a->tcp && a->moving)
        mobility_heard(a, &rq->client);
}

static void run(struct request *rq, const struct method *m)
{
    if (m->class == STUN_REQUEST)
        turn_count(rq->turn, TS_REQUESTS);
    if (m->authenticate && !auth_check(rq))
        return;
    if (!understands(rq))
        return;
    if (m->needs_allocation && !turn_has_allocation(rq))
        return;
    if (m->needs_allocation && !fits_allocation(rq, m))
        return;
    if (m->needs_allocation)
        hear(rq);
    m->handle(rq);
}

void dispatch(struct turn *t, const struct client *from, struct bytes message)
{
    struct request rq = {.turn = t, .client = *from};
    if (stun_read(message, &rq.message) < 0 || !stun_fingerprint_ok(&rq.message)) {
        turn_count(t, TS_DROP_MALFORMED);
        return;
    }
    /* RFC 8489 6.3: a method or class that we do not serve is silently discarded. */
    const struct method *m = find_method(&rq.message);
    if (!m) {
        turn_count(t, TS_DROP_METHOD);
        return;
    }
    rq.message.mac = t->mac;
    rq.allocation = allocation_of(t, from);
    run(&rq, m);
    credential_wipe(&rq.credential);
}

void answer_begin(const struct request *rq, struct answer *a)
{
    stun_begin(&a->w, a->bytes, sizeof(a->bytes), stun_type(STUN_SUCCESS, rq->message.method),
               rq->message.id);
    a->w.mac = rq->turn->mac;
}

static const struct {
    unsigned code;
    enum turn_stat stat;
} error_stats[] = {
    {300, TS_ERROR_300}, {400, TS_ERROR_400}, {401, TS_ERROR_401}, {403, TS_ERROR_403}, {405, TS_ERROR_405},
    {420, TS_ERROR_420}, {437, TS_ERROR_437}, {438, TS_ERROR_438}, {440, TS_ERROR_440}, {441, TS_ERROR_441},
    {442, TS_ERROR_442}, {443, TS_ERROR_443}, {446, TS_ERROR_446}, {447, TS_ERROR_447}, {486, TS_ERROR_486},
    {500, TS_ERROR_500}, {508, TS_ERROR_508},
};

void answer_begin_error(const struct request *rq, struct answer *a, unsigned code)
{
    for (size_t i = 0; i < sizeof(error_stats) / sizeof(error_stats[0]); i++)
        if (error_stats[i].code == code)
            turn_count(rq->turn, error_stats[i].stat);
    stun_begin(&a->w, a->bytes, sizeof(a->bytes), stun_type(STUN_ERROR, rq->message.method), rq->message.id);
    a->w.mac = rq->turn->mac;
    stun_put_error(&a->w, code);
}

static bool may_answer(struct request *rq)
{
    struct turn *t = rq->turn;
    if (rq->authenticated || client_is_stream(&rq->client))
        return true;
    if (rate_take(&t->rate, &t->w->hash_key, &rq->client.addr, t->w->now,
                  (uint32_t)t->config->unauthenticated_rate))
        return true;
    turn_count(t, TS_DROP_RATE);
    return false;
}

void answer_send(struct request *rq, struct answer *a)
{
    if (!may_answer(rq))
        return;
    if (rq->turn->config->software)
        stun_put(&a->w, STUN_A_SOFTWARE, BYTES("Sallyport " SALLYPORT_VERSION));
    if (rq->authenticated)
        auth_sign(rq, &a->w);
    if (rq->message.fingerprint_at)
        stun_put_fingerprint(&a->w);
    size_t n = stun_end(&a->w);
    int rc = n ? client_send(&rq->client, bytes_of(a->bytes, n)) : -EMSGSIZE;
    /* A client that asks and asks but does not read its answers: media is dropped, signalling is not. */
    if (rc == -ENOBUFS && rq->client.conn)
        conn_close(rq->client.conn, CLOSE_BACKLOG);
}

void turn_refuse(struct request *rq, unsigned code)
{
    struct answer a;
    answer_begin_error(rq, &a, code);
    answer_send(rq, &a);
    if (!rq->denied) /* turn_denies has said so */
        refusal_log(rq, code);
}

void turn_agree(struct request *rq)
{
    struct answer a;
    answer_begin(rq, &a);
    answer_send(rq, &a);
}

bool turn_denies(struct request *rq, const struct addr *peer, enum peer_verdict v)
{
    if (v == PEER_ALLOWED)
        return false;
    rq->denied = true;
    turn_count(rq->turn, TS_DENIED_PEERS);
    log_info(&rq->turn->w->log, "turn.peer_denied", F_BYTES("user", rq->name),
             F_ADDR("client", &rq->client.addr), F_ADDR("peer", peer),
             F_STR("because", peer_verdict_name(v)));
    return true;
}

bool turn_denies_client(struct request *rq)
{
    return turn_denies(rq, &rq->client.addr, peer_check_client(&rq->client.addr));
}
