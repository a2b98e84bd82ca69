/* digest_text: the header fields of Digest: Authorization and WWW-Authenticate, both ways. RFC 7616 3.3, 3.4;
 * RFC 3261 25.1. */
#include "modules/sip/chars.h"
#include "modules/sip/digest.h"
#include "modules/sip/params.h"
#include <errno.h>

const char *digest_algorithm_name(enum digest_algorithm a)
{
    return a == DIGEST_MD5 ? "MD5" : a == DIGEST_SHA256 ? "SHA-256" : "";
}

static enum digest_algorithm algorithm_of(struct bytes name)
{
    if (name.n == 0 || bytes_ieq(name, BYTES("MD5")))
        return DIGEST_MD5;
    return bytes_ieq(name, BYTES("SHA-256")) ? DIGEST_SHA256 : DIGEST_OTHER;
}

/* ---- reading ---- */

/* What a header field may hold: its name and where its value goes. */
struct slot {
    struct bytes name;
    struct bytes *value;
};

static int take_scheme(struct bytes *rest)
{
    *rest = bytes_trim(*rest);
    size_t n = sip_token_len(*rest);
    if (n == 0)
        return -EBADMSG;
    if (!bytes_ieq(bytes_first(*rest, n), BYTES("Digest")))
        return -EPROTONOSUPPORT;
    *rest = bytes_skip(*rest, n);
    return sip_lws_len(*rest) > 0 ? 0 : -EBADMSG;
}

/* name = value: a quoted string (given without its quotes) or a token. */
static bool split_pair(struct bytes item, struct bytes *name, struct bytes *value)
{
    size_t n = sip_token_len(item);
    struct bytes rest = sip_skip_lws(bytes_skip(item, n));
    *name = bytes_first(item, n);
    if (n == 0 || rest.n == 0 || rest.p[0] != '=')
        return false;
    rest = sip_skip_lws(bytes_skip(rest, 1));
    if (rest.n == 0)
        return false;
    *value = sip_quoted_inner(rest);
    return rest.p[0] == '"' ? sip_quoted_len(rest) == rest.n : bytes_find_byte(rest, '"') == BYTES_NOT_FOUND;
}

/* One given twice would let two readers see two different things. */
static bool store(const struct slot *slots, size_t n, struct bytes name, struct bytes value)
{
    for (size_t i = 0; i < n; i++) {
        if (!bytes_ieq(name, slots[i].name))
            continue;
        if (slots[i].value->p)
            return false;
        *slots[i].value = value;
        break;
    }
    return true;
}

static int read_pairs(struct bytes rest, const struct slot *slots, size_t n)
{
    struct bytes item, name, value;
    int rc;
    while ((rc = sip_list_next(&rest, &item)) == 1)
        if (!split_pair(item, &name, &value) || !store(slots, n, name, value))
            return -EBADMSG;
    return rc;
}

/* nc is exactly 8 hexadecimal digits (RFC 7616 3.4). */
static bool nc_parse(struct bytes text, uint32_t *out)
{
    uint32_t v = 0;
    for (size_t i = 0; i < text.n; i++) {
        int digit = sip_hex(text.p[i]);
        if (digit < 0)
            return false;
        v = v << 4 | (uint32_t)digit;
    }
    *out = v;
    return text.n == 8;
}

static enum digest_qop qop_of(struct bytes text)
{
    if (text.n == 0)
        return DIGEST_QOP_NONE;
    return bytes_ieq(text, BYTES("auth")) ? DIGEST_QOP_AUTH : DIGEST_QOP_OTHER;
}

static bool credentials_complete(const struct digest_credentials *c)
{
    if (!c->realm.p || !c->nonce.p || !c->uri.p || !c->response.p)
        return false;
    if (!c->username.p && !c->username_star)
        return false;
    return c->qop == DIGEST_QOP_NONE || (c->cnonce.n > 0 && c->nc > 0);
}

int digest_credentials_parse(struct bytes value, struct digest_credentials *out)
{
    struct bytes star = BYTES_NONE;
    *out = (struct digest_credentials){0};
    const struct slot slots[] = {
        {BYTES("username"), &out->username}, {BYTES("realm"), &out->realm},
        {BYTES("nonce"), &out->nonce},       {BYTES("uri"), &out->uri},
        {BYTES("response"), &out->response}, {BYTES("cnonce"), &out->cnonce},
        {BYTES("opaque"), &out->opaque},     {BYTES("algorithm"), &out->algorithm_text},
        {BYTES("qop"), &out->qop_text},      {BYTES("nc"), &out->nc_text},
        {BYTES("username*"), &star},
    };
    int rc = take_scheme(&value);
    if (rc == 0)
        rc = read_pairs(value, slots, sizeof(slots) / sizeof(slots[0]));
    if (rc < 0)
        return rc;
    out->username_star = star.p != NULL;
    out->algorithm = algorithm_of(out->algorithm_text);
    out->qop = qop_of(out->qop_text);
    if (out->nc_text.p && !nc_parse(out->nc_text, &out->nc))
        return -EBADMSG;
    return credentials_complete(out) ? 0 : -EBADMSG;
}

int digest_challenge_parse(struct bytes value, struct digest_challenge *out)
{
    struct bytes qop = BYTES_NONE, stale = BYTES_NONE, item;
    *out = (struct digest_challenge){0};
    const struct slot slots[] = {
        {BYTES("realm"), &out->realm},
        {BYTES("nonce"), &out->nonce},
        {BYTES("opaque"), &out->opaque},
        {BYTES("domain"), &out->domain},
        {BYTES("qop"), &qop},
        {BYTES("stale"), &stale},
        {BYTES("algorithm"), &out->algorithm_text},
    };
    int rc = take_scheme(&value);
    if (rc == 0)
        rc = read_pairs(value, slots, sizeof(slots) / sizeof(slots[0]));
    if (rc < 0)
        return rc;
    out->algorithm = algorithm_of(out->algorithm_text);
    out->stale = bytes_ieq(stale, BYTES("true"));
    out->has_qop = qop.n > 0;
    while (bytes_split(&qop, ',', &item))
        out->qop_auth |= bytes_ieq(bytes_trim(item), BYTES("auth"));
    return out->realm.p && out->nonce.p ? 0 : -EBADMSG;
}

/* ---- writing ---- */

/* name="value", the value escaped where the grammar asks for it. */
static void put_quoted(struct buf *out, const char *name, struct bytes value)
{
    buf_str(out, name);
    buf_str(out, "=\"");
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] == '"' || value.p[i] == '\\')
            buf_str(out, "\\");
        buf_append(out, bytes_of(value.p + i, 1));
    }
    buf_str(out, "\"");
}

bool digest_challenge_write(const struct digest_challenge *c, struct buf *out)
{
    put_quoted(out, "Digest realm", c->realm);
    put_quoted(out, ",nonce", c->nonce);
    if (c->domain.n > 0)
        put_quoted(out, ",domain", c->domain);
    if (c->opaque.n > 0)
        put_quoted(out, ",opaque", c->opaque);
    buf_str(out, ",algorithm=");
    buf_str(out, digest_algorithm_name(c->algorithm));
    buf_str(out, ",qop=\"auth\"");
    if (c->stale)
        buf_str(out, ",stale=true");
    return !out->failed;
}

/* A view from inside quotes goes back as it came, escapes and all. */
static void put_view(struct buf *out, const char *name, struct bytes value)
{
    buf_str(out, name);
    buf_str(out, "=\"");
    buf_append(out, value);
    buf_str(out, "\"");
}

static void put_answer(const struct digest_answer *a, struct bytes nc, struct bytes response, struct buf *out)
{
    const struct digest_challenge *c = a->challenge;
    put_quoted(out, "Digest username", a->username);
    put_view(out, ",realm", c->realm);
    put_view(out, ",nonce", c->nonce);
    put_view(out, ",uri", a->uri);
    put_view(out, ",response", response);
    buf_str(out, ",algorithm=");
    buf_str(out, digest_algorithm_name(c->algorithm));
    if (c->opaque.p)
        put_view(out, ",opaque", c->opaque);
    if (!c->qop_auth)
        return;
    put_quoted(out, ",cnonce", a->cnonce);
    buf_str(out, ",qop=auth,nc=");
    buf_append(out, nc);
}

int digest_answer_write(const struct digest_answer *a, const struct user_key *key, struct buf *out)
{
    const struct digest_challenge *c = a->challenge;
    const uint8_t count[4] = {(uint8_t)(a->nc >> 24), (uint8_t)(a->nc >> 16), (uint8_t)(a->nc >> 8),
                              (uint8_t)a->nc};
    char nc[9], response[DIGEST_HEX_MAX];
    struct digest_input in = {
        .algorithm = c->algorithm,
        .qop = c->qop_auth  ? DIGEST_QOP_AUTH
               : c->has_qop ? DIGEST_QOP_OTHER
                            : DIGEST_QOP_NONE,
        .nonce = c->nonce,
        .cnonce = a->cnonce,
        .method = a->method,
        .uri = a->uri,
    };
    in.nc_text = bytes_of(nc, bytes_to_hex(bytes_of(count, sizeof(count)), nc, sizeof(nc)));
    size_t n = digest_response(&in, key, response);
    if (n == 0)
        return -EPROTONOSUPPORT;
    put_answer(a, in.nc_text, bytes_of(response, n), out);
    return out->failed ? -ENOMEM : 0;
}
