#include "modules/sip/headers.h"
#include "modules/sip/chars.h"
#include <string.h>

/* 1*DIGIT at the front as a number up to max; its length, or 0 (none, or too large). */
static size_t number_at(struct bytes b, uint32_t max, uint32_t *out)
{
    uint64_t v = 0;
    size_t i = 0;
    for (; i < b.n && sip_is_digit(b.p[i]); i++) {
        v = v * 10 + (uint64_t)(b.p[i] - '0');
        if (v > max)
            return 0;
    }
    *out = (uint32_t)v;
    return i;
}

bool sip_cseq_parse(struct bytes value, struct sip_cseq *out)
{
    *out = (struct sip_cseq){0};
    size_t n = number_at(value, SIP_CSEQ_MAX, &out->number);
    size_t lws = sip_lws_len(bytes_skip(value, n));
    out->method_name = bytes_skip(value, n + lws);
    out->method = sip_method_of(out->method_name);
    return n > 0 && lws > 0 && sip_is_token(out->method_name);
}

bool sip_rack_parse(struct bytes value, struct sip_rack *out)
{
    *out = (struct sip_rack){0};
    size_t n = number_at(value, UINT32_MAX, &out->rseq);
    size_t lws = sip_lws_len(bytes_skip(value, n));
    return n > 0 && lws > 0 && sip_cseq_parse(bytes_skip(value, n + lws), &out->cseq);
}

bool sip_number_parse(struct bytes value, uint32_t *out)
{
    return bytes_u32(bytes_trim(value), out);
}

bool sip_max_forwards_parse(struct bytes value, uint8_t *out)
{
    uint32_t v;
    if (!sip_number_parse(value, &v) || v > 255)
        return false;
    *out = (uint8_t)v;
    return true;
}

uint32_t sip_expires_value(struct bytes value)
{
    uint32_t v;
    struct bytes digits = bytes_trim(value);
    if (sip_number_parse(digits, &v))
        return v;
    for (size_t i = 0; i < digits.n; i++)
        if (!sip_is_digit(digits.p[i]))
            return 3600;
    return digits.n > 0 ? UINT32_MAX : 3600;
}

/* Length of a "( ... )" at the front; comments nest (RFC 3261 25.1). 0 when it stays open. */
static size_t comment_len(struct bytes b)
{
    unsigned depth = 0;
    for (size_t i = 0; i < b.n; i++) {
        if (b.p[i] == '\\')
            i++;
        else if (b.p[i] == '(')
            depth++;
        else if (b.p[i] == ')' && --depth == 0)
            return i + 1;
    }
    return 0;
}

bool sip_delta_parse(struct bytes value, struct sip_delta *out)
{
    *out = (struct sip_delta){0};
    size_t n = number_at(value, UINT32_MAX, &out->seconds);
    struct bytes rest = sip_skip_lws(bytes_skip(value, n));
    if (n == 0)
        return false;
    if (rest.n > 0 && rest.p[0] == '(') {
        size_t c = comment_len(rest);
        if (c == 0)
            return false;
        out->comment = bytes_of(rest.p + 1, c - 2);
        rest = sip_skip_lws(bytes_skip(rest, c));
    }
    out->params = rest;
    return sip_params_ok(rest);
}

bool sip_worded_parse(struct bytes value, struct sip_worded *out)
{
    *out = (struct sip_worded){0};
    size_t n = value.n > 0 && value.p[0] == '"' ? sip_quoted_len(value) : sip_token_len(value);
    out->word = bytes_first(value, n);
    out->params = sip_skip_lws(bytes_skip(value, n));
    return n > 0 && sip_params_ok(out->params);
}

bool sip_media_type_parse(struct bytes value, struct sip_media_type *out)
{
    *out = (struct sip_media_type){0};
    size_t n = sip_token_len(value);
    out->type = bytes_first(value, n);
    struct bytes rest = sip_skip_lws(bytes_skip(value, n));
    if (n == 0 || rest.n == 0 || rest.p[0] != '/')
        return false;
    rest = sip_skip_lws(bytes_skip(rest, 1));
    n = sip_token_len(rest);
    out->subtype = bytes_first(rest, n);
    out->params = sip_skip_lws(bytes_skip(rest, n));
    return n > 0 && sip_params_ok(out->params);
}

bool sip_media_type_is(const struct sip_media_type *t, const char *type, const char *subtype)
{
    return bytes_ieq(t->type, bytes_str(type)) && bytes_ieq(t->subtype, bytes_str(subtype));
}

/* word allows nearly all of ASCII; what matters is that it is one piece. */
bool sip_call_id_ok(struct bytes value)
{
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] <= ' ' || value.p[i] >= 0x7f)
            return false;
    return value.n > 0;
}

bool sip_qvalue_parse(struct bytes value, uint16_t *out)
{
    uint32_t v = 0;
    if (value.n == 0 || value.n > 5 || (value.p[0] != '0' && value.p[0] != '1'))
        return false;
    if (value.n > 1 && value.p[1] != '.')
        return false;
    for (size_t i = 2, unit = 100; i < value.n; i++, unit /= 10) {
        if (!sip_is_digit(value.p[i]))
            return false;
        v += (uint32_t)unit * (uint32_t)(value.p[i] - '0');
    }
    v += value.p[0] == '1' ? 1000 : 0;
    *out = (uint16_t)v;
    return v <= 1000;
}

bool sip_mechanism_parse(struct bytes value, struct sip_mechanism *out)
{
    struct sip_worded w;
    struct bytes q;
    *out = (struct sip_mechanism){.q = 1000};
    if (!sip_worded_parse(value, &w) || w.word.p[0] == '"')
        return false;
    out->name = w.word;
    out->params = w.params;
    return !sip_param_value(w.params, BYTES("q"), &q) || sip_qvalue_parse(q, &out->q);
}
