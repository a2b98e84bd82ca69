#include "modules/registrar/login.h"
#include "appliance/base/token.h"
#include "appliance/base/wire.h"
#include "appliance/core/directory.h"
#include "modules/sip/digest.h"
#include <openssl/crypto.h>
#include <string.h>

/* ---- nonces ---- */

#define NONCE_MARK  0x51 /* TURN seals its nonces for the same purpose; these are SIP's */
#define NONCE_PLAIN (1 + 2 + 8 + 8 + 8)

static bool nonce_make(struct registrar *r, char dst[static TOKEN_TEXT_MAX])
{
    uint8_t plain[NONCE_PLAIN];
    struct wire_out out = wire_out(plain, sizeof(plain));
    wire_put_u8(&out, NONCE_MARK);
    wire_put_u16(&out, r->w->id);
    wire_put_u64(&out, (uint64_t)r->w->gw->started);
    wire_put_u64(&out, (uint64_t)r->w->wall);
    wire_put_u64(&out, replay_number(&r->replay));
    return token_seal_text(r->w->tokens, TOKEN_NONCE, bytes_of(plain, sizeof(plain)), dst, TOKEN_TEXT_MAX) !=
           0;
}

/* Of this worker and this run of the process, for only here is it known what was used of it, and young. */
static bool nonce_valid(struct registrar *r, struct bytes text, uint64_t *number)
{
    uint8_t plain[TOKEN_PLAIN_MAX];
    size_t n = token_open_text(r->w->tokens, TOKEN_NONCE, text, plain, sizeof(plain));
    if (n != NONCE_PLAIN || plain[0] != NONCE_MARK)
        return false;
    struct wire_in in = wire_in(bytes_of(plain + 1, NONCE_PLAIN - 1));
    if (wire_u16(&in) != r->w->id || wire_u64(&in) != (uint64_t)r->w->gw->started)
        return false;
    int64_t made = (int64_t)wire_u64(&in);
    *number = wire_u64(&in);
    return made <= r->w->wall && r->w->wall - made < r->config->nonce_life / 1000;
}

/* ---- credentials ---- */

static bool find_credentials(const struct sip_msg *rq, struct bytes realm, struct digest_credentials *out)
{
    const struct sip_header *h = sip_msg_first(rq, SIP_H_AUTHORIZATION);
    for (; h; h = sip_msg_next(rq, h)) {
        uint8_t written[SIP_AOR_MAX];
        if (digest_credentials_parse(h->value, out) < 0 || !out->response.n)
            continue;
        size_t n = sip_unquote(out->realm, written, sizeof(written));
        if (n != BYTES_NOT_FOUND && bytes_eq(bytes_of(written, n), realm))
            return true;
    }
    return false;
}

/* The user name of the Digest is the user part of the address of record, with or without the domain. */
static bool is_name_of(struct bytes name, const struct home_user *u)
{
    struct bytes plain = bytes_str(u->name);
    if (!bytes_starts(name, plain))
        return false;
    struct bytes rest = bytes_skip(name, plain.n);
    return !rest.n || (rest.p[0] == '@' && bytes_ieq(bytes_skip(rest, 1), u->realm));
}

/* RFC 7616 3.4.6: the digest must be of what is asked. Clients differ in how they write it; the host must
 * agree. */
static bool is_for(const struct digest_credentials *c, const struct sip_msg *rq)
{
    struct sip_uri uri;
    return sip_uri_parse(c->uri, &uri) && sip_uri_is_sip(&uri) && sip_host_eq(&uri.host, &rq->ruri.host);
}

static enum digest_verdict verify(struct registrar *r, const struct digest_credentials *c,
                                  const struct sip_msg *rq, const struct home_user *u)
{
    uint8_t text[SIP_AOR_MAX];
    size_t n = sip_unquote(c->username, text, sizeof(text));
    if (n == BYTES_NOT_FOUND)
        return DIGEST_WRONG;
    struct user_key key = {0};
    struct bytes name = bytes_of(text, n);
    bool known =
        is_name_of(name, u) && directory_find(r->w->gw->directory, u->realm, name, &key) && key.enabled;
    /* Computed for an unknown user as well: the time of the answer tells nobody who exists. */
    enum digest_verdict v = digest_verify(c, &key, rq->method_name);
    OPENSSL_cleanse(&key, sizeof(key));
    if (v == DIGEST_REFUSED)
        return v;
    return known && v == DIGEST_OK && is_for(c, rq) ? DIGEST_OK : DIGEST_WRONG;
}

enum login_verdict login_check(struct registrar *r, const struct sip_msg *rq, const struct home_user *u)
{
    struct digest_credentials c;
    uint64_t nonce = 0;
    if (!find_credentials(rq, u->realm, &c))
        return LOGIN_MISSING;
    bool young = nonce_valid(r, c.nonce, &nonce);
    switch (verify(r, &c, rq, u)) {
    case DIGEST_REFUSED:
        return LOGIN_MISSING;
    case DIGEST_WRONG:
        return young ? LOGIN_WRONG : LOGIN_MISSING;
    case DIGEST_OK:
        break;
    }
    /* Without qop there is no count (RFC 2069): such a nonce serves once. */
    return young && replay_fresh(&r->replay, nonce, c.qop == DIGEST_QOP_AUTH ? c.nc : 1) ? LOGIN_OK
                                                                                         : LOGIN_STALE;
}

const char *login_why(struct registrar *r, const struct home_user *u)
{
    struct user_key key = {0};
    bool known = directory_find(r->w->gw->directory, u->realm, bytes_str(u->name), &key),
         enabled = key.enabled;
    OPENSSL_cleanse(&key, sizeof(key));
    if (!known)
        return "no such user: sallyportctl user list";
    return enabled ? "wrong password, or credentials of another user, realm or URI"
                   : "the user is switched off";
}

/* ---- challenges ---- */

static bool put_challenge(struct buf *out, struct digest_challenge *c, enum digest_algorithm a)
{
    c->algorithm = a;
    buf_str(out, "WWW-Authenticate: ");
    return digest_challenge_write(c, out) && buf_str(out, "\r\n");
}

/* RFC 7616 3.7: a client skips the challenges that it does not know. Some end the whole registration instead.
 */
static bool bears_sha256(const struct registrar *r, const struct sip_msg *rq)
{
    struct bytes agent = sip_msg_value(rq, SIP_H_USER_AGENT);
    const struct string_list *weak = &r->config->md5_only_agents;
    for (size_t i = 0; i < weak->n; i++) {
        if (weak->items[i][0] && bytes_istarts(agent, bytes_str(weak->items[i])))
            return false;
    }
    return true;
}

void login_challenge(struct registrar *r, struct server_txn *st, const struct sip_msg *rq, struct bytes realm,
                     bool stale)
{
    char nonce[TOKEN_TEXT_MAX];
    struct buf lines;
    buf_init(&lines);
    struct digest_challenge c = {.realm = realm, .qop_auth = true, .stale = stale};
    bool ok = nonce_make(r, nonce);
    c.nonce = bytes_str(nonce);
    /* RFC 8760 2.3: the one we like best stands first. */
    if (ok && bears_sha256(r, rq))
        ok = put_challenge(&lines, &c, DIGEST_SHA256);
    if (ok && put_challenge(&lines, &c, DIGEST_MD5))
        server_txn_refuse_with(st, 401, buf_bytes(&lines));
    else
        server_txn_refuse(st, 500);
    buf_fini(&lines);
}
