/* dialog: the calls of the phones on this worker, as the edge between them and the core sees them (RFC
 * 3261 12, TS 24.229 5.2.8): so that it can end one in the name of either side when the other is gone, and
 * say afterwards why it ended.
 *
 * Floor 3. A dialog stands with its phone: on the worker of the phone's flow, in the phone's list, and found
 * by Call-ID and tags. It is made by a response to an INVITE that has a To tag (several when the INVITE
 * forks), confirmed by a 2xx, ended by a BYE, a final refusal, or by us. What is not in the table still
 * passes: our Record-Route's token alone says who may send what (record.h).
 *
 * "Phone" is our side's end whoever called, "far" the other. One block for the struct and one for its texts.
 * What messages teach: dialog_watch.h; ending one by BYE: dialog_release.h. */
#pragma once
#include "appliance/base/list.h"
#include "modules/pcscf/room.h"

struct phone;
struct passage;

enum dialog_text {
    DIALOG_CALL_ID,
    DIALOG_PHONE, /* From or To value, with its tag */
    DIALOG_FAR,
    DIALOG_PHONE_TAG,
    DIALOG_FAR_TAG,
    DIALOG_PHONE_TARGET, /* URI of its Contact; a target refresh changes it */
    DIALOG_FAR_TARGET,
    DIALOG_ROUTE, /* from us to the far end: Route values, first hop first; may be empty */
    /* Its accounts (RFC 7315 4.6; charging.h), without quotes; empty: nobody has said. */
    DIALOG_ICID,
    DIALOG_ORIG_IOI,
    DIALOG_TERM_IOI,
    DIALOG_AOR, /* of the registration; empty: not known */
    DIALOG_TEXTS
};

#define DIALOG_TEXT_MAX 8192 /* all of them together; a call with more is not kept */

/* A call for help, or the call back that follows one (RFC 7090), stands with its flow and not with a
 * registration: what becomes of that does not end it (TS 24.229 5.2.10). It waits for its phone for
 * emergency.flow_grace, and is kept above the limits. */
enum dialog_help { DIALOG_ORDINARY, DIALOG_EMERGENCY, DIALOG_CALLBACK };

struct dialog_facts {
    struct bytes text[DIALOG_TEXTS];
    enum dialog_help help;
    bool from_phone; /* it called */
    uint32_t phone_cseq, far_cseq;
    uint64_t owner, instance; /* as in a flow_token */
};

struct dialog {
    struct letter letter; /* its own, so that it can always go to another worker */
    struct map_node node;
    struct list link; /* of its phone's dialogs */
    /* The INVITE that makes it, and its place among that one's forks, as long as the transaction lives. */
    struct passage *invite;
    struct list fork;
    struct pcscf *room;
    struct flow flow; /* the phone's */
    struct dialog_facts is;
    uint8_t *texts;
    struct timer session; /* RFC 4028: ends it when no refresh comes */
    uint32_t session_seconds;
    uint64_t began, confirmed; /* ms; confirmed 0: early */
};

enum dialog_end {
    DIALOG_HUNG_UP_PHONE,
    DIALOG_HUNG_UP_FAR,
    DIALOG_LOST,         /* the phone's flow, and it did not come back */
    DIALOG_UNREGISTERED, /* the phone's registration ended */
    DIALOG_OVERDUE,      /* the session timer */
    DIALOG_UNANSWERED,   /* never confirmed: the INVITE's own end says why */
};

struct dialog *dialog_find(const struct pcscf *p, struct bytes call_id, struct bytes phone_tag,
                           struct bytes far_tag);
/* Early, with the phone of that flow. NULL: at a limit or out of memory (counted); the call goes on without.
 */
struct dialog *dialog_create(struct pcscf *p, const struct flow *f, const struct dialog_facts *facts);
/* Takes over changed texts. False: no memory; it stays as it was. */
bool dialog_change(struct dialog *d, const struct bytes text[static DIALOG_TEXTS]);
void dialog_confirm(struct dialog *d);
/* A confirmed one goes with its phone to another flow; by letter to another worker, and then it is gone here.
 */
void dialog_move(struct dialog *d, const struct flow *to);
/* Says so in the log, counts, deletes its row, frees. detail: what a Reason header field said; may be empty.
 */
void dialog_end(struct dialog *d, enum dialog_end why, struct bytes detail);
/* Without a word, at the worker's end: rows stay. */
void dialogs_clear(struct pcscf *p);

const char *dialog_side(bool from_phone);       /* "caller", "called" */
const char *dialog_kind(enum dialog_help help); /* "call", "emergency", "callback" */

/* For the operator, on this worker: every dialog, in no order. */
void dialogs_each(const struct pcscf *p, void (*each)(const struct dialog *d, void *arg), void *arg);

/* dialog_row.c: the store's `dialog` row: what a restart needs to know of a confirmed one. */
void dialog_row_put(const struct dialog *d);
void dialog_row_delete(const struct dialog *d);
