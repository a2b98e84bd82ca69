/* endpoint: one UE: its SIP user agent, its TURN relay and its voice, as one party to a call.
 *
 * Room modules/ue, floor 3; the UE's thread. SIP and TURN are two TLS connections to the same door. Both
 * parties of a call bind a channel to each other's relayed address: the called one before it answers, the
 * caller when the answer is there. What happened is written into `outcome`s; nothing here waits: that is
 * steps.h. */
#pragma once
#include "modules/ue/media.h"
#include "modules/ue/sdp.h"
#include "modules/ue/sip_ua.h"
#include "modules/ue/turn_client.h"
#include "modules/ue/ua_call.h"

#define ENDPOINT_CHANNEL 0x4000

struct outcome {
    bool done;
    int code;         /* 0 well; a SIP or TURN status, or -errno */
    const char *what; /* which request: "CreatePermission" */
    char text[160];
};

struct endpoint {
    struct ue_loop *loop;
    const struct tls_target *target;
    struct sip_account account;
    struct turn_account turn_account;
    uint64_t talk_ms; /* of a call that we make */
    bool answers;     /* incoming calls are taken; else refused with 486 */

    struct sip_ua ua;
    struct turn_client turn;
    struct media media;
    struct ua_call *call; /* NULL: none, or it has ended */
    bool called;          /* a call came in or was made */
    char caller_text[128];
    struct addr peer; /* its relayed address */
    uint64_t texts;   /* MESSAGEs that came */
    uint32_t text_cseq;

    struct outcome link, registration, relay, text, up, joined, media_end, over, freed;
};

/* loop, target, account, turn_account, talk_ms and answers are set by the caller. Each starts something: 0 or
 * -errno, and its outcome is done later (at once on failure). */
void endpoint_open(struct endpoint *e);                                   /* link */
void endpoint_register(struct endpoint *e, uint32_t seconds);             /* registration */
void endpoint_allocate(struct endpoint *e);                               /* relay */
void endpoint_text(struct endpoint *e, const char *to, const char *text); /* text */
void endpoint_call(struct endpoint *e, const char *to);                   /* up, joined, media_end, over */
void endpoint_hang_up(struct endpoint *e);                                /* over */
void endpoint_free(struct endpoint *e);                                   /* freed */
void endpoint_fini(struct endpoint *e);
