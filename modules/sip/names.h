/* names: the words of SIP as numbers: methods, header field names (long and compact), status codes.
 *
 * Room modules/sip, floor 3. Const tables and pure look-ups; any thread. RFC 3261 7.3.3, 20, 21, and the
 * header fields of the extensions a P-CSCF meets. A name that is not here is SIP_H_OTHER and is passed on
 * untouched. */
#pragma once
#include "appliance/base/bytes.h"

enum sip_method {
    SIP_OTHER_METHOD, /* a token that we do not know: proxied like any non-INVITE */
    SIP_INVITE,
    SIP_ACK,
    SIP_BYE,
    SIP_CANCEL,
    SIP_REGISTER,
    SIP_OPTIONS,
    SIP_MESSAGE,
    SIP_SUBSCRIBE,
    SIP_NOTIFY,
    SIP_PUBLISH,
    SIP_INFO,
    SIP_UPDATE,
    SIP_PRACK,
    SIP_REFER,
    SIP_METHOD_COUNT
};

/* Methods are case-sensitive (RFC 3261 7.1) and never unescaped (RFC 4475 3.1.1.5). */
enum sip_method sip_method_of(struct bytes name);
const char *sip_method_name(enum sip_method m); /* "INVITE"; "" for SIP_OTHER_METHOD */

enum sip_header_id {
    SIP_H_OTHER,
    SIP_H_ACCEPT,
    SIP_H_ACCEPT_CONTACT, /* a */
    SIP_H_ALLOW,
    SIP_H_ALLOW_EVENTS, /* u */
    SIP_H_ATTESTATION_INFO,
    SIP_H_AUTHENTICATION_INFO,
    SIP_H_AUTHORIZATION,
    SIP_H_CALL_ID, /* i */
    SIP_H_CELLULAR_NETWORK_INFO,
    SIP_H_CONTACT,          /* m */
    SIP_H_CONTENT_ENCODING, /* e */
    SIP_H_CONTENT_LENGTH,   /* l */
    SIP_H_CONTENT_TYPE,     /* c */
    SIP_H_CSEQ,
    SIP_H_DATE,
    SIP_H_EVENT, /* o */
    SIP_H_EXPIRES,
    SIP_H_FEATURE_CAPS,
    SIP_H_FLOW_TIMER,
    SIP_H_FROM, /* f */
    SIP_H_HISTORY_INFO,
    SIP_H_IDENTITY, /* y */
    SIP_H_MAX_BREADTH,
    SIP_H_MAX_FORWARDS,
    SIP_H_MIN_EXPIRES,
    SIP_H_MIN_SE,
    SIP_H_ORIGINATION_ID,
    SIP_H_PATH,
    SIP_H_PRIORITY,
    SIP_H_PRIORITY_VERSTAT,
    SIP_H_PRIVACY,
    SIP_H_PROXY_AUTHENTICATE,
    SIP_H_PROXY_AUTHORIZATION,
    SIP_H_PROXY_REQUIRE,
    SIP_H_P_ACCESS_NETWORK_INFO,
    SIP_H_P_ASSERTED_IDENTITY,
    SIP_H_P_ASSERTED_SERVICE,
    SIP_H_P_ASSOCIATED_URI,
    SIP_H_P_CALLED_PARTY_ID,
    SIP_H_P_CHARGING_FUNCTION_ADDRESSES,
    SIP_H_P_CHARGING_VECTOR,
    SIP_H_P_DCS_BILLING_INFO,
    SIP_H_P_DCS_LAES,
    SIP_H_P_DCS_OSPS,
    SIP_H_P_DCS_REDIRECT,
    SIP_H_P_DCS_TRACE_PARTY_ID,
    SIP_H_P_EARLY_MEDIA,
    SIP_H_P_MEDIA_AUTHORIZATION,
    SIP_H_P_PREFERRED_IDENTITY,
    SIP_H_P_PREFERRED_SERVICE,
    SIP_H_P_PRIVATE_NETWORK_INDICATION,
    SIP_H_P_PROFILE_KEY,
    SIP_H_P_SERVED_USER,
    SIP_H_P_USER_DATABASE,
    SIP_H_P_VISITED_NETWORK_ID,
    SIP_H_RACK,
    SIP_H_REASON,
    SIP_H_RECORD_ROUTE,
    SIP_H_REFER_TO,    /* r */
    SIP_H_REFERRED_BY, /* b */
    SIP_H_RELAYED_CHARGE,
    SIP_H_REPLACES,
    SIP_H_REQUIRE,
    SIP_H_RESOURCE_PRIORITY,
    SIP_H_RESPONSE_SOURCE,
    SIP_H_RESTORATION_INFO,
    SIP_H_RETRY_AFTER,
    SIP_H_ROUTE,
    SIP_H_RSEQ,
    SIP_H_SECURITY_CLIENT,
    SIP_H_SECURITY_SERVER,
    SIP_H_SECURITY_VERIFY,
    SIP_H_SERVER,
    SIP_H_SERVICE_INTERACT_INFO,
    SIP_H_SERVICE_ROUTE,
    SIP_H_SESSION_EXPIRES, /* x */
    SIP_H_SIP_ETAG,
    SIP_H_SIP_IF_MATCH,
    SIP_H_SUBJECT, /* s */
    SIP_H_SUBSCRIPTION_STATE,
    SIP_H_SUPPORTED, /* k */
    SIP_H_TIMESTAMP,
    SIP_H_TO, /* t */
    SIP_H_UNSUPPORTED,
    SIP_H_USER_AGENT,
    SIP_H_VIA, /* v */
    SIP_H_WARNING,
    SIP_H_WWW_AUTHENTICATE,
    SIP_H_COUNT
};

/* Case-insensitive; the compact form gives the same id (RFC 3261 7.3.3). */
enum sip_header_id sip_header_of(struct bytes name);
const char *sip_header_name(enum sip_header_id id); /* the long form; "" for SIP_H_OTHER */
struct bytes sip_header_name_bytes(enum sip_header_id id);
/* May stand at most once, and we act on it: a second one makes the message ambiguous (RFC 4475 3.3.8). */
bool sip_header_is_single(enum sip_header_id id);

/* The default reason phrase of a status code: "Ringing". An unknown code has the phrase of its class. */
const char *sip_reason(unsigned status);
