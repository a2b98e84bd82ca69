#include "modules/pcscf/call/route_digest.h"
#include <openssl/evp.h>
#include <strings.h>

#define PARAMS_MAX 24

struct sum {
    EVP_MD_CTX *ctx;
    bool ok;
};

static void add(struct sum *s, struct bytes b)
{
    s->ok = s->ok && EVP_DigestUpdate(s->ctx, b.p, b.n) == 1;
}

/* Each piece ends in a zero byte, which no URI has. */
static void add_end(struct sum *s)
{
    add(s, bytes_of("", 1));
}

static void add_lower(struct sum *s, struct bytes b)
{
    uint8_t piece[64];
    while (b.n) {
        size_t n = b.n < sizeof(piece) ? b.n : sizeof(piece);
        for (size_t i = 0; i < n; i++)
            piece[i] = b.p[i] >= 'A' && b.p[i] <= 'Z' ? (uint8_t)(b.p[i] | 0x20) : b.p[i];
        add(s, bytes_of(piece, n));
        b = bytes_skip(b, n);
    }
    add_end(s);
}

static bool is_before(struct bytes a, struct bytes b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = strncasecmp((const char *)a.p, (const char *)b.p, n);
    return order ? order < 0 : a.n < b.n;
}

static bool sort_in(struct bytes *params, unsigned n, struct bytes item)
{
    if (n == PARAMS_MAX)
        return false;
    for (; n && is_before(item, params[n - 1]); n--)
        params[n] = params[n - 1];
    params[n] = item;
    return true;
}

static void add_params(struct sum *s, struct bytes rest)
{
    struct bytes params[PARAMS_MAX], item;
    unsigned n = 0;
    while (bytes_split(&rest, ';', &item)) {
        if (item.n && s->ok)
            s->ok = sort_in(params, n++, item);
    }
    for (unsigned i = 0; s->ok && i < n; i++)
        add_lower(s, params[i]);
    add_end(s);
}

static void add_hop(struct sum *s, struct bytes value)
{
    struct sip_nameaddr na;
    uint8_t port[2];
    if (!s->ok || !sip_nameaddr_parse(value, &na)) {
        s->ok = false;
        return;
    }
    if (!sip_uri_is_sip(&na.uri)) {
        add(s, na.uri.text);
        add_end(s);
        return;
    }
    port[0] = (uint8_t)(na.uri.host.port >> 8);
    port[1] = (uint8_t)na.uri.host.port;
    add_lower(s, na.uri.scheme_name);
    add(s, na.uri.user);
    add_end(s);
    add(s, na.uri.password);
    add_end(s);
    add_lower(s, na.uri.host.text);
    add(s, bytes_of(port, sizeof(port)));
    add_params(s, na.uri.params);
    add(s, na.uri.headers);
    add_end(s);
}

bool route_digest(const struct sip_route_set *set, struct bytes call_id, struct bytes far_tag,
                  uint8_t out[static ROUTE_DIGEST])
{
    uint8_t whole[EVP_MAX_MD_SIZE];
    struct sum s = {.ctx = EVP_MD_CTX_new()};
    s.ok = s.ctx && EVP_DigestInit_ex(s.ctx, EVP_sha256(), NULL) == 1;
    if (s.ok) {
        add(&s, call_id);
        add_end(&s);
        add(&s, far_tag);
        add_end(&s);
    }
    for (unsigned i = 0; i < set->n; i++)
        add_hop(&s, set->items[i]);
    s.ok = s.ok && EVP_DigestFinal_ex(s.ctx, whole, NULL) == 1;
    EVP_MD_CTX_free(s.ctx);
    if (s.ok)
        memcpy(out, whole, ROUTE_DIGEST);
    return s.ok;
}
