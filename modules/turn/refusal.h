/* refusal: why a request was refused, in words for the operator's log. The client is told the code alone.
 *
 * Floor 3. One line each: turn.refused for somebody who has proved who he is (debug for anybody else), with
 * user, client, method, code, why and what to do; turn.auth_failed for who has not. No password, key, nonce
 * or token is ever in them. */
#pragma once
#include "modules/turn/dispatch.h"

/* An error response that goes out. rq->because where the handler knows better than the method and the code
 * say. */
void refusal_log(const struct request *rq, unsigned code);

/* A login that failed: by what name, or "" with USERHASH, in what realm. */
struct refused_login {
    struct bytes name, realm;
    bool token; /* RFC 7635 */
};
void refusal_log_login(const struct request *rq, const struct refused_login *login);
