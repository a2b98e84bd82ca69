/* control_connections: the connections of every worker, for the operator. A letter goes round: each worker
 * adds its own and passes it on, the last one sends it home. Nothing is shared, nobody waits. */
#include "appliance/boot.h"
#include "appliance/control_commands.h"
#include "mux/conn.h"
#include "mux/door.h"
#include <stdlib.h>

#define CONNECTIONS_SHOWN 1000 /* an answer stays readable, and small in memory */

struct round_letter {
    struct letter letter;
    struct control_client *cc;
    struct worker *home;
    unsigned next;
    json_t *list;
    json_int_t count;
};

static void add_connection(struct conn *c, void *arg)
{
    struct round_letter *rl = arg;
    char peer[ADDR_TEXT];
    rl->count++;
    if (json_array_size(rl->list) >= CONNECTIONS_SHOWN)
        return;
    addr_format(&c->peer, peer);
    json_array_append_new(rl->list, json_pack("{s:i,s:s,s:s,s:s,s:s,s:s,s:b,s:I}", "worker", c->w->id, "peer",
                                              peer, "transport", transport_name(c->transport), "module",
                                              c->module ? c->module->name : "", "tls", conn_tls_version(c),
                                              "cipher", conn_tls_cipher(c), "resumed", conn_tls_resumed(c),
                                              "age_ms", (json_int_t)(c->w->now - c->opened_at)));
}

/* Management ends before the other workers do: where a letter finds its worker ended, nobody waits for it. */
static bool nobody_waits(const struct worker *w, struct round_letter *rl)
{
    if (!w->ended)
        return false;
    json_decref(rl->list);
    free(rl);
    return true;
}

static void come_home(struct worker *w, struct letter *l)
{
    struct round_letter *rl = container_of(l, struct round_letter, letter);
    if (nobody_waits(w, rl))
        return;
    control_answer(rl->cc, json_pack("{s:b,s:I,s:o}", "ok", 1, "count", rl->count, "connections", rl->list));
    free(rl);
}

static void visit(struct worker *w, struct letter *l)
{
    struct round_letter *rl = container_of(l, struct round_letter, letter);
    if (nobody_waits(w, rl))
        return;
    door_each(w, add_connection, rl);
    if (++rl->next < w->gw->n_workers) {
        worker_post(w->gw->workers[rl->next], l);
        return;
    }
    l->open = come_home;
    worker_post(rl->home, l);
}

void control_connections(struct control_client *cc, json_t *q)
{
    (void)q;
    struct round_letter *rl = calloc(1, sizeof *rl);
    json_t *list = json_array();
    if (!rl || !list) {
        free(rl);
        json_decref(list);
        control_answer(cc, NULL);
        return;
    }
    rl->letter.open = visit;
    rl->cc = cc;
    rl->home = control_worker(cc);
    rl->list = list;
    control_pend(cc);
    worker_post(control_roof(cc)->gw.workers[0], &rl->letter);
}
