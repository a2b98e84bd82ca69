/* dialog: what one end of a dialog knows, so that it can send the next request and understand the next that
 * comes (RFC 3261 12).
 *
 * Room modules/sip, floor 3. Owns its texts in one block of memory; one worker. Either end: the subscriber
 * whose SUBSCRIBE made it (by the 2xx, or by a NOTIFY that came first, RFC 6665 4.4.1), or one that stands in
 * for an end. Knows no transaction: sip_dialog_request() fills in what uac.h sends. */
#pragma once
#include "modules/sip/msg.h"
#include "modules/sip/uac.h"

/* All but call_id and local may be empty at first. */
struct sip_dialog_facts {
    struct bytes call_id;
    struct bytes local;  /* our name-addr with its tag: From of what we send */
    struct bytes remote; /* theirs: To of what we send; with a tag, the dialog stands */
    struct bytes target; /* the URI that requests go to: their Contact */
    struct bytes route;  /* the route set in the order of use: "<sip:a;lr>, <sip:b;lr>" */
};

struct sip_dialog {
    struct sip_dialog_facts is; /* views into text */
    uint8_t *text;
    uint32_t local_cseq;  /* of the last request that was sent; 0: none yet */
    uint32_t remote_cseq; /* of the last one that came */
    bool established;     /* remote has a tag; the route set does not change any more */
};

/* Copies the texts. 0 or -ENOMEM. */
int sip_dialog_init(struct sip_dialog *d, const struct sip_dialog_facts *facts);
void sip_dialog_fini(struct sip_dialog *d); /* fine on a zeroed one */

/* A request with the next CSeq; the rest (headers, body) is the caller's. Views live until the dialog
 * changes. */
struct sip_uac_request sip_dialog_request(struct sip_dialog *d, const char *method);

/* What a response to our request teaches: 101 to 299 with a To tag establishes it (12.1.2), a 2xx refreshes
 * the target (12.2.1.2). 0; -EBADMSG: no tag, no Contact or a Record-Route that is none; -ENOENT: of another
 * branch of a fork; -ENOMEM. The dialog stays as it was then. */
int sip_dialog_response(struct sip_dialog *d, const struct sip_msg *rs);
/* Does this request belong to it, or (not established yet) make it? By Call-ID and tags (12.2.2). */
bool sip_dialog_matches(const struct sip_dialog *d, const struct sip_msg *rq);
/* A request that matches, in its order: establishes it, refreshes the target. 0, or the status to refuse
 * with: 500 for one older than the last (12.2.2) and when memory is short, 400 without what makes a dialog.
 */
int sip_dialog_accept(struct sip_dialog *d, const struct sip_msg *rq);
