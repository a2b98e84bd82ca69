/* Any Via value as a next hop's word on its load (RFC 7339), and any response with such words in Vias that
 * are not ours: what is read is within its bounds, and what was stripped is gone. */
#include "modules/pcscf/core/hop_control.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sip_msg m, after;
static struct sip_edit e;

static void require(bool truth)
{
    if (!truth)
        abort();
}

static void check_advice(const struct sip_via *via)
{
    struct hop_advice a;
    if (hop_advice_parse(via, &a))
        require(a.percent <= 100 && a.seq <= UINT64_C(99999999999999999));
}

static bool has_word(const struct sip_msg *rs)
{
    struct sip_values it = sip_values(rs, SIP_H_VIA);
    struct bytes item, value;
    struct sip_via via;
    for (size_t i = 0; sip_values_next(&it, &item); i++) {
        if (i && sip_via_parse(item, &via) && sip_params_ok(via.params) &&
            sip_param_value(via.params, BYTES("oc-validity"), &value) && value.n)
            return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sip_via via;
    struct sip_fault fault;
    struct buf out;
    if (sip_via_parse(bytes_of(data, size), &via))
        check_advice(&via);
    if (sip_msg_parse(&m, bytes_of(data, size), SIP_DATAGRAM, &fault) < 0)
        return 0;
    check_advice(&m.via);
    buf_init(&out);
    sip_edit_init(&e, &m);
    hop_control_strip(&m, &e);
    if (sip_edit_apply(&e, &out) == 0 && sip_msg_parse(&after, buf_bytes(&out), SIP_DATAGRAM, &fault) == 0)
        require(!has_word(&after));
    buf_fini(&out);
    return 0;
}
