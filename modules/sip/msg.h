/* msg: one SIP message as views over the bytes it came in.
 *
 * Room modules/sip, floor 3. Owns nothing and allocates nothing: the bytes must outlive it. About 8 KB: keep
 * one on the stack, or sip_msg_size() of it per transaction. Pure; any thread. RFC 3261 7 (shape), 8.1.1
 * (what must be there), 16.3 (what a proxy must check), 18.3 (bodies), RFC 4475 (what to do with odd ones).
 *
 * sip_msg_parse() cuts the message and its essentials; whatever else a header field holds is parsed when
 * somebody asks (sip_values_next and the nouns' parsers), so that a broken field nobody needs does not stop a
 * message (RFC 4475 3.3.x). */
#pragma once
#include "modules/sip/headers.h"
#include "modules/sip/nameaddr.h"
#include "modules/sip/names.h"
#include "modules/sip/uri.h"
#include "modules/sip/via.h"

#define SIP_HEADERS_MAX 128
#define SIP_NO_HEADER   0xff

/* Where the bytes came from decides what Content-Length means (RFC 3261 18.3). */
enum sip_carrier { SIP_STREAM, SIP_DATAGRAM };

/* Why a message is refused, ready to be answered. */
struct sip_fault {
    uint16_t status;    /* 400, 505, 513 ...; also set for responses, which are then dropped */
    const char *reason; /* "Missing Call-ID": for the status line and the counter's name; a literal */
    bool answer; /* a request, not ACK, whose top Via says where to answer: sip_reply_write() works on it */
};

struct sip_header {
    struct bytes name;  /* as written */
    struct bytes value; /* trimmed; may hold folds */
    struct bytes line;  /* name to the end of its (last) line, CRLF included */
    uint8_t id;         /* enum sip_header_id */
    uint8_t next;       /* next one of the same id (never for SIP_H_OTHER), or SIP_NO_HEADER */
};

struct sip_msg {
    struct bytes raw;        /* start line to the end of the body: trailing bytes of a datagram are cut off */
    struct bytes start_line; /* without its CRLF */
    struct bytes body;
    size_t head_len; /* up to and with the empty line */

    bool request;
    struct bytes method_name; /* request: of the Request-Line; response: of the CSeq */
    enum sip_method method;
    struct bytes ruri_text;
    struct sip_uri
        ruri; /* scheme SIP_URI_OTHER is no fault here: 416 is the next one's to say (RFC 3261 16.3 2) */
    uint16_t status; /* response: 100 to 699 */
    struct bytes reason;

    uint16_t n_headers;
    uint8_t first[SIP_H_COUNT]; /* index of the first of each known id, or SIP_NO_HEADER */

    /* Essentials, set when sip_msg_parse() said 0 (as far as it came otherwise). */
    struct sip_via via; /* the topmost one */
    struct bytes call_id;
    struct sip_cseq cseq;
    struct sip_nameaddr from, to;
    struct bytes from_tag, to_tag; /* empty: none */
    int max_forwards;              /* -1: not written (RFC 2543) */
    int64_t content_length;        /* -1: not written */

    struct sip_header headers[SIP_HEADERS_MAX]; /* last: only n_headers of them count, see sip_msg_size() */
};

/* How much of it is in use: what has to be copied to keep it. The copy is to be read, not parsed into. */
size_t sip_msg_size(const struct sip_msg *m);

/* 0, or -EBADMSG with *fault filled in (m keeps what was read, for the answer). whole: one message: a framed
 * one of a stream, or a datagram. Leading CRLFs are skipped (RFC 3261 7.5). */
int sip_msg_parse(struct sip_msg *m, struct bytes whole, enum sip_carrier carrier, struct sip_fault *fault);

/* The first header field of that id, or NULL; then the next ones. */
const struct sip_header *sip_msg_first(const struct sip_msg *m, enum sip_header_id id);
const struct sip_header *sip_msg_next(const struct sip_msg *m, const struct sip_header *h);
bool sip_msg_has(const struct sip_msg *m, enum sip_header_id id);
/* Value of the first one, or an empty view. */
struct bytes sip_msg_value(const struct sip_msg *m, enum sip_header_id id);
/* First field of that name, known or not (case-insensitive; compact forms count for known names). */
const struct sip_header *sip_msg_named(const struct sip_msg *m, struct bytes name);

/* Every value of a comma-list field over all its lines, in order: Via, Route, Record-Route, Path,
 * Service-Route, Contact, P-Associated-URI, P-Asserted-Identity, Supported, Require, Security-*. Not for
 * WWW-Authenticate, Proxy-Authenticate, Authorization and Proxy-Authorization: one line is one value there
 * (RFC 3261 7.3.1): walk with sip_msg_next(). struct sip_values it = sip_values(m, SIP_H_ROUTE); while
 * (sip_values_next(&it, &item)) ... if (it.bad) -> 400 */
struct sip_values {
    const struct sip_msg *m;
    const struct sip_header *h;    /* the line the item came from (NULL before the first) */
    const struct sip_header *line; /* the next line to cut */
    struct bytes rest;
    bool bad;
};
struct sip_values sip_values(const struct sip_msg *m, enum sip_header_id id);
bool sip_values_next(struct sip_values *it, struct bytes *item);
size_t sip_values_count(const struct sip_msg *m, enum sip_header_id id);

/* First value of that field as a name-addr: the next Route, the asserted identity. False: none or malformed.
 */
bool sip_msg_nameaddr(const struct sip_msg *m, enum sip_header_id id, struct sip_nameaddr *out);

/* Is that option tag in Supported, Require, Proxy-Require (or that method in Allow)? Case-insensitive. */
bool sip_msg_has_token(const struct sip_msg *m, enum sip_header_id id, struct bytes token);
