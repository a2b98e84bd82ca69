/* replay: which nonce counts were used (RFC 7616 3.4: a server may refuse what does not count up).
 *
 * Floor 3, one worker, which gives numbers to its nonces. A row serves every REPLAY_ROWS-th of them, and
 * remembers the last that was used: an older one that comes back was pushed out, and is refused because
 * nobody knows any more how far it had counted. So no number of phones makes a used one good again. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define REPLAY_ROWS 4096u

struct replay {
    uint64_t last; /* number of the newest nonce */
    struct replay_row {
        uint64_t number;
        uint32_t nc;
    } rows[REPLAY_ROWS];
};

/* The number of a new nonce, from 1 on. */
uint64_t replay_number(struct replay *r);
/* True, and remembered, when nc is higher than any before with that nonce. */
bool replay_fresh(struct replay *r, uint64_t number, uint32_t nc);
