/* identities: which identities a registration may assert. */
#include "modules/pcscf/registration/registration.h"
#include "modules/pcscf/registration/wildcards.h"
#include "modules/sip/nameaddr.h"

static bool same_user(struct bytes aor, const struct sip_uri *uri)
{
    char text[SIP_AOR_MAX];
    size_t n = sip_aor(uri, text, sizeof(text));
    return n && bytes_eq(aor, bytes_of(text, n));
}

/* The next value of the list that names one user. */
static bool next_identity(struct bytes *rest, struct sip_nameaddr *na)
{
    struct bytes item;
    while (sip_list_next(rest, &item) == 1) {
        if (!wildcards_is_one(item) && sip_nameaddr_parse(item, na) && !na->star)
            return true;
    }
    return false;
}

/* The text of a wildcard is nobody, though its own expression may well match it. */
bool registration_has_identity(const struct registration *r, const struct sip_uri *uri)
{
    struct bytes rest = r->identities;
    struct sip_nameaddr na;
    char text[SIP_AOR_MAX];
    struct bytes aor = bytes_of(text, sip_aor(uri, text, sizeof(text)));
    if (!rest.n)
        return same_user(r->aor, uri);
    if (!aor.n || wildcards_is_one(uri->text))
        return false;
    while (next_identity(&rest, &na)) {
        if (same_user(aor, &na.uri))
            return true;
    }
    return wildcards_match(r->wildcards, aor);
}

struct bytes registration_default_identity(const struct registration *r)
{
    struct sip_nameaddr na;
    struct bytes rest = r->identities;
    if (!rest.n)
        return r->aor;
    return next_identity(&rest, &na) ? na.uri.text : BYTES_NONE;
}
