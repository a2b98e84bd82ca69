/* MESSAGE-INTEGRITY and MESSAGE-INTEGRITY-SHA256 (RFC 8489 14.5 and 14.6).
 *
 * The HMAC runs over the message up to the attribute, with a header whose length says that the attribute is
 * the last: so the header is fed from a patched copy and the rest from where it lies. */
#include "modules/stun/stun.h"
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

struct kind {
    uint16_t type;
    uint8_t bytes;
    char digest[8];
    size_t at; /* in struct stun_mac */
};
static const struct kind sha1 = {STUN_A_MESSAGE_INTEGRITY, STUN_SHA1, "SHA1", 0};
static const struct kind sha256 = {STUN_A_MESSAGE_INTEGRITY_SHA256, STUN_SHA256, "SHA256", 1};

struct stun_mac {
    EVP_MAC_CTX *ctx[2]; /* keyed anew for each message: a third of what it costs to make one */
};

static EVP_MAC_CTX *make_ctx(const struct kind *k)
{
    char digest[sizeof(k->digest)];
    memcpy(digest, k->digest, sizeof(digest));
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
    EVP_MAC_free(hmac);
    if (!ctx || EVP_MAC_CTX_set_params(ctx, params))
        return ctx;
    EVP_MAC_CTX_free(ctx);
    return NULL;
}

struct stun_mac *stun_mac_create(void)
{
    struct stun_mac *m = calloc(1, sizeof(*m));
    if (!m)
        return NULL;
    m->ctx[sha1.at] = make_ctx(&sha1);
    m->ctx[sha256.at] = make_ctx(&sha256);
    if (m->ctx[0] && m->ctx[1])
        return m;
    stun_mac_destroy(m);
    return NULL;
}

void stun_mac_destroy(struct stun_mac *m)
{
    if (!m)
        return;
    EVP_MAC_CTX_free(m->ctx[0]);
    EVP_MAC_CTX_free(m->ctx[1]);
    free(m);
}

static bool mac_run(EVP_MAC_CTX *ctx, const struct kind *k, struct bytes key, struct bytes head,
                    struct bytes rest, uint8_t *out)
{
    size_t n = 0;
    return EVP_MAC_init(ctx, key.p, key.n, NULL) && EVP_MAC_update(ctx, head.p, head.n) &&
           EVP_MAC_update(ctx, rest.p, rest.n) && EVP_MAC_final(ctx, out, &n, k->bytes) && n == k->bytes;
}

/* The HMAC of the message in front of the attribute at offset `at`. */
static bool mac(struct stun_mac *m, const struct kind *k, struct bytes key, struct bytes raw, uint8_t *out)
{
    uint8_t head[STUN_HEADER];
    memcpy(head, raw.p, STUN_HEADER);
    store_u16(head + 2, (uint16_t)(raw.n + STUN_ATTR_HEADER + k->bytes - STUN_HEADER));
    EVP_MAC_CTX *ctx = m ? m->ctx[k->at] : make_ctx(k);
    bool ok = ctx && mac_run(ctx, k, key, bytes_of(head, sizeof(head)), bytes_skip(raw, STUN_HEADER), out);
    if (!m)
        EVP_MAC_CTX_free(ctx);
    return ok;
}

static bool check(const struct stun_message *m, const struct kind *k, size_t at, struct bytes key)
{
    uint8_t want[STUN_SHA256];
    /* Truncated values are for usages that allow them (RFC 8489 14.6); TURN does not. */
    if (!at || load_u16(m->raw.p + at + 2) != k->bytes)
        return false;
    if (!mac(m->mac, k, key, bytes_first(m->raw, at), want))
        return false;
    return bytes_eq_secret(bytes_of(want, k->bytes), bytes_of(m->raw.p + at + STUN_ATTR_HEADER, k->bytes));
}

bool stun_integrity_ok(const struct stun_message *m, struct bytes key)
{
    return check(m, &sha1, m->integrity_at, key);
}

bool stun_integrity256_ok(const struct stun_message *m, struct bytes key)
{
    return check(m, &sha256, m->integrity256_at, key);
}

static void put(struct stun_writer *w, const struct kind *k, struct bytes key)
{
    uint8_t value[STUN_SHA256];
    if (w->out.full || !mac(w->mac, k, key, bytes_of(w->out.start, wire_len(&w->out)), value)) {
        w->out.full = true;
        return;
    }
    stun_put(w, k->type, bytes_of(value, k->bytes));
}

void stun_put_integrity(struct stun_writer *w, struct bytes key)
{
    put(w, &sha1, key);
}
void stun_put_integrity256(struct stun_writer *w, struct bytes key)
{
    put(w, &sha256, key);
}
