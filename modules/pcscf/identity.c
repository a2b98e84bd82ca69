#include "modules/pcscf/identity.h"
#include <stdio.h>

static const struct registration *registration_of(const struct phone *ph, const struct sip_uri *identity)
{
    list_each (it, &ph->registrations) {
        const struct registration *r = container_of(it, struct registration, link);
        if (registration_has_identity(r, identity))
            return r;
    }
    return NULL;
}

static void assert_uri(struct bytes uri, char *dst, size_t cap)
{
    int n = snprintf(dst, cap, "<%.*s>", BYTES_FMT(uri));
    if (n <= 0 || (size_t)n >= cap)
        dst[0] = '\0';
}

/* RFC 3325 9.2: of several preferred identities the first that is really theirs. */
static const struct registration *preferred(const struct phone *ph, const struct sip_msg *rq, char *dst,
                                            size_t cap)
{
    struct sip_values it = sip_values(rq, SIP_H_P_PREFERRED_IDENTITY);
    struct bytes item;
    while (sip_values_next(&it, &item)) {
        struct sip_nameaddr na;
        const struct registration *r = sip_nameaddr_parse(item, &na) ? registration_of(ph, &na.uri) : NULL;
        if (!r)
            continue;
        assert_uri(na.uri.text, dst, cap);
        return r;
    }
    return NULL;
}

const struct registration *identity_choose(const struct phone *ph, const struct sip_msg *rq, char *dst,
                                           size_t cap)
{
    dst[0] = '\0';
    const struct registration *r = preferred(ph, rq, dst, cap);
    if (r || list_empty(&ph->registrations))
        return r;
    r = registration_of(ph, &rq->from.uri);
    if (!r)
        r = container_of(ph->registrations.next, struct registration, link);
    assert_uri(registration_default_identity(r), dst, cap);
    return r;
}

static const struct registration *by_contact(const struct phone *ph, const struct sip_uri *ruri)
{
    list_each (it, &ph->registrations) {
        const struct registration *r = container_of(it, struct registration, link);
        struct sip_uri contact;
        if (sip_uri_parse(r->contact, &contact) && sip_uri_eq(&contact, ruri))
            return r;
    }
    return NULL;
}

void identity_called(const struct phone *ph, const struct sip_msg *rq, char *dst, size_t cap)
{
    dst[0] = '\0';
    struct sip_nameaddr na;
    if (sip_msg_nameaddr(rq, SIP_H_P_CALLED_PARTY_ID, &na) && registration_of(ph, &na.uri)) {
        assert_uri(na.uri.text, dst, cap);
        return;
    }
    const struct registration *r = by_contact(ph, &rq->ruri);
    if (r)
        assert_uri(registration_default_identity(r), dst, cap);
}
