#include "modules/pcscf/identity.h"
#include <stdio.h>

/* ---- what was registered, in the registrar's own words ---- */

/* "tel:+number" of a global number in either dress (RFC 3261 19.1.6, RFC 3966 4); 0: it is none. */
static size_t number_of(const struct sip_uri *u, char dst[static SIP_AOR_MAX])
{
    char text[SIP_AOR_MAX];
    struct bytes user;
    struct sip_uri tel;
    if (sip_uri_is_sip(u)) {
        if (!sip_uri_param(u, BYTES("user"), &user) || !bytes_ieq(user, BYTES("phone")))
            return 0;
        int n = snprintf(text, sizeof(text), "tel:%.*s", BYTES_FMT(u->user));
        if (n <= 0 || (size_t)n >= sizeof(text) || !sip_uri_parse(bytes_of(text, (size_t)n), &tel))
            return 0;
        u = &tel;
    }
    size_t n =
        u->scheme == SIP_URI_TEL && bytes_starts(u->user, BYTES("+")) ? sip_aor(u, dst, SIP_AOR_MAX) : 0;
    return n;
}

static bool same_number(const struct sip_uri *a, const struct sip_uri *b)
{
    char one[SIP_AOR_MAX], other[SIP_AOR_MAX];
    size_t n = number_of(a, one), k = number_of(b, other);
    return n && bytes_eq(bytes_of(one, n), bytes_of(other, k));
}

static bool same_user(const struct sip_uri *a, const struct sip_uri *b)
{
    char one[SIP_AOR_MAX], other[SIP_AOR_MAX];
    size_t n = sip_aor(a, one, sizeof(one)), k = sip_aor(b, other, sizeof(other));
    return n && bytes_eq(bytes_of(one, n), bytes_of(other, k));
}

/* The registered value that this URI names: what is asserted is the registrar's text, with its display name,
 * never the phone's, which may carry parameters of its own (cpc, oli: TS 24.229 4.4). */
static bool find_stored(const struct registration *r, const struct sip_uri *uri,
                        bool (*same)(const struct sip_uri *, const struct sip_uri *),
                        struct sip_nameaddr *out)
{
    struct bytes rest = r->identities, item;
    while (sip_list_next(&rest, &item) == 1) {
        if (sip_nameaddr_parse(item, out) && same(uri, &out->uri) && registration_has_identity(r, &out->uri))
            return true;
    }
    return false;
}

/* A value to assert: display name and URI. */
struct asserted {
    struct bytes display, uri;
    bool tel;
};

static struct bytes without_params(const struct sip_uri *uri)
{
    struct bytes tail = uri->params.n ? uri->params : uri->headers;
    return tail.n ? bytes_first(uri->text, (size_t)(tail.p - uri->text.p)) : uri->text;
}

/* Of two that are alike the literal one comes first, then the same number in the other dress, then what a
 * wildcard covers. */
static bool identify(const struct registration *r, const struct sip_uri *uri, struct asserted *out)
{
    struct sip_nameaddr na;
    if (find_stored(r, uri, same_user, &na) || find_stored(r, uri, same_number, &na))
        *out = (struct asserted){na.display, na.uri.text, na.uri.scheme == SIP_URI_TEL};
    else if (registration_has_identity(r, uri))
        *out = (struct asserted){BYTES_NONE, r->identities.n ? without_params(uri) : r->aor,
                                 uri->scheme == SIP_URI_TEL};
    else
        return false;
    return true;
}

static size_t write_asserted(const struct asserted *a, char *dst, size_t cap)
{
    int n =
        snprintf(dst, cap, "%.*s%s<%.*s>", BYTES_FMT(a->display), a->display.n ? " " : "", BYTES_FMT(a->uri));
    if (n > 0 && (size_t)n < cap)
        return (size_t)n;
    dst[0] = '\0';
    return 0;
}

static void assert_default(const struct registration *r, char *dst, size_t cap)
{
    struct asserted a = {.uri = registration_default_identity(r)};
    struct sip_uri uri;
    if (!a.uri.n)
        return;
    if (sip_uri_parse(a.uri, &uri))
        identify(r, &uri, &a);
    write_asserted(&a, dst, cap);
}

/* ---- who is calling ---- */

static const struct registration *registration_of(const struct phone *ph, const struct sip_uri *identity,
                                                  struct asserted *out)
{
    list_each (it, &ph->registrations) {
        const struct registration *r = container_of(it, struct registration, link);
        if (identify(r, identity, out))
            return r;
    }
    return NULL;
}

/* RFC 3325 9.1, 9.2: the first that is really theirs, and with it at most one more, of the other kind and of
 * the same registration. */
static const struct registration *preferred(const struct phone *ph, const struct sip_msg *rq, char *dst,
                                            size_t cap)
{
    struct sip_values it = sip_values(rq, SIP_H_P_PREFERRED_IDENTITY);
    struct bytes item;
    const struct registration *r = NULL;
    struct asserted first, second;
    size_t n = 0;
    while (sip_values_next(&it, &item)) {
        struct sip_nameaddr na;
        if (!sip_nameaddr_parse(item, &na))
            continue;
        if (!r) {
            r = registration_of(ph, &na.uri, &first);
            n = r ? write_asserted(&first, dst, cap) : 0;
        } else if (identify(r, &na.uri, &second) && second.tel != first.tel && n + 2 < cap) {
            if (write_asserted(&second, dst + n + 2, cap - n - 2))
                memcpy(dst + n, ", ", 2);
            break;
        }
    }
    return r;
}

const struct registration *identity_choose(const struct phone *ph, const struct sip_msg *rq, char *dst,
                                           size_t cap)
{
    struct asserted unused;
    dst[0] = '\0';
    const struct registration *r = preferred(ph, rq, dst, cap);
    if (r || list_empty(&ph->registrations))
        return r;
    r = registration_of(ph, &rq->from.uri, &unused);
    if (!r)
        r = container_of(ph->registrations.next, struct registration, link);
    assert_default(r, dst, cap);
    return r;
}

static bool has_number(struct bytes values)
{
    struct bytes item;
    struct sip_nameaddr na;
    while (sip_list_next(&values, &item) == 1) {
        if (sip_nameaddr_parse(item, &na) && na.uri.scheme == SIP_URI_TEL)
            return true;
    }
    return false;
}

void identity_add_number(const struct registration *r, char *dst, size_t cap)
{
    struct bytes rest = r->identities, item;
    struct sip_nameaddr na;
    size_t n = strlen(dst);
    if (!n || n + 2 >= cap || has_number(bytes_str(dst)))
        return;
    while (sip_list_next(&rest, &item) == 1) {
        if (!sip_nameaddr_parse(item, &na) || na.uri.scheme != SIP_URI_TEL ||
            !registration_has_identity(r, &na.uri))
            continue;
        const struct asserted number = {na.display, na.uri.text, true};
        if (write_asserted(&number, dst + n + 2, cap - n - 2))
            memcpy(dst + n, ", ", 2);
        return;
    }
}

/* ---- who is called ---- */

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
    struct asserted a;
    if (sip_msg_nameaddr(rq, SIP_H_P_CALLED_PARTY_ID, &na) && registration_of(ph, &na.uri, &a)) {
        write_asserted(&a, dst, cap);
        return;
    }
    const struct registration *r = by_contact(ph, &rq->ruri);
    if (r)
        assert_default(r, dst, cap);
}
