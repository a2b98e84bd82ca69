#include "modules/pcscf/core/cert_usage.h"
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#define SIP_DOMAIN "1.3.6.1.5.5.7.3.20" /* id-kp-sipDomain */

static bool is_for_sip(const ASN1_OBJECT *purpose)
{
    char text[32];
    return OBJ_obj2nid(purpose) == NID_anyExtendedKeyUsage ||
           (OBJ_obj2txt(text, sizeof(text), purpose, 1) > 0 && strcmp(text, SIP_DOMAIN) == 0);
}

static bool says_sip(X509 *cert)
{
    EXTENDED_KEY_USAGE *all = X509_get_ext_d2i(cert, NID_ext_key_usage, NULL, NULL);
    bool found = false;
    for (int i = 0; i < sk_ASN1_OBJECT_num(all) && !found; i++)
        found = is_for_sip(sk_ASN1_OBJECT_value(all, i));
    EXTENDED_KEY_USAGE_free(all);
    ERR_clear_error();
    return found;
}

/* What else OpenSSL asks of a purpose: a key that may sign or agree, and above the end entity a CA. (All are
 * UINT32_MAX where the certificate does not say.) */
static bool may_do_tls(X509 *cert, int depth)
{
    if (depth > 0)
        return X509_check_ca(cert) > 0;
    return X509_get_key_usage(cert) & (KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT | KU_KEY_AGREEMENT);
}

bool cert_usage_excuses(X509_STORE_CTX *sc)
{
    X509 *cert = X509_STORE_CTX_get_current_cert(sc);
    if (X509_STORE_CTX_get_error(sc) != X509_V_ERR_INVALID_PURPOSE || !cert || !says_sip(cert) ||
        !may_do_tls(cert, X509_STORE_CTX_get_error_depth(sc)))
        return false;
    X509_STORE_CTX_set_error(sc, X509_V_OK);
    return true;
}
