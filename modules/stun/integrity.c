/* MESSAGE-INTEGRITY and MESSAGE-INTEGRITY-SHA256 (RFC 8489 14.5 and 14.6).
 *
 * The HMAC runs over the message up to the attribute, with a header whose length says that the attribute is
 * the last: so the header is fed from a patched copy and the rest from where it lies. */
#include "modules/stun/stun.h"
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>

struct kind {
    uint16_t type;
    uint8_t bytes;
    char digest[8];
};
static const struct kind sha1 = {STUN_A_MESSAGE_INTEGRITY, STUN_SHA1, "SHA1"};
static const struct kind sha256 = {STUN_A_MESSAGE_INTEGRITY_SHA256, STUN_SHA256, "SHA256"};

static bool mac_run(EVP_MAC_CTX *ctx, const struct kind *k, struct bytes key, struct bytes head,
                    struct bytes rest, uint8_t *out)
{
    char digest[sizeof(k->digest)];
    size_t n = 0;
    memcpy(digest, k->digest, sizeof(digest));
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_init(ctx, key.p, key.n, params) && EVP_MAC_update(ctx, head.p, head.n) &&
           EVP_MAC_update(ctx, rest.p, rest.n) && EVP_MAC_final(ctx, out, &n, k->bytes) && n == k->bytes;
}

/* The HMAC of the message in front of the attribute at offset `at`. */
static bool mac(const struct kind *k, struct bytes key, const uint8_t *raw, size_t at, uint8_t *out)
{
    uint8_t head[STUN_HEADER];
    memcpy(head, raw, STUN_HEADER);
    store_u16(head + 2, (uint16_t)(at + STUN_ATTR_HEADER + k->bytes - STUN_HEADER));
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
    bool ok = ctx && mac_run(ctx, k, key, bytes_of(head, sizeof(head)),
                             bytes_of(raw + STUN_HEADER, at - STUN_HEADER), out);
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(hmac);
    return ok;
}

static bool check(const struct stun_message *m, const struct kind *k, size_t at, struct bytes key)
{
    uint8_t want[STUN_SHA256];
    /* Truncated values are for usages that allow them (RFC 8489 14.6); TURN does not. */
    if (!at || load_u16(m->raw.p + at + 2) != k->bytes)
        return false;
    if (!mac(k, key, m->raw.p, at, want))
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
    if (w->out.full || !mac(k, key, w->out.start, wire_len(&w->out), value)) {
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
