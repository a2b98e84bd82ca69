/* Any message over the border of the trust domain, both ways: what comes out is a message, nothing that was
 * to be cut is left in it, and crossing once more changes nothing. */
#include "modules/pcscf/trust.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct string_list nobody = {NULL, 0};
static struct sip_msg m, after;
static struct sip_edit e;

static void require(bool truth)
{
    if (!truth)
        abort();
}

static void check_crossing(enum trust_border border)
{
    struct buf once, twice;
    struct sip_fault fault;
    buf_init(&once);
    buf_init(&twice);
    sip_edit_init(&e, &m);
    trust_apply(&m, border, &nobody, &e);
    /* too many edits are an error of their own: such a message does not pass at all */
    if (sip_edit_apply(&e, &once) == 0) {
        require(sip_msg_parse(&after, buf_bytes(&once), SIP_DATAGRAM, &fault) == 0);
        require(!sip_msg_has(&after, SIP_H_P_SERVED_USER) &&
                !sip_msg_has(&after, SIP_H_P_PREFERRED_IDENTITY));
        require(border == TRUST_TO_PHONE || !sip_msg_has(&after, SIP_H_P_ASSERTED_IDENTITY));
        sip_edit_init(&e, &after);
        trust_apply(&after, border, &nobody, &e);
        require(sip_edit_apply(&e, &twice) == 0 && bytes_eq(buf_bytes(&once), buf_bytes(&twice)));
    }
    buf_fini(&once);
    buf_fini(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sip_fault fault;
    if (sip_msg_parse(&m, bytes_of(data, size), SIP_DATAGRAM, &fault) < 0)
        return 0;
    check_crossing(TRUST_FROM_PHONE);
    check_crossing(TRUST_TO_PHONE);
    return 0;
}
