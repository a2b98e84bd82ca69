/* cert_usage: may a certificate be used for SIP, by what its extended key usage says (RFC 5924 4)?
 *
 * Floor 3. OpenSSL knows TLS servers and TLS clients, and takes one that is neither for unfit. One that says
 * id-kp-sipDomain was made for either side of SIP; anyExtendedKeyUsage is taken too, as the RFC leaves to us.
 * Without the extension, or with serverAuth or clientAuth as fits the peer's side, OpenSSL says yes itself:
 * hardly any certificate says sipDomain, so that to ask for it (RFC 5924 4, last item) would refuse nearly
 * every core. */
#pragma once
#include <openssl/x509_vfy.h>
#include <stdbool.h>

/* For a verify callback that is told of an error. True: it is only that, and the certificate was made for SIP
 * all the same; the error is taken back. */
bool cert_usage_excuses(X509_STORE_CTX *sc);
