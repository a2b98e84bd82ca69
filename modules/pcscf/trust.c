#include "modules/pcscf/trust.h"

enum { IN = 1, OUT = 2 }; /* cut when it comes from a phone, cut when it goes to one */

static const struct {
    uint8_t id; /* enum sip_header_id */
    uint8_t cut;
} rules[] = {
    {SIP_H_P_ASSERTED_IDENTITY, IN}, /* RFC 3325 5: only we assert; outwards Privacy decides, below */
    {SIP_H_P_ASSERTED_SERVICE, IN},  /* RFC 6050 4.2 */
    {SIP_H_P_ASSOCIATED_URI, IN},    /* the registrar's word alone */
    {SIP_H_P_CALLED_PARTY_ID, IN},   /* RFC 7315 4.2: set by the home network */
    {SIP_H_P_CHARGING_FUNCTION_ADDRESSES, IN | OUT}, /* RFC 7315 4.5: never outside the trust domain */
    {SIP_H_P_CHARGING_VECTOR, IN | OUT},             /* RFC 7315 4.6 */
    {SIP_H_P_PRIVATE_NETWORK_INDICATION, IN},        /* RFC 7316 */
    {SIP_H_P_PROFILE_KEY, IN | OUT},                 /* RFC 5002 */
    {SIP_H_P_SERVED_USER, IN | OUT},                 /* RFC 5502 */
    {SIP_H_P_VISITED_NETWORK_ID, IN | OUT},          /* RFC 7315 4.3: ours to say */
    {SIP_H_P_PREFERRED_IDENTITY, IN},                /* RFC 3325 9.2: consumed by the first proxy */
    {SIP_H_P_ACCESS_NETWORK_INFO, OUT},              /* RFC 7315 4.4: about the other party's access */
    {SIP_H_SECURITY_CLIENT, IN},                     /* RFC 3329: between phone and edge; never to the core */
    {SIP_H_SECURITY_VERIFY, IN},
    {SIP_H_PATH, IN | OUT}, /* RFC 3327: between edge and registrar */
};

/* One line holds it all (RFC 3323 4.2), but whoever writes two of them means both. */
static bool wants_privacy(const struct sip_msg *m)
{
    for (const struct sip_header *h = sip_msg_first(m, SIP_H_PRIVACY); h; h = sip_msg_next(m, h)) {
        struct bytes rest = h->value, item;
        while (bytes_split(&rest, ';', &item)) {
            if (bytes_ieq(bytes_trim(item), BYTES("id")))
                return true;
        }
    }
    return false;
}

/* TS 24.229 5.2.6.3: a phone may say where it is, but not with the network's authority. */
static void cut_network_provided(const struct sip_msg *m, struct sip_edit *e)
{
    for (const struct sip_header *h = sip_msg_first(m, SIP_H_P_ACCESS_NETWORK_INFO); h;
         h = sip_msg_next(m, h)) {
        struct bytes low = h->value;
        for (; low.n; low = bytes_skip(low, 1)) {
            if (!bytes_istarts(low, BYTES("network-provided")))
                continue;
            sip_edit_remove_header(e, h);
            break;
        }
    }
}

void trust_apply(const struct sip_msg *m, enum trust_border border, struct sip_edit *e)
{
    uint8_t bit = border == TRUST_FROM_PHONE ? IN : OUT;
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (rules[i].cut & bit && sip_msg_has(m, rules[i].id))
            sip_edit_remove(e, rules[i].id);
    }
    if (border == TRUST_FROM_PHONE)
        cut_network_provided(m, e);
    else if (wants_privacy(m)) /* RFC 3325 7 */
        sip_edit_remove(e, SIP_H_P_ASSERTED_IDENTITY);
}
