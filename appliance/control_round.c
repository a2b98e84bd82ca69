#include "appliance/control_round.h"
#include "appliance/boot.h"
#include <stdlib.h>

struct control_round {
    struct letter letter;
    struct control_client *cc;
    struct worker *home;
    const char *name;
    control_visit *visit;
    unsigned next;
    json_t *list;
    json_int_t count;
};

/* Management ends before the other workers do: where a letter finds its worker ended, nobody waits for it. */
static bool nobody_waits(const struct worker *w, struct control_round *r)
{
    if (!w->ended)
        return false;
    json_decref(r->list);
    free(r);
    return true;
}

static void come_home(struct worker *w, struct letter *l)
{
    struct control_round *r = container_of(l, struct control_round, letter);
    if (nobody_waits(w, r))
        return;
    control_answer(r->cc, json_pack("{s:b,s:I,s:o}", "ok", 1, "count", r->count, r->name, r->list));
    free(r);
}

static void on_visit(struct worker *w, struct letter *l)
{
    struct control_round *r = container_of(l, struct control_round, letter);
    if (nobody_waits(w, r))
        return;
    r->count += r->visit(w, r->list);
    if (++r->next < w->gw->n_workers) {
        worker_post(w->gw->workers[r->next], l);
        return;
    }
    l->open = come_home;
    worker_post(r->home, l);
}

void control_round_begin(struct control_client *cc, const char *name, control_visit *visit)
{
    struct control_round *r = calloc(1, sizeof *r);
    json_t *list = json_array();
    if (!r || !list) {
        free(r);
        json_decref(list);
        control_answer(cc, NULL);
        return;
    }
    r->letter.open = on_visit;
    r->cc = cc;
    r->home = control_worker(cc);
    r->name = name;
    r->visit = visit;
    r->list = list;
    control_pend(cc);
    worker_post(control_roof(cc)->gw.workers[0], &r->letter);
}

json_t *control_string(struct bytes b)
{
    json_t *t = json_stringn((const char *)b.p, b.n);
    return t ? t : json_string("?");
}
