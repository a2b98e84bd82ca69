/* Whom a certificate speaks for (RFC 5922 7.1, 7.2), as a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "modules/pcscf/core/cert_name.h"
#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#define DOMAIN "example.com"

static const struct {
    const char *cn, *san; /* as openssl's configuration writes it; NULL: none */
    const char *name;
    bool matches;
} cases[] = {
    /* 7.1: URI of scheme sip without a user */
    {NULL, "URI:sip:example.com", DOMAIN, true},
    {NULL, "URI:sip:EXAMPLE.com", DOMAIN, true},
    {NULL, "URI:SIP:example.com;transport=tls", DOMAIN, true}, /* 7.2: parameters do not count */
    {NULL, "URI:sip:alice@example.com", DOMAIN, false},
    {NULL, "URI:sip:@example.com", DOMAIN, false},
    {NULL, "URI:sips:example.com", DOMAIN, false},
    {NULL, "URI:https://example.com", DOMAIN, false},
    {NULL, "URI:im:example.com, URI:sip:other.com", DOMAIN, false},
    {NULL, "URI:sip:other.com, URI:sip:example.com", DOMAIN, true},
    /* dNSName, if and only if there is no such URI */
    {NULL, "DNS:example.com", DOMAIN, true},
    {NULL, "DNS:Example.COM", DOMAIN, true},
    {NULL, "DNS:other.com, DNS:example.com", DOMAIN, true},
    {NULL, "URI:sip:other.com, DNS:example.com", DOMAIN, false},
    {NULL, "URI:sips:other.com, DNS:example.com", DOMAIN, true},
    {NULL, "email:sip@example.com", DOMAIN, false},
    /* 7.2: whole names, and nothing wild */
    {NULL, "DNS:*.example.com", "sip.example.com", false},
    {NULL, "URI:sip:*.example.com", "sip.example.com", false},
    {NULL, "DNS:.example.com", "sip.example.com", false},
    {NULL, "DNS:foo.example.com", DOMAIN, false},
    {NULL, "DNS:example.com", "foo.example.com", false},
    {NULL, "DNS:example.co", DOMAIN, false},
    {NULL, "DNS:*", DOMAIN, false},
    /* an address is met by an address */
    {NULL, "IP:10.0.0.1", "10.0.0.1", true},
    {NULL, "IP:10.0.0.2", "10.0.0.1", false},
    {NULL, "DNS:10.0.0.1", "10.0.0.1", false},
    {NULL, "IP:2001:db8::1", "2001:db8::1", true},
    {NULL, "URI:sip:example.com, IP:10.0.0.1", "10.0.0.1", true},
    {NULL, "IP:10.0.0.1", DOMAIN, false},
    {"10.0.0.1", NULL, "10.0.0.1", false},
    /* the common name, if and only if there is no subjectAltName */
    {DOMAIN, NULL, DOMAIN, true},
    {"Example.Com", NULL, DOMAIN, true},
    {"*.example.com", NULL, "sip.example.com", false},
    {DOMAIN, "DNS:other.com", DOMAIN, false},
    {DOMAIN, "email:a@b.c", DOMAIN, false},
    {NULL, NULL, DOMAIN, false},
    {NULL, "DNS:example.com", "", false},
};

static X509 *certificate(const char *cn, const char *san)
{
    X509 *x = X509_new();
    X509_set_version(x, 2);
    if (cn)
        X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const uint8_t *)cn, -1, -1,
                                   0);
    if (san) {
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);
        assert_non_null(e);
        assert_int_equal(X509_add_ext(x, e, -1), 1);
        X509_EXTENSION_free(e);
    }
    return x;
}

static void names_are_compared_as_the_rfc_says(void **state)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        X509 *x = certificate(cases[i].cn, cases[i].san);
        bool matches = cert_name_matches(x, cases[i].name);
        if (matches != cases[i].matches)
            fail_msg("CN %s, SAN %s, name %s: %s", cases[i].cn ? cases[i].cn : "-",
                     cases[i].san ? cases[i].san : "-", cases[i].name,
                     matches ? "matches" : "does not match");
        assert_int_equal(ERR_peek_error(), 0);
        X509_free(x);
    }
}

/* A name with a NUL inside is not the name in front of it. */
static void a_zero_byte_hides_nothing(void **state)
{
    X509 *x = certificate(NULL, NULL);
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *n = GENERAL_NAME_new();
    ASN1_IA5STRING *s = ASN1_IA5STRING_new();
    ASN1_STRING_set(s, "example.com\0.evil.test", 22);
    GENERAL_NAME_set0_value(n, GEN_DNS, s);
    sk_GENERAL_NAME_push(names, n);
    assert_int_equal(X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0), 1);
    assert_false(cert_name_matches(x, DOMAIN));
    GENERAL_NAMES_free(names);
    X509_free(x);
}

static void what_cannot_be_read_speaks_for_nobody(void **state)
{
    X509 *x = certificate(DOMAIN, NULL);
    ASN1_OCTET_STRING *junk = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(junk, (const uint8_t *)"\x30\x50zzz", 5);
    X509_EXTENSION *e = X509_EXTENSION_create_by_NID(NULL, NID_subject_alt_name, 0, junk);
    X509_add_ext(x, e, -1);
    assert_false(cert_name_matches(x, DOMAIN));
    assert_int_equal(ERR_peek_error(), 0);
    X509_EXTENSION_free(e);
    ASN1_OCTET_STRING_free(junk);
    X509_free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_compared_as_the_rfc_says),
        cmocka_unit_test(a_zero_byte_hides_nothing),
        cmocka_unit_test(what_cannot_be_read_speaks_for_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
