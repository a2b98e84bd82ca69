#include "modules/pcscf/policy/backoff.h"
#include "appliance/core/abuse.h"
#include "modules/pcscf/emergency.h"
#include "modules/pcscf/refusal.h"
#include "modules/sip/digest.h"
#include "modules/sip/server_txn.h"
#include <inttypes.h>
#include <stdio.h>

struct attempt {
    struct bytes user;
    bool answered; /* it carries an answer to a challenge */
};

static bool is_answer(const struct sip_header *h, struct digest_credentials *c)
{
    return digest_credentials_parse(h->value, c) == 0 && c->response.n &&
           bytes_find(h->value, BYTES("auts=")) == BYTES_NOT_FOUND;
}

/* By the name of the credentials; without any, by the address of record. */
static struct attempt attempt_of(const struct sip_msg *rq)
{
    struct attempt a = {.user = rq->to.uri.text};
    struct digest_credentials c;
    const struct sip_header *h = sip_msg_first(rq, SIP_H_AUTHORIZATION);
    for (; h && !a.answered; h = sip_msg_next(rq, h)) {
        a.answered = is_answer(h, &c);
        if (a.answered)
            a.user = c.username;
    }
    return a;
}

/* Anybody can write a source into a datagram. */
static const struct addr *to_blame(const struct flow *f)
{
    return f->transport == TRANSPORT_UDP ? NULL : &f->peer;
}

bool backoff_refuses(struct pcscf *p, struct server_txn *st, const struct sip_msg *rq)
{
    const struct flow *f = &server_txn_from(st)->flow;
    char header[40];
    const struct phone *ph = phone_find(p, f);
    uint32_t seconds = ph && ph->n ? 0 : abuse_wait(p->w, &f->peer, attempt_of(rq).user);
    if (!seconds || emergency_is(p, server_txn_from(st), rq))
        return false;
    /* Who does not wait gets nearer to a ban, but the name that he tries does not wait longer for it. */
    abuse_failed(p->w, to_blame(f), BYTES_NONE, BAN_SIP_AUTH);
    abuse_count(p->w, ABUSE_HELD);
    int n = snprintf(header, sizeof(header), "Retry-After: %" PRIu32 "\r\n", seconds);
    refusal_say(p, server_txn_from(st), rq, 503,
                "wrong passwords before: this user or address has to wait (abuse.backoff)");
    server_txn_refuse_with(st, 503, bytes_of(header, (size_t)n));
    return true;
}

static bool is_stale(const struct sip_msg *rs)
{
    struct digest_challenge c;
    const struct sip_header *h = sip_msg_first(rs, SIP_H_WWW_AUTHENTICATE);
    for (; h; h = sip_msg_next(rs, h))
        if (digest_challenge_parse(h->value, &c) == 0 && c.stale)
            return true;
    return false;
}

bool backoff_learn(struct pcscf *p, const struct flow *f, const struct sip_msg *rq, const struct sip_msg *rs)
{
    if (!p->w->gw->abuse || !rq || rs->status < 200)
        return false;
    const struct attempt a = attempt_of(rq);
    if (!a.answered)
        return false;
    if (rs->status < 300) {
        abuse_succeeded(p->w, &f->peer, a.user);
        return false;
    }
    bool refused = rs->status == 401 || rs->status == 403 || rs->status == 407;
    if (!refused || is_stale(rs))
        return false;
    abuse_count(p->w, ABUSE_FAILURES_SIP);
    log_info(&p->w->log, "sip.auth_failed", F_BYTES("call_id", rq->call_id), F_BYTES("user", a.user),
             F_ADDR("client", &f->peer), F_UINT("status", rs->status));
    abuse_failed(p->w, to_blame(f), a.user, BAN_SIP_AUTH);
    return true;
}
