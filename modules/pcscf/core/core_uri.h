/* core_uri: one destination as pcscf.core and its like write it.
 *
 * Floor 3. Pure. "udp:10.0.0.1:5060", "tcp:scscf.example.net:5060", "tls:[2001:db8::1]:5061",
 * "dns:icscf.example.net", "sip:icscf.example.net;transport=tcp", "sips:icscf.example.net". What is left out
 * is left to DNS (RFC 3263 4.1, 4.2): without transport it asks for NAPTR, without port for SRV. */
#pragma once
#include "mux/flow.h"

#define CORE_NAME_MAX 254 /* of a domain name, with NUL (RFC 1035 2.3.4) */

struct core_uri {
    uint8_t transport;        /* enum transport; TRANSPORT_NONE: any, as NAPTR says */
    bool secure;              /* sips: nothing but TLS */
    uint16_t port;            /* 0: SRV says it */
    struct addr addr;         /* where to connect without DNS; family ADDR_NONE: look name up */
    char name[CORE_NAME_MAX]; /* the host as written, in lower case: whom a certificate must speak for */
};

/* False, and *why says what is wrong (why may be NULL). */
bool core_uri_parse(struct bytes text, struct core_uri *out, const char **why);
uint16_t core_default_port(uint8_t transport); /* RFC 3261 19.1.2 */
