/* uri_eq: when two URIs are one, escapes, and the table key of an address of record. */
#include "modules/sip/chars.h"
#include "modules/sip/uri.h"
#include <stdio.h>
#include <string.h>

/* ---- escapes ---- */

/* One character, %HH undone. *escaped says that it was written so. */
static uint8_t next_char(struct bytes *rest, bool *escaped)
{
    uint8_t c = rest->p[0];
    *escaped = c == '%' && rest->n >= 3 && sip_hex(rest->p[1]) >= 0 && sip_hex(rest->p[2]) >= 0;
    if (*escaped)
        c = (uint8_t)(sip_hex(rest->p[1]) << 4 | sip_hex(rest->p[2]));
    *rest = bytes_skip(*rest, *escaped ? 3 : 1);
    return c;
}

size_t sip_unescape(struct bytes text, uint8_t *dst, size_t cap)
{
    size_t n = 0;
    while (text.n > 0) {
        bool escaped;
        uint8_t c = next_char(&text, &escaped);
        if (n == cap || (c == '%' && !escaped))
            return BYTES_NOT_FOUND;
        dst[n++] = c;
    }
    return n;
}

static bool put(char *dst, size_t cap, size_t *n, const char *text, size_t len)
{
    if (cap - *n <= len)
        return false;
    memcpy(dst + *n, text, len);
    *n += len;
    dst[*n] = 0;
    return true;
}

static bool put_char(char *dst, size_t cap, size_t *n, uint8_t c, bool as_hex)
{
    static const char digits[] = "0123456789ABCDEF";
    char text[3] = {(char)c, 0, 0};
    if (as_hex) {
        text[0] = '%';
        text[1] = digits[c >> 4];
        text[2] = digits[c & 15];
    }
    return put(dst, cap, n, text, as_hex ? 3 : 1);
}

static bool is_reserved(uint8_t c)
{
    return c != 0 && strchr(";/?:@&=+$,", c) != NULL;
}

size_t sip_escape_user(struct bytes raw, char *dst, size_t cap)
{
    size_t n = 0;
    for (size_t i = 0; i < raw.n; i++) {
        bool plain = sip_char_is(raw.p[i], SIP_C_UNRESERVED) || (raw.p[i] && strchr("&=+$,;?/", raw.p[i]));
        if (!put_char(dst, cap, &n, raw.p[i], !plain))
            return 0;
    }
    return n;
}

/* ---- comparison: RFC 3261 19.1.4 ---- */

/* "Characters other than those in the reserved set are equivalent to their %HH": so an escaped reserved one
 * is another character than the bare one. */
static unsigned folded_char(struct bytes *rest, bool any_case)
{
    bool escaped;
    uint8_t c = next_char(rest, &escaped);
    if (any_case)
        c = sip_lower(c);
    return escaped && is_reserved(c) ? c + 256u : c;
}

static bool text_eq(struct bytes a, struct bytes b, bool any_case)
{
    while (a.n > 0 && b.n > 0)
        if (folded_char(&a, any_case) != folded_char(&b, any_case))
            return false;
    return a.n == b.n;
}

/* Those that never match a URI without them. transport is of their kind: sip:bob@biloxi.com and
 * sip:bob@biloxi.com;transport=udp are an example of 19.1.4 for URIs that differ. */
static bool param_matters(struct bytes name)
{
    static const char *const names[] = {"user", "ttl", "method", "maddr", "transport"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (text_eq(name, bytes_str(names[i]), true))
            return true;
    return false;
}

static bool find_param(struct bytes params, struct bytes name, struct bytes *value)
{
    struct bytes item;
    while (bytes_split(&params, ';', &item)) {
        size_t eq = bytes_find_byte(item, '=');
        if (item.n == 0 || !text_eq(bytes_first(item, eq), name, true))
            continue;
        *value = bytes_skip(item, eq == BYTES_NOT_FOUND ? eq : eq + 1);
        return true;
    }
    return false;
}

/* Escapes count here too: ;%6C%72 is ;lr (RFC 4475 3.1.1.3). */
bool sip_uri_param(const struct sip_uri *u, struct bytes name, struct bytes *value)
{
    struct bytes unused;
    return find_param(u->params, name, value ? value : &unused);
}

enum found { FOUND_NOT, FOUND_OTHER, FOUND_SAME };

/* Is it there with that value? Written twice, which RFC 3261 19.1.1 forbids and Kamailio does with ;alias,
 * one that is the same is enough: a URI has to equal itself. */
static enum found look_for(struct bytes params, struct bytes name, struct bytes value)
{
    enum found found = FOUND_NOT;
    struct bytes item;
    while (bytes_split(&params, ';', &item)) {
        struct bytes n = bytes_first(item, bytes_find_byte(item, '='));
        if (item.n == 0 || !text_eq(n, name, true))
            continue;
        if (text_eq(bytes_skip(item, n.n + 1), value, true))
            return FOUND_SAME;
        found = FOUND_OTHER;
    }
    return found;
}

/* Every parameter of a: the same in b, or absent there and of no weight (all: none is). */
static bool params_within(struct bytes a, struct bytes b, bool all)
{
    struct bytes item;
    while (bytes_split(&a, ';', &item)) {
        struct bytes name = bytes_first(item, bytes_find_byte(item, '='));
        if (item.n == 0)
            continue;
        enum found found = look_for(b, name, bytes_skip(item, name.n + 1));
        if (found == FOUND_OTHER || (found == FOUND_NOT && (all || param_matters(name))))
            return false;
    }
    return true;
}

static bool find_header(struct bytes headers, struct bytes name, struct bytes value)
{
    struct bytes n, v;
    while (sip_uri_header_next(&headers, &n, &v) == 1)
        if (text_eq(n, name, true) && text_eq(v, value, false))
            return true;
    return false;
}

/* "Any present header component MUST be present in both URIs and match", in any order. */
static bool headers_within(struct bytes a, struct bytes b)
{
    struct bytes name, value;
    while (sip_uri_header_next(&a, &name, &value) == 1)
        if (!find_header(b, name, value))
            return false;
    return true;
}

static bool sip_eq(const struct sip_uri *a, const struct sip_uri *b)
{
    return text_eq(a->user, b->user, false) && a->has_password == b->has_password &&
           text_eq(a->password, b->password, false) && sip_host_eq(&a->host, &b->host) &&
           a->host.port == b->host.port && params_within(a->params, b->params, false) &&
           params_within(b->params, a->params, false) && headers_within(a->headers, b->headers) &&
           headers_within(b->headers, a->headers);
}

/* The next character of a number that is not a visual separator, in lower case; 0 at the end. */
static uint8_t number_char(struct bytes *rest)
{
    while (rest->n > 0) {
        uint8_t c = sip_lower(rest->p[0]);
        *rest = bytes_skip(*rest, 1);
        if (!memchr("-.()", c, 4))
            return c;
    }
    return 0;
}

static bool number_eq(struct bytes a, struct bytes b)
{
    uint8_t c;
    do {
        c = number_char(&a);
        if (c != number_char(&b))
            return false;
    } while (c);
    return true;
}

bool sip_uri_eq(const struct sip_uri *a, const struct sip_uri *b)
{
    if (a->scheme != b->scheme || !bytes_ieq(a->scheme_name, b->scheme_name))
        return false;
    if (sip_uri_is_sip(a))
        return sip_eq(a, b);
    if (a->scheme == SIP_URI_TEL)
        return number_eq(a->user, b->user) && params_within(a->params, b->params, true) &&
               params_within(b->params, a->params, true);
    /* RFC 5031 4.2, RFC 8141 3.1: service URNs do not depend on case */
    return a->scheme == SIP_URI_URN ? bytes_ieq(a->rest, b->rest) : bytes_eq(a->rest, b->rest);
}

/* ---- address of record ---- */

static bool put_user(char *dst, size_t cap, size_t *n, struct bytes user)
{
    while (user.n > 0) {
        bool escaped;
        uint8_t c = next_char(&user, &escaped);
        bool plain = sip_char_is(c, SIP_C_UNRESERVED) || (!escaped && is_reserved(c));
        if (!put_char(dst, cap, n, c, !plain))
            return false;
    }
    return true;
}

static bool put_lower(char *dst, size_t cap, size_t *n, struct bytes text)
{
    for (size_t i = 0; i < text.n; i++)
        if (!put_char(dst, cap, n, sip_lower(text.p[i]), false))
            return false;
    return true;
}

/* An IPv6 address has many spellings: the one of RFC 5952. */
static bool put_host(char *dst, size_t cap, size_t *n, const struct sip_host *host)
{
    char text[ADDR_TEXT];
    if (host->kind == SIP_HOST_NAME) {
        bool dot = host->text.p[host->text.n - 1] == '.';
        return put_lower(dst, cap, n, bytes_first(host->text, host->text.n - dot));
    }
    size_t len = addr_format_ip(&host->addr, text);
    if (host->kind == SIP_HOST_V4)
        return put(dst, cap, n, text, len);
    return put(dst, cap, n, "[", 1) && put(dst, cap, n, text, len) && put(dst, cap, n, "]", 1);
}

static bool put_number(char *dst, size_t cap, size_t *n, const struct sip_uri *u)
{
    struct bytes rest = u->user, context;
    uint8_t c;
    while ((c = number_char(&rest)) != 0)
        if (!put_char(dst, cap, n, c, false))
            return false;
    /* a local number means nothing without its context (RFC 3966 5.1.5) */
    if (u->user.p[0] == '+' || !sip_uri_param(u, BYTES("phone-context"), &context))
        return true;
    return put(dst, cap, n, ";phone-context=", 15) && put_lower(dst, cap, n, context);
}

size_t sip_aor(const struct sip_uri *u, char *dst, size_t cap)
{
    size_t n = 0;
    bool ok = false;
    if (cap == 0)
        return 0;
    dst[0] = 0;
    if (u->scheme == SIP_URI_TEL)
        ok = put(dst, cap, &n, "tel:", 4) && put_number(dst, cap, &n, u);
    else if (sip_uri_is_sip(u))
        ok = put(dst, cap, &n, "sip:", 4) && put_user(dst, cap, &n, u->user) &&
             (u->user.n == 0 || put(dst, cap, &n, "@", 1)) && put_host(dst, cap, &n, &u->host);
    return ok ? n : 0;
}
