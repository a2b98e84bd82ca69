/* login: Digest of REGISTER (RFC 3261 22, RFC 7616, RFC 8760).
 *
 * Floor 3. A nonce is a sealed token with its time in it, so nothing is kept for a phone that was challenged
 * and never came back. */
#pragma once
#include "modules/registrar/network.h"

enum login_verdict {
    LOGIN_OK,
    LOGIN_MISSING, /* no credentials for our realm: challenge */
    LOGIN_STALE, /* right, but the nonce is too old, not ours, or its count was used: challenge with stale */
    LOGIN_WRONG  /* wrong response, unknown or disabled user */
};

/* Do the credentials prove that this request is u's? */
enum login_verdict login_check(struct registrar *r, const struct sip_msg *rq, const struct home_user *u);
/* Why one that was wrong was, for the log. */
const char *login_why(struct registrar *r, const struct home_user *u);
/* 401 with a challenge for each algorithm that the phone can bear. */
void login_challenge(struct registrar *r, struct server_txn *st, const struct sip_msg *rq, struct bytes realm,
                     bool stale);
