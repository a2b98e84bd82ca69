/* client_txn: a request that we sent, until its response is done (RFC 3261 17.1, RFC 6026 7.2).
 *
 * Modules. Owned by the layer, in slots: the Via branch is its address (branch.h). Retransmits on UDP (A, E),
 * gives up (B, F), makes the ACK for a non-2xx and the CANCEL, absorbs retransmissions (D, K), collects
 * further 2xx (M).
 *
 * Sending one: client_txn_create gives the branch; write the request with it (client_txn_via makes the whole
 * Via line); client_txn_send. If it cannot be written: client_txn_drop. */
#pragma once
#include "modules/sip/branch.h"
#include "modules/sip/transaction.h"

struct buf;

struct client_user {
    /* A response that is not a retransmission: 1xx, the final one, every further 2xx of an INVITE. rs is
     * valid during the call. Needed. */
    void (*on_response)(struct client_txn *ct, const struct sip_msg *rs);
    /* No response will come: 408 (timer B or F), 503 (transport error; err is -errno, -ENOTCONN for a dead
     * flow) as RFC 3261 8.1.3.1 has it. Needed. Not called after a final response. */
    void (*on_failure)(struct client_txn *ct, int status, int err);
    /* The way there is gone while the request waits for its response. True: keep it, somebody will call
     * client_txn_move or client_txn_drop; what is not moved in 64*T1 fails with 408 (an INVITE that has had a
     * provisional response waits without an end). False, or no slot: on_failure follows. */
    bool (*on_lost)(struct client_txn *ct, int err);
    /* The last call, at the end of a turn; ct is valid during the call. What is no INVITE may live on to
     * absorb retransmissions. Optional. */
    void (*gone)(struct client_txn *ct);
};

/* NULL: table full or out of memory. loop: the loop part of the branch, 0 for a request of our own. Nothing
 * is sent. */
struct client_txn *client_txn_create(struct sip_layer *l, const struct sip_hop *to, uint32_t loop,
                                     const struct client_user *user, void *arg);
/* The same above the limits of the table and of what waits: there is room for as many again (CANCELs have it
 * too). */
struct client_txn *client_txn_create_urgent(struct sip_layer *l, const struct sip_hop *to, uint32_t loop,
                                            const struct client_user *user, void *arg);
const char *client_txn_branch(const struct client_txn *ct);
/* Appends "Via: SIP/2.0/TLS sent-by;branch=...\r\n" (with ;rport on UDP, RFC 3581). False: no memory, or the
 * entity has no way there. */
bool client_txn_via(const struct client_txn *ct, struct buf *out);

/* Before it is sent: it goes there instead. */
void client_txn_redirect(struct client_txn *ct, const struct sip_hop *to);
/* Sends the whole request and starts the timers; copies it only if it may be needed again (INVITE, UDP). An
 * error that is known at once is reported by on_failure in a letter's time (this turn's end at the latest),
 * never from inside this call. 0, -ENOMEM or -EBUSY (nothing sent, no callback but gone; ct ends). */
int client_txn_send(struct client_txn *ct, struct bytes request);
/* The same request once more, to where its receiver is now: with the branch that it has, so that who has it
 * already takes it for a retransmission and says again what he said (RFC 3261 17.2.1). One that was cancelled
 * meanwhile: its CANCEL instead. fresh: the whole request, for one of which no copy is kept. 0, -ESHUTDOWN
 * (it has its final response), -ENOMEM. */
int client_txn_move(struct client_txn *ct, const struct sip_hop *to, struct bytes fresh);
/* It was created but will not be sent, or nobody cares any more: no further callback but `gone`. */
void client_txn_drop(struct client_txn *ct);
/* INVITE only (RFC 3261 9.1): CANCEL goes now if a provisional response has come, else as soon as one comes;
 * not at all after a final one. If no final follows in 64*T1 after it: on_failure(408). reason: a whole
 * "Reason: ...\r\n" line to put into it (RFC 3326) or BYTES_NONE. */
void client_txn_cancel(struct client_txn *ct, struct bytes reason);

void *client_txn_arg(const struct client_txn *ct);
const struct sip_hop *client_txn_to(const struct client_txn *ct);
struct sip_layer *client_txn_layer(const struct client_txn *ct);
struct ref client_txn_ref(const struct client_txn *ct);
struct client_txn *client_txn_get(struct sip_layer *l, struct ref r); /* NULL: ended */
bool client_txn_is_invite(const struct client_txn *ct);
bool client_txn_answered(const struct client_txn *ct);    /* a final response came */
bool client_txn_provisional(const struct client_txn *ct); /* a provisional one came */
