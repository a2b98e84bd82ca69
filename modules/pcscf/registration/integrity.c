#include "modules/pcscf/registration/integrity.h"
#include "modules/pcscf/registration/auth_params.h"
#include "modules/pcscf/registration/phone.h"
#include "modules/sip/digest.h"

#define NAME BYTES("integrity-protected")

static size_t mentions(struct bytes value)
{
    size_t n = 0;
    for (; value.n; value = bytes_skip(value, 1))
        n += bytes_istarts(value, NAME);
    return n;
}

/* Somebody who reads quotes or brackets in another way than we do could see a parameter where we see text: a
 * field that still has the name in it after the cuts does not go on, and the phone is asked for its
 * credentials. */
static void cut(const struct sip_header *h, struct sip_edit *e)
{
    const struct bytes name[] = {NAME};
    const struct auth_params_names names = {name, 1};
    size_t named = mentions(h->value);
    if (named && (named != auth_params_count(h->value, &names) || !auth_params_cut(h->value, &names, e)))
        sip_edit_remove_header(e, h);
}

void integrity_edit(const struct sip_msg *rq, enum integrity what, struct sip_edit *e)
{
    const struct sip_header *first = sip_msg_first(rq, SIP_H_AUTHORIZATION);
    for (const struct sip_header *h = first; h; h = sip_msg_next(rq, h))
        cut(h, e);
    if (what == INTEGRITY_NONE || !first)
        return;
    struct bytes end = bytes_skip(first->value, first->value.n);
    sip_edit_replace(e, end,
                     what == INTEGRITY_TLS_YES ? BYTES(",integrity-protected=\"tls-yes\"")
                                               : BYTES(",integrity-protected=\"tls-pending\""));
}

static bool is_proved(const struct phone *ph, struct bytes private_id)
{
    if (!ph || !private_id.n)
        return false;
    list_each (it, &ph->registrations) {
        const struct registration *r = container_of(it, struct registration, link);
        if (r->proved && bytes_eq(r->private_id, private_id))
            return true;
    }
    return false;
}

/* One set of credentials only: of two, the home network may look at the other one. */
enum integrity integrity_of(const struct phone *ph, const struct flow *f, const struct sip_msg *rq)
{
    struct digest_credentials c;
    const struct sip_header *h = sip_msg_first(rq, SIP_H_AUTHORIZATION);
    if (f->transport != TRANSPORT_TLS || !h || sip_msg_next(rq, h) ||
        digest_credentials_parse(h->value, &c) < 0)
        return INTEGRITY_NONE;
    if (c.response.n)
        return INTEGRITY_TLS_PENDING;
    return is_proved(ph, c.username) ? INTEGRITY_TLS_YES : INTEGRITY_NONE;
}

struct bytes integrity_private_id(const struct sip_msg *rq)
{
    struct bytes name = BYTES_NONE;
    for (const struct sip_header *h = sip_msg_first(rq, SIP_H_AUTHORIZATION); h; h = sip_msg_next(rq, h)) {
        struct digest_credentials c;
        if (digest_credentials_parse(h->value, &c) < 0)
            continue;
        if (name.n && !bytes_eq(name, c.username))
            return BYTES_NONE;
        name = c.username;
    }
    return name;
}
