#include "modules/http/head.h"

/* RFC 9110 5.6.2 */
static bool is_token_char(uint8_t c)
{
    if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
        return true;
    return c != 0 && bytes_find_byte(BYTES("!#$%&'*+-.^_`|~"), c) != BYTES_NOT_FOUND;
}

static bool is_token(struct bytes b)
{
    for (size_t i = 0; i < b.n; i++) {
        if (!is_token_char(b.p[i]))
            return false;
    }
    return b.n > 0;
}

/* RFC 9110 5.5: visible, blank, tab and obs-text; no other control byte. */
static bool is_field_value(struct bytes b)
{
    for (size_t i = 0; i < b.n; i++) {
        if ((b.p[i] < ' ' && b.p[i] != '\t') || b.p[i] == 0x7f)
            return false;
    }
    return true;
}

static bool is_target(struct bytes b)
{
    for (size_t i = 0; i < b.n; i++) {
        if (b.p[i] <= ' ' || b.p[i] == 0x7f)
            return false;
    }
    return b.n > 0;
}

/* A line with its end taken off; a lone LF ends one too (RFC 9112 2.2). False: its end has not come. */
static bool next_line(struct bytes *rest, struct bytes *line)
{
    size_t end = bytes_find_byte(*rest, '\n');
    if (end == BYTES_NOT_FOUND)
        return false;
    *line = bytes_first(*rest, end);
    if (line->n && line->p[line->n - 1] == '\r')
        line->n--;
    *rest = bytes_skip(*rest, end + 1);
    return true;
}

static int read_version(struct bytes text, struct http_head *out)
{
    if (text.n != 8 || !bytes_starts(text, BYTES("HTTP/")) || text.p[6] != '.')
        return 400;
    uint8_t major = (uint8_t)(text.p[5] - '0'), minor = (uint8_t)(text.p[7] - '0');
    if (major > 9 || minor > 9)
        return 400;
    if (major != 1)
        return 505;
    out->minor = minor;
    out->keep_alive = minor > 0; /* RFC 9112 9.3 */
    return HTTP_HEAD_WHOLE;
}

static int read_request_line(struct bytes line, struct http_head *out)
{
    bool good = bytes_split(&line, ' ', &out->method) && is_token(out->method) &&
                bytes_split(&line, ' ', &out->target) && is_target(out->target);
    return good ? read_version(line, out) : 400;
}

static void read_connection(struct bytes value, struct http_head *out)
{
    struct bytes option;
    while (bytes_split(&value, ',', &option)) {
        option = bytes_trim(option);
        if (bytes_ieq(option, BYTES("close")))
            out->keep_alive = false;
        else if (bytes_ieq(option, BYTES("keep-alive")) && out->minor == 0)
            out->keep_alive = true;
    }
}

static int read_length(struct bytes value, struct http_head *out)
{
    uint64_t n;
    if (!bytes_u64(value, &n))
        return 400; /* RFC 9112 6.3, 5 */
    out->has_body = out->has_body || n > 0;
    return HTTP_HEAD_WHOLE;
}

/* No blank before the colon and no folded line: both are ways to smuggle (RFC 9112 5.1, 5.2). */
static int read_field(struct bytes line, struct http_head *out)
{
    size_t colon = bytes_find_byte(line, ':');
    if (colon == BYTES_NOT_FOUND || !is_token(bytes_first(line, colon)))
        return 400;
    struct bytes name = bytes_first(line, colon), value = bytes_trim(bytes_skip(line, colon + 1));
    if (!is_field_value(value))
        return 400;
    if (bytes_ieq(name, BYTES("Host")))
        out->hosts++;
    else if (bytes_ieq(name, BYTES("Connection")))
        read_connection(value, out);
    else if (bytes_ieq(name, BYTES("Transfer-Encoding")))
        out->has_body = true;
    else if (bytes_ieq(name, BYTES("Content-Length")))
        return read_length(value, out);
    return HTTP_HEAD_WHOLE;
}

/* RFC 9112 3.2: a 1.1 request has one Host, and never more than one. */
static int judge_hosts(const struct http_head *h)
{
    return h->hosts > 1 || (h->hosts == 0 && h->minor > 0) ? 400 : HTTP_HEAD_WHOLE;
}

/* What stands before the first line that is not empty (RFC 9112 2.2). */
static struct bytes skip_empty_lines(struct bytes in)
{
    while (bytes_starts(in, BYTES("\r\n")))
        in = bytes_skip(in, 2);
    return in;
}

int http_head_parse(struct bytes in, struct http_head *out)
{
    *out = (struct http_head){0};
    struct bytes window = bytes_first(in, HTTP_HEAD_MAX), line;
    struct bytes rest = skip_empty_lines(window);
    int unfinished = in.n >= HTTP_HEAD_MAX ? 431 : HTTP_HEAD_MORE;
    if (!next_line(&rest, &line))
        return unfinished;
    int code = read_request_line(line, out);
    while (code == HTTP_HEAD_WHOLE) {
        if (!next_line(&rest, &line))
            return unfinished;
        if (line.n == 0)
            break;
        code = read_field(line, out);
    }
    out->length = window.n - rest.n;
    return code == HTTP_HEAD_WHOLE ? judge_hosts(out) : code;
}
