/* ua_call: a call: one INVITE and the dialog that it makes.
 *
 * Room modules/ue, floor 3; owned by its sip_ua. RFC 3261 12 (dialogs), 13 and 14 (INVITE), 15 (BYE), 9
 * (CANCEL), RFC 3264 (the SDP in INVITE and 200; no re-INVITE: 488). One dialog a call: what a second fork
 * answers is not taken up. A call that has ended stays for another UA_TIMEOUT_MS, to acknowledge a 200 that
 * comes again, and then goes by itself: drop your pointer when `changed` says that it ended. */
#pragma once
#include "modules/ue/sip_ua.h"

enum ua_call_state {
    UA_CALLING,  /* INVITE is out */
    UA_RINGING,  /* caller: 101 to 199 came; called: the INVITE is here */
    UA_ANSWERED, /* called: 200 is out, no ACK yet */
    UA_UP,
    UA_ENDING, /* BYE or CANCEL is out */
    UA_ENDED
};

struct ua_call {
    struct list link; /* of sip_ua.calls */
    struct sip_ua *ua;
    void *owner; /* yours */
    bool caller;
    enum ua_call_state state;
    unsigned status; /* why it ended: 200 after a BYE of either side, 487 cancelled, the refusal, 408, 503 */
    bool ended_by_peer;
    char reason[UA_REASON_MAX];
    struct buf sdp; /* the other side's */

    char tag[UA_TAG + 1];     /* ours */
    char *call_id, *peer_tag; /* heap */
    char *local, *remote, *target,
        *route; /* From and To values, Request-URI, Route of requests in the dialog */
    uint32_t cseq, peer_cseq, invite_cseq;
    struct ua_request *invite; /* caller: while it is under way */
    struct buf invite_text;    /* called: the INVITE, to answer it */
    struct buf again;          /* called: our 200 until its ACK; caller: the ACK */
    uint64_t again_ms, again_since;
    bool end_wanted;
    struct timer timer;
};

/* NULL: out of memory or the link is down. to: a URI. */
struct ua_call *ua_call_place(struct sip_ua *ua, const char *to, struct bytes sdp);
int ua_call_ring(struct ua_call *c);                     /* 180 */
int ua_call_answer(struct ua_call *c, struct bytes sdp); /* 200 */
void ua_call_refuse(struct ua_call *c, unsigned status); /* an incoming one, before it is answered */
/* CANCEL, BYE or a refusal (480), whichever is due; `changed` tells when it has ended. */
void ua_call_end(struct ua_call *c);
const char *ua_call_state_name(enum ua_call_state s);

/* --- for sip_ua --- */

#define UA_CALL_NOT_MINE 1u /* no business of calls */
/* A request has come: 0 dealt with, a status to refuse it with, or UA_CALL_NOT_MINE. */
unsigned ua_call_request(struct sip_ua *ua, const struct sip_msg *m);
void ua_call_stray(struct sip_ua *ua, const struct sip_msg *m); /* a response that no request waits for */
void ua_call_fail_all(struct sip_ua *ua);
void ua_call_destroy_all(struct sip_ua *ua);

/* --- between ua_call.c and ua_called.c --- */
struct ua_call *ua_call_create(struct sip_ua *ua);
void ua_call_destroy(struct ua_call *c);
void ua_call_set_state(struct ua_call *c, enum ua_call_state s);
void ua_call_over(struct ua_call *c, unsigned status, const char *reason);
void ua_call_bye(struct ua_call *c);
/* Remote tag, target and route set out of the message that makes the dialog (RFC 3261 12.1). */
bool ua_call_take_dialog(struct ua_call *c, const struct sip_msg *m);
char *ua_call_text(struct bytes b); /* heap copy, NULL: memory */
void ua_call_on_answer_timer(struct worker *w, struct timer *t);
