#include "modules/registrar/replay.h"

bool replay_fresh(struct replay *r, uint64_t nonce, uint32_t nc)
{
    struct replay_row *row = &r->rows[nonce % REPLAY_ROWS];
    if (row->nonce == nonce && nc <= row->nc)
        return false;
    row->nonce = nonce;
    row->nc = nc;
    return nc > 0;
}
