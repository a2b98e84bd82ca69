/* nameaddr: From, To, Contact, Route and their kin: "Display" <uri> ;params.
 *
 * Room modules/sip, floor 3. Pure views; any thread. RFC 3261 20.10, 25.1; RFC 3840 (+sip.instance), RFC 5626
 * (reg-id). Without <> everything after the first ';' belongs to the header field, not to the URI (20.10). */
#pragma once
#include "modules/sip/params.h"
#include "modules/sip/uri.h"

struct sip_nameaddr {
    struct bytes text;    /* the whole value */
    struct bytes display; /* as written, with its quotes; empty: none */
    struct sip_uri uri;
    bool angle;          /* the URI stood in <> */
    bool star;           /* Contact: * ; nothing else is set then */
    struct bytes params; /* from the first ';' on: for sip_param_find() */
};

/* One value (an item of sip_values_next() or a whole From). False: malformed, answer 400. */
bool sip_nameaddr_parse(struct bytes value, struct sip_nameaddr *out);
struct bytes sip_nameaddr_tag(const struct sip_nameaddr *na); /* empty: none */

#define SIP_Q_MAX 1000

/* What a registrar and an edge read of a Contact (RFC 3261 10.2.1, RFC 5626 4.1). */
struct sip_contact {
    struct sip_nameaddr na;
    bool has_expires;
    uint32_t expires;      /* a malformed one counts as 3600 (RFC 3261 10.2.1.1); above 2^32-1 as 2^32-1 */
    uint16_t q;            /* thousandths; SIP_Q_MAX when absent */
    struct bytes instance; /* inside the quotes: "<urn:uuid:...>"; empty: none */
    bool has_reg_id;
    uint32_t reg_id; /* 1 to 2^31-1 (RFC 5626 6) */
};
bool sip_contact_parse(struct bytes value,
                       struct sip_contact *out); /* false: malformed, a bad q or reg-id too */
