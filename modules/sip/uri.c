#include "modules/sip/uri.h"
#include "modules/sip/chars.h"
#include "modules/sip/params.h"
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

/* ---- host and port ---- */

static bool v4_parse(struct bytes text, struct addr *out)
{
    char str[INET_ADDRSTRLEN];
    *out = (struct addr){.family = ADDR_V4};
    return bytes_to_str(text, str, sizeof(str)) && inet_pton(AF_INET, str, out->ip) == 1;
}

/* RFC 3261's ABNF could give "2001:db8:::192.0.2.1"; RFC 5118 4.10 wants that to be read as "::". */
static void drop_third_colon(char *str)
{
    char *at = strstr(str, ":::");
    if (at)
        memmove(at, at + 1, strlen(at));
}

/* text without brackets */
static bool v6_parse(struct bytes text, struct addr *out)
{
    char str[INET6_ADDRSTRLEN + 1];
    *out = (struct addr){.family = ADDR_V6};
    if (!bytes_to_str(text, str, sizeof(str)))
        return false;
    drop_third_colon(str);
    return inet_pton(AF_INET6, str, out->ip) == 1;
}

/* Only digits and dots, and a dot: it has to be an IPv4 address, because a top label begins with a letter
 * (RFC 3261 25.1). A number alone is taken for a name: IMS cores write <sip:0398765432100> into
 * P-Associated-URI. */
static bool looks_v4(struct bytes text)
{
    for (size_t i = 0; i < text.n; i++)
        if (!sip_is_digit(text.p[i]) && text.p[i] != '.')
            return false;
    return bytes_find_byte(text, '.') != BYTES_NOT_FOUND;
}

static bool name_ok(struct bytes text)
{
    bool empty_label = true;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '.' && empty_label)
            return false;
        empty_label = text.p[i] == '.';
    }
    return text.n > 0 && text.n <= 255;
}

static size_t host_name(struct bytes text, struct sip_host *out)
{
    out->text = bytes_first(text, sip_run(text, SIP_C_HOST));
    if (!name_ok(out->text))
        return 0;
    out->kind = looks_v4(out->text) ? SIP_HOST_V4 : SIP_HOST_NAME;
    if (out->kind == SIP_HOST_V4 && !v4_parse(out->text, &out->addr))
        return 0;
    return out->text.n;
}

static size_t host_v6(struct bytes text, struct sip_host *out)
{
    size_t close = bytes_find_byte(text, ']');
    if (close == BYTES_NOT_FOUND || !v6_parse(bytes_of(text.p + 1, close - 1), &out->addr))
        return 0;
    out->text = bytes_first(text, close + 1);
    out->kind = SIP_HOST_V6;
    return close + 1;
}

/* ":5060" at the front of rest: its length, 0 when it is no port. */
static size_t port_at(struct bytes rest, bool lws, uint16_t *port)
{
    size_t i = 1;
    uint32_t v = 0;
    if (lws)
        i += sip_lws_len(bytes_skip(rest, 1));
    size_t start = i;
    for (; i < rest.n && sip_is_digit(rest.p[i]) && v <= 65535; i++)
        v = v * 10 + (uint32_t)(rest.p[i] - '0');
    if (i == start || v == 0 || v > 65535)
        return 0;
    *port = (uint16_t)v;
    return i;
}

size_t sip_host_parse(struct bytes text, bool lws, struct sip_host *out)
{
    *out = (struct sip_host){0};
    size_t n = text.n > 0 && text.p[0] == '[' ? host_v6(text, out) : host_name(text, out);
    if (n == 0)
        return 0;
    size_t colon = n + (lws ? sip_lws_len(bytes_skip(text, n)) : 0);
    if (colon >= text.n || text.p[colon] != ':')
        return n;
    size_t port = port_at(bytes_skip(text, colon), lws, &out->port);
    out->addr.port = out->port;
    return port ? colon + port : 0;
}

bool sip_host_eq(const struct sip_host *a, const struct sip_host *b)
{
    if (a->kind != b->kind)
        return false;
    if (a->kind == SIP_HOST_NAME)
        return bytes_ieq(a->text, b->text);
    return addr_ip_eq(&a->addr, &b->addr);
}

/* ---- sip and sips ---- */

static bool userinfo_parse(struct bytes info, struct sip_uri *out)
{
    size_t colon = bytes_find_byte(info, ':');
    out->user = bytes_first(info, colon == BYTES_NOT_FOUND ? info.n : colon);
    if (colon != BYTES_NOT_FOUND) {
        out->password = bytes_skip(info, colon + 1);
        out->has_password = true;
    }
    return out->user.n > 0 && sip_run_escaped(out->user, SIP_C_USER) &&
           sip_run_escaped(out->password, SIP_C_PASSWORD);
}

/* ";name" or ";name=value", again and again. */
static bool params_parse(struct bytes text, struct sip_uri *out)
{
    out->params = text;
    while (text.n > 0) {
        struct bytes item;
        text = bytes_skip(text, 1);
        size_t end = bytes_find_byte(text, ';');
        item = bytes_first(text, end);
        text = bytes_skip(text, end);
        size_t eq = bytes_find_byte(item, '=');
        if (item.n == 0 || eq == 0)
            return false;
        if (!sip_run_escaped(bytes_first(item, eq), SIP_C_PARAM))
            return false;
        if (eq != BYTES_NOT_FOUND && !sip_run_escaped(bytes_skip(item, eq + 1), SIP_C_PARAM))
            return false;
    }
    return true;
}

int sip_uri_header_next(struct bytes *headers, struct bytes *name, struct bytes *value)
{
    struct bytes item;
    if (!bytes_split(headers, '&', &item))
        return 0;
    size_t eq = bytes_find_byte(item, '=');
    if (eq == BYTES_NOT_FOUND || eq == 0)
        return -EBADMSG;
    *name = bytes_first(item, eq);
    *value = bytes_skip(item, eq + 1);
    return sip_run_escaped(*name, SIP_C_HEADER) && sip_run_escaped(*value, SIP_C_HEADER) ? 1 : -EBADMSG;
}

static bool uri_headers_ok(struct bytes headers)
{
    struct bytes name, value;
    int rc;
    if (headers.n == 0 || headers.p[headers.n - 1] == '&')
        return false;
    while ((rc = sip_uri_header_next(&headers, &name, &value)) == 1)
        ;
    return rc == 0;
}

static bool sip_parse(struct bytes rest, struct sip_uri *out)
{
    size_t at = bytes_find_byte(rest, '@');
    if (at != BYTES_NOT_FOUND) {
        if (!userinfo_parse(bytes_first(rest, at), out))
            return false;
        rest = bytes_skip(rest, at + 1);
    }
    size_t n = sip_host_parse(rest, false, &out->host);
    if (n == 0)
        return false;
    rest = bytes_skip(rest, n);
    if (rest.n > 0 && rest.p[0] != ';' && rest.p[0] != '?')
        return false;
    size_t ask = bytes_find_byte(rest, '?');
    if (ask != BYTES_NOT_FOUND) {
        out->headers = bytes_skip(rest, ask + 1);
        if (!uri_headers_ok(out->headers))
            return false;
    }
    return params_parse(bytes_first(rest, ask), out);
}

/* ---- tel and others ---- */

/* RFC 3966 3: "+" and digits, or a local number of digits and * # A-F; with visual separators. */
static bool number_ok(struct bytes text)
{
    bool global = text.n > 0 && text.p[0] == '+';
    size_t digits = 0;
    for (size_t i = global; i < text.n; i++) {
        uint8_t c = text.p[i];
        if (sip_is_digit(c) || (!global && (c == '*' || c == '#' || sip_hex(c) >= 0)))
            digits++;
        else if (!memchr("-.()", c, 4))
            return false;
    }
    return digits > 0;
}

static bool tel_parse(struct bytes rest, struct sip_uri *out)
{
    size_t semi = bytes_find_byte(rest, ';');
    out->user = bytes_first(rest, semi);
    return number_ok(out->user) && params_parse(bytes_skip(rest, semi), out);
}

static enum sip_scheme scheme_of(struct bytes name)
{
    if (bytes_ieq(name, BYTES("sip")))
        return SIP_URI_SIP;
    if (bytes_ieq(name, BYTES("sips")))
        return SIP_URI_SIPS;
    if (bytes_ieq(name, BYTES("tel")))
        return SIP_URI_TEL;
    return bytes_ieq(name, BYTES("urn")) ? SIP_URI_URN : SIP_URI_OTHER;
}

/* RFC 3986 3.1: a letter, then letters, digits, + - . */
static bool scheme_ok(struct bytes name)
{
    if (name.n == 0 || sip_lower(name.p[0]) < 'a' || sip_lower(name.p[0]) > 'z')
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] == '_' || (!sip_char_is(name.p[i], SIP_C_HOST) && name.p[i] != '+'))
            return false;
    return true;
}

bool sip_uri_parse(struct bytes text, struct sip_uri *out)
{
    *out = (struct sip_uri){.text = text};
    size_t colon = bytes_find_byte(text, ':');
    out->scheme_name = bytes_first(text, colon);
    if (colon == BYTES_NOT_FOUND || !scheme_ok(out->scheme_name))
        return false;
    out->rest = bytes_skip(text, colon + 1);
    out->scheme = scheme_of(out->scheme_name);
    if (sip_uri_is_sip(out))
        return sip_parse(out->rest, out);
    if (out->scheme == SIP_URI_TEL)
        return tel_parse(out->rest, out);
    return out->rest.n > 0 && sip_run_escaped(out->rest, SIP_C_URIC);
}
