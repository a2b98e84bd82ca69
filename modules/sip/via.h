/* via: one Via value: where a response has to go.
 *
 * Room modules/sip, floor 3. Pure views; any thread. RFC 3261 18.2, 20.42; RFC 3581 (rport), RFC 5923
 * (alias), RFC 6223 (keep). */
#pragma once
#include "appliance/base/buf.h"
#include "modules/sip/params.h"
#include "modules/sip/uri.h"

#define SIP_COOKIE BYTES("z9hG4bK")

enum sip_via_transport {
    SIP_VIA_OTHER,
    SIP_VIA_UDP,
    SIP_VIA_TCP,
    SIP_VIA_TLS,
    SIP_VIA_SCTP,
    SIP_VIA_WS,
    SIP_VIA_WSS
};

struct sip_via {
    struct bytes text; /* the whole value */
    enum sip_via_transport transport;
    struct bytes transport_name;
    struct sip_host by;    /* sent-by */
    struct bytes params;   /* from the first ';' on */
    struct bytes branch;   /* empty: none (RFC 2543) */
    struct bytes received; /* as written; with or without brackets (RFC 5118 4.5) */
    bool has_rport, has_keep, has_alias;
    struct bytes rport; /* its value, empty when it was sent as a question */
    struct bytes keep;  /* RFC 6223 */
    struct bytes maddr;
};

/* False: malformed. What could be read stays set: with by.text not empty a 400 can still be sent. */
bool sip_via_parse(struct bytes value, struct sip_via *out);
/* Starts with the magic cookie and has more behind it (RFC 3261 8.1.1.7, RFC 4475 3.2.1). */
bool sip_via_is_3261(const struct sip_via *v);
/* Where to send the response over UDP: maddr, received, sent-by with rport or port or 5060 (RFC 3261 18.2.2,
 * RFC 3581 4). False: it would need a look-up of a name. */
bool sip_via_target(const struct sip_via *v, struct addr *out);

/* Appends the value with received= and rport= filled in from where it came (RFC 3261 18.2.1, RFC 3581 4):
 * received when sent-by is a name or another address, always when rport was asked; values the sender wrote
 * himself are dropped. */
void sip_via_write_source(const struct sip_via *via, const struct addr *source, struct buf *out);
