#include "modules/pcscf/registration/expiry.h"
#include "modules/pcscf/pcscf.h"
#include "modules/pcscf/registration/contact.h"
#include "modules/pcscf/registration/contacts.h"

bool expiry_is_too_brief(const struct pcscf_config *config, const struct contacts *asked)
{
    return asked->briefest < (uint32_t)(config->min_expires / 1000);
}

/* Every one of them: which of two counts is the reader's choice. */
static void lower_contact(const struct sip_contact *c, uint32_t most, struct bytes text, struct sip_edit *e)
{
    struct sip_param p;
    struct bytes rest = c->na.params; /* of "*" there are none */
    while (sip_param_next(&rest, &p) == 1) {
        if (!bytes_ieq(p.name, BYTES("expires")) || sip_expires_value(p.value) <= most)
            continue;
        if (p.has_value)
            sip_edit_replace(e, p.value, text);
        else
            sip_edit_replace(e, bytes_skip(p.name, p.name.n), sip_edit_text(e, "=%.*s", BYTES_FMT(text)));
    }
}

/* Who asks for nothing in particular asks for an hour. */
void expiry_edit(const struct pcscf_config *config, const struct sip_msg *rq, struct sip_edit *e)
{
    uint32_t most = (uint32_t)(config->max_expires / 1000);
    const struct sip_contact unsaid = {0};
    struct sip_values it = sip_values(rq, SIP_H_CONTACT);
    struct sip_contact c;
    if (!most || !sip_msg_has(rq, SIP_H_CONTACT))
        return;
    struct bytes text = sip_edit_text(e, "%u", most);
    while (contact_next(&it, &c))
        lower_contact(&c, most, text, e);
    if (contact_expires(rq, &unsaid) > most)
        sip_edit_set(e, SIP_H_EXPIRES, text);
}
