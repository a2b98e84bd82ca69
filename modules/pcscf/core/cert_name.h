/* cert_name: whom a certificate speaks for (RFC 5922 7).
 *
 * Floor 3. Pure but for OpenSSL's reading of the certificate; of a chain that was verified already. */
#pragma once
#include "appliance/base/addr.h"
#include <openssl/x509.h>

/* Does it speak for the SIP domain or address `name` ("icscf.example.net", "10.0.0.1")? By a
 * subjectAltName of type uniformResourceIdentifier "sip:NAME" (beside which no dNSName counts, 7.1), dNSName,
 * or iPAddress; by the subject's CN only where there is no subjectAltName at all. No wildcards (7.2). */
bool cert_name_matches(X509 *cert, const char *name);
/* Whom it speaks for, as text for people: "icscf.example.net, 10.0.0.1"; cut where there is no more room. */
void cert_names(X509 *cert, char *dst, size_t cap);
