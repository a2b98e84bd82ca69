/* reply: builds the response to a request.
 *
 * Room modules/sip, floor 3. Pure; appends to a buffer of the caller's. RFC 3261 8.2.6: all Vias in order,
 * From, To (with a tag unless it is 100), Call-ID, CSeq; Record-Route for responses that make dialogs;
 * Timestamp in a 100. Works on a request that sip_msg_parse() has refused as long as fault.answer is set:
 * what is missing is left out. */
#pragma once
#include "appliance/base/buf.h"
#include "modules/sip/msg.h"

struct sip_reply {
    const struct sip_msg *request;
    uint16_t status;
    const char *reason;  /* NULL: sip_reason(status) */
    struct bytes to_tag; /* put into a To that has no tag; empty: leave the To alone (100) */
    const struct addr
        *source; /* received= and rport= of the top Via, as sip_edit_via_source(); NULL: leave it alone */
    bool record_route;         /* copy Record-Route (a UAS that answers 101 to 299, RFC 3261 12.1.1) */
    struct bytes headers;      /* further header lines, each with CRLF */
    struct bytes content_type; /* of body */
    struct bytes body;
};

/* Appends the response. 0 or -ENOMEM (out->failed). */
int sip_reply_write(const struct sip_reply *r, struct buf *out);

/* The response to a message that sip_msg_parse() or the framer refused. to_tag may be empty. */
int sip_reply_fault(const struct sip_msg *m, const struct sip_fault *fault, struct bytes to_tag,
                    struct buf *out);
