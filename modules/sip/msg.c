#include "modules/sip/msg.h"
#include "modules/sip/chars.h"
#include <errno.h>
#include <string.h>

/* What a message must hold (RFC 3261 8.1.1, 8.2.6), and the words for what is wrong with it. */
static const struct essential {
    uint8_t id;
    bool required;
    const char *missing, *malformed;
} essentials[] = {
    {SIP_H_VIA, true, "Missing Via header", "Malformed Via header"},
    {SIP_H_CALL_ID, true, "Missing Call-ID header", "Malformed Call-ID header"},
    {SIP_H_CSEQ, true, "Missing CSeq header", "Malformed CSeq header"},
    {SIP_H_FROM, true, "Missing From header", "Malformed From header"},
    {SIP_H_TO, true, "Missing To header", "Malformed To header"},
    {SIP_H_MAX_FORWARDS, false, NULL, "Malformed Max-Forwards header"},
    {SIP_H_CONTENT_LENGTH, false, NULL, "Malformed Content-Length header"},
};

static const char *duplicate_reason(uint8_t id)
{
    switch (id) {
    case SIP_H_CALL_ID:
        return "Duplicate Call-ID header";
    case SIP_H_CSEQ:
        return "Duplicate CSeq header";
    case SIP_H_FROM:
        return "Duplicate From header";
    case SIP_H_TO:
        return "Duplicate To header";
    case SIP_H_MAX_FORWARDS:
        return "Duplicate Max-Forwards header";
    case SIP_H_CONTENT_LENGTH:
        return "Duplicate Content-Length header";
    case SIP_H_CONTENT_TYPE:
        return "Duplicate Content-Type header";
    case SIP_H_EXPIRES:
        return "Duplicate Expires header";
    default:
        return "Duplicate header";
    }
}

/* The first thing that is wrong is what the answer says. */
static void blame(struct sip_fault *f, uint16_t status, const char *reason)
{
    if (f->status)
        return;
    f->status = status;
    f->reason = reason;
}

/* ---- lines ---- */

/* Takes one line with its CRLF off *rest. False: there is no line end, or a CR or LF stands alone (RFC 3261
 * 7: every line ends in CRLF; whoever takes less than that sees other header fields than we do). */
static bool take_line(struct bytes *rest, struct bytes *line)
{
    size_t lf = bytes_find_byte(*rest, '\n');
    if (lf == BYTES_NOT_FOUND || lf == 0 || rest->p[lf - 1] != '\r')
        return false;
    if (bytes_find_byte(bytes_first(*rest, lf), '\r') != lf - 1)
        return false;
    *line = bytes_first(*rest, lf + 1);
    *rest = bytes_skip(*rest, lf + 1);
    return true;
}

/* The same with the lines that continue it (7.3.1). */
static bool take_folded_line(struct bytes *rest, struct bytes *line)
{
    struct bytes more;
    if (!take_line(rest, line))
        return false;
    while (rest->n > 0 && (rest->p[0] == ' ' || rest->p[0] == '\t')) {
        if (!take_line(rest, &more))
            return false;
        line->n += more.n;
    }
    return true;
}

/* ---- start line ---- */

static bool version_shape(struct bytes v)
{
    return bytes_istarts(v, BYTES("SIP/")) && v.n >= 7 && sip_is_digit(v.p[4]) &&
           bytes_find_byte(v, '.') != BYTES_NOT_FOUND && sip_is_digit(v.p[v.n - 1]);
}

/* Exactly one space on each side (RFC 3261 7.1; RFC 4475 3.1.2.7 to 3.1.2.9). */
static void parse_request_line(struct sip_msg *m, struct sip_fault *f)
{
    struct bytes line = m->start_line;
    size_t first = bytes_find_byte(line, ' ');
    m->request = true;
    m->method_name = bytes_first(line, first);
    m->method = sip_method_of(m->method_name);
    if (!sip_is_token(m->method_name) || first == BYTES_NOT_FOUND) {
        blame(f, 400, "Malformed Request-Line");
        return;
    }
    const uint8_t *last = memrchr(line.p, ' ', line.n);
    struct bytes version = bytes_skip(line, (size_t)(last - line.p) + 1);
    if (last == line.p + first || !version_shape(version)) {
        blame(f, 400, "Malformed Request-Line");
        return;
    }
    m->ruri_text = bytes_of(line.p + first + 1, (size_t)(last - line.p) - first - 1);
    if (!bytes_ieq(version, BYTES("SIP/2.0")))
        blame(f, 505, sip_reason(505));
    if (!sip_uri_parse(m->ruri_text, &m->ruri))
        blame(f, 400, "Malformed Request-URI");
    /* no headers there (RFC 3261 19.1.1): nothing to pass on, let alone to act on (RFC 4475 3.1.2.11) */
    if (m->ruri.headers.n > 0)
        blame(f, 400, "Headers in Request-URI");
}

static void parse_status_line(struct sip_msg *m, struct sip_fault *f)
{
    struct bytes line = m->start_line;
    uint32_t status;
    size_t sp = bytes_find_byte(line, ' ');
    if (!bytes_ieq(bytes_first(line, sp), BYTES("SIP/2.0")))
        blame(f, 505, sip_reason(505));
    struct bytes rest = sp == BYTES_NOT_FOUND ? BYTES_NONE : bytes_skip(line, sp + 1);
    sp = bytes_find_byte(rest, ' ');
    struct bytes code = bytes_first(rest, sp);
    if (code.n != 3 || !bytes_u32(code, &status) || status < 100 || status > 699) {
        blame(f, 400, "Malformed Status-Line");
        return;
    }
    m->status = (uint16_t)status;
    m->reason = sp == BYTES_NOT_FOUND ? BYTES_NONE : bytes_skip(rest, sp + 1);
}

static bool parse_start_line(struct sip_msg *m, struct bytes *rest, struct sip_fault *f)
{
    struct bytes line;
    if (!take_line(rest, &line)) {
        blame(f, 400, "Incomplete start line");
        return false;
    }
    m->start_line = bytes_first(line, line.n - 2);
    if (bytes_istarts(m->start_line, BYTES("SIP/")))
        parse_status_line(m, f);
    else
        parse_request_line(m, f);
    return true;
}

/* ---- header fields ---- */

/* last: for each id the one that was seen last, to hang the next one on. */
static void link_header(struct sip_msg *m, uint8_t *last, struct sip_fault *f)
{
    struct sip_header *h = &m->headers[m->n_headers];
    uint8_t index = (uint8_t)m->n_headers++;
    h->next = SIP_NO_HEADER;
    if (h->id == SIP_H_OTHER)
        return;
    if (m->first[h->id] == SIP_NO_HEADER) {
        m->first[h->id] = index;
    } else {
        m->headers[last[h->id]].next = index;
        if (sip_header_is_single((enum sip_header_id)h->id))
            blame(f, 400, duplicate_reason(h->id));
    }
    last[h->id] = index;
}

static bool cut_header(struct sip_header *h, struct bytes line)
{
    size_t n = sip_token_len(line);
    size_t colon = n;
    while (colon < line.n && (line.p[colon] == ' ' || line.p[colon] == '\t'))
        colon++;
    if (n == 0 || colon >= line.n || line.p[colon] != ':')
        return false;
    h->line = line;
    h->name = bytes_first(line, n);
    h->value = bytes_trim(bytes_skip(line, colon + 1));
    if (!h->value.p || h->value.n == 0)
        h->value = bytes_of(line.p + line.n - 2, 0); /* a place in the line, for edits */
    h->id = (uint8_t)sip_header_of(h->name);
    return true;
}

/* Up to and with the empty line. False: it is not there, or the lines are none. */
static bool parse_headers(struct sip_msg *m, struct bytes *rest, struct sip_fault *f)
{
    uint8_t last[SIP_H_COUNT];
    struct bytes line;
    while (take_folded_line(rest, &line)) {
        if (line.n == 2)
            return true;
        if (m->n_headers == SIP_HEADERS_MAX) {
            blame(f, 513, "Too Many Headers");
            return false;
        }
        if (cut_header(&m->headers[m->n_headers], line))
            link_header(m, last, f);
        else
            blame(f, 400, "Malformed header line");
    }
    blame(f, 400, rest->n > 0 ? "Bad line end in header" : "Incomplete header");
    return false;
}

/* NUL is legal only behind a backslash in a quoted string (RFC 4475 3.1.1.2); anywhere else the peers behind
 * us might see the message end there. */
static bool has_bare_nul(struct bytes head)
{
    size_t at;
    const uint8_t *before = NULL;
    while ((at = bytes_find_byte(head, 0)) != BYTES_NOT_FOUND) {
        before = head.p + at - 1;
        if (at == 0 || *before != '\\')
            return true;
        head = bytes_skip(head, at + 1);
    }
    return false;
}

/* ---- essentials ---- */

static bool parse_top_via(struct sip_msg *m, struct bytes value)
{
    struct bytes item;
    struct sip_values it = sip_values(m, SIP_H_VIA);
    size_t n = 0;
    while (sip_values_next(&it, &item))
        if (n++ == 0 && !sip_via_parse(item, &m->via))
            return false;
    if (n == 0) /* an open quote or bracket: look anyway where an answer could go */
        sip_via_parse(value, &m->via);
    return n > 0 && !it.bad;
}

static bool parse_content_length(struct sip_msg *m, struct bytes value)
{
    uint32_t v;
    if (!sip_number_parse(value, &v))
        return false;
    m->content_length = v;
    return true;
}

static bool parse_max_forwards(struct sip_msg *m, struct bytes value)
{
    uint8_t v;
    if (!sip_max_forwards_parse(value, &v))
        return false;
    m->max_forwards = v;
    return true;
}

static bool parse_party(struct bytes value, struct sip_nameaddr *na, struct bytes *tag)
{
    if (!sip_nameaddr_parse(value, na) || na->star)
        return false;
    *tag = sip_nameaddr_tag(na);
    return true;
}

static bool parse_essential(struct sip_msg *m, uint8_t id, struct bytes value)
{
    switch (id) {
    case SIP_H_VIA:
        return parse_top_via(m, value);
    case SIP_H_CALL_ID:
        m->call_id = value;
        return sip_call_id_ok(value);
    case SIP_H_CSEQ:
        return sip_cseq_parse(value, &m->cseq);
    case SIP_H_FROM:
        return parse_party(value, &m->from, &m->from_tag);
    case SIP_H_TO:
        return parse_party(value, &m->to, &m->to_tag);
    case SIP_H_MAX_FORWARDS:
        return parse_max_forwards(m, value);
    default:
        return parse_content_length(m, value);
    }
}

static void parse_essentials(struct sip_msg *m, struct sip_fault *f)
{
    for (size_t i = 0; i < sizeof(essentials) / sizeof(essentials[0]); i++) {
        const struct essential *e = &essentials[i];
        const struct sip_header *h = sip_msg_first(m, (enum sip_header_id)e->id);
        if (!h && e->required)
            blame(f, 400, e->missing);
        else if (h && !parse_essential(m, e->id, h->value))
            blame(f, 400, e->malformed);
    }
}

/* RFC 3261 8.1.1.5: the CSeq method is the request's; a response takes its method from there. */
static void match_method(struct sip_msg *m, struct sip_fault *f)
{
    if (!m->request) {
        m->method_name = m->cseq.method_name;
        m->method = m->cseq.method;
    } else if (!bytes_eq(m->cseq.method_name, m->method_name)) {
        blame(f, 400, "CSeq method mismatch");
    }
}

/* ---- body ---- */

/* RFC 3261 18.3: more bytes than Content-Length says are cut off a datagram, fewer are an error; a stream
 * cannot do without it. */
static void cut_body(struct sip_msg *m, struct bytes rest, enum sip_carrier carrier, struct sip_fault *f)
{
    if (m->content_length > 0 && (uint64_t)m->content_length > rest.n)
        blame(f, 400, "Content-Length beyond the message");
    else if (m->content_length >= 0)
        rest = bytes_first(rest, (size_t)m->content_length);
    else if (carrier == SIP_STREAM)
        blame(f, 400, "Missing Content-Length header");
    m->body = rest;
    m->raw = bytes_first(m->raw, m->head_len + rest.n);
}

/* ---- all of it ---- */

/* The headers themselves are left as they are: n_headers says how many count. */
static void clear(struct sip_msg *m, struct bytes whole)
{
    memset(m, 0, offsetof(struct sip_msg, headers));
    memset(m->first, SIP_NO_HEADER, sizeof(m->first));
    m->raw = whole;
    m->max_forwards = -1;
    m->content_length = -1;
}

int sip_msg_parse(struct sip_msg *m, struct bytes whole, enum sip_carrier carrier, struct sip_fault *fault)
{
    *fault = (struct sip_fault){0};
    while (whole.n >= 2 && whole.p[0] == '\r' && whole.p[1] == '\n')
        whole = bytes_skip(whole, 2);
    clear(m, whole);
    struct bytes rest = whole;
    bool complete = parse_start_line(m, &rest, fault) && parse_headers(m, &rest, fault);
    m->head_len = whole.n - rest.n;
    if (has_bare_nul(bytes_first(whole, m->head_len)))
        blame(fault, 400, "NUL in header");
    parse_essentials(m, fault);
    match_method(m, fault);
    if (complete)
        cut_body(m, rest, carrier, fault);
    fault->answer = fault->status && m->request && m->method != SIP_ACK && m->via.by.text.n > 0;
    return fault->status ? -EBADMSG : 0;
}
