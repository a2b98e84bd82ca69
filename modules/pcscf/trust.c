#include "modules/pcscf/trust.h"

enum {
    PASS = TRUST_PASS,
    CUT = TRUST_CUT,
    ASK = TRUST_CUT_UNLESS_TRUSTED,
    PRIVATE = TRUST_CUT_IF_PRIVATE,
    HISTORY = TRUST_HIDE_HISTORY,
    NETWORKS = TRUST_CUT_IF_NETWORKS,
    CALLBACK = TRUST_CUT_IF_CALLBACK,
    SUPPORTED = TRUST_KEEP_SUPPORTED,
};

/* name, {request, response} from a phone, {request, response} to a phone */
#define RULE(name, from_rq, from_rs, to_rq, to_rs)                                                           \
    {                                                                                                        \
        SIP_H_##name, {from_rq, to_rq},                                                                      \
        {                                                                                                    \
            from_rs, to_rs                                                                                   \
        }                                                                                                    \
    }

/* clang-format off */
const struct trust_rule trust_rules[] = {
    /* who it is */
    RULE(P_ASSERTED_IDENTITY, CUT, CUT, PRIVATE, PRIVATE), /* RFC 3325 5, 7; TS 24.229 4.4: only we assert */
    RULE(P_PREFERRED_IDENTITY, CUT, CUT, CUT, CUT),        /* RFC 3325 6; TS 24.229 5.2.6.3, 5.2.6.4: we consume it */
    RULE(P_ASSOCIATED_URI, CUT, CUT, PASS, PASS),          /* RFC 7315 4.1: the registrar's word alone */
    RULE(P_CALLED_PARTY_ID, CUT, CUT, PASS, CUT),          /* RFC 7315 4.2: of the home network, to the called phone */
    RULE(P_SERVED_USER, CUT, CUT, CUT, CUT),               /* RFC 5502 7; TS 24.229 4.4 */
    RULE(P_PROFILE_KEY, CUT, CUT, CUT, CUT),               /* RFC 5002 5; TS 24.229 4.4 */
    RULE(P_USER_DATABASE, CUT, CUT, CUT, CUT),             /* RFC 4457 4: between the home network's elements */
    RULE(HISTORY_INFO, PASS, PASS, HISTORY, HISTORY),      /* RFC 7044 10.1.2; TS 24.229 4.4 */
    RULE(ATTESTATION_INFO, CUT, CUT, CUT, CUT),            /* TS 24.229 4.4, 7.2.18 */
    RULE(ORIGINATION_ID, CUT, CUT, CUT, CUT),              /* TS 24.229 4.4 */
    RULE(PRIORITY_VERSTAT, CUT, CUT, PASS, PASS),          /* TS 24.229 4.4: the network has verified */
    /* what for, and with what right */
    RULE(P_ASSERTED_SERVICE, CUT, CUT, CUT, CUT),          /* RFC 6050 5.1.2; TS 24.229 4.4 */
    RULE(P_PREFERRED_SERVICE, PASS, CUT, CUT, CUT),        /* RFC 6050 5.1.2: on to where the service is found; 5.2 */
    RULE(P_PRIVATE_NETWORK_INDICATION, ASK, ASK, CUT, CUT), /* RFC 7316 4; TS 24.229 4.4 */
    RULE(RESOURCE_PRIORITY, ASK, ASK, PASS, PASS),         /* RFC 4412 4; TS 24.229 4.4, 5.2.1 */
    RULE(PRIORITY, CALLBACK, PASS, PASS, PASS),            /* RFC 7090 5; TS 24.229 4.4 */
    RULE(P_EARLY_MEDIA, SUPPORTED, ASK, PASS, PASS),       /* RFC 5009 8.3, 10; TS 24.229 4.4, 5.2.7 */
    RULE(P_MEDIA_AUTHORIZATION, CUT, CUT, PASS, PASS),     /* RFC 3313 5.2.3 */
    RULE(FEATURE_CAPS, CUT, CUT, PASS, PASS),              /* RFC 6809 5; TS 24.229 4.4 */
    RULE(REASON, PASS, ASK, PASS, PASS),                   /* RFC 6432; TS 24.229 4.4: in a response */
    RULE(RESPONSE_SOURCE, CUT, PASS, CUT, CUT),            /* TS 24.229 4.4, 5.1.0 */
    RULE(SERVICE_INTERACT_INFO, CUT, CUT, CUT, CUT),       /* TS 24.229 4.4 */
    RULE(RESTORATION_INFO, CUT, CUT, CUT, CUT),            /* TS 24.229 4.4 */
    /* from where */
    RULE(P_ACCESS_NETWORK_INFO, NETWORKS, NETWORKS, CUT, CUT), /* RFC 7315 4.4; TS 24.229 4.4, 5.2.6.3 */
    RULE(CELLULAR_NETWORK_INFO, NETWORKS, NETWORKS, CUT, CUT), /* TS 24.229 4.4, 7.2.15 */
    RULE(P_VISITED_NETWORK_ID, CUT, CUT, CUT, CUT),        /* RFC 7315 4.3: ours to say */
    /* who pays */
    RULE(P_CHARGING_FUNCTION_ADDRESSES, CUT, CUT, CUT, CUT), /* RFC 7315 4.5; TS 24.229 5.2.6 */
    RULE(P_CHARGING_VECTOR, CUT, CUT, CUT, CUT),           /* RFC 7315 4.6; TS 24.229 5.2.6 */
    RULE(RELAYED_CHARGE, CUT, CUT, CUT, CUT),              /* TS 24.229 4.4 */
    RULE(P_DCS_BILLING_INFO, CUT, CUT, CUT, CUT),          /* RFC 5503 6, 12: within one trust domain, all five */
    RULE(P_DCS_LAES, CUT, CUT, CUT, CUT),
    RULE(P_DCS_OSPS, CUT, CUT, CUT, CUT),
    RULE(P_DCS_REDIRECT, CUT, CUT, CUT, CUT),
    RULE(P_DCS_TRACE_PARTY_ID, CUT, CUT, CUT, CUT),
    /* between two of the three */
    RULE(SECURITY_CLIENT, CUT, CUT, CUT, CUT),             /* RFC 3329 2.3: phone and edge; TS 24.229 5.2.2 */
    RULE(SECURITY_SERVER, CUT, CUT, CUT, CUT),
    RULE(SECURITY_VERIFY, CUT, CUT, CUT, CUT),
    RULE(SERVICE_ROUTE, CUT, CUT, CUT, PASS),              /* RFC 3608 5: the registrar's, in a 200 */
    RULE(PATH, CUT, CUT, CUT, PASS), /* RFC 3327 5.3: in a 200 it comes back; the phone knows our 380 by it */
};
/* clang-format on */

const size_t trust_rules_n = sizeof(trust_rules) / sizeof(trust_rules[0]);

/* ---- privacy ---- */

#define PRIVACY_ID      1u
#define PRIVACY_HISTORY 2u

static unsigned privacy_word(struct bytes word)
{
    if (bytes_ieq(word, BYTES("id")))
        return PRIVACY_ID;
    if (bytes_ieq(word, BYTES("history")) || bytes_ieq(word, BYTES("header")) ||
        bytes_ieq(word, BYTES("session")))
        return PRIVACY_HISTORY;
    return 0;
}

/* One line holds it all (RFC 3323 4.2), but whoever writes two of them means both. Words are parted by
 * semicolons; a comma is a mistake that must not cost anybody his privacy. */
static unsigned privacy_of(const struct sip_msg *m)
{
    unsigned wants = 0;
    for (const struct sip_header *h = sip_msg_first(m, SIP_H_PRIVACY); h; h = sip_msg_next(m, h)) {
        struct bytes list = h->value, part, word;
        while (bytes_split(&list, ';', &part)) {
            while (bytes_split(&part, ',', &word))
                wants |= privacy_word(bytes_trim(word));
        }
    }
    return wants;
}

/* Anywhere in it: whoever looks for a word that takes a right away errs on the safe side. */
static bool mentions(struct bytes text, struct bytes word)
{
    for (; text.n >= word.n; text = bytes_skip(text, 1)) {
        if (bytes_istarts(text, word))
            return true;
    }
    return false;
}

/* <sip:b@example.net?Privacy=history&Reason=...> */
static bool entry_is_private(const struct sip_uri *uri)
{
    struct bytes rest = uri->headers, name, value;
    while (sip_uri_header_next(&rest, &name, &value) == 1) {
        if (bytes_ieq(name, BYTES("Privacy")) && mentions(value, BYTES("history")))
            return true;
    }
    return false;
}

/* It was done: what asked for it goes as well (RFC 7044 10.1.2, RFC 3323 5). */
static void drop_history_word(const struct sip_header *h, struct sip_edit *e)
{
    struct bytes rest = h->value, word;
    size_t kept = 0;
    while (bytes_split(&rest, ';', &word)) {
        bool last = word.p + word.n == h->value.p + h->value.n;
        if (!bytes_ieq(bytes_trim(word), BYTES("history")))
            kept++;
        else if (!last)
            sip_edit_cut(e, bytes_of(word.p, word.n + 1));
        else if (word.p > h->value.p)
            sip_edit_cut(e, bytes_of(word.p - 1, word.n + 1));
    }
    if (!kept)
        sip_edit_remove_header(e, h);
}

static void hide_entry(const struct sip_nameaddr *na, struct sip_edit *e)
{
    if (na->display.n)
        sip_edit_cut(e, na->display);
    sip_edit_replace(e, na->uri.text, BYTES("sip:anonymous@anonymous.invalid"));
}

/* How often a call was forwarded may be seen, to whom may not. Lines that cannot be read are no loss. */
static void hide_history(const struct sip_msg *m, struct sip_edit *e)
{
    bool all = privacy_of(m) & PRIVACY_HISTORY;
    struct sip_values it = sip_values(m, SIP_H_HISTORY_INFO);
    struct bytes item;
    struct sip_nameaddr na;
    while (sip_values_next(&it, &item)) {
        if (!sip_nameaddr_parse(item, &na))
            it.bad = true;
        else if (all || entry_is_private(&na.uri))
            hide_entry(&na, e);
    }
    if (it.bad)
        sip_edit_remove(e, SIP_H_HISTORY_INFO);
    for (const struct sip_header *h = sip_msg_first(m, SIP_H_PRIVACY); h && all; h = sip_msg_next(m, h))
        drop_history_word(h, e);
}

/* ---- actions ---- */

static void cut_mentions(const struct sip_msg *m, enum sip_header_id id, struct bytes word,
                         struct sip_edit *e)
{
    for (const struct sip_header *h = sip_msg_first(m, id); h; h = sip_msg_next(m, h)) {
        if (mentions(h->value, word))
            sip_edit_remove_header(e, h);
    }
}

/* RFC 5009 8.1: that early media would be understood is the caller's to say; who may send it, the network's.
 */
static void keep_supported(const struct sip_msg *m, struct sip_edit *e)
{
    for (const struct sip_header *h = sip_msg_first(m, SIP_H_P_EARLY_MEDIA); h; h = sip_msg_next(m, h)) {
        if (!bytes_ieq(h->value, BYTES("supported")))
            sip_edit_remove_header(e, h);
    }
}

static bool is_trusted(const struct string_list *trusted, enum sip_header_id id)
{
    for (size_t i = 0; i < trusted->n; i++) {
        if (sip_header_of(bytes_str(trusted->items[i])) == id)
            return true;
    }
    return false;
}

static void act(enum trust_action action, enum sip_header_id id, const struct sip_msg *m, struct sip_edit *e)
{
    switch (action) {
    case TRUST_CUT:
    case TRUST_CUT_UNLESS_TRUSTED:
        sip_edit_remove(e, id);
        break;
    case TRUST_CUT_IF_PRIVATE:
        if (privacy_of(m) & PRIVACY_ID)
            sip_edit_remove(e, id);
        break;
    case TRUST_HIDE_HISTORY:
        hide_history(m, e);
        break;
    case TRUST_CUT_IF_NETWORKS:
        cut_mentions(m, id, BYTES("network-provided"), e);
        break;
    case TRUST_CUT_IF_CALLBACK:
        cut_mentions(m, id, BYTES("psap-callback"), e);
        break;
    case TRUST_KEEP_SUPPORTED:
        keep_supported(m, e);
        break;
    case TRUST_PASS:
    case TRUST_ACTIONS:
        break;
    }
}

static bool leaves_a_choice(enum trust_action action)
{
    return action == TRUST_CUT_UNLESS_TRUSTED || action == TRUST_KEEP_SUPPORTED;
}

void trust_apply(const struct sip_msg *m, enum trust_border border, const struct string_list *trusted,
                 struct sip_edit *e)
{
    for (size_t i = 0; i < trust_rules_n; i++) {
        const struct trust_rule *r = &trust_rules[i];
        enum trust_action action = m->request ? r->request[border] : r->response[border];
        if (!sip_msg_has(m, r->id) || (leaves_a_choice(action) && is_trusted(trusted, r->id)))
            continue;
        act(action, r->id, m, e);
    }
}

bool trust_is_choice(struct bytes name)
{
    for (size_t i = 0; i < trust_rules_n; i++) {
        const struct trust_rule *r = &trust_rules[i];
        if (!bytes_ieq(name, sip_header_name_bytes(r->id)))
            continue;
        return leaves_a_choice(r->request[TRUST_FROM_PHONE]) ||
               leaves_a_choice(r->response[TRUST_FROM_PHONE]);
    }
    return false;
}
