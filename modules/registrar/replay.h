/* replay: which nonce counts were used (RFC 7616 3.4: a server may refuse what does not count up).
 *
 * Floor 3, one worker: a phone's REGISTERs come up on the worker of its connection. A fixed table: a nonce
 * pushed out by another can be used again until it is stale, no more. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define REPLAY_ROWS 1024u

struct replay {
    struct replay_row {
        uint64_t nonce; /* its random part */
        uint32_t nc;
    } rows[REPLAY_ROWS];
};

/* True, and remembered, when nc is higher than any before with that nonce. */
bool replay_fresh(struct replay *r, uint64_t nonce, uint32_t nc);
