#include "modules/pcscf/registration/contacts.h"
#include "modules/pcscf/registration/contact.h"
#include "modules/pcscf/registration/phone.h"

static uint64_t instance_of(const struct sip_contact *c)
{
    char key[SIP_CONTACT_KEY_MAX];
    return flow_instance(c->instance.n ? c->instance : bytes_of(key, contact_binding(c, key)));
}

static void take(struct contacts *all, const struct sip_msg *rq, const struct sip_contact *c)
{
    uint32_t asked = contact_expires(rq, c);
    if (contact_is_sos(c))
        all->sos = true;
    else if (asked && asked < all->briefest)
        all->briefest = asked;
    if (all->n == 0)
        all->instance = instance_of(c);
}

struct contacts contacts_read(const struct sip_msg *rq)
{
    struct contacts all = {.briefest = UINT32_MAX};
    struct sip_values it = sip_values(rq, SIP_H_CONTACT);
    struct sip_contact c;
    for (; contact_next(&it, &c); all.n++) {
        if (!c.na.star)
            take(&all, rq, &c);
    }
    return all;
}
