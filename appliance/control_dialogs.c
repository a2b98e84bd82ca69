/* The calls that stand or ring, on every worker, for the operator. */
#include "appliance/control_round.h"
#include "modules/pcscf/call/dialog.h"

#define DIALOGS_SHOWN 1000 /* an answer stays readable, and small in memory */

struct listing {
    json_t *list;
    json_int_t count;
};

/* Until the session timer ends it; null: there is none. */
static json_t *session_left(const struct dialog *d)
{
    if (!d->session_seconds)
        return json_null();
    return json_integer((json_int_t)((d->session.due - d->room->w->now) / 1000));
}

static void add_dialog(const struct dialog *d, void *arg)
{
    struct listing *l = arg;
    const struct bytes *t = d->is.text;
    const struct worker *w = d->room->w;
    uint64_t since = d->confirmed ? d->confirmed : d->began;
    char peer[ADDR_TEXT];
    l->count++;
    if (json_array_size(l->list) >= DIALOGS_SHOWN)
        return;
    addr_format(&d->flow.peer, peer);
    json_array_append_new(
        l->list,
        json_pack("{s:s,s:i,s:o,s:o,s:s,s:s,s:o,s:o,s:s,s:s,s:I,s:o}", "kind", dialog_kind(d->is.help),
                  "worker", w->id, "call_id", control_string(t[DIALOG_CALL_ID]), "aor",
                  control_string(t[DIALOG_AOR]), "side", dialog_side(d->is.from_phone), "state",
                  d->confirmed ? "confirmed" : "early", "phone", control_string(t[DIALOG_PHONE]), "far",
                  control_string(t[DIALOG_FAR]), "peer", peer, "transport", transport_name(d->flow.transport),
                  "age_ms", (json_int_t)(w->now - since), "session_seconds", session_left(d)));
}

static json_int_t visit(struct worker *w, json_t *list)
{
    struct listing l = {.list = list};
    const struct pcscf *p = pcscf_of(w);
    if (p)
        dialogs_each(p, add_dialog, &l);
    return l.count;
}

void control_dialogs(struct control_client *cc, json_t *q)
{
    (void)q;
    control_round_begin(cc, "dialogs", visit);
}
