#include "modules/pcscf/registration/expiry.h"
#include "modules/pcscf/pcscf.h"
#include "modules/pcscf/registration/contact.h"

static bool is_too_brief(const struct sip_msg *rq, const struct sip_contact *c, uint32_t least)
{
    uint32_t asked = contact_expires(rq, c);
    return !c->na.star && !contact_is_sos(c) && asked > 0 && asked < least;
}

bool expiry_is_too_brief(const struct pcscf_config *config, const struct sip_msg *rq)
{
    uint32_t least = (uint32_t)(config->min_expires / 1000);
    struct sip_values it = sip_values(rq, SIP_H_CONTACT);
    struct bytes item;
    struct sip_contact c;
    while (least && sip_values_next(&it, &item)) {
        if (sip_contact_parse(item, &c) && is_too_brief(rq, &c, least))
            return true;
    }
    return false;
}

/* Every one of them: which of two counts is the reader's choice. */
static void lower_contact(struct bytes item, uint32_t most, struct bytes text, struct sip_edit *e)
{
    struct sip_contact c;
    struct sip_param p;
    if (!sip_contact_parse(item, &c) || c.na.star)
        return;
    struct bytes rest = c.na.params;
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
    struct bytes item;
    if (!most || !sip_msg_has(rq, SIP_H_CONTACT))
        return;
    struct bytes text = sip_edit_text(e, "%u", most);
    while (sip_values_next(&it, &item))
        lower_contact(item, most, text, e);
    if (contact_expires(rq, &unsaid) > most)
        sip_edit_set(e, SIP_H_EXPIRES, text);
}
