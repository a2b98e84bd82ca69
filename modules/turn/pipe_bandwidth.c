/* What a pipe pays for what it carries: behind, and at most one read in debt. */
#include "modules/turn/pipe.h"
#include "modules/turn/quota.h"
#include "modules/turn/turn.h"
#include "mux/conn.h"

#define DRAW_MIN 1500u /* at a time */

static void draw(struct pipe *p, enum way way)
{
    struct turn *t = p->turn;
    struct bandwidth_limits limits = {(uint64_t)t->config->user_bandwidth,
                                      (uint64_t)t->config->total_bandwidth};
    const struct draw d = {way, DRAW_MIN, t->w->now};
    uint64_t got = 1;
    if (!limits.user && !limits.total)
        p->paid[way] = 0;
    while (p->paid[way] < 0 && got) {
        got = quota_draw(t->quota, bytes_of(p->user, p->user_n), &limits, &d);
        p->paid[way] += (int64_t)got;
    }
    p->owes[way] = p->paid[way] < 0;
}

void pipe_pay(struct pipe *p, enum way way, size_t n)
{
    p->paid[way] -= (int64_t)n;
    if (p->paid[way] >= 0)
        return;
    draw(p, way);
    if (p->owes[way])
        pipe_look_again(p);
}

void pipe_pay_debts(struct pipe *p)
{
    bool owed = p->owes[TO_PEER];
    for (enum way way = TO_PEER; way <= TO_CLIENT; way++)
        if (p->owes[way])
            draw(p, way);
    if (owed && !p->owes[TO_PEER] && !buf_len(&p->left))
        conn_resume(p->conn);
    if (p->owes[TO_PEER] || p->owes[TO_CLIENT])
        pipe_look_again(p);
}
