#include "modules/pcscf/registration/session_keys.h"
#include "modules/pcscf/registration/auth_params.h"

/* A challenge that cannot be read could hold them where we do not see them. */
static void cut(const struct sip_header *h, struct sip_edit *e)
{
    const struct bytes keys[] = {BYTES("ck"), BYTES("ik")};
    const struct auth_params_names names = {keys, 2};
    size_t n = auth_params_count(h->value, &names);
    if (n && (n == SIZE_MAX || !auth_params_cut(h->value, &names, e)))
        sip_edit_remove_header(e, h);
}

void session_keys_cut(const struct sip_msg *rs, struct sip_edit *e)
{
    static const uint8_t fields[] = {SIP_H_WWW_AUTHENTICATE, SIP_H_PROXY_AUTHENTICATE};
    for (size_t i = 0; i < sizeof(fields); i++) {
        for (const struct sip_header *h = sip_msg_first(rs, fields[i]); h; h = sip_msg_next(rs, h))
            cut(h, e);
    }
}
