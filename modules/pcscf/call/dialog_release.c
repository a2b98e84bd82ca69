#include "modules/pcscf/call/dialog_release.h"
#include "modules/pcscf/call/dialog_watch.h"
#include "modules/pcscf/call/dialog_within.h"
#include "modules/pcscf/core/core_request.h"
#include "modules/pcscf/emergency.h"
#include "modules/sip/uac.h"

static struct bytes reason_of(enum dialog_end why)
{
    switch (why) {
    case DIALOG_UNREGISTERED:
        return BYTES("Reason: SIP;cause=480;text=\"Registration ended\"\r\n");
    case DIALOG_OVERDUE:
        return BYTES("Reason: SIP;cause=408;text=\"Session timer expired\"\r\n");
    default: /* TS 24.229 5.2.8.1.2 */
        return BYTES("Reason: SIP;cause=503;text=\"Connection to the phone lost\"\r\n");
    }
}

/* Whatever comes of a BYE of ours, the call is over. */
static void on_response(struct client_txn *ct, const struct sip_msg *rs)
{
    (void)ct;
    (void)rs;
}

static void on_failure(struct client_txn *ct, int status, int err)
{
    (void)ct;
    (void)status;
    (void)err;
}

static const struct client_user nobody_waits = {.on_response = on_response, .on_failure = on_failure};

static void bye_to_phone(struct dialog *d, struct bytes reason)
{
    const struct bytes *t = d->is.text;
    const struct sip_hop to = sip_hop_flow(&d->flow);
    const struct sip_uac_request bye = {
        .method = "BYE",
        .target = t[DIALOG_PHONE_TARGET],
        .from = t[DIALOG_FAR],
        .to = t[DIALOG_PHONE],
        .call_id = t[DIALOG_CALL_ID],
        .cseq = d->is.far_cseq + 1,
        .headers = reason,
    };
    if (flow_reaches(d->room, &d->flow))
        sip_uac_send(d->room->layer, &to, &bye, &nobody_waits, NULL);
}

/* The other end of a call within this gateway that no core recorded itself in is reached through ourselves.
 */
static struct sip_hop far_hop(const struct dialog *d)
{
    struct bytes route = d->is.text[DIALOG_ROUTE], call_id = d->is.text[DIALOG_CALL_ID];
    struct sip_nameaddr na;
    bool has_next = route_first(route, &na);
    if (d->is.help == DIALOG_EMERGENCY)
        return emergency_hop_by(d->room, has_next ? &na.uri : NULL, call_id);
    if (route_leads_back(d->room, route))
        return sip_hop_local(&pcscf_entity);
    return has_next ? core_link_hop_for_by(d->room, &na.uri, call_id) : core_link_hop_by(d->room, call_id);
}

static void bye_to_far(struct dialog *d, struct bytes reason)
{
    const struct bytes *t = d->is.text;
    const struct sip_hop to = far_hop(d);
    const struct charging_vector accounts = dialog_accounts(d);
    struct buf headers;
    buf_init(&headers);
    buf_append(&headers, reason);
    if (accounts.icid.n) {
        buf_str(&headers, "P-Charging-Vector: ");
        charging_write_vector(&accounts, &headers);
        buf_str(&headers, "\r\n");
    }
    const struct sip_uac_request bye = {
        .method = "BYE",
        .target = t[DIALOG_FAR_TARGET],
        .route = t[DIALOG_ROUTE],
        .from = t[DIALOG_PHONE],
        .to = t[DIALOG_FAR],
        .call_id = t[DIALOG_CALL_ID],
        .cseq = d->is.phone_cseq + 1,
        .headers = headers.failed ? reason : buf_bytes(&headers),
    };
    if (to.kind != HOP_NONE)
        core_request_send(d->room, &to, &bye, NULL, NULL);
    buf_fini(&headers);
}

void dialog_release(struct dialog *d, enum dialog_end why)
{
    struct bytes reason = reason_of(why);
    if (!d->confirmed) {
        if (d->invite)
            watch_give_up(d->invite, reason);
        else
            dialog_end(d, DIALOG_UNANSWERED, BYTES_NONE);
        return;
    }
    bye_to_far(d, reason);
    bye_to_phone(d, reason);
    dialog_end(d, why, BYTES_NONE);
}

void dialog_overdue(struct worker *w, struct timer *t)
{
    (void)w;
    dialog_release(container_of(t, struct dialog, session), DIALOG_OVERDUE);
}
