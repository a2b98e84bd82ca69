/* A phone is back, here or on another worker: whoever waits for it is told. */
#include "modules/pcscf/call/absence_private.h"
#include <stdlib.h>

struct news {
    struct letter letter;
    struct flow old, now;
    uint64_t owner, instance;
};

static void on_news(struct worker *w, struct letter *l)
{
    struct news *news = container_of(l, struct news, letter);
    struct pcscf *p = w->ended ? NULL : pcscf_of(w);
    struct absence *a = p ? absence_find(p, &news->old, news->owner, news->instance) : NULL;
    if (a && absence_is_empty(a))
        absence_free(a); /* who asks for the phone by its old flow finds it where it is */
    else if (a)
        absence_moves(a, &news->now);
    free(news);
}

/* By letter here too: what is told may be in the middle of something. */
static void tell(struct pcscf *p, const struct flow *old, const struct whereabout *who)
{
    struct worker *home = gateway_worker(p->w->gw, old->conn.worker);
    struct news *news = home ? malloc(sizeof(*news)) : NULL;
    if (!news) /* the grace ends what waits there */
        return;
    *news = (struct news){.letter.open = on_news,
                          .old = *old,
                          .now = who->flow,
                          .owner = who->owner,
                          .instance = who->instance};
    worker_post(home, &news->letter);
}

/* On the flow that it had: over UDP, or when a registration had run out and is there again. */
static void back_here(struct registration *r)
{
    struct pcscf *p = r->phone->room;
    struct absence *a = absence_find(p, &r->phone->flow, r->where.owner, r->where.instance);
    if (!a)
        return;
    while (!list_empty(&a->dialogs)) {
        struct list *it = list_pop_front(&a->dialogs);
        list_push_back(&r->phone->dialogs, it);
    }
    absence_send_waiting(a, &a->who.flow);
    absence_free(a);
}

void absence_end(struct registration *r)
{
    struct pcscf *p = r->phone->room;
    struct flow old[WHEREABOUTS_OLD];
    unsigned n = whereabouts_add(p->whereabouts, &r->where, old);
    back_here(r);
    for (unsigned i = 0; i < n; i++) {
        if (!flow_eq(&old[i], &r->where.flow))
            tell(p, &old[i], &r->where);
    }
}
