#include "modules/ue/ua_auth.h"
#include "appliance/base/random.h"
#include <errno.h>
#include <openssl/crypto.h>

#define REALM_MAX 256

void ua_auth_init(struct ua_auth *a)
{
    *a = (struct ua_auth){0};
    buf_init(&a->text);
}

void ua_auth_fini(struct ua_auth *a)
{
    OPENSSL_cleanse(&a->key, sizeof a->key);
    buf_fini(&a->text);
    a->have = false;
}

static int strength(const struct digest_challenge *c)
{
    if (c->has_qop && !c->qop_auth)
        return 0;
    return c->algorithm == DIGEST_SHA256 ? 2 : c->algorithm == DIGEST_MD5 ? 1 : 0;
}

static const struct sip_header *strongest(const struct sip_msg *m, enum sip_header_id id)
{
    const struct sip_header *best = NULL;
    int most = 0;
    for (const struct sip_header *h = sip_msg_first(m, id); h; h = sip_msg_next(m, h)) {
        struct digest_challenge c;
        if (digest_challenge_parse(h->value, &c) != 0 || strength(&c) <= most)
            continue;
        best = h;
        most = strength(&c);
    }
    return best;
}

static int keep(struct ua_auth *a, struct bytes value)
{
    buf_clear(&a->text);
    a->nc = 0;
    a->have = buf_append(&a->text, value) && digest_challenge_parse(buf_bytes(&a->text), &a->challenge) == 0;
    return a->have ? 0 : -ENOMEM;
}

static int derive(struct ua_auth *a, const char *user, const char *password)
{
    uint8_t realm[REALM_MAX];
    size_t n = sip_unquote(a->challenge.realm, realm, sizeof realm);
    if (n == BYTES_NOT_FOUND)
        return -EINVAL;
    return user_key_derive(bytes_of(realm, n), bytes_str(user), bytes_str(password), &a->key);
}

int ua_auth_take(struct ua_auth *a, const struct sip_msg *m, bool answered, const char *user,
                 const char *password)
{
    bool proxy = m->status == 407;
    struct digest_challenge c;
    const struct sip_header *h = strongest(m, proxy ? SIP_H_PROXY_AUTHENTICATE : SIP_H_WWW_AUTHENTICATE);
    if (!h || digest_challenge_parse(h->value, &c) != 0)
        return -EPROTONOSUPPORT;
    /* Wrong is what a challenge had as its first answer. Of later ones a server may have forgotten the nonce
     * without saying stale (Kamailio's S-CSCF takes each only once). */
    if (answered && a->proxy == proxy && !c.stale && a->nc <= 1)
        return -EACCES;
    a->proxy = proxy;
    int rc = keep(a, h->value);
    if (rc == 0)
        rc = derive(a, user, password);
    a->have = rc == 0;
    return rc;
}

int ua_auth_write(struct ua_auth *a, const char *user, struct bytes method, struct bytes uri, struct buf *out)
{
    char cnonce[24];
    random_text(cnonce, sizeof cnonce - 1);
    struct digest_answer answer = {.challenge = &a->challenge,
                                   .username = bytes_str(user),
                                   .method = method,
                                   .uri = uri,
                                   .cnonce = bytes_str(cnonce),
                                   .nc = ++a->nc};
    buf_str(out, a->proxy ? "Proxy-Authorization: " : "Authorization: ");
    int rc = digest_answer_write(&answer, &a->key, out);
    buf_str(out, "\r\n");
    return rc == 0 && out->failed ? -ENOMEM : rc;
}
