#include "modules/pcscf/contact.h"
#include <string.h>

#define PRESET 3600 /* RFC 3261 10.2.1.1 */
#define SOS    "#sos"

bool contact_is_sos(const struct sip_contact *c)
{
    return !c->na.star && sip_uri_is_sip(&c->na.uri) && sip_uri_param(&c->na.uri, BYTES("sos"), NULL);
}

uint32_t contact_expires(const struct sip_msg *rq, const struct sip_contact *c)
{
    if (c->has_expires)
        return c->expires;
    return sip_msg_has(rq, SIP_H_EXPIRES) ? sip_expires_value(sip_msg_value(rq, SIP_H_EXPIRES)) : PRESET;
}

size_t contact_binding(const struct sip_contact *c, char dst[static SIP_CONTACT_KEY_MAX])
{
    size_t n = sip_contact_key(c, true, dst);
    if (!n || !contact_is_sos(c))
        return n;
    if (n + sizeof(SOS) > SIP_CONTACT_KEY_MAX)
        return 0;
    memcpy(dst + n, SOS, sizeof(SOS));
    return n + sizeof(SOS) - 1;
}

static bool same_binding(const struct sip_contact *a, const struct sip_contact *b)
{
    char ka[SIP_CONTACT_KEY_MAX], kb[SIP_CONTACT_KEY_MAX];
    size_t na = contact_binding(a, ka), nb = contact_binding(b, kb);
    if (na && nb && bytes_eq(bytes_of(ka, na), bytes_of(kb, nb)))
        return true;
    return contact_is_sos(a) == contact_is_sos(b) && sip_uri_eq(&a->na.uri, &b->na.uri);
}

uint32_t contact_granted(const struct sip_msg *rs, const struct sip_contact *asked)
{
    struct sip_values it = sip_values(rs, SIP_H_CONTACT);
    struct bytes item;
    while (sip_values_next(&it, &item)) {
        struct sip_contact c;
        if (sip_contact_parse(item, &c) && !c.na.star && same_binding(&c, asked))
            return contact_expires(rs, &c);
    }
    return 0;
}
