/* server_txn: a request that came in, until its response is done (RFC 3261 17.2, RFC 6026 7.1).
 *
 * Modules. Owned by the layer, found by top Via branch, sent-by and method (17.2.3; ACK finds its INVITE), by
 * the older rule for requests of RFC 2543. It answers retransmissions by itself, retransmits a non-2xx final
 * to an INVITE on UDP, absorbs the ACK, and says 100 when its user is slow (INVITE 200 ms; others when timer
 * E of the client has reached T2, RFC 4320 4.1). The user is told by a const struct server_user; all of its
 * slots are optional. */
#pragma once
#include "modules/sip/transaction.h"

struct server_user {
    /* INVITE only, no final response sent yet: a CANCEL came and was answered 200. The user is to end the
     * INVITE with 487 (9.2); without this slot the transaction does so itself. `cancel` is valid during the
     * call. */
    void (*on_cancel)(struct server_txn *st, const struct sip_msg *cancel);
    /* A response could not be sent (17.2.4); the transaction stays as it is (RFC 6026 7.1). */
    void (*on_error)(struct server_txn *st, int err);
    /* INVITE, non-2xx final, no ACK in 64*T1 (timer H). */
    void (*on_no_ack)(struct server_txn *st);
    /* It ends: the last call, at the end of a turn. st is valid during the call. */
    void (*gone)(struct server_txn *st);
};

/* Who hears of it, and with what. May be called again to change it. */
void server_txn_own(struct server_txn *st, const struct server_user *user, void *arg);
void *server_txn_arg(const struct server_txn *st);
struct sip_layer *server_txn_layer(const struct server_txn *st);
/* The request as received, with received/rport; NULL after the turn in which the final response was sent. */
const struct sip_msg *server_txn_request(const struct server_txn *st);
const struct sip_hop *server_txn_from(const struct server_txn *st); /* where it came from */
bool server_txn_is_invite(const struct server_txn *st);
bool server_txn_answered(const struct server_txn *st); /* a final response was sent */

/* Sends this response (whole bytes, Via list as it is to leave) and keeps a copy for retransmission. Further
 * 2xx of an INVITE may follow a 2xx (RFC 6026: passed, not kept). 0; -EINVAL: not in this state (a second
 * final, 1xx after a final, 101-199 or 408 to a non-INVITE, RFC 4320): nothing is sent; other -errno as
 * sip_hop_send: the state moves on, the user's on_error is called. */
int server_txn_respond(struct server_txn *st, int status, struct bytes response);
/* Builds the response from the request and sends it, with a To tag of this transaction's own. 408 to a
 * non-INVITE becomes server_txn_abandon (RFC 4320 4.2), a 503 says when to come again (refuse_with: in
 * extra). extra: whole header lines, each with CRLF, or BYTES_NONE. */
int server_txn_refuse(struct server_txn *st, int status);
int server_txn_refuse_with(struct server_txn *st, int status, struct bytes extra);
/* 100 now instead of after 200 ms; a no-op for what is no INVITE or has any response already. */
void server_txn_trying(struct server_txn *st);
/* No response will come. A non-INVITE just ends (RFC 4320 4.2); an INVITE gets 408. */
void server_txn_abandon(struct server_txn *st);
/* The To tag that server_txn_refuse uses: stable for the transaction (RFC 3261 8.2.6.2). */
const char *server_txn_tag(struct server_txn *st);
