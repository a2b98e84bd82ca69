#include "modules/turn/auth.h"
#include "appliance/core/abuse.h"
#include "modules/turn/access_token.h"
#include "modules/turn/allocation.h"
#include "modules/turn/dispatch.h"
#include "modules/turn/nonce.h"
#include "modules/turn/refusal.h"
#include "modules/turn/session.h"
#include "modules/turn/shared_secret.h"
#include "mux/conn.h"
#include <openssl/crypto.h>
#include <string.h>

/* What a request says of who it is from. */
struct claim {
    struct bytes name, hash, realm, nonce; /* name or hash, not both */
    enum password_algorithm algorithm;
};

static struct bytes server_name(const struct turn_config *c)
{
    return bytes_str(c->oauth_server_name[0] ? c->oauth_server_name : c->realm);
}

/* 401 and 438 carry REALM, a fresh NONCE and PASSWORD-ALGORITHMS (RFC 8489 9.2.4). */
static void challenge(struct request *rq, unsigned code)
{
    const struct turn_config *c = rq->turn->config;
    struct answer a;
    char nonce[NONCE_MAX];
    size_t n = nonce_make(rq->turn->w, &rq->client.addr, nonce);
    if (!n) {
        turn_refuse(rq, 500);
        return;
    }
    answer_begin_error(rq, &a, code);
    stun_put(&a.w, STUN_A_REALM, bytes_str(c->realm));
    stun_put(&a.w, STUN_A_NONCE, bytes_of(nonce, n));
    password_algorithms_put(&a.w);
    if (c->oauth_keys.n)
        stun_put(&a.w, STUN_A_THIRD_PARTY_AUTHORIZATION, server_name(c));
    answer_send(rq, &a);
}

/* Anybody can write a source address into a datagram; who has got our nonce there is really there. */
static bool is_there(const struct request *rq, const struct claim *claim)
{
    const struct turn *t = rq->turn;
    return client_is_stream(&rq->client) ||
           nonce_ok(t->w, &rq->client.addr, claim->nonce, t->config->nonce_lifetime);
}

static void blame(struct request *rq, const struct claim *claim)
{
    if (!is_there(rq, claim) || !abuse_failed(rq->turn->w, &rq->client.addr, BYTES_NONE, BAN_TURN_AUTH))
        return;
    if (rq->client.conn)
        conn_close(rq->client.conn, CLOSE_BANNED);
}

static void fail(struct request *rq, const struct claim *claim)
{
    turn_count(rq->turn, TS_AUTH_FAILURES);
    refusal_log_login(rq, &(struct refused_login){.name = claim->name,
                                                  .realm = claim->realm,
                                                  .token = stun_has(&rq->message, STUN_A_ACCESS_TOKEN)});
    challenge(rq, 401);
    blame(rq, claim);
}

/* RFC 8489 9.2.4: MESSAGE-INTEGRITY-SHA256 decides where it is present. */
static bool integrity_ok(const struct request *rq)
{
    struct bytes key = credential_key(&rq->credential);
    return rq->message.integrity256_at ? stun_integrity256_ok(&rq->message, key)
                                       : stun_integrity_ok(&rq->message, key);
}

void auth_sign(const struct request *rq, struct stun_writer *w)
{
    if (rq->sign256)
        stun_put_integrity256(w, credential_key(&rq->credential));
    else
        stun_put_integrity(w, credential_key(&rq->credential));
}

/* ---- users of the directory */

static bool find_stored(struct request *rq, const struct claim *claim, struct user_key *key)
{
    struct directory *d = rq->turn->w->gw->directory;
    struct user_name who;
    if (!claim->hash.n)
        return directory_find(d, claim->realm, claim->name, key) &&
               credential_set_name(&rq->credential, claim->name);
    return directory_find_hash(d, claim->realm, claim->hash.p, &who, key) &&
           credential_set_name(&rq->credential, bytes_of(who.text, who.n));
}

/* ---- users that a shared secret vouches for */

/* One that the operator has switched off stays off. */
static bool is_switched_off(struct request *rq, const struct claim *claim, struct bytes name)
{
    struct user_key key;
    bool off = directory_find(rq->turn->w->gw->directory, claim->realm, name, &key) && !key.enabled;
    OPENSSL_cleanse(&key, sizeof(key));
    return off;
}

static bool fits_secret(struct request *rq, const struct claim *claim, const char *item)
{
    struct bytes secret;
    struct user_key key;
    if (!shared_secret_of_realm(item, claim->realm, &secret) ||
        !shared_secret_key(secret, claim->realm, claim->name, &key))
        return false;
    credential_set_key(&rq->credential, &key, claim->algorithm);
    OPENSSL_cleanse(&key, sizeof(key));
    return integrity_ok(rq);
}

static bool is_vouched_for(struct request *rq, const struct claim *claim)
{
    const struct string_list *secrets = &rq->turn->config->shared_secrets;
    struct bytes owner;
    if (!secrets->n || !shared_secret_username(claim->name, rq->turn->w->wall, &owner) ||
        !credential_set_name(&rq->credential, owner) || is_switched_off(rq, claim, owner))
        return false;
    for (size_t i = 0; i < secrets->n; i++)
        if (fits_secret(rq, claim, secrets->items[i]))
            return true;
    return false;
}

/* ---- the long-term credential mechanism */

/* A user that is not there gets a key that nobody has, and is then checked like any other, so that the time
 * of the answer does not tell who exists. */
static bool prove(struct request *rq, const struct claim *claim)
{
    struct turn *t = rq->turn;
    struct user_key key = {0};
    bool ours = bytes_eq(claim->realm, bytes_str(t->config->realm));
    bool found = ours && find_stored(rq, claim, &key);
    bool enabled = found && key.enabled;
    if (!enabled) {
        memcpy(key.md5, t->none, sizeof(key.md5));
        memcpy(key.sha256, t->none, sizeof(t->none));
    }
    credential_set_key(&rq->credential, &key, claim->algorithm);
    OPENSSL_cleanse(&key, sizeof(key));
    if (integrity_ok(rq) && enabled) {
        turn_count(t, claim->hash.n ? TS_AUTH_USERHASH : TS_AUTH_STORED);
        return true;
    }
    if (!ours || found || !is_vouched_for(rq, claim))
        return false;
    turn_count(t, TS_AUTH_SHARED_SECRET);
    return true;
}

/* RFC 8489 9.2.4, the second and third check. */
static bool read_claim(struct request *rq, struct claim *claim)
{
    const struct stun_message *m = &rq->message;
    *claim = (struct claim){.algorithm = PASSWORD_MD5};
    bool named = stun_find(m, STUN_A_USERNAME, &claim->name);
    bool hashed = stun_find(m, STUN_A_USERHASH, &claim->hash);
    if (named == hashed || (hashed && claim->hash.n != USER_HASH))
        return false;
    if (!stun_find(m, STUN_A_REALM, &claim->realm) || !stun_find(m, STUN_A_NONCE, &claim->nonce))
        return false;
    return !nonce_offers_algorithms(claim->nonce) ||
           password_algorithm_read(m, &claim->algorithm, &rq->sign256);
}

/* ---- third-party authorization */

static bool take_token(struct request *rq, struct bytes value, const struct oauth_key *key)
{
    struct access_token token;
    const struct turn *t = rq->turn;
    bool good = access_token_open(value, key, server_name(t->config), &token);
    if (good) {
        rq->credential.seconds_left = access_token_left(&token, t->w->wall);
        rq->credential.key_n = (uint8_t)token.key_n;
        memcpy(rq->credential.key, token.key, token.key_n);
    }
    OPENSSL_cleanse(&token, sizeof(token));
    return good && rq->credential.seconds_left && session_name(&rq->credential, key->kid);
}

/* RFC 7635 5 makes the session key the key of the HMAC. coturn, its client, and so whatever was made to work
 * with it, take the first 16 bytes of a longer one. */
#define COTURN_KEY 16u

static bool session_key_ok(struct request *rq)
{
    if (integrity_ok(rq))
        return true;
    if (rq->message.integrity256_at || rq->credential.key_n <= COTURN_KEY)
        return false;
    rq->credential.key_n = COTURN_KEY;
    return integrity_ok(rq);
}

static bool prove_by_token(struct request *rq, const struct claim *claim, struct bytes value)
{
    const struct string_list *keys = &rq->turn->config->oauth_keys;
    struct oauth_key key;
    bool good = false;
    for (size_t i = 0; i < keys->n && !good; i++)
        good = oauth_key_parse(keys->items[i], &key) && bytes_eq(key.kid, claim->name) &&
               take_token(rq, value, &key) && session_key_ok(rq);
    OPENSSL_cleanse(&key, sizeof(key));
    /* RFC 7635 7 has MESSAGE-INTEGRITY in the answer; who signs with the other one cannot check that. */
    rq->sign256 = rq->message.integrity256_at != 0;
    if (good)
        turn_count(rq->turn, TS_AUTH_TOKEN);
    return good;
}

static bool is_oauth_kid(const struct turn_config *c, struct bytes kid)
{
    struct oauth_key key;
    bool known = false;
    for (size_t i = 0; i < c->oauth_keys.n && !known; i++)
        known = oauth_key_parse(c->oauth_keys.items[i], &key) && bytes_eq(key.kid, kid);
    OPENSSL_cleanse(&key, sizeof(key));
    return known;
}

static bool find_session(struct request *rq)
{
    struct turn *t = rq->turn;
    const struct allocation *a = rq->allocation;
    uint32_t id;
    if (a)
        return session_credential(&a->session, allocation_name(a), t->w->wall, &rq->credential);
    return rq->message.method == STUN_CONNECTION_BIND &&
           stun_find_u32(&rq->message, STUN_A_CONNECTION_ID, &id) &&
           session_of_connection(t, id, &rq->credential);
}

/* RFC 7635 9: a token comes with Allocate and Refresh only; what else its bearer asks is signed with the
 * session key that was in it. */
static bool prove_by_session(struct request *rq, const struct claim *claim)
{
    if (!is_oauth_kid(rq->turn->config, claim->name) || !find_session(rq) || !session_key_ok(rq))
        return false;
    rq->sign256 = rq->message.integrity256_at != 0;
    turn_count(rq->turn, TS_AUTH_TOKEN);
    return true;
}

/* RFC 7635 7: to a server that never asked for it, it is unknown. */
static void refuse_token(struct request *rq)
{
    static const uint16_t unknown[] = {STUN_A_ACCESS_TOKEN};
    struct answer a;
    answer_begin_error(rq, &a, 420);
    stun_put_unknown(&a.w, unknown, 1);
    answer_send(rq, &a);
}

/* ---- all of it */

/* Who goes away may always do so: the end of an allocation is not relaying. */
static bool is_farewell(const struct stun_message *m)
{
    uint32_t seconds;
    return m->method == STUN_REFRESH && stun_find_u32(m, STUN_A_LIFETIME, &seconds) && seconds == 0;
}

static bool may_relay(struct request *rq)
{
    const struct turn *t = rq->turn;
    if (!t->config->require_registration || is_farewell(&rq->message))
        return true;
    return directory_is_present(t->w->gw->directory, bytes_str(t->config->realm), rq->name, t->w->now);
}

static bool is_proved(struct request *rq, const struct claim *claim)
{
    struct bytes token;
    if (stun_find(&rq->message, STUN_A_ACCESS_TOKEN, &token))
        return prove_by_token(rq, claim, token);
    if (prove_by_session(rq, claim))
        return true;
    credential_wipe(&rq->credential);
    return prove(rq, claim);
}

static void admit(struct request *rq)
{
    rq->name = credential_name(&rq->credential);
    rq->authenticated = true;
    abuse_succeeded(rq->turn->w, &rq->client.addr, BYTES_NONE);
}

/* A nonce is for one address and port (RFC 8489 9.2.4). But a client brings what it has from its control
 * connection to each of its data connections (RFC 6062 4.3), and some give up on a 438 there. */
static bool is_fresh(const struct request *rq, struct bytes nonce)
{
    struct addr from = rq->client.addr;
    if (rq->message.method == STUN_CONNECTION_BIND)
        from.port = 0;
    return nonce_ok(rq->turn->w, &from, nonce, rq->turn->config->nonce_lifetime);
}

bool auth_check(struct request *rq)
{
    const struct stun_message *m = &rq->message;
    struct claim claim;
    if (!m->integrity_at && !m->integrity256_at) {
        challenge(rq, 401);
    } else if (!rq->turn->config->oauth_keys.n && stun_has(m, STUN_A_ACCESS_TOKEN)) {
        refuse_token(rq);
    } else if (!read_claim(rq, &claim)) {
        turn_refuse(rq, 400);
    } else if (!is_proved(rq, &claim)) {
        fail(rq, &claim);
    } else if (!is_fresh(rq, claim.nonce)) {
        challenge(rq, 438);
        refusal_log(rq, 438); /* in order, once in turn.nonce_lifetime */
    } else {
        admit(rq);
        if (may_relay(rq))
            return true;
        turn_count(rq->turn, TS_NOT_REGISTERED);
        rq->because = "nobody is registered here as this user (turn.require_registration)";
        turn_refuse(rq, 403);
    }
    return false;
}
