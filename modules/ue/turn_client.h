/* turn_client: one TURN allocation, held over one TLS connection.
 *
 * Room modules/ue, floor 3; the UE's thread. RFC 8656 (Allocate 7, Refresh 8, CreatePermission 10,
 * ChannelBind 12, ChannelData 12.4 and 12.5), long-term credentials of RFC 8489 9.2 (a 401 or 438 is answered
 * once with what it brings). Over TLS nothing is sent twice: a request without an answer fails after
 * TURN_ANSWER_MS (RFC 8489 6.2.2 would wait 39.5 s; a UE that has a call to make does not). The allocation,
 * permissions and channels are kept alive by themselves. What was asked for is told by `answered`, in any
 * order. */
#pragma once
#include "modules/stun/stun.h"
#include "modules/ue/tls_link.h"

#define TURN_ANSWER_MS  10000
#define TURN_PEERS_MAX  8
#define TURN_REASON_MAX 96
#define TURN_CREDENTIAL 128
#define TURN_PEER_AGAIN_MS                                                                                   \
    240000 /* a permission lives 300 s (RFC 8656 9), a channel 600 s (12): both again in time */

struct turn_account {
    const char *user, *password;
};

/* The fate of one request. code: 0 done, 300 to 699 the server's, -errno ours (-ETIMEDOUT, -EPROTO: an answer
 * whose integrity is wrong, -ENOTCONN). */
struct turn_fate {
    enum stun_method method;
    int code;
    const char *reason;
    bool again; /* one of the keep-alives, which nobody asked for */
};

struct turn_client;
struct turn_client_handler {
    void (*answered)(struct turn_client *t, const struct turn_fate *fate);
    void (*data)(struct turn_client *t, const struct addr *peer, struct bytes data);
    void (*closed)(struct turn_client *t); /* the link is gone: t->link.fault and why */
};

struct turn_peer {
    struct addr addr;
    uint16_t channel; /* 0: only a permission */
    struct timer again;
    struct turn_client *t;
};

struct turn_client {
    struct ue_loop *loop;
    struct tls_link link;
    const struct turn_account *account;
    const struct turn_client_handler *on;
    void *owner;
    struct list requests;
    struct timer refresh;

    struct addr relay, mapped;
    uint32_t lifetime; /* seconds; 0: no allocation */
    uint64_t indications_dropped;

    char realm[TURN_CREDENTIAL], nonce[TURN_CREDENTIAL];
    uint8_t key[16];
    bool has_key;

    struct turn_peer peers[TURN_PEERS_MAX];
    unsigned n_peers;
};

/* Connects; account, target and handler must outlive it. 0 or -errno. */
int turn_client_open(struct turn_client *t, struct ue_loop *loop, const struct tls_target *target,
                     const struct turn_account *account, const struct turn_client_handler *on);
void turn_client_close(struct turn_client *t);
void turn_client_fini(struct turn_client *t); /* not from a handler; fine on one that is zeroed */

/* Each gives 0 or -errno, and then `answered` comes once. */
int turn_client_allocate(struct turn_client *t);
int turn_client_permit(struct turn_client *t, const struct addr *peer);
int turn_client_bind(struct turn_client *t, const struct addr *peer, uint16_t channel);
int turn_client_free(struct turn_client *t); /* Refresh with a lifetime of 0 */

/* Through a channel that was asked for. 0 or -errno. */
int turn_client_send(struct turn_client *t, uint16_t channel, struct bytes data);
