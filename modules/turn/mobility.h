/* mobility: an allocation that outlives its client's connection and address (RFC 8016).
 *
 * Floor 3. The rules of RFC 8016 on the allocation's own worker; how a client on another worker gets there is
 * roaming.h. A client that asked for it gets a ticket (ticket.h); a Refresh with the ticket, from wherever it
 * comes, opens a second path to the allocation, with the user's credentials and no others'. Both paths work,
 * and what peers send goes out on the old one, until data comes in on the new one or the old one ends (RFC
 * 8016 3.2.2); then the old one is closed. When the only path ends the allocation waits for its client, for
 * turn.mobility_hold at most, and its quota stays charged. Of several moves at once the last one counts; more
 * than RESUMES_MAX in a minute are refused. The ticket before the current one is good for RETAIN_MS, and only
 * until data on the new path shows that the answer with the new one arrived: RFC 8016 keeps it for
 * retransmissions, and where the answer was lost together with a TCP connection the retransmission comes from
 * another port. *
 * RFC 8016 speaks of UDP relays, and forbids no others. Of a TCP allocation (RFC 6062) the control connection
 * moves, to another one over TLS or TCP; data connections are connections by themselves, bound by their ids:
 * those that stand go on, and what waits for a ConnectionBind waits on, to be bound from wherever the client
 * is. Connections of peers while it is away are told when it is back, if that is within the 30 seconds of RFC
 * 6062 5.3; so is the success of its Connects (5.2), and what failed or came too late is a 447 then. */
#pragma once
#include "appliance/base/bytes.h"
#include "modules/turn/ticket.h"

struct allocation;
struct allocation_wish;
struct client;
struct request;
struct stun_writer;

#define RETAIN_MS   30000u /* RFC 8016 3.2.2: at least 30 seconds */
#define RESUMES_MAX 60u
#define RESUMES_MS  60000u

struct mobility {
    bool on;   /* it has a ticket */
    bool away; /* and no path now */
    uint16_t serial;
    uint64_t old_until; /* worker ms: so long the ticket before is good */
    uint64_t window;    /* when the count began */
    unsigned resumes;   /* since then */
};

/* Allocate: 0, or 400 or 405 (RFC 8016 3.1.2). */
unsigned mobility_wanted(const struct request *rq, bool *wanted);
/* Puts a fresh ticket into an answer. */
void mobility_put_ticket(struct allocation *a, struct stun_writer *w);

/* What a Refresh with a ticket is about. */
struct move {
    unsigned error; /* 0: rq->allocation is set */
    bool elsewhere; /* the allocation's worker answers */
    bool again;     /* a retransmission: the client is there already */
};
void mobility_find(struct request *rq, struct bytes ticket, struct move *m);
/* Opens the path; 0, or 486 when it moves too often. */
unsigned mobility_move(struct request *rq);

/* Data came in from that client while the allocation is moving. */
void mobility_heard(struct allocation *a, const struct client *from);
