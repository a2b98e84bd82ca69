/* sip_ua: a SIP user agent over one TLS connection to its P-CSCF: registration, keep-alive, and the messages.
 *
 * Room modules/ue, floor 3; the UE's thread. RFC 3261 (UA), RFC 5626 (one flow: reg-id 1, +sip.instance, CRLF
 * keep-alive, Flow-Timer), RFC 3608 (Service-Route), RFC 3327 (Path is the edge's; we only say that we
 * understand it). Requests are ua_request, calls are ua_call; both belong to the UA. Handlers may start and
 * end anything, but not sip_ua_fini(). */
#pragma once
#include "modules/sip/frame.h"
#include "modules/sip/msg.h"
#include "modules/ue/tls_link.h"
#include "modules/ue/ua_auth.h"

#define UA_T1_MS      500
#define UA_T2_MS      4000
#define UA_TIMEOUT_MS (64 * UA_T1_MS) /* timers B, F and H */
#define UA_TAG        16
#define UA_REASON_MAX 96
#define UA_ROUTE_MAX  2048
#define UA_PING_S     120 /* without Flow-Timer (RFC 5626 4.4.1) */
#define UA_PONG_MS    10000

struct sip_account {
    const char *user, *domain, *password;
};

struct sip_ua;
struct ua_call;
struct sip_ua_handler {
    void (*opened)(struct sip_ua *ua);
    void (*closed)(struct sip_ua *ua);     /* ua->link.fault and why; requests and calls have ended by then */
    void (*registered)(struct sip_ua *ua); /* ua->reg says how it went */
    /* A call comes in: ring, answer or refuse it, now or later. NULL: refused with 480. */
    void (*incoming)(struct sip_ua *ua, struct ua_call *c);
    void (*changed)(struct sip_ua *ua, struct ua_call *c);
    /* A MESSAGE; it has been answered with 200. NULL: refused with 405. */
    void (*message)(struct sip_ua *ua, const struct sip_msg *m);
};

struct ua_registration {
    char call_id[40], tag[UA_TAG + 1];
    uint32_t cseq;
    uint32_t wanted;  /* seconds asked for; 0: to be removed */
    uint32_t expires; /* granted; 0: not registered */
    unsigned status;  /* of the last attempt; 0 while it is under way */
    char reason[UA_REASON_MAX];
    bool outbound; /* the registrar used reg-id (Require: outbound) */
    char service_route[UA_ROUTE_MAX];
    uint32_t flow_timer;
    struct timer again;
};

struct sip_ua {
    struct ue_loop *loop;
    struct tls_link link;
    const struct sip_account *account;
    const struct sip_ua_handler *on;
    void *owner;

    char aor[SIP_AOR_MAX + 8]; /* "sip:alice@ims.test" */
    char instance[48];         /* "urn:uuid:..." */
    char sent_by[ADDR_TEXT];   /* our end of the connection */
    char contact[SIP_AOR_MAX + ADDR_TEXT + 32];

    struct sip_framer framer;
    struct ua_auth auth;
    struct ua_registration reg;
    struct list requests, calls;
    struct timer ping, pong;
};

int sip_ua_open(struct sip_ua *ua, struct ue_loop *loop, const struct tls_target *target,
                const struct sip_account *account, const struct sip_ua_handler *on); /* keeps ua->owner */
void sip_ua_close(struct sip_ua *ua);
void sip_ua_fini(struct sip_ua *ua); /* not from a handler; fine on one that is zeroed */

/* REGISTER for that long, again in time; 0 removes the binding. After `opened`. 0 or -errno. */
int sip_ua_register(struct sip_ua *ua, uint32_t seconds);

/* --- for ua_request and ua_call --- */

void sip_ua_set_address(struct sip_ua *ua, const struct addr *local);
/* One whole message has come: what the connection calls, and tests. */
void sip_ua_receive(struct sip_ua *ua, struct bytes message);
/* Answers a request; to_tag NULL for 100. */
struct ua_answer {
    unsigned status;
    const char *to_tag;
    bool dialog; /* Record-Route and Contact go in */
    const char *headers;
    struct bytes sdp;
};
int sip_ua_answer(struct sip_ua *ua, const struct sip_msg *rq, const struct ua_answer *a);
