/* turn_request: the requests that a turn_client has under way.
 *
 * Room modules/ue, floor 3; used by turn_client only, which owns them. RFC 8489 6.2.2, 9.2; RFC 8656. */
#pragma once
#include "modules/ue/turn_client.h"

#define TURN_LIFETIME 600 /* seconds that we ask for: the RFC's default */
#define TURN_TRIES    3   /* 401, then a 438, then enough */

struct turn_ask {
    enum stun_method method;
    struct addr peer;
    uint16_t channel;
    uint32_t lifetime;
    bool again;
};

int turn_request_start(struct turn_client *t, const struct turn_ask *ask); /* 0 or -errno */
void turn_request_answered(struct turn_client *t, const struct stun_message *m);
void turn_request_fail_all(struct turn_client *t, int code, const char *reason);
void turn_request_drop_all(struct turn_client *t); /* nobody is told */

/* What an answer changes in the client. */
void turn_client_lives(struct turn_client *t, uint32_t lifetime);
void turn_client_peer(struct turn_client *t, const struct addr *a, uint16_t channel);
