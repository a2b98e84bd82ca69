#include "modules/ue/turn_request.h"
#include "appliance/base/random.h"
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#define UDP 17 /* REQUESTED-TRANSPORT: the protocol number (RFC 8656 18.7) */

struct turn_request {
    struct list link; /* of turn_client.requests */
    struct turn_client *t;
    struct timer timer;
    struct turn_ask ask;
    uint8_t id[STUN_ID];
    unsigned tries;
};

static struct bytes client_key(const struct turn_client *t)
{
    return bytes_of(t->key, sizeof t->key);
}

static void put_credentials(const struct turn_client *t, struct stun_writer *w)
{
    if (t->has_key) {
        stun_put(w, STUN_A_USERNAME, bytes_str(t->account->user));
        stun_put(w, STUN_A_REALM, bytes_str(t->realm));
        stun_put(w, STUN_A_NONCE, bytes_str(t->nonce));
        stun_put_integrity(w, client_key(t));
    }
    stun_put_fingerprint(w);
}

static void put_ask(const struct turn_ask *a, struct stun_writer *w)
{
    if (a->method == STUN_ALLOCATE)
        stun_put_byte(w, STUN_A_REQUESTED_TRANSPORT, UDP);
    if (a->method == STUN_ALLOCATE || a->method == STUN_REFRESH)
        stun_put_u32(w, STUN_A_LIFETIME, a->lifetime);
    if (a->method == STUN_CHANNEL_BIND)
        stun_put_channel(w, a->channel);
    if (a->method == STUN_CHANNEL_BIND || a->method == STUN_CREATE_PERMISSION)
        stun_put_xor(w, STUN_A_XOR_PEER_ADDRESS, &a->peer);
}

static int transmit(struct turn_request *rq)
{
    struct stun_writer w;
    uint8_t mem[1024];
    random_fill(rq->id, sizeof rq->id); /* another nonce makes another request (RFC 8489 9.2.5) */
    stun_begin(&w, mem, sizeof mem, stun_type(STUN_REQUEST, (uint16_t)rq->ask.method), rq->id);
    put_ask(&rq->ask, &w);
    put_credentials(rq->t, &w);
    size_t n = stun_end(&w);
    if (n == 0)
        return -EMSGSIZE;
    rq->tries++;
    ue_loop_arm(rq->t->loop, &rq->timer, TURN_ANSWER_MS);
    return tls_link_send(&rq->t->link, bytes_of(mem, n));
}

static void drop(struct turn_request *rq)
{
    ue_loop_disarm(rq->t->loop, &rq->timer);
    list_remove(&rq->link);
    free(rq);
}

/* The request is gone before anybody hears of it: its owner may start the next one. */
static void finish(struct turn_request *rq, int code, const char *reason)
{
    struct turn_client *t = rq->t;
    struct turn_fate fate = {
        .method = rq->ask.method, .code = code, .reason = reason, .again = rq->ask.again};
    drop(rq);
    t->on->answered(t, &fate);
}

static void on_timer(struct worker *w, struct timer *timer)
{
    finish(container_of(timer, struct turn_request, timer), -ETIMEDOUT, "no answer");
}

int turn_request_start(struct turn_client *t, const struct turn_ask *ask)
{
    struct turn_request *rq = calloc(1, sizeof *rq);
    if (!rq)
        return -ENOMEM;
    rq->t = t;
    rq->ask = *ask;
    rq->timer.fire = on_timer;
    list_push_back(&t->requests, &rq->link);
    int rc = transmit(rq);
    if (rc != 0)
        drop(rq);
    return rc;
}

void turn_request_fail_all(struct turn_client *t, int code, const char *reason)
{
    struct list failed;
    list_init(&failed);
    for (struct list *it; (it = list_pop_front(&t->requests)) != NULL;)
        list_push_back(&failed, it);
    while (!list_empty(&failed))
        finish(container_of(failed.next, struct turn_request, link), code, reason);
}

void turn_request_drop_all(struct turn_client *t)
{
    while (!list_empty(&t->requests))
        drop(container_of(t->requests.next, struct turn_request, link));
}

/* Key: MD5(username ":" realm ":" password) (RFC 8489 9.2.2). */
static bool derive_key(struct turn_client *t)
{
    char text[3 * TURN_CREDENTIAL + 256];
    int n = snprintf(text, sizeof text, "%s:%s:%s", t->account->user, t->realm, t->account->password);
    bool ok =
        n > 0 && (size_t)n < sizeof text && EVP_Digest(text, (size_t)n, t->key, NULL, EVP_md5(), NULL) == 1;
    OPENSSL_cleanse(text, sizeof text);
    return t->has_key = ok;
}

static bool take_challenge(struct turn_client *t, const struct stun_message *m)
{
    struct bytes realm, nonce;
    if (!stun_find(m, STUN_A_NONCE, &nonce) || !bytes_to_str(nonce, t->nonce, sizeof t->nonce))
        return false;
    if (stun_find(m, STUN_A_REALM, &realm) && !bytes_to_str(realm, t->realm, sizeof t->realm))
        return false;
    return derive_key(t);
}

/* 401 to a request with credentials means that they are wrong (RFC 8489 9.2.5); 438 only that the nonce is
 * old. */
static bool may_try_again(const struct turn_request *rq, unsigned code, bool had_key)
{
    if (rq->tries >= TURN_TRIES)
        return false;
    return code == 438 || (code == 401 && !had_key);
}

static void handle_error(struct turn_request *rq, const struct stun_message *m)
{
    struct bytes text;
    char reason[TURN_REASON_MAX];
    bool had_key = rq->t->has_key;
    unsigned code = stun_error_code(m, &text);
    if (may_try_again(rq, code, had_key) && take_challenge(rq->t, m) && transmit(rq) == 0)
        return;
    if (!code || !bytes_to_str(bytes_first(text, sizeof reason - 1), reason, sizeof reason))
        snprintf(reason, sizeof reason, "%s", stun_reason(code));
    finish(rq, code ? (int)code : -EPROTO, reason);
}

static bool take_success(struct turn_request *rq, const struct stun_message *m)
{
    struct turn_client *t = rq->t;
    uint32_t lifetime = 0;
    switch (rq->ask.method) {
    case STUN_ALLOCATE:
        if (!stun_find_xor(m, STUN_A_XOR_RELAYED_ADDRESS, &t->relay))
            return false;
        if (!stun_find_xor(m, STUN_A_XOR_MAPPED_ADDRESS, &t->mapped))
            t->mapped = (struct addr){0};
        /* fall through */
    case STUN_REFRESH:
        if (!stun_find_u32(m, STUN_A_LIFETIME, &lifetime))
            return false;
        turn_client_lives(t, lifetime);
        return true;
    case STUN_CREATE_PERMISSION:
    case STUN_CHANNEL_BIND:
        turn_client_peer(t, &rq->ask.peer, rq->ask.channel);
        return true;
    default:
        return true;
    }
}

static void handle_success(struct turn_request *rq, const struct stun_message *m)
{
    if (rq->t->has_key && !stun_integrity_ok(m, client_key(rq->t)))
        finish(rq, -EPROTO, "an answer whose integrity is wrong");
    else if (!take_success(rq, m))
        finish(rq, -EPROTO, "an answer that lacks what it must have");
    else
        finish(rq, 0, "");
}

void turn_request_answered(struct turn_client *t, const struct stun_message *m)
{
    list_each_safe (it, &t->requests) {
        struct turn_request *rq = container_of(it, struct turn_request, link);
        if (memcmp(rq->id, m->id, STUN_ID) != 0 || rq->ask.method != m->method)
            continue;
        if (m->class == STUN_ERROR)
            handle_error(rq, m);
        else
            handle_success(rq, m);
        return;
    }
}
