/* trust: which header fields may cross the border between a phone and the network, in one table.
 *
 * Floor 3, const. RFC 3324, RFC 3325 5 and 7, TS 24.229 4.4 and 5.2.6. Phones are outside the trust domain,
 * the core is inside. What has no row passes as it is (RFC 3261 16.6), P- header fields that nobody here
 * knows included (RFC 5727 4). */
#pragma once
#include "appliance/core/config.h"
#include "modules/sip/edit.h"

enum trust_border { TRUST_FROM_PHONE, TRUST_TO_PHONE, TRUST_BORDERS };

enum trust_action {
    TRUST_PASS,
    TRUST_CUT,
    TRUST_CUT_UNLESS_TRUSTED, /* pcscf.trusted_headers has the say */
    TRUST_CUT_IF_PRIVATE,     /* Privacy: id (RFC 3325 7) */
    TRUST_HIDE_HISTORY,       /* Privacy: history, header, session, or of one entry (RFC 7044 10.1.2) */
    TRUST_CUT_IF_NETWORKS,    /* what says "network-provided" (TS 24.229 5.2.6.3) */
    TRUST_CUT_IF_CALLBACK,    /* Priority: psap-callback (RFC 7090) */
    TRUST_KEEP_SUPPORTED, /* P-Early-Media: the wish may pass, no more; pcscf.trusted_headers: all (RFC 5009)
                           */
    TRUST_ACTIONS
};

struct trust_rule {
    uint8_t id;                     /* enum sip_header_id */
    uint8_t request[TRUST_BORDERS]; /* enum trust_action */
    uint8_t response[TRUST_BORDERS];
};
extern const struct trust_rule trust_rules[];
extern const size_t trust_rules_n;

/* Cuts what may not pass, in a request or a response. trusted: names of pcscf.trusted_headers, checked. */
void trust_apply(const struct sip_msg *m, enum trust_border border, const struct string_list *trusted,
                 struct sip_edit *e);

/* For the setting: may an operator trust phones with that header field? */
bool trust_is_choice(struct bytes name);
