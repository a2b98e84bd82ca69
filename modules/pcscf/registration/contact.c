#include "modules/pcscf/registration/contact.h"
#include <string.h>

#define PRESET 3600 /* RFC 3261 10.2.1.1 */
#define SOS    "#sos"

bool contact_next(struct sip_values *it, struct sip_contact *c)
{
    struct bytes item;
    while (sip_values_next(it, &item)) {
        if (sip_contact_parse(item, c))
            return true;
    }
    return false;
}

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

static bool is_binding(const struct sip_contact *c, const struct sip_contact *asked, struct bytes key)
{
    char text[SIP_CONTACT_KEY_MAX];
    size_t n = contact_binding(c, text);
    if (n && bytes_eq(bytes_of(text, n), key))
        return true;
    return contact_is_sos(c) == contact_is_sos(asked) && sip_uri_eq(&c->na.uri, &asked->na.uri);
}

uint32_t contact_granted(const struct sip_msg *rs, const struct sip_contact *asked, struct bytes key)
{
    struct sip_values it = sip_values(rs, SIP_H_CONTACT);
    struct sip_contact c;
    while (contact_next(&it, &c)) {
        if (!c.na.star && is_binding(&c, asked, key))
            return contact_expires(rs, &c);
    }
    return 0;
}
