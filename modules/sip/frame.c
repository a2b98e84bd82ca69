#include "modules/sip/frame.h"
#include "modules/sip/chars.h"
#include "modules/sip/names.h"
#include "modules/sip/params.h"
#include <string.h>

static struct sip_frame more(void)
{
    return (struct sip_frame){.kind = SIP_FRAME_MORE};
}

static struct sip_frame refuse(enum sip_frame_kind kind, size_t head, uint16_t status, const char *reason)
{
    return (struct sip_frame){.kind = kind, .head_len = head, .status = status, .reason = reason};
}

static struct sip_frame bad(size_t head, const char *reason)
{
    return refuse(SIP_FRAME_BAD, head, 400, reason);
}

/* CR first: a ping, a pong, or an empty line in front of a message (RFC 3261 7.5, RFC 5626 4.4.1). */
static struct sip_frame keepalive(const struct sip_frame_limits *limits, struct bytes in)
{
    struct sip_frame crlf = {.kind = SIP_FRAME_CRLF, .len = 2};
    if (in.n > 1 && in.p[1] != '\n')
        return bad(0, "CR without LF");
    if (in.n > 1 && limits->pong)
        return crlf;
    if (in.n > 2 && in.p[2] != '\r')
        return crlf;
    if (in.n > 3 && in.p[3] == '\n')
        return (struct sip_frame){.kind = SIP_FRAME_PING, .len = 4};
    return in.n > 3 ? bad(0, "CR without LF") : more();
}

/* Looks on from f->scanned. Length of the head, or 0; *lone: an LF without CR. */
static size_t find_head_end(struct sip_framer *f, struct bytes in, bool *lone)
{
    size_t at;
    *lone = false;
    while ((at = bytes_find_byte(bytes_skip(in, f->scanned), '\n')) != BYTES_NOT_FOUND) {
        size_t lf = f->scanned + at;
        *lone = lf == 0 || in.p[lf - 1] != '\r';
        if (*lone)
            return 0;
        bool empty = lf == f->line + 1;
        f->scanned = f->line = lf + 1;
        if (empty)
            return f->line;
    }
    f->scanned = in.n;
    return 0;
}

/* The next header line of a head whose lines all end in CRLF, with its folds. */
static bool next_line(struct bytes *rest, struct bytes *line)
{
    size_t n = 0;
    do {
        size_t lf = bytes_find_byte(bytes_skip(*rest, n), '\n');
        if (lf == BYTES_NOT_FOUND)
            return false;
        n += lf + 1;
    } while (n < rest->n && (rest->p[n] == ' ' || rest->p[n] == '\t'));
    *line = bytes_first(*rest, n);
    *rest = bytes_skip(*rest, n);
    return true;
}

/* The value, if the line is a Content-Length. */
static bool length_value(struct bytes line, struct bytes *value)
{
    uint8_t c = line.p[0] | 0x20;
    size_t n = c == 'c' || c == 'l' ? sip_token_len(line) : 0;
    if (n == 0 || sip_header_of(bytes_first(line, n)) != SIP_H_CONTENT_LENGTH)
        return false;
    size_t colon = n;
    while (colon < line.n && (line.p[colon] == ' ' || line.p[colon] == '\t'))
        colon++;
    if (colon == line.n || line.p[colon] != ':')
        return false;
    *value = bytes_trim(bytes_skip(line, colon + 1));
    return true;
}

/* NULL, or why it cannot be said. Two of them are refused even if they agree (RFC 4475 3.3.9). */
static const char *content_length(struct bytes head, uint64_t *out)
{
    struct bytes line, value;
    bool found = false;
    while (next_line(&head, &line)) {
        if (!length_value(line, &value))
            continue;
        if (found)
            return "Duplicate Content-Length header";
        if (!bytes_u64(value, out))
            return "Malformed Content-Length header";
        found = true;
    }
    /* RFC 3261 18.3: a stream says where a message ends by nothing else */
    return found ? NULL : "Missing Content-Length header";
}

static struct sip_frame take_head(struct sip_framer *f, const struct sip_frame_limits *limits,
                                  struct bytes in)
{
    bool lone;
    uint64_t body = 0;
    if (f->scanned == 0 && !sip_char_is(in.p[0], SIP_C_TOKEN))
        return bad(0, "Not SIP");
    size_t head = find_head_end(f, bytes_first(in, limits->head), &lone);
    if (lone)
        return bad(f->line, "LF without CR");
    if (head == 0)
        return in.n < limits->head ? more() : refuse(SIP_FRAME_TOO_BIG, f->line, 513, "Message Too Large");
    const char *why = content_length(bytes_first(in, head), &body);
    if (why)
        return bad(head, why);
    if (body > limits->body)
        return refuse(SIP_FRAME_TOO_BIG, head, 513, "Message Too Large");
    f->total = head + (size_t)body;
    return more();
}

struct sip_frame sip_frame_next(struct sip_framer *f, const struct sip_frame_limits *limits, struct bytes in)
{
    struct sip_frame r = more();
    if (in.n == 0)
        return r;
    if (in.p[0] == '\r' && f->total == 0)
        return keepalive(limits, in);
    if (f->total == 0)
        r = take_head(f, limits, in);
    if (f->total == 0 || in.n < f->total)
        return r;
    r = (struct sip_frame){.kind = SIP_FRAME_MESSAGE, .len = f->total};
    *f = (struct sip_framer){0};
    return r;
}
