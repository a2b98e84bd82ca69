/* dispatch: a STUN message from a client, from the bytes to the method's handler and to the answer.
 *
 * Floor 3. The order of checks is that of RFC 8489 6.3 and 9.2.4 and RFC 8656 5: message, method and class,
 * authentication (auth.c), unknown attributes (420), allocation (437), its user (441), then the method.
 * A request lives on the stack while it is answered. */
#pragma once
#include "modules/stun/stun.h"
#include "modules/turn/client.h"
#include "modules/turn/credential.h"
#include "modules/turn/peer_policy.h"
#include "modules/turn/turn.h"

struct allocation;

struct request {
    struct turn *turn;
    struct client client;
    struct stun_message message;
    struct allocation *allocation; /* of the 5-tuple, NULL when there is none */
    struct credential credential;  /* wiped by dispatch */
    struct bytes name;             /* the user, once authenticated: a view of the credential */
    const char *because;           /* of a refusal, for the log; NULL: what method and code say */
    bool authenticated;
    bool denied;  /* its peer, and that is logged */
    bool sign256; /* answers carry MESSAGE-INTEGRITY-SHA256 (RFC 8489 9.2.4) */
};

/* One whole STUN message of that client. */
void dispatch(struct turn *t, const struct client *from, struct bytes message);

#define ANSWER_MAX 1024u

struct answer {
    struct stun_writer w;
    uint8_t bytes[ANSWER_MAX];
};

/* A success response, to be filled and sent. */
void answer_begin(const struct request *rq, struct answer *a);
/* An error response likewise, with its ERROR-CODE; counts it. */
void answer_begin_error(const struct request *rq, struct answer *a, unsigned code);
/* Adds what every answer has (SOFTWARE, integrity where the request was authenticated, FINGERPRINT where it
 * had one) and sends it. Over UDP a stranger's answers are held to turn.unauthenticated_rate. */
void answer_send(struct request *rq, struct answer *a);

void turn_refuse(struct request *rq, unsigned code); /* an error with nothing more to say; logged */
void turn_agree(struct request *rq);                 /* a success with nothing more to say */
/* RFC 8656 5: the 5-tuple has an allocation, and it is this user's; else it has been answered. */
bool turn_has_allocation(struct request *rq);
/* Is it a denial? Counts and logs it when it is. */
bool turn_denies(struct request *rq, const struct addr *peer, enum peer_verdict v);
/* Likewise, of the client's own address. */
bool turn_denies_client(struct request *rq);

void handle_binding(struct request *rq);           /* binding.c */
void handle_allocate(struct request *rq);          /* allocate.c */
void handle_refresh(struct request *rq);           /* refresh.c */
void handle_create_permission(struct request *rq); /* permission.c */
void handle_channel_bind(struct request *rq);      /* channel.c */
void handle_send(struct request *rq);              /* send.c */
void handle_connect(struct request *rq);           /* connect.c */
void handle_connection_bind(struct request *rq);   /* connection_bind.c */
