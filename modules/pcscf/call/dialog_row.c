/* dialog_row: the store's rows of dialogs, soft state: what recovery needs to end a call, or to let it go on.
 *
 * Written when the call is answered and with each refresh; deleted at its end. The CSeqs are those of the
 * last refresh: who takes a dialog up again counts on from well above them. */
#include "appliance/core/store.h"
#include "modules/pcscf/call/dialog.h"
#include "modules/pcscf/registration/phone.h"

static const struct store_stmt put_row = {
    STORE_SOFT,
    "INSERT OR REPLACE INTO dialog "
    "(call_id, phone_tag, far_tag, aor, owner, instance, flow, caller, phone, far, phone_target, "
    "far_target, route, phone_cseq, far_cseq, answered, session, expires, "
    "help, icid, orig_ioi, term_ioi) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, "
    "?21, ?22)"};
static const struct store_stmt delete_row = {
    STORE_SOFT, "DELETE FROM dialog WHERE call_id = ?1 AND phone_tag = ?2 AND far_tag = ?3"};

/* A call without a session timer tells nobody when it ends without a BYE. */
#define LONGEST_CALL 86400 /* seconds */

void dialog_row_put(const struct dialog *d)
{
    const struct worker *w = d->room->w;
    const struct bytes *t = d->is.text;
    char flow[FLOW_TEXT];
    if (!w->gw->store || !d->confirmed)
        return;
    const int64_t lasts = d->session_seconds ? (int64_t)d->session_seconds : LONGEST_CALL;
    const struct store_value v[] = {
        V_TEXT(t[DIALOG_CALL_ID]),
        V_TEXT(t[DIALOG_PHONE_TAG]),
        V_TEXT(t[DIALOG_FAR_TAG]),
        V_TEXT(t[DIALOG_AOR]),
        V_INT((int64_t)d->is.owner),
        V_INT((int64_t)d->is.instance),
        V_TEXT(flow_text(&d->flow, flow)),
        V_INT(d->is.from_phone),
        V_TEXT(t[DIALOG_PHONE]),
        V_TEXT(t[DIALOG_FAR]),
        V_TEXT(t[DIALOG_PHONE_TARGET]),
        V_TEXT(t[DIALOG_FAR_TARGET]),
        V_TEXT(t[DIALOG_ROUTE]),
        V_INT((int64_t)d->is.phone_cseq),
        V_INT((int64_t)d->is.far_cseq),
        V_INT(w->wall - (int64_t)((w->now - d->confirmed) / 1000)),
        V_INT((int64_t)d->session_seconds),
        V_INT(w->wall + lasts),
        V_INT(d->is.help),
        V_TEXT(t[DIALOG_ICID]),
        V_TEXT(t[DIALOG_ORIG_IOI]),
        V_TEXT(t[DIALOG_TERM_IOI]),
    };
    store_exec(w->gw->store, &put_row, v, sizeof(v) / sizeof(v[0])); /* a lost row is counted by the store */
}

void dialog_row_delete(const struct dialog *d)
{
    const struct bytes *t = d->is.text;
    if (!d->room->w->gw->store)
        return;
    const struct store_value v[] = {V_TEXT(t[DIALOG_CALL_ID]), V_TEXT(t[DIALOG_PHONE_TAG]),
                                    V_TEXT(t[DIALOG_FAR_TAG])};
    store_exec(d->room->w->gw->store, &delete_row, v, 3);
}
