#include "modules/pcscf/core/cert_name.h"
#include "modules/sip/uri.h"
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

struct wanted {
    struct bytes name;
    struct addr addr; /* ADDR_NONE: a name */
};

static struct bytes text_of(const ASN1_STRING *s)
{
    return bytes_of(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
}

/* RFC 5922 7.1: sip: alone, and a URI with a user speaks for that user only. */
static bool is_sip_domain(const GENERAL_NAME *n, struct sip_uri *u)
{
    return n->type == GEN_URI && sip_uri_parse(text_of(n->d.uniformResourceIdentifier), u) &&
           u->scheme == SIP_URI_SIP;
}

/* Names are compared without their case and otherwise byte for byte (7.2): "*" is a letter like any other. */
static bool same_name(struct bytes a, const struct wanted *w)
{
    return bytes_ieq(a, w->name);
}

static bool same_address(const ASN1_OCTET_STRING *ip, const struct wanted *w)
{
    size_t n = w->addr.family == ADDR_NONE ? 0 : addr_ip_len(&w->addr);
    return n && bytes_eq(text_of(ip), bytes_of(w->addr.ip, n));
}

struct found {
    bool uri; /* a SIP domain was there, beside which no dNSName counts */
    bool match;
};

static void look_at_uris(const GENERAL_NAMES *names, const struct wanted *w, struct found *f)
{
    struct sip_uri u;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        if (!is_sip_domain(sk_GENERAL_NAME_value(names, i), &u))
            continue;
        f->uri = true;
        if (!u.user.n && !u.has_password && same_name(u.host.text, w))
            f->match = true;
    }
}

static void look_at_hosts(const GENERAL_NAMES *names, const struct wanted *w, struct found *f)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);
        if (n->type == GEN_DNS && !f->uri && w->addr.family == ADDR_NONE &&
            same_name(text_of(n->d.dNSName), w))
            f->match = true;
        if (n->type == GEN_IPADD && same_address(n->d.iPAddress, w))
            f->match = true;
    }
}

static struct bytes common_name(X509 *cert)
{
    X509_NAME *subject = X509_get_subject_name(cert);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    return at < 0 ? BYTES_NONE : text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

bool cert_name_matches(X509 *cert, const char *name)
{
    struct wanted w = {.name = bytes_str(name)};
    struct found f = {0};
    if (!w.name.n)
        return false;
    if (!addr_parse(w.name, 0, &w.addr))
        w.addr = (struct addr){0};
    int problem = 0;
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, &problem, NULL);
    if (!names && problem != -1) { /* more than one, or it cannot be read: it says nothing that counts */
        ERR_clear_error();
        return false;
    }
    if (!names)
        return w.addr.family == ADDR_NONE && same_name(common_name(cert), &w);
    look_at_uris(names, &w, &f);
    look_at_hosts(names, &w, &f);
    GENERAL_NAMES_free(names);
    return f.match;
}

/* ---- for people ---- */

struct listing {
    char *dst;
    size_t cap, n;
};

/* Nothing that a terminal would obey. */
static void put(struct listing *l, struct bytes name)
{
    if (!name.n || l->n + name.n + 3 > l->cap)
        return;
    for (const char *c = l->n ? ", " : ""; *c; c++)
        l->dst[l->n++] = *c;
    for (size_t i = 0; i < name.n; i++)
        l->dst[l->n++] = name.p[i] > ' ' && name.p[i] < 0x7f ? (char)name.p[i] : '?';
    l->dst[l->n] = '\0';
}

static void put_address(struct listing *l, struct bytes ip)
{
    char text[ADDR_TEXT];
    struct addr a = {.family = ip.n == 4 ? ADDR_V4 : ADDR_V6};
    if (ip.n != 4 && ip.n != 16)
        return;
    memcpy(a.ip, ip.p, ip.n);
    addr_format_ip(&a, text);
    put(l, bytes_str(text));
}

static void put_all(struct listing *l, const GENERAL_NAMES *names)
{
    struct sip_uri u;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);
        if (is_sip_domain(n, &u))
            put(l, u.host.text);
        else if (n->type == GEN_DNS)
            put(l, text_of(n->d.dNSName));
        else if (n->type == GEN_IPADD)
            put_address(l, text_of(n->d.iPAddress));
    }
}

void cert_names(X509 *cert, char *dst, size_t cap)
{
    struct listing l = {.dst = dst, .cap = cap};
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    dst[0] = '\0';
    put_all(&l, names);
    if (!names)
        put(&l, common_name(cert));
    if (!l.n)
        snprintf(dst, cap, "nobody");
    GENERAL_NAMES_free(names);
    ERR_clear_error();
}
