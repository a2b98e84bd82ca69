#include "modules/registrar/replay.h"

uint64_t replay_number(struct replay *r)
{
    return ++r->last;
}

bool replay_fresh(struct replay *r, uint64_t number, uint32_t nc)
{
    struct replay_row *row = &r->rows[number % REPLAY_ROWS];
    if (number < row->number || (number == row->number && nc <= row->nc))
        return false;
    row->number = number;
    row->nc = nc;
    return nc > 0;
}
