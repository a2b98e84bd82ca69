/* Allocate (RFC 8656 7.2): the checks in the order of the RFC, then the allocation. */
#include "modules/turn/allocation.h"
#include "modules/turn/alternate.h"
#include "modules/turn/dispatch.h"
#include "modules/turn/lifetime.h"
#include "modules/turn/mobility.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define PROTOCOL_TCP 6u
#define PROTOCOL_UDP 17u

/* RFC 6062 5.1: only over TCP or TLS, and without what is of use to datagrams only. */
static unsigned judge_tcp(const struct request *rq)
{
    const struct stun_message *m = &rq->message;
    bool datagrams = stun_has(m, STUN_A_DONT_FRAGMENT) || stun_has(m, STUN_A_EVEN_PORT) ||
                     stun_has(m, STUN_A_RESERVATION_TOKEN);
    return !client_is_stream(&rq->client) || datagrams ? 400 : 0;
}

/* Steps 3 and 10's precondition: what is to be relayed, and for how long. */
static unsigned judge_transport(const struct request *rq, struct relay_wish *wish)
{
    uint8_t protocol;
    if (!stun_find_byte(&rq->message, STUN_A_REQUESTED_TRANSPORT, &protocol))
        return 400;
    wish->tcp = protocol == PROTOCOL_TCP;
    if (wish->tcp)
        return judge_tcp(rq);
    return protocol == PROTOCOL_UDP ? 0 : 442;
}

/* Steps 6, 7 and 9. */
static unsigned judge_family(const struct request *rq, uint8_t *family)
{
    const struct stun_message *m = &rq->message;
    bool requested = stun_has(m, STUN_A_REQUESTED_ADDRESS_FAMILY);
    bool additional = stun_has(m, STUN_A_ADDITIONAL_ADDRESS_FAMILY);
    uint8_t wanted = STUN_FAMILY_V4;
    if (requested && additional)
        return 400;
    if (requested && !stun_find_byte(m, STUN_A_REQUESTED_ADDRESS_FAMILY, &wanted))
        return 400;
    uint8_t more;
    if (additional && (!stun_find_byte(m, STUN_A_ADDITIONAL_ADDRESS_FAMILY, &more) || more != STUN_FAMILY_V6))
        return 400;
    *family = wanted == STUN_FAMILY_V4 ? ADDR_V4 : wanted == STUN_FAMILY_V6 ? ADDR_V6 : ADDR_NONE;
    return 0;
}

/* Steps 5 and 8. */
static unsigned judge_ports(const struct request *rq, struct relay_wish *wish)
{
    const struct stun_message *m = &rq->message;
    struct bytes flags = BYTES_NONE;
    bool additional = stun_has(m, STUN_A_ADDITIONAL_ADDRESS_FAMILY);
    wish->even = stun_find(m, STUN_A_EVEN_PORT, &flags);
    if (wish->even && flags.n != 1)
        return 400;
    wish->reserve = wish->even && flags.p[0] & 0x80;
    if (wish->reserve && additional)
        return 400;
    bool token = stun_has(m, STUN_A_RESERVATION_TOKEN);
    return token && (wish->even || additional || stun_has(m, STUN_A_REQUESTED_ADDRESS_FAMILY)) ? 400 : 0;
}

static unsigned judge(struct request *rq, struct allocation_wish *wish)
{
    uint8_t family;
    unsigned error;
    if (rq->allocation)
        return 437;
    if (turn_denies_client(rq))
        return 403;
    if ((error = judge_transport(rq, &wish->relay)) || (error = judge_ports(rq, &wish->relay)) ||
        (error = judge_family(rq, &family)))
        return error;
    if ((error = mobility_wanted(rq, &wish->mobile)))
        return error;
    wish->relay.address = ports_address(rq->turn, family);
    wish->dual = stun_has(&rq->message, STUN_A_ADDITIONAL_ADDRESS_FAMILY);
    /* A TCP allocation has one relayed address (RFC 6062 5.1); the client is told that it gets no other. */
    wish->second = (struct relay_wish){.address = wish->relay.tcp ? NULL : ports_address(rq->turn, ADDR_V6),
                                       .even = wish->relay.even};
    /* A reserved port has its own address (step 5: the family is not asked for). */
    if (!wish->relay.address && !stun_has(&rq->message, STUN_A_RESERVATION_TOKEN))
        return 440;
    if (!lifetime_wanted(rq, &wish->lifetime))
        return 400;
    /* RFC 8656 7.2: less than the default is ignored, and 0 is less. */
    if (!wish->lifetime)
        wish->lifetime = lifetime_preset(rq);
    return 0;
}

/* A client that wants both families and gets one is told why not the other (RFC 8656 7.2 step 9, 18.12). */
static void put_address_error(struct stun_writer *w, uint8_t family, unsigned code)
{
    uint8_t v[64] = {family};
    size_t n = strlen(stun_reason(code));
    v[2] = (uint8_t)(code / 100);
    v[3] = (uint8_t)(code % 100);
    memcpy(v + 4, stun_reason(code), n);
    stun_put(w, STUN_A_ADDRESS_ERROR_CODE, bytes_of(v, 4 + n));
}

static void answer(struct request *rq, struct allocation *al)
{
    struct answer a;
    answer_begin(rq, &a);
    stun_put_xor(&a.w, STUN_A_XOR_RELAYED_ADDRESS, &al->relay.relayed);
    if (al->second.fd >= 0)
        stun_put_xor(&a.w, STUN_A_XOR_RELAYED_ADDRESS, &al->second.relayed);
    stun_put_u32(&a.w, STUN_A_LIFETIME, (uint32_t)allocation_seconds_left(al));
    stun_put_xor(&a.w, STUN_A_XOR_MAPPED_ADDRESS, &rq->client.addr);
    if (al->has_token)
        stun_put(&a.w, STUN_A_RESERVATION_TOKEN, bytes_of(al->token, sizeof(al->token)));
    if (al->missing_because)
        put_address_error(&a.w, al->missing_family, al->missing_because);
    if (al->mobility.on)
        mobility_put_ticket(al, &a.w);
    answer_send(rq, &a);
}

/* RFC 8656 7.2, the note: over UDP the same transaction on the same 5-tuple is a retransmission, and gets the
 * answer again rather than 437. */
static bool is_retransmission(const struct request *rq)
{
    return rq->allocation && !client_is_stream(&rq->client) &&
           memcmp(rq->allocation->made_by, rq->message.id, TRANSACTION_ID) == 0 &&
           bytes_eq(rq->name, allocation_name(rq->allocation));
}

/* The port that the token stands for, on the address that it is bound to. */
static bool claim(struct request *rq, struct allocation_wish *wish, struct reserved *what)
{
    struct turn *t = rq->turn;
    struct bytes token;
    if (!stun_find(&rq->message, STUN_A_RESERVATION_TOKEN, &token))
        return true;
    if (!reservation_claim(t, token, &rq->credential, what))
        return false;
    wish->relay.reserved = what;
    wish->relay.address = NULL;
    for (unsigned i = 0; i < t->n_relays; i++)
        if (addr_ip_eq(&t->relays[i].bind, &what->bind))
            wish->relay.address = &t->relays[i];
    if (!wish->relay.address)
        close(what->fd);
    return wish->relay.address != NULL;
}

/* What a 508 does not tell apart. */
static const char *why_none(int rc)
{
    switch (rc) {
    case -EUSERS:
        return "turn.total_allocations are held";
    case -ENOSPC:
        return "no port of turn.relay_ports is free, or none of a pair";
    case -EMFILE:
    case -ENFILE:
        return "descriptors have run out: raise the limit (LimitNOFILE)";
    case -ENOMEM:
    case -ENOBUFS:
        return "out of memory";
    default:
        return "the relay's socket cannot be opened: see turn.relay_addresses";
    }
}

static unsigned create(struct request *rq, struct allocation_wish *wish, struct allocation **al)
{
    struct reserved what;
    if (!claim(rq, wish, &what)) {
        rq->because = "no port is reserved under that token for this user: it waits 30 s to be claimed";
        return 508;
    }
    int rc = allocation_create(rq->turn, wish, al);
    if (rc < 0 && wish->relay.reserved)
        close(what.fd);
    if (rc == 0 || rc == -EDQUOT)
        return rc ? 486 : 0;
    rq->because = why_none(rc);
    return 508;
}

void handle_allocate(struct request *rq)
{
    struct allocation_wish wish = {
        .client = rq->client, .name = rq->name, .made_by = rq->message.id, .credential = &rq->credential};
    struct allocation *al = rq->allocation;
    if (is_retransmission(rq)) {
        answer(rq, al);
        return;
    }
    unsigned error = judge(rq, &wish);
    if (!error && alternate_redirects(rq, ALTERNATE_ALWAYS))
        return;
    if (!error)
        error = create(rq, &wish, &al);
    /* Whoever claims a port that was kept for him has to get it here. */
    if (error == 508 && !stun_has(&rq->message, STUN_A_RESERVATION_TOKEN) &&
        alternate_redirects(rq, ALTERNATE_FULL))
        return;
    if (error)
        turn_refuse(rq, error);
    else
        answer(rq, al);
}
