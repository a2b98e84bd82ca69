#include "modules/sip/names.h"

static const char *const method_names[SIP_METHOD_COUNT] = {
    [SIP_OTHER_METHOD] = "",   [SIP_INVITE] = "INVITE",   [SIP_ACK] = "ACK",
    [SIP_BYE] = "BYE",         [SIP_CANCEL] = "CANCEL",   [SIP_REGISTER] = "REGISTER",
    [SIP_OPTIONS] = "OPTIONS", [SIP_MESSAGE] = "MESSAGE", [SIP_SUBSCRIBE] = "SUBSCRIBE",
    [SIP_NOTIFY] = "NOTIFY",   [SIP_PUBLISH] = "PUBLISH", [SIP_INFO] = "INFO",
    [SIP_UPDATE] = "UPDATE",   [SIP_PRACK] = "PRACK",     [SIP_REFER] = "REFER",
};

enum sip_method sip_method_of(struct bytes name)
{
    for (int m = SIP_INVITE; m < SIP_METHOD_COUNT; m++)
        if (bytes_eq(name, bytes_str(method_names[m])))
            return (enum sip_method)m;
    return SIP_OTHER_METHOD;
}

const char *sip_method_name(enum sip_method m)
{
    return m > SIP_OTHER_METHOD && m < SIP_METHOD_COUNT ? method_names[m] : "";
}

#define NAME(text)                                                                                           \
    {                                                                                                        \
        (text), sizeof(text) - 1, 0, false                                                                   \
    }
#define SHORT(text, compact)                                                                                 \
    {                                                                                                        \
        (text), sizeof(text) - 1, (compact), false                                                           \
    }
#define ONE(text)                                                                                            \
    {                                                                                                        \
        (text), sizeof(text) - 1, 0, true                                                                    \
    }
#define ONE_SHORT(text, compact)                                                                             \
    {                                                                                                        \
        (text), sizeof(text) - 1, (compact), true                                                            \
    }

static const struct {
    const char *name;
    uint8_t len;
    char compact;
    bool single;
} headers[SIP_H_COUNT] = {
    [SIP_H_OTHER] = NAME(""),
    [SIP_H_ACCEPT] = NAME("Accept"),
    [SIP_H_ACCEPT_CONTACT] = SHORT("Accept-Contact", 'a'),
    [SIP_H_ALLOW] = NAME("Allow"),
    [SIP_H_ALLOW_EVENTS] = SHORT("Allow-Events", 'u'),
    [SIP_H_ATTESTATION_INFO] = NAME("Attestation-Info"),
    [SIP_H_AUTHENTICATION_INFO] = NAME("Authentication-Info"),
    [SIP_H_AUTHORIZATION] = NAME("Authorization"),
    [SIP_H_CALL_ID] = ONE_SHORT("Call-ID", 'i'),
    [SIP_H_CELLULAR_NETWORK_INFO] = NAME("Cellular-Network-Info"),
    [SIP_H_CONTACT] = SHORT("Contact", 'm'),
    [SIP_H_CONTENT_ENCODING] = SHORT("Content-Encoding", 'e'),
    [SIP_H_CONTENT_LENGTH] = ONE_SHORT("Content-Length", 'l'),
    [SIP_H_CONTENT_TYPE] = ONE_SHORT("Content-Type", 'c'),
    [SIP_H_CSEQ] = ONE("CSeq"),
    [SIP_H_DATE] = NAME("Date"),
    [SIP_H_EVENT] = SHORT("Event", 'o'),
    [SIP_H_EXPIRES] = ONE("Expires"),
    [SIP_H_FEATURE_CAPS] = NAME("Feature-Caps"),
    [SIP_H_FLOW_TIMER] = NAME("Flow-Timer"),
    [SIP_H_FROM] = ONE_SHORT("From", 'f'),
    [SIP_H_HISTORY_INFO] = NAME("History-Info"),
    [SIP_H_IDENTITY] = SHORT("Identity", 'y'),
    [SIP_H_MAX_BREADTH] = NAME("Max-Breadth"),
    [SIP_H_MAX_FORWARDS] = ONE("Max-Forwards"),
    [SIP_H_MIN_EXPIRES] = NAME("Min-Expires"),
    [SIP_H_MIN_SE] = NAME("Min-SE"),
    [SIP_H_ORIGINATION_ID] = NAME("Origination-Id"),
    [SIP_H_PATH] = NAME("Path"),
    [SIP_H_PRIORITY] = NAME("Priority"),
    [SIP_H_PRIORITY_VERSTAT] = NAME("Priority-Verstat"),
    [SIP_H_PRIVACY] = NAME("Privacy"),
    [SIP_H_PROXY_AUTHENTICATE] = NAME("Proxy-Authenticate"),
    [SIP_H_PROXY_AUTHORIZATION] = NAME("Proxy-Authorization"),
    [SIP_H_PROXY_REQUIRE] = NAME("Proxy-Require"),
    [SIP_H_P_ACCESS_NETWORK_INFO] = NAME("P-Access-Network-Info"),
    [SIP_H_P_ASSERTED_IDENTITY] = NAME("P-Asserted-Identity"),
    [SIP_H_P_ASSERTED_SERVICE] = NAME("P-Asserted-Service"),
    [SIP_H_P_ASSOCIATED_URI] = NAME("P-Associated-URI"),
    [SIP_H_P_CALLED_PARTY_ID] = NAME("P-Called-Party-ID"),
    [SIP_H_P_CHARGING_FUNCTION_ADDRESSES] = NAME("P-Charging-Function-Addresses"),
    [SIP_H_P_CHARGING_VECTOR] = NAME("P-Charging-Vector"),
    [SIP_H_P_DCS_BILLING_INFO] = NAME("P-DCS-Billing-Info"),
    [SIP_H_P_DCS_LAES] = NAME("P-DCS-LAES"),
    [SIP_H_P_DCS_OSPS] = NAME("P-DCS-OSPS"),
    [SIP_H_P_DCS_REDIRECT] = NAME("P-DCS-Redirect"),
    [SIP_H_P_DCS_TRACE_PARTY_ID] = NAME("P-DCS-Trace-Party-ID"),
    [SIP_H_P_EARLY_MEDIA] = NAME("P-Early-Media"),
    [SIP_H_P_MEDIA_AUTHORIZATION] = NAME("P-Media-Authorization"),
    [SIP_H_P_PREFERRED_IDENTITY] = NAME("P-Preferred-Identity"),
    [SIP_H_P_PREFERRED_SERVICE] = NAME("P-Preferred-Service"),
    [SIP_H_P_PRIVATE_NETWORK_INDICATION] = NAME("P-Private-Network-Indication"),
    [SIP_H_P_PROFILE_KEY] = NAME("P-Profile-Key"),
    [SIP_H_P_SERVED_USER] = NAME("P-Served-User"),
    [SIP_H_P_USER_DATABASE] = NAME("P-User-Database"),
    [SIP_H_P_VISITED_NETWORK_ID] = NAME("P-Visited-Network-ID"),
    [SIP_H_RACK] = NAME("RAck"),
    [SIP_H_REASON] = NAME("Reason"),
    [SIP_H_RECORD_ROUTE] = NAME("Record-Route"),
    [SIP_H_REFER_TO] = SHORT("Refer-To", 'r'),
    [SIP_H_REFERRED_BY] = SHORT("Referred-By", 'b'),
    [SIP_H_RELAYED_CHARGE] = NAME("Relayed-Charge"),
    [SIP_H_REPLACES] = NAME("Replaces"),
    [SIP_H_REQUIRE] = NAME("Require"),
    [SIP_H_RESOURCE_PRIORITY] = NAME("Resource-Priority"),
    [SIP_H_RESPONSE_SOURCE] = NAME("Response-Source"),
    [SIP_H_RESTORATION_INFO] = NAME("Restoration-Info"),
    [SIP_H_RETRY_AFTER] = NAME("Retry-After"),
    [SIP_H_ROUTE] = NAME("Route"),
    [SIP_H_RSEQ] = NAME("RSeq"),
    [SIP_H_SECURITY_CLIENT] = NAME("Security-Client"),
    [SIP_H_SECURITY_SERVER] = NAME("Security-Server"),
    [SIP_H_SECURITY_VERIFY] = NAME("Security-Verify"),
    [SIP_H_SERVER] = NAME("Server"),
    [SIP_H_SERVICE_INTERACT_INFO] = NAME("Service-Interact-Info"),
    [SIP_H_SERVICE_ROUTE] = NAME("Service-Route"),
    [SIP_H_SESSION_EXPIRES] = SHORT("Session-Expires", 'x'),
    [SIP_H_SIP_ETAG] = NAME("SIP-ETag"),
    [SIP_H_SIP_IF_MATCH] = NAME("SIP-If-Match"),
    [SIP_H_SUBJECT] = SHORT("Subject", 's'),
    [SIP_H_SUBSCRIPTION_STATE] = NAME("Subscription-State"),
    [SIP_H_SUPPORTED] = SHORT("Supported", 'k'),
    [SIP_H_TIMESTAMP] = NAME("Timestamp"),
    [SIP_H_TO] = ONE_SHORT("To", 't'),
    [SIP_H_UNSUPPORTED] = NAME("Unsupported"),
    [SIP_H_USER_AGENT] = NAME("User-Agent"),
    [SIP_H_VIA] = SHORT("Via", 'v'),
    [SIP_H_WARNING] = NAME("Warning"),
    [SIP_H_WWW_AUTHENTICATE] = NAME("WWW-Authenticate"),
};

static enum sip_header_id compact_of(uint8_t letter)
{
    for (int id = 1; id < SIP_H_COUNT; id++)
        if (headers[id].compact == (letter | 0x20))
            return (enum sip_header_id)id;
    return SIP_H_OTHER;
}

/* The table is in the order of the alphabet: only the names with that first letter are compared. */
static const struct letter {
    uint8_t from, to;
} letters[26] = {
    ['a' - 'a'] = {SIP_H_ACCEPT, SIP_H_AUTHORIZATION},
    ['c' - 'a'] = {SIP_H_CALL_ID, SIP_H_CSEQ},
    ['d' - 'a'] = {SIP_H_DATE, SIP_H_DATE},
    ['e' - 'a'] = {SIP_H_EVENT, SIP_H_EXPIRES},
    ['f' - 'a'] = {SIP_H_FEATURE_CAPS, SIP_H_FROM},
    ['h' - 'a'] = {SIP_H_HISTORY_INFO, SIP_H_HISTORY_INFO},
    ['i' - 'a'] = {SIP_H_IDENTITY, SIP_H_IDENTITY},
    ['m' - 'a'] = {SIP_H_MAX_BREADTH, SIP_H_MIN_SE},
    ['o' - 'a'] = {SIP_H_ORIGINATION_ID, SIP_H_ORIGINATION_ID},
    ['p' - 'a'] = {SIP_H_PATH, SIP_H_P_VISITED_NETWORK_ID},
    ['r' - 'a'] = {SIP_H_RACK, SIP_H_RSEQ},
    ['s' - 'a'] = {SIP_H_SECURITY_CLIENT, SIP_H_SUPPORTED},
    ['t' - 'a'] = {SIP_H_TIMESTAMP, SIP_H_TO},
    ['u' - 'a'] = {SIP_H_UNSUPPORTED, SIP_H_USER_AGENT},
    ['v' - 'a'] = {SIP_H_VIA, SIP_H_VIA},
    ['w' - 'a'] = {SIP_H_WARNING, SIP_H_WWW_AUTHENTICATE},
};

enum sip_header_id sip_header_of(struct bytes name)
{
    uint8_t letter = name.n > 0 ? name.p[0] | 0x20 : 0;
    if (letter < 'a' || letter > 'z')
        return SIP_H_OTHER;
    if (name.n == 1)
        return compact_of(letter);
    const struct letter *l = &letters[letter - 'a'];
    for (uint8_t id = l->from; id > 0 && id <= l->to; id++)
        if (headers[id].len == name.n && bytes_ieq(name, bytes_of(headers[id].name, name.n)))
            return (enum sip_header_id)id;
    return SIP_H_OTHER;
}

const char *sip_header_name(enum sip_header_id id)
{
    return id < SIP_H_COUNT ? headers[id].name : "";
}

struct bytes sip_header_name_bytes(enum sip_header_id id)
{
    return id < SIP_H_COUNT ? bytes_of(headers[id].name, headers[id].len) : BYTES_NONE;
}

bool sip_header_is_single(enum sip_header_id id)
{
    return id < SIP_H_COUNT && headers[id].single;
}

/* RFC 3261 21 and the IANA registry of SIP response codes. */
static const struct {
    uint16_t status;
    const char *reason;
} reasons[] = {
    {100, "Trying"},
    {180, "Ringing"},
    {181, "Call Is Being Forwarded"},
    {182, "Queued"},
    {183, "Session Progress"},
    {199, "Early Dialog Terminated"},
    {200, "OK"},
    {202, "Accepted"},
    {204, "No Notification"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Moved Temporarily"},
    {305, "Use Proxy"},
    {380, "Alternative Service"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {410, "Gone"},
    {412, "Conditional Request Failed"},
    {413, "Request Entity Too Large"},
    {414, "Request-URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Unsupported URI Scheme"},
    {417, "Unknown Resource-Priority"},
    {420, "Bad Extension"},
    {421, "Extension Required"},
    {422, "Session Interval Too Small"},
    {423, "Interval Too Brief"},
    {424, "Bad Location Information"},
    {428, "Use Identity Header"},
    {429, "Provide Referrer Identity"},
    {430, "Flow Failed"},
    {433, "Anonymity Disallowed"},
    {436, "Bad Identity Info"},
    {437, "Unsupported Credential"},
    {438, "Invalid Identity Header"},
    {439, "First Hop Lacks Outbound Support"},
    {440, "Max-Breadth Exceeded"},
    {469, "Bad Info Package"},
    {470, "Consent Needed"},
    {480, "Temporarily Unavailable"},
    {481, "Call/Transaction Does Not Exist"},
    {482, "Loop Detected"},
    {483, "Too Many Hops"},
    {484, "Address Incomplete"},
    {485, "Ambiguous"},
    {486, "Busy Here"},
    {487, "Request Terminated"},
    {488, "Not Acceptable Here"},
    {489, "Bad Event"},
    {491, "Request Pending"},
    {493, "Undecipherable"},
    {494, "Security Agreement Required"},
    {500, "Server Internal Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Server Time-out"},
    {505, "Version Not Supported"},
    {513, "Message Too Large"},
    {580, "Precondition Failure"},
    {600, "Busy Everywhere"},
    {603, "Decline"},
    {604, "Does Not Exist Anywhere"},
    {606, "Not Acceptable"},
};

const char *sip_reason(unsigned status)
{
    static const char *const classes[] = {"Progress",        "Success",        "Redirection",
                                          "Request Failure", "Server Failure", "Global Failure"};
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return status >= 100 && status < 700 ? classes[status / 100 - 1] : "Unknown";
}
