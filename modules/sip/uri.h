/* uri: SIP, SIPS, tel and other URIs as views over their text.
 *
 * Room modules/sip, floor 3. Pure; any thread. RFC 3261 19.1 and 25.1, RFC 3966 (tel), RFC 5118 (IPv6 text).
 */
#pragma once
#include "appliance/base/addr.h"

enum sip_scheme { SIP_URI_NONE, SIP_URI_SIP, SIP_URI_SIPS, SIP_URI_TEL, SIP_URI_URN, SIP_URI_OTHER };
enum sip_host_kind { SIP_HOST_NONE, SIP_HOST_NAME, SIP_HOST_V4, SIP_HOST_V6 };

struct sip_host {
    struct bytes text; /* as written, IPv6 with its brackets */
    enum sip_host_kind kind;
    struct addr addr; /* for V4 and V6: its ip; the port is that of the text, or 0 */
    uint16_t port;    /* 0: none was written */
};

struct sip_uri {
    struct bytes text; /* the whole URI, without <> */
    enum sip_scheme scheme;
    struct bytes scheme_name;
    struct bytes user; /* still escaped; the number of a tel URI; empty: none */
    struct bytes password;
    bool has_password;
    struct sip_host host; /* sip and sips only */
    struct bytes params;  /* from its first ';' on, or empty: read it with sip_uri_param() */
    struct bytes headers; /* after '?', or empty */
    struct bytes rest;    /* urn and others: all after "scheme:" */
};

/* The whole text must be a URI: no white space, no <>. Other schemes are taken with any legal characters.
 * False: not a URI (400). */
bool sip_uri_parse(struct bytes text, struct sip_uri *out);
static inline bool sip_uri_is_sip(const struct sip_uri *u)
{
    return u->scheme == SIP_URI_SIP || u->scheme == SIP_URI_SIPS;
}
/* Parameter by name (case-insensitive); value may be NULL when only the presence counts ("lr", "ob"). */
bool sip_uri_param(const struct sip_uri *u, struct bytes name, struct bytes *value);
/* Takes the next "name=value" off *headers ("a=b&c=d"). 1, 0 or -EBADMSG. */
int sip_uri_header_next(struct bytes *headers, struct bytes *name, struct bytes *value);

/* "host", "host:5060", "[::1]:5060" at the front of text; returns its length, 0 when there is none. As after
 * an '@' or in a Via; white space round the colon is only allowed where `lws` says so (Via sent-by). */
size_t sip_host_parse(struct bytes text, bool lws, struct sip_host *out);
bool sip_host_eq(const struct sip_host *a, const struct sip_host *b); /* host only; names case-insensitive */

/* Are they the same by RFC 3261 19.1.4 (escapes undone, host and parameters as it says; tel by RFC 3966 4;
 * others by text, case-insensitive scheme)? */
bool sip_uri_eq(const struct sip_uri *a, const struct sip_uri *b);

/* Undoes %HH once (RFC 4475 3.1.1.3). Length or BYTES_NOT_FOUND (bad escape, dst too small). May hold NUL
 * bytes. */
size_t sip_unescape(struct bytes text, uint8_t *dst, size_t cap);
/* Escapes what a user part may not carry (RFC 3261 25.1 user); writes a NUL; length or 0 when cap is too
 * small. */
size_t sip_escape_user(struct bytes raw, char *dst, size_t cap);

/* The table key of an address of record (RFC 3261 10.3 step 5): "sip:" user "@" host: user part with escapes
 * that are not needed undone and the others in upper case, host in lower case, no parameters, no password, no
 * port (a port in an AOR is a hint how to get there), sips as sip (19.1.4 and 26.2.2 leave one user behind
 * both); "tel:" number without visual separators. Two URIs of one user give the same bytes, two users never
 * do (RFC 4475 escnull: %00 stays %00). Length (a NUL follows), or 0: not a sip, sips or tel URI, or cap too
 * small. */
#define SIP_AOR_MAX 256
size_t sip_aor(const struct sip_uri *u, char *dst, size_t cap);
