/* headers: the other structured header fields, each with its parser.
 *
 * Room modules/sip, floor 3. Pure views; any thread. What has only the shape token *(;param) (Event,
 * Subscription-State, P-Charging-Vector, Reason ...) is a sip_worded. */
#pragma once
#include "modules/sip/names.h"
#include "modules/sip/params.h"

#define SIP_CSEQ_MAX 0x7fffffffu /* RFC 3261 8.1.1.5: less than 2^31 */

/* CSeq: 1*DIGIT LWS method (RFC 3261 20.16). */
struct sip_cseq {
    uint32_t number;
    enum sip_method method;
    struct bytes method_name;
};
bool sip_cseq_parse(struct bytes value, struct sip_cseq *out);

/* RAck: response number, CSeq number, method (RFC 3262 7.2). */
struct sip_rack {
    uint32_t rseq;
    struct sip_cseq cseq;
};
bool sip_rack_parse(struct bytes value, struct sip_rack *out);

/* A number alone: Content-Length, RSeq, Min-Expires, Flow-Timer. White space round it is fine. */
bool sip_number_parse(struct bytes value, uint32_t *out);
/* Max-Forwards: 0 to 255 (RFC 3261 20.22). */
bool sip_max_forwards_parse(struct bytes value, uint8_t *out);
/* Expires: delta-seconds; more than 2^32-1 counts as that, malformed text as 3600 (RFC 3261 20.19, 10.2.1.1).
 */
uint32_t sip_expires_value(struct bytes value);

/* A number with parameters: Session-Expires, Min-SE (RFC 4028), Retry-After with its comment (RFC
 * 3261 20.33). */
struct sip_delta {
    uint32_t seconds;
    struct bytes comment; /* inside the parentheses, or empty */
    struct bytes params;
};
bool sip_delta_parse(struct bytes value, struct sip_delta *out);

/* word *(;param): a token or a quoted string first. */
struct sip_worded {
    struct bytes word;
    struct bytes params;
};
bool sip_worded_parse(struct bytes value, struct sip_worded *out);

/* Content-Type, Accept: type/subtype *(;param). */
struct sip_media_type {
    struct bytes type, subtype;
    struct bytes params;
};
bool sip_media_type_parse(struct bytes value, struct sip_media_type *out);
bool sip_media_type_is(const struct sip_media_type *t, const char *type, const char *subtype);

/* Call-ID: word [@word] (RFC 3261 20.8), compared as bytes. */
bool sip_call_id_ok(struct bytes value);

/* Security-Client, -Server, -Verify: one mechanism (RFC 3329 2.2). */
struct sip_mechanism {
    struct bytes name; /* "tls", "ipsec-3gpp" */
    uint16_t q;        /* thousandths; SIP_Q_MAX of nameaddr.h when absent */
    struct bytes params;
};
bool sip_mechanism_parse(struct bytes value, struct sip_mechanism *out);
/* "0", "0.5", "1.000" as thousandths (RFC 3261 25.1 qvalue). */
bool sip_qvalue_parse(struct bytes value, uint16_t *out);
