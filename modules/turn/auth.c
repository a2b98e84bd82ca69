#include "modules/turn/auth.h"
#include "appliance/core/directory.h"
#include "modules/turn/dispatch.h"
#include "modules/turn/nonce.h"
#include <openssl/crypto.h>
#include <string.h>

/* 401 and 438 carry REALM and a fresh NONCE (RFC 8489 9.2.4). */
static void challenge(struct request *rq, unsigned code)
{
    struct answer a;
    char nonce[NONCE_MAX];
    size_t n = nonce_make(rq->turn->w, &rq->client.addr, nonce);
    if (!n) {
        turn_refuse(rq, 500);
        return;
    }
    answer_begin_error(rq, &a, code);
    stun_put(&a.w, STUN_A_REALM, bytes_str(rq->turn->config->realm));
    stun_put(&a.w, STUN_A_NONCE, bytes_of(nonce, n));
    answer_send(rq, &a);
}

static void fail(struct request *rq, struct bytes name)
{
    turn_count(rq->turn, TS_AUTH_FAILURES);
    log_info(&rq->turn->w->log, "turn.auth_failed", F_BYTES("user", name),
             F_ADDR("client", &rq->client.addr));
    challenge(rq, 401);
}

/* The user's key. A user that is not there gets a key that nobody has, and is then checked like any other, so
 * that the time of the answer does not tell who exists. */
static bool find_key(struct request *rq, struct bytes realm, struct bytes name)
{
    struct turn *t = rq->turn;
    struct user_key user;
    bool found = bytes_eq(realm, bytes_str(t->config->realm)) &&
                 directory_find(t->w->gw->directory, realm, name, &user) && user.enabled;
    memcpy(rq->key, found ? user.md5 : t->none, sizeof(rq->key));
    OPENSSL_cleanse(&user, sizeof(user));
    return found;
}

/* RFC 8489 9.2.4: MESSAGE-INTEGRITY-SHA256 decides where it is present. */
static bool integrity_ok(const struct request *rq)
{
    struct bytes key = bytes_of(rq->key, sizeof(rq->key));
    return rq->message.integrity256_at ? stun_integrity256_ok(&rq->message, key)
                                       : stun_integrity_ok(&rq->message, key);
}

bool auth_check(struct request *rq)
{
    const struct stun_message *m = &rq->message;
    struct bytes name, realm, nonce;
    if (!m->integrity_at && !m->integrity256_at) {
        challenge(rq, 401);
        return false;
    }
    if (!stun_find(m, STUN_A_USERNAME, &name) || !stun_find(m, STUN_A_REALM, &realm) ||
        !stun_find(m, STUN_A_NONCE, &nonce)) {
        turn_refuse(rq, 400);
        return false;
    }
    bool found = find_key(rq, realm, name);
    if (!integrity_ok(rq) || !found) {
        fail(rq, name);
        return false;
    }
    if (!nonce_ok(rq->turn->w, &rq->client.addr, nonce, rq->turn->config->nonce_lifetime)) {
        challenge(rq, 438);
        return false;
    }
    rq->name = name;
    rq->authenticated = true;
    return true;
}
