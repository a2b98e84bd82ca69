#include "modules/sip/nameaddr.h"
#include "modules/sip/chars.h"
#include "modules/sip/headers.h"

/* Display name without quotes: *(token LWS) (RFC 3261 25.1); UTF-8 is let through, a comma is not (RFC 4475
 * baddn). No space is needed before the '<' (RFC 4475 lwsdisp). */
static bool display_ok(struct bytes text)
{
    while (text.n > 0) {
        size_t lws = sip_lws_len(text);
        if (lws == 0 && !sip_char_is(text.p[0], SIP_C_TOKEN) && text.p[0] < 0x80)
            return false;
        text = bytes_skip(text, lws ? lws : 1);
    }
    return true;
}

/* What stands in front of '<'; rest then starts with it. */
static bool take_display(struct bytes *rest, struct sip_nameaddr *out)
{
    bool quoted = rest->p[0] == '"';
    size_t n = quoted ? sip_quoted_len(*rest) : bytes_find_byte(*rest, '<');
    if (n == BYTES_NOT_FOUND || (quoted && n == 0))
        return false;
    out->display = bytes_trim(bytes_first(*rest, n));
    *rest = sip_skip_lws(bytes_skip(*rest, n));
    if (!quoted && !display_ok(out->display))
        return false;
    return rest->n > 0 && rest->p[0] == '<';
}

static bool parse_angle(struct bytes value, struct sip_nameaddr *out)
{
    if (!take_display(&value, out))
        return false;
    size_t close = bytes_find_byte(value, '>');
    if (close == BYTES_NOT_FOUND || !sip_uri_parse(bytes_of(value.p + 1, close - 1), &out->uri))
        return false;
    out->angle = true;
    out->params = bytes_skip(value, close + 1);
    return sip_params_ok(out->params);
}

/* addr-spec without brackets: ends at ';' or white space, and may hold no comma and no '?' (RFC 3261 20.10).
 */
static bool parse_bare(struct bytes value, struct sip_nameaddr *out)
{
    size_t n = 0;
    while (n < value.n && value.p[n] > ' ' && value.p[n] != ';')
        n++;
    struct bytes uri = bytes_first(value, n);
    if (bytes_find_byte(uri, '?') != BYTES_NOT_FOUND || bytes_find_byte(uri, ',') != BYTES_NOT_FOUND)
        return false;
    out->params = bytes_skip(value, n);
    return sip_uri_parse(uri, &out->uri) && sip_params_ok(out->params);
}

/* Is there a '<' before any parameter? A quoted string in front means a display name. */
static bool has_angle(struct bytes value)
{
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] == '<' || value.p[i] == '"')
            return true;
        if (value.p[i] == ';')
            return false;
    }
    return false;
}

bool sip_nameaddr_parse(struct bytes value, struct sip_nameaddr *out)
{
    value = bytes_trim(value);
    *out = (struct sip_nameaddr){.text = value};
    out->star = bytes_eq(value, BYTES("*"));
    if (out->star)
        return true;
    return has_angle(value) ? parse_angle(value, out) : parse_bare(value, out);
}

struct bytes sip_nameaddr_tag(const struct sip_nameaddr *na)
{
    struct bytes tag;
    sip_param_value(na->params, BYTES("tag"), &tag);
    return tag;
}

static bool contact_param(struct sip_contact *c, const struct sip_param *p)
{
    if (bytes_ieq(p->name, BYTES("expires"))) {
        c->has_expires = true;
        c->expires = sip_expires_value(p->value);
    } else if (bytes_ieq(p->name, BYTES("q"))) {
        return sip_qvalue_parse(p->value, &c->q);
    } else if (bytes_ieq(p->name, BYTES("+sip.instance"))) {
        c->instance = sip_quoted_inner(p->value);
    } else if (bytes_ieq(p->name, BYTES("reg-id"))) {
        /* Kamailio's S-CSCF gives it back in quotes. */
        struct bytes number = sip_quoted_inner(p->value);
        c->has_reg_id = bytes_u32(number, &c->reg_id) && c->reg_id > 0 && c->reg_id <= INT32_MAX;
        return c->has_reg_id;
    }
    return true;
}

bool sip_contact_parse(struct bytes value, struct sip_contact *out)
{
    struct sip_param p;
    *out = (struct sip_contact){.q = SIP_Q_MAX};
    if (!sip_nameaddr_parse(value, &out->na))
        return false;
    struct bytes rest = out->na.params;
    while (sip_param_next(&rest, &p) == 1)
        if (!contact_param(out, &p))
            return false;
    return true;
}
