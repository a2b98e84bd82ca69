#include "modules/sip/params.h"
#include "modules/sip/chars.h"
#include <errno.h>

bool sip_is_token(struct bytes b)
{
    return b.n > 0 && sip_run(b, SIP_C_TOKEN) == b.n;
}

size_t sip_token_len(struct bytes b)
{
    return sip_run(b, SIP_C_TOKEN);
}

/* CR LF and then SP or HTAB: the line goes on (RFC 3261 7.3.1). */
static bool fold_at(struct bytes b, size_t i)
{
    return b.n - i >= 3 && b.p[i] == '\r' && b.p[i + 1] == '\n' && (b.p[i + 2] == ' ' || b.p[i + 2] == '\t');
}

size_t sip_lws_len(struct bytes b)
{
    size_t i = 0;
    while (i < b.n) {
        if (b.p[i] == ' ' || b.p[i] == '\t')
            i++;
        else if (fold_at(b, i))
            i += 3;
        else
            break;
    }
    return i;
}

struct bytes sip_skip_lws(struct bytes b)
{
    return bytes_skip(b, sip_lws_len(b));
}

size_t sip_quoted_len(struct bytes b)
{
    if (b.n < 2 || b.p[0] != '"')
        return 0;
    for (size_t i = 1; i < b.n;) {
        size_t quote = bytes_find_byte(bytes_skip(b, i), '"');
        if (quote == BYTES_NOT_FOUND)
            return 0;
        size_t escape = bytes_find_byte(bytes_of(b.p + i, quote), '\\');
        if (escape == BYTES_NOT_FOUND)
            return i + quote + 1;
        i += escape + 2;
    }
    return 0;
}

enum { ENDS_VALUE = 1, STEPS_LIST = 2 };

/* Of what a parameter's value ends, and what in a list is more than a byte of an item. */
static const uint8_t marks[256] = {
    [0 ... ' '] = ENDS_VALUE,
    [0x7f] = ENDS_VALUE,
    [';'] = ENDS_VALUE,
    [','] = ENDS_VALUE | STEPS_LIST,
    ['"'] = ENDS_VALUE | STEPS_LIST,
    ['<'] = ENDS_VALUE | STEPS_LIST,
    ['>'] = ENDS_VALUE,
};

static size_t run_without(struct bytes b, uint8_t mark)
{
    size_t i = 0;
    while (i < b.n && !(marks[b.p[i]] & mark))
        i++;
    return i;
}

/* Parameter values are read liberally: what ends one is a separator. Real tags and icid-values hold '@', '/'
 * and '=', and received= may be an IPv6 address with or without brackets (RFC 5118 4.5). */
static size_t value_len(struct bytes b)
{
    return run_without(b, ENDS_VALUE);
}

static int param_value(struct bytes *at, struct sip_param *out)
{
    *at = sip_skip_lws(bytes_skip(*at, 1));
    size_t n = at->n > 0 && at->p[0] == '"' ? sip_quoted_len(*at) : value_len(*at);
    if (n == 0)
        return -EBADMSG;
    out->value = bytes_first(*at, n);
    out->has_value = true;
    *at = sip_skip_lws(bytes_skip(*at, n));
    return 0;
}

static int param_at(struct bytes at, struct bytes *rest, struct sip_param *out)
{
    size_t n = sip_token_len(at);
    if (n == 0)
        return -EBADMSG;
    out->name = bytes_first(at, n);
    at = sip_skip_lws(bytes_skip(at, n));
    out->value = bytes_of(at.p, 0);
    if (at.n > 0 && at.p[0] == '=' && param_value(&at, out) < 0)
        return -EBADMSG;
    if (at.n > 0 && at.p[0] != ';')
        return -EBADMSG;
    *rest = at;
    return 1;
}

int sip_param_next(struct bytes *rest, struct sip_param *out)
{
    struct bytes at = sip_skip_lws(*rest);
    *out = (struct sip_param){0};
    if (at.n == 0)
        return 0;
    if (at.p[0] != ';')
        return -EBADMSG;
    return param_at(sip_skip_lws(bytes_skip(at, 1)), rest, out);
}

int sip_param_first(struct bytes *rest, struct sip_param *out)
{
    *out = (struct sip_param){0};
    return param_at(sip_skip_lws(*rest), rest, out);
}

bool sip_param_find(struct bytes params, struct bytes name, struct sip_param *out)
{
    while (sip_param_next(&params, out) == 1)
        if (bytes_ieq(out->name, name))
            return true;
    *out = (struct sip_param){0};
    return false;
}

bool sip_param_value(struct bytes params, struct bytes name, struct bytes *value)
{
    struct sip_param p;
    bool found = sip_param_find(params, name, &p);
    *value = p.value;
    return found;
}

bool sip_params_ok(struct bytes params)
{
    struct sip_param p;
    int rc;
    while ((rc = sip_param_next(&params, &p)) == 1)
        ;
    return rc == 0;
}

/* Length of "..." or <...> at the front, or of what is neither, 0 when it stays open. */
static size_t list_step(struct bytes b)
{
    if (b.p[0] == '"')
        return sip_quoted_len(b);
    if (b.p[0] != '<')
        return run_without(b, STEPS_LIST);
    size_t close = bytes_find_byte(b, '>');
    return close == BYTES_NOT_FOUND ? 0 : close + 1;
}

int sip_list_next(struct bytes *rest, struct bytes *item)
{
    struct bytes at = sip_skip_lws(*rest);
    size_t i = 0;
    *item = BYTES_NONE;
    if (at.n == 0)
        return 0;
    while (i < at.n && at.p[i] != ',') {
        size_t step = list_step(bytes_skip(at, i));
        if (step == 0)
            return -EBADMSG;
        i += step;
    }
    *item = bytes_trim(bytes_first(at, i));
    *rest = bytes_skip(at, i + 1);
    if (item->n == 0 || (i < at.n && sip_lws_len(*rest) == rest->n))
        return -EBADMSG;
    return 1;
}

struct bytes sip_quoted_inner(struct bytes value)
{
    if (value.n < 2 || value.p[0] != '"' || value.p[value.n - 1] != '"')
        return value;
    return bytes_of(value.p + 1, value.n - 2);
}

/* One byte of output, the input moved on: a fold is one space, \x is x (when escapes count). */
static uint8_t plain_byte(struct bytes *in, bool escapes)
{
    size_t lws = in->p[0] == '\r' ? sip_lws_len(*in) : 0;
    if (lws > 0) {
        *in = bytes_skip(*in, lws);
        return ' ';
    }
    size_t skip = escapes && in->p[0] == '\\' && in->n > 1;
    uint8_t c = in->p[skip];
    *in = bytes_skip(*in, skip + 1);
    return c;
}

static size_t write_plain(struct bytes in, bool escapes, uint8_t *dst, size_t cap)
{
    size_t n = 0;
    while (in.n > 0) {
        if (n == cap)
            return BYTES_NOT_FOUND;
        dst[n++] = plain_byte(&in, escapes);
    }
    return n;
}

size_t sip_unquote(struct bytes value, uint8_t *dst, size_t cap)
{
    struct bytes inner = sip_quoted_inner(value);
    return write_plain(inner, inner.p != value.p, dst, cap);
}

size_t sip_unfold(struct bytes value, uint8_t *dst, size_t cap)
{
    return write_plain(value, false, dst, cap);
}

bool sip_is_folded(struct bytes value)
{
    return bytes_find_byte(value, '\r') != BYTES_NOT_FOUND;
}
