/* ua_request: a request under way: RFC 3261's client transaction over a reliable transport, with the answer
 * to a challenge.
 *
 * Room modules/ue, floor 3; owned by its sip_ua. RFC 3261 17.1 (no retransmission over TLS; timers B and F
 * stay), 17.1.1.3 (ACK of a refusal), 9.1 (CANCEL waits for a provisional response), 22 (401 and 407 are
 * answered once a nonce). */
#pragma once
#include "modules/ue/sip_ua.h"

struct ua_request;
/* Each response but 100 and challenges that were answered. m is NULL when there is none: 408 for a timeout,
 * 503 for a broken connection. After a status of 200 and above the request is gone. */
typedef void ua_answered(struct ua_request *rq, const struct sip_msg *m, unsigned status);

struct ua_ask {
    enum sip_method method;
    const char *ruri, *from, *to, *call_id;
    const char *route;   /* value of Route, or "" */
    const char *headers; /* further lines, each with CRLF */
    uint32_t *cseq;      /* counts one up for each try; belongs to the owner */
    const char *content_type;
    struct bytes body;
    ua_answered *answered;
    void *owner;
};

struct ua_request {
    struct list link; /* of sip_ua.requests */
    struct sip_ua *ua;
    struct timer timer;
    enum sip_method method;
    ua_answered *answered;
    void *owner;
    uint32_t *cseq, number;
    char branch[40];
    unsigned tries;
    bool authorized; /* carried credentials */
    bool authorize;
    bool provisional, cancel_wanted, cancelled;
    char *ruri;
    struct buf rest; /* the lines that stay the same in each try, and the body */
    size_t body_len;
    struct buf sent; /* the last try */
};

struct ua_request *ua_request_start(struct sip_ua *ua, const struct ua_ask *ask); /* NULL: memory or link */
void ua_request_cancel(struct ua_request *rq);                                    /* an INVITE */
void ua_request_disown(struct sip_ua *ua, const void *owner); /* its requests go, nobody is told; NULL: all */
bool ua_request_response(struct sip_ua *ua, const struct sip_msg *m); /* false: nobody's */
void ua_request_fail_all(struct sip_ua *ua, unsigned status);

/* A request outside of any transaction: the ACK of a 2xx (RFC 3261 13.2.2.4). */
bool ua_request_write_ack(struct sip_ua *ua, const struct ua_ask *ask, uint32_t number, struct buf *out);
